"""A headless Chromium, driven by its own debugging protocol: no driver package, nothing but 127.0.0.1."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-port=0",
)


def found() -> str | None:
    """Return the browser's path; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name)) is not None), None)


class Tab:
    """One page: go somewhere, wait, evaluate, look. `requests` and `errors` are what the page did."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._session: str | None = None
        self.requests: list[str] = []
        self.bytes = 0  # unpacked
        self.wire = 0  # as sent
        self.errors: list[str] = []

    def open(self) -> None:
        """Open an empty page and listen to it."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Return the answer to one command; events on the way are noted."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Network.dataReceived":
                self.bytes += params["dataLength"]
            case "Network.loadingFinished":
                self.wire += params["encodedDataLength"]
            case "Runtime.exceptionThrown":
                self.errors.append(params["exceptionDetails"].get("exception", {}).get("description", "?"))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        """Make the window so large."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )

    def go(self, url: str) -> None:
        """Begin to load an address."""
        self.call("Page.navigate", url=url)

    def js(self, text: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=text, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, text: str, seconds: float = 20.0) -> None:
        """Wait until an expression is true; the page may be on its way to another one meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                if self.js(f"Boolean({text})"):
                    return
            except AssertionError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {text}; errors {self.errors[-3:]}")

    def picture(self, path: Path, *, quality: int | None = None) -> None:
        """Write what is seen: PNG, or JPEG of a quality."""
        kind = {"format": "png"} if quality is None else {"format": "jpeg", "quality": quality}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **kind)["data"]))

    def log_in(self, base: str, name: str, password: str) -> None:
        """Log in through the form."""
        self.go(f"{base}/login")
        self.wait("document.readyState === 'complete' && document.querySelector('input[name=name]')")
        fill = "document.querySelector('input[name={}]').value = {};"
        self.js(fill.format("name", json.dumps(name)) + fill.format("password", json.dumps(password)))
        self.js("document.querySelector('form').submit()")
        self.wait("location.pathname === '/' && document.readyState === 'complete'")


@contextmanager
def browser(path: str, folder: Path) -> Iterator[Tab]:
    """Give a tab of a new browser with an empty profile in `folder`; the browser ends with the block."""
    process = subprocess.Popen(
        [path, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(folder)},
    )
    try:
        told = folder / "DevToolsActivePort"
        until = time.monotonic() + 30
        while not (told.is_file() and len(told.read_text().splitlines()) == 2):
            assert process.poll() is None, "the browser ended by itself"
            assert time.monotonic() < until, "the browser did not start"
            time.sleep(0.05)
        port, where = told.read_text().splitlines()
        with connect(f"ws://127.0.0.1:{port}{where}", max_size=64 * 2**20) as socket:
            tab = Tab(socket)
            tab.open()
            yield tab
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
