"""One weighted rate limiter per process and egress address, with priorities and a memory of refusals.

A token bucket in wall time with a small burst: the venue's windows are not published consistently
(12, 20, 30 and 50 per second are all claimed), so a smooth flow is the one shape that fits them all.
Not here: what a request weighs (weights.py) and when to try again (transport.py).
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum

from trading.market.errors import BadInput

# After a refusal the pace is halved, never under this share, and grows back by a tenth of the
# configured rate per quiet second.
_SLOWEST = 0.1
_RECOVERY_PER_S = 0.1


class Priority(IntEnum):
    """Who goes first when the budget is short; lower goes first."""

    EXIT = 0
    RECONCILE = 1
    ENTRY = 2
    SCAN = 3


_CHOSEN: ContextVar[Priority | None] = ContextVar("priority", default=None)


@contextmanager
def priority(level: Priority) -> Iterator[None]:
    """Give every request made inside the block (and by tasks started in it) this priority."""
    token = _CHOSEN.set(level)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def chosen_priority(default: Priority) -> Priority:
    """Return the priority of the surrounding `priority` block, or `default`."""
    level = _CHOSEN.get()
    return default if level is None else level


@dataclass(slots=True)
class LimiterStats:
    """What went through since the start. `wait_s` sums the seconds requests waited for their turn."""

    requests: int = 0
    weight: int = 0
    wait_s: float = 0.0
    http_429: int = 0


class Limiter:
    """Weighted token bucket; use from one event loop.

    Parameters
    ----------
    rate_per_s : float
        Weight per wall second.
    burst : float or None
        Weight that may go at once after a pause; default a quarter of a second's worth, at least 1.
        A request heavier than the burst goes when the bucket is full and is paid off afterwards.
    """

    def __init__(
        self, rate_per_s: float, *, burst: float | None = None, wall: Callable[[], float] = time.monotonic
    ) -> None:
        if not rate_per_s > 0:
            raise BadInput(f"rate_per_s must be above 0, was {rate_per_s}")
        self.rate_per_s = rate_per_s
        self.burst = max(1.0, rate_per_s / 4) if burst is None else burst
        self.stats = LimiterStats()
        self._wall = wall
        self._tokens = self.burst
        self._pace = rate_per_s
        self._at = wall()
        self._blocked_until = self._at
        self._waiting: list[tuple[Priority, int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def pace_per_s(self) -> float:
        """Weight per second allowed now: lower than the configured rate after a refusal."""
        self._refill()
        return self._pace

    async def acquire(self, weight: int = 1, level: Priority = Priority.SCAN) -> None:
        """Wait until a request of `weight` may go; more urgent levels overtake."""
        self.stats.requests += 1
        self.stats.weight += weight
        self._refill()
        if not self._waiting and self._delay(weight) <= 0:
            self._tokens -= weight
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (level, next(self._order), weight, turn))
        began = self._wall()
        self._pump()
        try:
            await turn
        finally:
            self.stats.wait_s += self._wall() - began

    def refused(self, retry_after_s: float) -> None:
        """Tell of a 429 or 418: nothing goes for that long, and then slower for a while."""
        self._refill()
        self.stats.http_429 += 1
        # Requests already on their way are refused for the same reason: one burst counts once.
        if self._wall() >= self._blocked_until:
            self._pace = max(self.rate_per_s * _SLOWEST, self._pace / 2)
        self._blocked_until = max(self._blocked_until, self._wall() + retry_after_s)
        self._tokens = min(self._tokens, 0.0)

    def _refill(self) -> None:
        now = self._wall()
        quiet = max(0.0, now - max(self._at, self._blocked_until))
        self._at = now
        self._tokens = min(self.burst, self._tokens + quiet * self._pace)
        self._pace = min(self.rate_per_s, self._pace + quiet * self.rate_per_s * _RECOVERY_PER_S)

    def _delay(self, weight: int) -> float:
        blocked = self._blocked_until - self._at
        missing = min(float(weight), self.burst) - self._tokens
        return max(blocked, 0.0) + max(missing, 0.0) / self._pace

    def _pump(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._refill()
        while self._waiting:
            _, _, weight, turn = self._waiting[0]
            if turn.done():  # its caller was cancelled
                heapq.heappop(self._waiting)
                continue
            delay = self._delay(weight)
            if delay > 1e-6:
                self._timer = asyncio.get_running_loop().call_later(delay, self._pump)
                return
            heapq.heappop(self._waiting)
            self._tokens -= weight
            turn.set_result(None)
