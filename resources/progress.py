"""Where long work says how far it is: the Dagster log by default, a progress bar when a terminal listens."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

# stage, done, total -> None. A plain list: listeners are set by the process's own front end only.
Listener = Callable[[str, int, int], None]
_LISTENERS: list[Listener] = []


def report(stage: str, done: int, total: int) -> None:
    """Tell every listener that `stage` has done `done` of `total` pieces."""
    for listener in _LISTENERS:
        listener(stage, done, total)


def reporter(stage: str) -> Callable[[int, int], None]:
    """Return a callback ``(done, total)`` bound to `stage`, as domain functions take it."""
    return lambda done, total: report(stage, done, total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send progress to `listener` inside the block."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)
