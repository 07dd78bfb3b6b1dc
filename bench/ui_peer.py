"""The first chart of the dashboard's Symbol page against the same content as a Streamlit page, in one run."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import chromium, peers
from bench.harness import Line

_WORK = "first chart sooner than a Streamlit page of the same content, times"
_DRAWN = "document.querySelector('.js-plotly-plot .cartesianlayer .trace')"
_ASKED = 4.0


def line(home: Path, bars: Path, own_s: float) -> Line:
    """Return how many times sooner than Streamlit the dashboard drew: walls of one browser, one machine."""
    made: dict[str, Any] = {"name": "ui streamlit", "work": _WORK, "bound": _ASKED}
    try:
        python, path = peers.python_of("streamlit"), chromium.found()
        assert path is not None
        with _served(python, bars) as port, chromium.browser(path, home / "peer") as tab:
            tab.size(1280, 900)
            # Its first visit of all compiles and imports: the second is the fair one.
            walls = [_visit(tab, port) for _ in range(2)]
    except (peers.PeerMissing, AssertionError, OSError) as error:
        return made | {"figure": None, "ok": None, "reason": str(error)[:200]}
    times = min(walls) / own_s
    told = {
        "own_s": round(own_s, 2),
        "streamlit_s": round(min(walls), 2),
        "streamlit_first_s": round(walls[0], 2),
    }
    return (
        made | {"figure": round(times, 2), "ok": times >= _ASKED, "sent_mb": round(tab.wire / 2e6, 2)} | told
    )


def _visit(tab: chromium.Tab, port: int) -> float:
    began = time.monotonic()
    tab.go(f"http://127.0.0.1:{port}/")
    tab.wait(_DRAWN, 120)
    took = time.monotonic() - began
    tab.go("about:blank")
    return took


@contextmanager
def _served(python: Path, bars: Path) -> Iterator[int]:
    from interfaces.run.children import free_port

    port = free_port()
    page = Path(__file__).with_name("ui_streamlit.py")
    flags = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    flags += ["--browser.gatherUsageStats=false", "--server.fileWatcherType=none"]
    command = [str(python), "-m", "streamlit", "run", str(page), *flags]
    environment = {**os.environ, "SLUICE_BENCH_BARS": str(bars)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _answering(port, process)
            yield port
        finally:
            process.terminate()


def _answering(port: int, process: "subprocess.Popen[bytes]") -> None:
    from urllib.request import urlopen

    until = time.monotonic() + 90
    while time.monotonic() < until and process.poll() is None:
        try:
            urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise OSError("Streamlit did not answer within 90 s")
