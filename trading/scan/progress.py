"""How far a scan is and how long it still takes, as a value that any front end can show."""

import time
from collections.abc import Callable
from dataclasses import dataclass

# The pace is measured from this answer on: the first ones find a full bucket, or wait for a heavy request.
_FIRST = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """Stage, pieces done of all (symbols or requests), and seconds left; None where nobody can tell."""

    stage: str
    done: int
    total: int
    eta_s: float | None = None

    @property
    def sentence(self) -> str:
        """One line for a log."""
        told = f"{self.stage}: {self.done:,} of {self.total:,}"
        return told if self.eta_s is None else f"{told}, about {self.eta_s:.0f} s left"


Listener = Callable[[Progress], None]


class Estimate:
    """Seconds left of a stage, by its own pace, but never less than the limiter's floor.

    Parameters
    ----------
    total : int
        Requests of weight 1 in all.
    rate_per_s : float
        Weight per wall second that the limiter lets through.
    """

    def __init__(self, total: int, rate_per_s: float, *, wall: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._rate = rate_per_s
        self._wall = wall
        self._from: tuple[int, float] | None = None  # answers and time from which the pace is measured

    def left_s(self, done: int) -> float:
        """Return the seconds left after `done` requests; `done` never goes back."""
        left, now = max(self.total - done, 0), self._wall()
        floor_s = left / self._rate
        if self._from is None:
            self._from = (done, now) if done >= _FIRST else None
            return floor_s
        seen, since = self._from
        return floor_s if done <= seen else max(floor_s, left * (now - since) / (done - seen))
