"""What has come is worked on in a thread while the network goes on: in batches, one at a time, in order.

A batch is worth some seconds of network, and more when its work is slow to start, so that the thread is
idle most of the time. When it lags all the same, whoever brings more waits. Not here: what the work is.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

_FIRST = 32
_LEAST, _MOST = 8, 1_000
# Each batch becomes a file per day in the store: fewer is better, and the last one is the tail of a scan.
_GATHER_S = 2.0
_LONGEST_S = 15.0
# The share of the time that the thread may be busy before batches grow.
_BUSY = 0.25
# How many batches' worth may lie ready before it is waited for.
_AHEAD = 3


class Batches[T]:
    """A queue in front of one worker thread; use from one event loop, and `close` it.

    Parameters
    ----------
    work : callable
        Takes a list of items; runs in the thread. What it raises is raised by `put` and `close`.
    """

    def __init__(
        self,
        work: Callable[[list[T]], None],
        *,
        executor: Executor | None = None,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        self.size = _FIRST
        self.handed = 0
        self.busy_s = 0.0
        self._work = work
        self._executor = executor or ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._wall = wall
        self._ready: list[T] = []
        self._arrived = 0
        self._counted_from = wall()
        self._running: asyncio.Future[None] | None = None
        self._began = 0.0
        self._failure: BaseException | None = None

    @property
    def waiting(self) -> int:
        """Items that have come and are not being worked on yet."""
        return len(self._ready)

    async def put(self, items: Sequence[T]) -> None:
        """Add items; waits while the thread is too far behind."""
        self._raise()
        self._ready += items
        self._arrived += len(items)
        self._hand_over(self.size)
        while self._running is not None and len(self._ready) >= _AHEAD * self.size:
            await asyncio.wait([self._running])
            self._raise()

    async def close(self) -> None:
        """Work off what is left and end the thread, also when the caller is being cancelled."""
        try:
            while self._failure is None and (self._ready or self._running is not None):
                self._hand_over(1)
                if self._running is not None:
                    await asyncio.wait([self._running])
        finally:
            self._executor.shutdown(wait=False)
        self._raise()

    def _hand_over(self, at_least: int) -> None:
        if self._running is not None or self._failure is not None or len(self._ready) < max(at_least, 1):
            return
        batch, self._ready = self._ready, []
        self.handed += 1
        self._began = self._wall()
        self._running = asyncio.get_running_loop().run_in_executor(self._executor, self._work, batch)
        self._running.add_done_callback(self._ended)

    def _ended(self, done: asyncio.Future[None]) -> None:
        self._running = None
        took_s = self._wall() - self._began
        self.busy_s += took_s
        self._failure = None if done.cancelled() else done.exception()
        self._adapt(took_s)
        self._hand_over(self.size)

    def _adapt(self, took_s: float) -> None:
        now = self._wall()
        elapsed, self._counted_from = now - self._counted_from, now
        arrived, self._arrived = self._arrived, 0
        if elapsed > 0 and arrived:
            span_s = min(max(_GATHER_S, took_s / _BUSY), _LONGEST_S)
            self.size = min(max(round(arrived / elapsed * span_s), _LEAST), _MOST)

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure
