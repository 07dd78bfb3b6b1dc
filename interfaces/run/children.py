"""Processes that a run starts and ends: by pid, whatever happens, so that none stays behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from trading.market.errors import SluiceError

PATIENCE_S = 8.0


class Child:
    """One process of ours, its output in a log file."""

    def __init__(self, name: str, arguments: Sequence[str], *, log: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            # A new session: Ctrl-C reaches us first, and we end our children in order.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "interfaces.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **env},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What it ended with, None while it runs."""
        return self._process.poll()

    def require_running(self) -> None:
        """Raise with the end of its log if it has ended."""
        if not self.is_running:
            raise SluiceError(
                f"{self.name} ended with code {self._process.returncode}; the end of {self.log} says: "
                f"{tail(self.log)}"
            )

    def wait(self, within_s: float) -> int | None:
        """Return its exit code, None if it has not ended by then."""
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()


def tail(path: Path, characters: int = 600) -> str:
    """Return the last characters of a log, in one line."""
    text = path.read_text(errors="replace") if path.exists() else ""
    return " ".join(text[-characters:].split())


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for(child: Child, is_ready: Callable[[], bool], *, within_s: float) -> None:
    """Wait until `is_ready`; raise when the child ends first or time runs out."""
    deadline = time.monotonic() + within_s
    while not is_ready():
        child.require_running()
        if time.monotonic() > deadline:
            raise SluiceError(f"{child.name} was not ready within {within_s:.0f} s: {tail(child.log)}")
        time.sleep(0.05)
