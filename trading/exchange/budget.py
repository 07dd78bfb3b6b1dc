"""The arithmetic of a shared request budget: tokens, who stands in line, what a refusal costs.

A token bucket in wall time with a small burst: the venue's windows are not published consistently
(12, 20, 30 and 50 per second are all claimed), so a smooth flow is the one shape that fits them all.
Pure logic, no event loop and no files: throttle.py waits, shared_budget.py keeps it between processes.
"""

from dataclasses import dataclass
from enum import IntEnum

# After a refusal the pace is halved, never under this share, and grows back by a tenth of the
# configured rate per quiet second.
_SLOWEST = 0.1
_RECOVERY_PER_S = 0.1
# A place in line is kept so long after its turn was due; who is dead or asleep must not hold up others.
_GRACE_S = 0.1
# Who is not first looks again no sooner than this.
_LOOK_S = 0.005
_MOST_PLACES = 64


class Priority(IntEnum):
    """Who goes first when the budget is short; lower goes first.

    RECONCILE (cancels, and finding out what became of orders) has a reserved share besides.
    """

    EXIT = 0
    RECONCILE = 1
    ENTRY = 2
    SCAN = 3


@dataclass(frozen=True, slots=True)
class Shares:
    """How one budget is divided; fractions. `sluice rehearse fleet` shows what other divisions would do.

    Parameters
    ----------
    reconcile : float
        Of the rate, however many exits there are.
    entries_leave, scans_leave : float
        Of the burst (at most of a second's worth), to more urgent requests, which so find tokens at once.
    """

    reconcile: float = 0.05
    entries_leave: float = 0.5
    scans_leave: float = 0.2

    def left_by(self, level: int) -> float:
        """Return the share of the burst that requests of `level` leave."""
        return {Priority.ENTRY: self.entries_leave, Priority.SCAN: self.scans_leave}.get(Priority(level), 0.0)


@dataclass(slots=True)
class Place:
    """One owner's most urgent request, in line. `until` is when the place lapses (wall seconds)."""

    owner: int
    level: int
    weight: int
    ticket: int
    until: float = 0.0


class Budget:
    """Tokens of one address or key. Every method wants to be called between `enter` and `leave`.

    Parameters
    ----------
    rate_per_s, burst : float
        Weight per wall second, and the most that may go at once. A request heavier than the burst
        goes when the bucket is full and is paid off afterwards.
    now_s : float
        Wall time (monotonic).
    """

    shares = Shares()

    def __init__(self, rate_per_s: float, burst: float, now_s: float) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self.line: list[Place] = []
        self.reset(now_s)

    def reset(self, now_s: float) -> None:
        """Begin with a full bucket and nobody in line."""
        self.tokens = self.burst
        self.at_s = now_s
        self.share = 1.0  # of the configured rate, lower after a refusal
        self.blocked_until_s = now_s
        self.credit = 0.0  # how far reconciliation is behind its share; from 1 on it goes before exits
        self.next_ticket = 1
        self.line.clear()

    def enter(self) -> bool:
        """Begin to use the state; False if another process is using it right now."""
        return True

    def leave(self) -> None:
        """End what `enter` began."""

    def close(self) -> None:
        """Give up what the budget holds open."""

    def refill(self, now_s: float) -> None:
        """Account for the time that passed."""
        quiet = max(0.0, now_s - max(self.at_s, self.blocked_until_s))
        self.at_s = max(now_s, self.at_s)
        gained = quiet * self.rate_per_s * self.share
        # A request's worth that nobody wanted: then nobody is short, and there is no share to make up for.
        is_short = self.tokens + gained < self.burst + 1
        self.tokens = min(self.burst, self.tokens + gained)
        self.credit = (
            min(1.0, self.credit + gained * self.shares.reconcile) if is_short else min(0.0, self.credit)
        )
        self.share = min(1.0, self.share + quiet * _RECOVERY_PER_S)

    @property
    def is_reconciling_due(self) -> bool:
        """Whether a reconciling request may go ahead of exits now."""
        return self.credit >= 1.0

    def take(self, place: Place, now_s: float) -> float:
        """Spend `place.weight` and return 0, or keep the place and return the seconds until its turn.

        Call `refill` first. A ticket of 0 means that the place is new: it goes behind its equals.
        """
        if place.ticket == 0:
            place.ticket = self.next_ticket
            self.next_ticket += 1
        weight_ahead = self._tidy(place, now_s) if self.line else 0
        missing = self._needed(place) - self.tokens
        wait_s = max(0.0, self.blocked_until_s - now_s)
        if weight_ahead or missing > 1e-6 or wait_s > 0:
            wait_s += max(0.0, missing + weight_ahead) / (self.rate_per_s * self.share)
            if weight_ahead:
                wait_s = max(wait_s, _LOOK_S)
            if len(self.line) < _MOST_PLACES:
                place.until = now_s + wait_s + _GRACE_S
                self.line.append(place)
            return wait_s
        self.tokens -= place.weight
        if place.level == Priority.RECONCILE:
            self.credit = max(-self.burst, self.credit - place.weight)
        return 0.0

    def give_up(self, owner: int) -> None:
        """Leave the line."""
        self.line = [other for other in self.line if other.owner != owner]

    def refuse(self, retry_after_s: float, now_s: float) -> None:
        """Stop for `retry_after_s` and go at half the pace after it; call `refill` first."""
        # Requests already on their way are refused for the same reason: one burst counts once.
        if now_s >= self.blocked_until_s:
            self.share = max(_SLOWEST, self.share / 2)
        self.blocked_until_s = max(self.blocked_until_s, now_s + retry_after_s)
        self.tokens = min(self.tokens, 0.0)

    def _tidy(self, place: Place, now_s: float) -> int:
        """Drop lapsed places and the owner's former one; return the weight that goes before `place`."""
        self.line = [other for other in self.line if other.owner != place.owner and other.until > now_s]
        mine = self._rank(place)
        return sum(other.weight for other in self.line if self._rank(other) < mine)

    def _rank(self, place: Place) -> tuple[int, int]:
        is_ahead = place.level == Priority.RECONCILE and self.is_reconciling_due
        return -1 if is_ahead else place.level, place.ticket

    def _needed(self, place: Place) -> float:
        left = self.shares.left_by(place.level) * min(self.burst, max(self.rate_per_s, 1.0))
        return min(float(place.weight), self.burst - left) + left
