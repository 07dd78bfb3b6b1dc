"""Server-sent events: once a second one small message for all viewers, made and serialised once.

A viewer who cannot keep up gets the newest message, never a queue of old ones. Nobody looking: nothing made.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from interfaces.ui.answers import to_bytes
from interfaces.ui.foreign import clean
from trading.market.errors import SluiceError

PERIOD_S = 1.0
MOST, MOST_OF_ONE = 500, 50  # open streams, of everybody and of one account
_log = logging.getLogger(__name__)


class Viewer:
    """The newest message that one browser has not had yet."""

    __slots__ = ("_event", "_message", "who")

    def __init__(self, who: str = "") -> None:
        self.who = who
        self._message = b""
        self._event = asyncio.Event()

    def give(self, message: bytes) -> None:
        """Replace what waits."""
        self._message = message
        self._event.set()

    async def next(self) -> bytes:
        """Wait for a message and take it."""
        await self._event.wait()
        self._event.clear()
        return self._message


class Pulse:
    """Runs while somebody looks.

    Parameters
    ----------
    make : callable
        Returns what is told, as plain data; runs in a thread.
    """

    def __init__(self, make: Callable[[], dict[str, Any]], period_s: float = PERIOD_S) -> None:
        self._make = make
        self._period_s = period_s
        self._viewers: set[Viewer] = set()
        self._task: asyncio.Task[None] | None = None
        self._last = b""
        self.made = 0

    @property
    def viewers(self) -> int:
        """How many look."""
        return len(self._viewers)

    def has_room(self, who: str) -> bool:
        """Whether `who` may open one more stream: one account never takes the place of the others."""
        return self.viewers < MOST and sum(viewer.who == who for viewer in self._viewers) < MOST_OF_ONE

    async def follow(self, may_go_on: Callable[[], bool], who: str = "") -> AsyncIterator[bytes]:
        """Give messages as they come, until the reader leaves or may not go on (its session ended)."""
        viewer = Viewer(who)
        self._viewers.add(viewer)
        if self._last:
            viewer.give(self._last)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            while may_go_on():
                yield await viewer.next()
            yield b"event: over\ndata: {}\n\n"
        finally:
            self._viewers.discard(viewer)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due, trouble = loop.time(), ""
        while self._viewers:
            try:
                told = await asyncio.to_thread(self._make)
            except Exception as error:  # whatever it is, the next second tries again
                if str(error) != trouble:  # the same every second would bury the log
                    _log.warning("the dashboard's pulse failed: %s", error)
                trouble = str(error)
                told = {
                    "trouble": clean(trouble, 200) if isinstance(error, SluiceError) else type(error).__name__
                }
            self._last = b"event: pulse\ndata: " + to_bytes(told) + b"\n\n"
            self.made += 1
            for viewer in self._viewers:
                viewer.give(self._last)
            due = max(due + self._period_s, loop.time())
            await asyncio.sleep(due - loop.time())
        self._last = b""

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
