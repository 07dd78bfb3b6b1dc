"""How many requests to keep in flight: enough that the limiter, not the distance, sets the pace.

By Little's law that is rate x latency, and neither is known beforehand: the rate is the limiter's (which
may be shared, or slowed by a refusal), the latency the venue's. So the number is found by trying: it
grows while more in flight brings more answers a second. What is too many waits at the limiter, which
costs nothing; what is too few cannot be made good. Not here: the pace itself (throttle.py).
"""

import time
from collections.abc import Callable

from trading.market.errors import BadInput

# 64 in flight feed 50 a second up to 1.3 s away; 256 feed them up to 5 s away.
_FIRST = 64
_MOST = 256
_LEAST = 4
_GROWTH = 1.5
# Half as many again in flight must bring this much more, or it goes back to what it was.
_GAIN = 1.02
# A round is judged after as many answers as are in flight, and no sooner than this.
_ROUND_S = 0.25
# Rounds between two trials, so that a venue that moves away is followed.
_REST = 8
# With more than this share of a round unanswered, the venue is in trouble and asked for less.
_STRAIN = 0.1


class Flow:
    """The allowed number of requests in flight, `limit`; told of every answer.

    Parameters
    ----------
    fixed : int or None
        A number that is never changed; None lets it adapt.

    Raises
    ------
    BadInput
        If `fixed` is below 1.
    """

    def __init__(self, fixed: int | None = None, *, wall: Callable[[], float] = time.monotonic) -> None:
        if fixed is not None and fixed < 1:
            raise BadInput(f"concurrency must be at least 1, was {fixed}")
        self.limit = _FIRST if fixed is None else fixed
        self._is_fixed = fixed is not None
        self._wall = wall
        self._began = wall()
        self._answers = self._unanswered = 0
        self._before: tuple[int, float] | None = None  # limit and answers a second that a trial started from
        self._rest = 0

    def answered(self) -> None:
        """Count a request that has ended, however it ended; may change `limit`."""
        if self._is_fixed:
            return
        self._answers += 1
        elapsed = self._wall() - self._began
        if self._answers < self.limit or elapsed < _ROUND_S:
            return
        if self._unanswered > _STRAIN * self._answers:
            self.limit, self._before, self._rest = max(_LEAST, self.limit // 2), None, 0
        else:
            self._judge(self._answers / elapsed)
        self._answers, self._unanswered, self._began = 0, 0, self._wall()

    def unanswered(self) -> None:
        """Mark one of the answers counted as none at all: the time ran out, or the connection broke."""
        self._unanswered += 1

    def _judge(self, per_s: float) -> None:
        if self._rest > 0:
            self._rest -= 1
            return
        if self._before is not None and per_s < _GAIN * self._before[1]:
            self.limit, self._before, self._rest = self._before[0], None, _REST
            return
        self._before = (self.limit, per_s)
        self.limit = min(_MOST, int(self.limit * _GROWTH) + 1)
