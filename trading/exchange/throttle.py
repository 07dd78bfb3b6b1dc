"""One weighted rate limiter per egress address and one per key: whose turn it is, and waiting for it.

Not here: the arithmetic (budget.py), what a request weighs (weights.py), when to try again (transport.py).
"""

import asyncio
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from trading.exchange.budget import Budget, Place, Priority
from trading.market.errors import BadInput

__all__ = [
    "MOST_RATE_PER_S",
    "Limiter",
    "LimiterLook",
    "LimiterStats",
    "Priority",
    "chosen_priority",
    "priority",
]

# More than an exchange on loopback serves; a limit above it is none, and an infinite one would make tokens
# that the budget's file cannot hold.
MOST_RATE_PER_S = 100_000.0

# Another process is inside the shared budget for microseconds.
_BUSY_S = 0.001
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
    """What went through since the start.

    `wait_s` sums the seconds requests waited for their turn, side by side; `held_s` counts the wall
    seconds during which at least one of them waited.
    """

    requests: int = 0
    weight: int = 0
    wait_s: float = 0.0
    http_429: int = 0
    held_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LimiterLook:
    """How a limiter stands now: tokens (below 0: in debt), weight per second, who waits by level."""

    tokens: float
    pace_per_s: float
    waiting: dict[Priority, int]


@dataclass(slots=True)
class _Waiter:
    weight: int
    turn: asyncio.Future[None]


class Limiter:
    """Weighted token bucket with priorities; use from one event loop.

    Parameters
    ----------
    rate_per_s : float
        Weight per wall second, above 0 and at most `MOST_RATE_PER_S`.
    burst : float or None
        Weight that may go at once after a pause; default a quarter of a second's worth, at least 1.
        A request heavier than the burst goes when the bucket is full and is paid off afterwards.
        Entries leave half of it (at most of a second's worth) to more urgent requests, scans a fifth.
    path : Path or None
        File of the budget that this limiter shares with other processes; None = it has its own.
    budget : callable or None
        Makes the budget from rate and burst, where it is neither of these (one of many in a file).

    Raises
    ------
    BadInput
        If rate or burst is out of bounds, or the file cannot be used.
    """

    def __init__(
        self,
        rate_per_s: float,
        *,
        burst: float | None = None,
        path: Path | None = None,
        budget: Callable[[float, float], Budget] | None = None,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < rate_per_s <= MOST_RATE_PER_S:
            raise BadInput(f"rate_per_s must be above 0 and at most {MOST_RATE_PER_S:,.0f}, was {rate_per_s}")
        if burst is not None and not 1 <= burst < math.inf:
            raise BadInput(f"burst must be at least 1 and finite, was {burst}")
        self.rate_per_s = rate_per_s
        self.burst = max(1.0, rate_per_s / 4) if burst is None else burst
        self.stats = LimiterStats()
        self._wall = wall
        self._budget = (
            _budget(rate_per_s, self.burst, path, wall) if budget is None else budget(rate_per_s, self.burst)
        )
        # What stands in the (shared) line for this limiter: its most urgent waiter.
        self._place = Place(int.from_bytes(os.urandom(7)), Priority.SCAN, 0, 0)
        # A key's limiter hardly ever makes anybody wait: a queue is made with its first waiter.
        self._queues: dict[Priority, deque[_Waiter]] = {}
        self._waiting = 0
        self._refusals: list[float] = []
        self._timer: asyncio.TimerHandle | None = None
        self._held = 0
        self._held_since = 0.0

    @property
    def pace_per_s(self) -> float:
        """Weight per second allowed now: lower than the configured rate after a refusal."""
        if self._budget.enter():
            self._settle()
            self._budget.leave()
        return self.rate_per_s * self._budget.share

    def look(self) -> LimiterLook:
        """Return how it stands now; from its event loop, spends nothing."""
        pace = self.pace_per_s
        waiting = {level: len(self._queues.get(level, ())) for level in Priority}
        return LimiterLook(self._budget.tokens, pace, waiting)

    async def acquire(self, weight: int = 1, level: Priority = Priority.SCAN) -> None:
        """Wait until a request of `weight` may go; more urgent levels overtake."""
        self.stats.requests += 1
        self.stats.weight += weight
        if not self._waiting and self._goes_at_once(weight, level):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        is_urgent = not any(queue for other, queue in self._queues.items() if other <= level)
        self._queues.setdefault(level, deque()).append(_Waiter(weight, turn))
        self._waiting += 1
        began = self._wall()
        self._held_since = self._held_since if self._held else began
        self._held += 1
        if is_urgent:
            self._pump()
        try:
            await turn
        except asyncio.CancelledError:
            turn.cancel()
            self._pump()  # its place may have been the first
            raise
        finally:
            ended = self._wall()
            self.stats.wait_s += ended - began
            self._held -= 1
            self.stats.held_s += 0.0 if self._held else ended - self._held_since

    def refused(self, retry_after_s: float) -> None:
        """Tell of a 429 or 418: nothing goes for that long, and then slower for a while.

        This holds for every process that shares the budget.
        """
        self.stats.http_429 += 1
        self._refusals.append(retry_after_s)
        if self._budget.enter():
            self._settle()
            self._budget.leave()
        elif not self._waiting:
            asyncio.get_running_loop().call_later(_BUSY_S, self._pump)

    def close(self) -> None:
        """Leave the line and close the shared budget; the limiter is not for use afterwards."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._place.ticket and self._budget.enter():
            self._budget.give_up(self._place.owner)
            self._budget.leave()
        self._budget.close()

    def _goes_at_once(self, weight: int, level: Priority) -> bool:
        if not self._budget.enter():
            return False
        now_s = self._settle()
        self._place = Place(self._place.owner, level, weight, 0)
        goes = self._budget.take(self._place, now_s) <= 0
        self._budget.leave()
        if goes:
            self._begin_place()
        return goes

    def _begin_place(self) -> None:
        """Forget the ticket of a request that went: the next one stands behind those of others."""
        self._place = Place(self._place.owner, Priority.SCAN, 0, 0)

    def _settle(self) -> float:
        """Bring the budget up to now, refusals included, and return the time."""
        now_s = self._wall()
        self._budget.refill(now_s)
        for retry_after_s in self._refusals:
            self._budget.refuse(retry_after_s, now_s)
        self._refusals.clear()
        return now_s

    def _pump(self) -> None:
        """Let go who may go now, and come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        delay_s = _BUSY_S
        if self._budget.enter():
            delay_s = self._serve(self._settle())
            self._budget.leave()
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._pump)

    def _serve(self, now_s: float) -> float:
        """Return the seconds until the next waiter's turn; 0 when nobody waits."""
        while (level := self._first()) is not None:
            waiter = self._queues[level][0]
            if (self._place.level, self._place.weight) != (level, waiter.weight):
                self._place = Place(self._place.owner, level, waiter.weight, 0)
            delay_s = self._budget.take(self._place, now_s)
            if delay_s > 0:
                return delay_s
            self._begin_place()
            self._queues[level].popleft()
            self._waiting -= 1
            waiter.turn.set_result(None)
        self._budget.give_up(self._place.owner)
        return 0.0

    def _first(self) -> Priority | None:
        """Return the level of the waiter whose turn is next, and forget those who gave up."""
        for queue in self._queues.values():
            while queue and queue[0].turn.done():
                queue.popleft()
                self._waiting -= 1
        if self._queues.get(Priority.RECONCILE) and self._budget.is_reconciling_due:
            return Priority.RECONCILE
        return min((level for level, queue in self._queues.items() if queue), default=None)


def _budget(rate_per_s: float, burst: float, path: Path | None, wall: Callable[[], float]) -> Budget:
    if path is None:
        return Budget(rate_per_s, burst, wall())
    from trading.exchange.shared_budget import SharedBudget  # noqa: PLC0415  # needs a POSIX system

    return SharedBudget(path, rate_per_s, burst, wall=wall)
