"""The limiter's own arithmetic (`trading.exchange.budget`) driven by a virtual clock: who leaves when.

Priorities, the reserved share and the burst are those of live trading, line for line; only waiting is not.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trading.exchange.budget import Budget, Place, Priority, Shares

# Two looks at a budget lie at least so far apart: a wait that rounds to nothing must not stop time.
_TICK_S = 1e-6


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that left: what for, how urgent, when it was asked for and when it went (seconds)."""

    kind: str
    level: Priority
    weight: int
    asked_s: float
    left_s: float

    @property
    def waited_s(self) -> float:
        """Seconds between the wish and the wire."""
        return self.left_s - self.asked_s


@dataclass(slots=True)
class _Wish:
    kind: str
    level: Priority
    weight: int
    asked_s: float
    then: Callable[[float], None] | None


class Line:
    """One budget, its waiting requests and the events of a scene.

    Parameters
    ----------
    rate_per_s, burst : float
        As of `Limiter`.
    rtt_s : float
        From the wire to the answer.
    shares : Shares
        How the budget is divided.
    late_s : float
        Mean lateness of the timer that ends a wait: an event loop has other work. Exponential.
    draw : numpy Generator, optional
        Of the lateness.
    """

    def __init__(
        self,
        rate_per_s: float,
        burst: float,
        rtt_s: float,
        shares: Shares,
        *,
        late_s: float = 0.0,
        draw: np.random.Generator | None = None,
    ) -> None:
        self.now_s = 0.0
        self.sent: list[Sent] = []
        self._rtt_s = rtt_s
        self._late_s = late_s
        self._draw = draw or np.random.default_rng(0)
        self._budget = Budget(rate_per_s, burst, 0.0)
        self._budget.shares = shares
        self._queues: tuple[deque[_Wish], ...] = tuple(deque() for _ in Priority)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._count = 0
        self._place = Place(1, Priority.SCAN, 0, 0)

    def at(self, time_s: float, act: Callable[[float], None]) -> None:
        """Do `act` at a time; it is given that time."""
        self._count += 1
        heapq.heappush(self._events, (time_s, self._count, act))

    def ask(
        self, kind: str, level: Priority, weight: int, then: Callable[[float], None] | None = None
    ) -> None:
        """Want a request now; `then` is called with the time of its answer."""
        self._queues[level].append(_Wish(kind, level, weight, self.now_s, then))

    def run(self, until_s: float = math.inf) -> None:
        """Let time pass until nothing is left to happen, or `until_s`."""
        turn_s = self._serve()
        while self._events or turn_s < math.inf:
            event_s = self._events[0][0] if self._events else math.inf
            if min(event_s, turn_s) > until_s:
                return
            self.now_s = min(event_s, turn_s)
            while self._events and self._events[0][0] <= self.now_s:
                heapq.heappop(self._events)[2](self.now_s)
            turn_s = self._serve()

    def left(self, kind: str) -> list[Sent]:
        """Return the requests of one kind that went, in the order in which they went."""
        return [sent for sent in self.sent if sent.kind == kind]

    def _serve(self) -> float:
        """Send whoever may go now; return the time of the next one's turn, infinite if nobody waits."""
        self._budget.refill(self.now_s)
        while (level := self._first()) is not None:
            wish = self._queues[level][0]
            if (self._place.level, self._place.weight) != (level, wish.weight):
                self._place = Place(1, level, wish.weight, 0)
            wait_s = self._budget.take(self._place, self.now_s)
            if wait_s > 0:
                late_s = float(self._draw.exponential(self._late_s)) if self._late_s > 0 else 0.0
                return self.now_s + max(wait_s + late_s, _TICK_S)
            self._place = Place(1, Priority.SCAN, 0, 0)
            self._queues[level].popleft()
            self.sent.append(Sent(wish.kind, wish.level, wish.weight, wish.asked_s, self.now_s))
            if wish.then is not None:
                self.at(self.now_s + self._rtt_s, wish.then)
        return math.inf

    def _first(self) -> Priority | None:
        if self._queues[Priority.RECONCILE] and self._budget.is_reconciling_due:
            return Priority.RECONCILE
        return next((level for level in Priority if self._queues[level]), None)
