"""The embedded exchange in a process of its own, for benchmarks that measure a client.

Not a benchmark: whatever the server costs is another process's, so it is in no figure.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from interfaces.run.children import free_port
from interfaces.run.market import MarketControl

_TOKEN = "bench"  # noqa: S105  # opens the admin paths of our own short-lived server
_READY_S = 120.0


@contextmanager
def serving(*options: str) -> Iterator[MarketControl]:
    """Serve with `options` of ``sluice exchange serve`` on a free port; ended afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "interfaces.cli", "exchange", "serve", "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--admin-token", _TOKEN, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            control = MarketControl(f"http://127.0.0.1:{port}", _TOKEN)
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
