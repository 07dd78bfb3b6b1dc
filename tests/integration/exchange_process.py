"""An exchange as its own process, started through the command line, ended by its pid."""

import ast
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# The first start on a machine compiles the market's kernels.
START_S = 180.0


@dataclass
class ExchangeProcess:
    """What a running exchange printed, and its process."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    @property
    def urls(self) -> dict[str, Any]:
        return ast.literal_eval(self._after("urls: "))

    @property
    def base(self) -> str:
        return self.urls["api"]["spot"]["public"]

    @property
    def key(self) -> str:
        return self._after("api_key: ")

    @property
    def secret(self) -> str:
        return self._after("secret: ")

    def _after(self, start: str) -> str:
        return next(line for line in self.lines if line.startswith(start)).removeprefix(start)

    def ccxt(self, **changes: Any) -> dict[str, Any]:
        """Return what ccxt's constructor needs to trade here."""
        return {
            "apiKey": self.key,
            "secret": self.secret,
            "urls": self.urls,
            "enableRateLimit": False,
        } | changes

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.terminate()
        return self.process.wait(20)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "interfaces.cli", "exchange", "serve", *arguments]


@contextmanager
def exchange_process(*arguments: str) -> Iterator[ExchangeProcess]:
    """Serve on a free port and wait until it says that it is ready."""
    errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed below, with the process
    process = subprocess.Popen(
        command("--port", "0", *arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
    )
    running = ExchangeProcess(process)
    killer = threading.Timer(START_S, process.kill)
    killer.start()
    assert process.stdout is not None
    try:
        for line in process.stdout:
            running.lines.append(line.rstrip("\n"))
            if line == "ready\n":
                break
        else:
            errors.seek(0)
            raise AssertionError("the exchange did not start:\n" + "\n".join(running.lines) + errors.read())
        killer.cancel()
        yield running
    finally:
        killer.cancel()
        if process.poll() is None:
            process.terminate()
            process.wait(20)
        process.stdout.close()
        errors.close()
