"""Where long work says how far it is: the Dagster log by default, a progress bar when a terminal listens."""

import time
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


def logged(
    report_to: Callable[[int, int], None],
    say: Callable[[str], None],
    *,
    every_s: float = 5.0,
    wall: Callable[[], float] = time.monotonic,
) -> Callable[[int, int], None]:
    """Return a callback that passes on to `report_to` and says now and then how much is left.

    For the log of a run in the Dagster UI: a line every `every_s` wall seconds, and one at the end.
    """
    began = said = wall()

    def tell(done: int, total: int) -> None:
        nonlocal said
        report_to(done, total)
        now = wall()
        if now - said < every_s and done != total:
            return
        said = now
        left = f", about {(total - done) * (now - began) / done:.0f} s left" if 0 < done < total else ""
        say(f"{done:,} of {total:,} requests{left}")

    return tell


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send progress to `listener` inside the block."""
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)
