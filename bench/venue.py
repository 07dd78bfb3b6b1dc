"""The embedded exchange in a process of its own, for benchmarks that measure a client.

Not a benchmark: whatever the server costs is another process's, so it is in no figure.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interfaces.run.children import free_port
from interfaces.run.market import MarketControl

_TOKEN = "bench"  # noqa: S105  # opens the admin paths of our own short-lived server
_READY_S = 120.0


@dataclass(frozen=True, slots=True)
class Served(MarketControl):
    """A served exchange: how to steer it, and its process."""

    pid: int = 0

    @property
    def cpu_s(self) -> float:
        """CPU seconds that it has used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    """Serve with `options` of ``sluice exchange serve`` on a free port; ended afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "interfaces.cli", "exchange", "serve", "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--admin-token", _TOKEN, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            control = Served(f"http://127.0.0.1:{port}", _TOKEN, process.pid)
            deadline = time.monotonic() + _READY_S
            while not control.is_up():
                if process.poll() is not None or time.monotonic() > deadline:
                    said = (Path(folder) / "log").read_text(errors="replace")[-500:]
                    raise RuntimeError(f"the embedded exchange did not start: {said}")
                time.sleep(0.1)
            yield control
        finally:
            process.terminate()
            process.wait(20)
