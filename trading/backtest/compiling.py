"""When loops are compiled: once per machine and source, which takes a while and should be said."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core.event import Event, Listener, install_listener


class _Told(Listener):  # type: ignore[misc]  # numba's class is untyped
    """Counts compilations and tells of the first; loading from the disk's cache is none."""

    def __init__(self, tell: Callable[[], None] | None) -> None:
        self._tell = tell
        self.count = 0

    def on_start(self, event: Event) -> None:  # noqa: ARG002  # numba's signature
        self.count += 1
        if self.count == 1 and self._tell is not None:
            self._tell()

    def on_end(self, event: Event) -> None:
        pass


@contextmanager
def compilations(tell: Callable[[], None] | None = None) -> Iterator[Callable[[], int]]:
    """Call `tell` when the first function is compiled inside; yields how many have been so far."""
    listener = _Told(tell)
    with install_listener("numba:compile", listener):
        yield lambda: listener.count
