"""An event loop whose time passes only where somebody waits: hours of pacing in milliseconds of test."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

BEGIN_S = 1_000.0


class _Selector(selectors.DefaultSelector):
    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:  # no timer is set: a thread has to wake us
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.loop.now_s += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`loop.time()` jumps to the next timer instead of sleeping until it."""

    def __init__(self) -> None:
        self.now_s = BEGIN_S
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s


def run_virtually[T](main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def loop_time() -> float:
    """The loop's time, before it runs its beginning: what a limiter under test takes for the wall's."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return BEGIN_S
