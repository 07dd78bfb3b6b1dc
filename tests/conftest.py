"""Tests of everything: those that race the wall clock get a second and a third try."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

# The same examples in every run, here and in CI: what is green stays green until code or test changes.
# New ones are drawn with `pytest --hypothesis-profile=default`.
settings.register_profile("sluice", derandomize=True)
settings.load_profile("sluice")

ROOT = Path(__file__).parent

# Real sockets, processes and timers. On a shared machine a process can stand still for seconds, which no
# product can mend; a test that fails three times in a row has found something. Everything else
# has one more try in `make test`, none in plain `pytest`.
AGAINST_THE_WALL = (
    "integration/",
    "interfaces/bot/test_process.py",
    "interfaces/run/",
    "interfaces/test_dev.py",
    "interfaces/test_watch_cli.py",
    "interfaces/ui/test_browser.py",
    "pipelines/test_daemon.py",
    "trading/exchange/feed/",
    "trading/exchange/test_batches.py",
    "trading/exchange/test_shared_budget.py",
    "trading/execution/bad_input/",
    "trading/execution/test_engine.py",
    "trading/simulator/test_server",
    "trading/simulator/test_ws_",
)


# What one process of `make test` runs as a whole: costly worlds are made once; dbt and the process tests,
# which want a core for themselves, do not meet their like. Everything else is split by file.
TOGETHER = {
    "assets/": "the line",
    "dbt/": "the line",
    "pipelines/": "the line",
    "integration/": "processes",
    "docs/": "the line",
    "interfaces/": "processes",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them by their place; the closing line counts every second try as `rerun`."""
    for item in items:
        place = item.path.relative_to(ROOT).as_posix()
        if place.startswith(AGAINST_THE_WALL):
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=1))
        group = next((group for room, group in TOGETHER.items() if place.startswith(room)), place)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_configure() -> None:
    """Hear Ctrl-C also where the tests run in the background: children inherit what their shell ignores."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def _logging_of_its_own() -> Iterator[None]:
    """Give each file the logging it would have alone: a command that ran before it set a level of its own."""
    before, was_set = structlog.get_config(), structlog.is_configured()
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()
    if was_set:
        structlog.configure(**before)
