"""Market time: wall time, stretched. Nothing here knows orders or rate limits.

Market time is a piecewise-linear function of wall time; each change of speed starts a new piece. A piece may
have an end, at which market time stands: to the millisecond, however late somebody looks.
Windows that the venue measures in wall time (recvWindow) but receives in market time (timestamps
of signed requests) are converted back through those pieces.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from trading.market.errors import BadInput
from trading.market.timeframes import from_ms

MAX_SPEED = 1_000_000.0
# recvWindow is at most 60 s of wall time; nobody changes the speed this often within it.
_KEPT_PIECES = 256
_NS_PER_MS = 1_000_000


class _Piece(NamedTuple):
    wall_ns: int
    market_ms: float
    speed: float
    until_ms: float = math.inf


class MarketClock:
    """Virtual market time that runs `speed` times as fast as the wall.

    Satisfies `trading.market.clock.Clock`.

    Parameters
    ----------
    start_ms : int
        Market time at construction, ms since the epoch (UTC).
    speed : float
        Market seconds per wall second; 0 = frozen, at most `MAX_SPEED`.
    wall_ns : callable
        Monotonic wall time in ns; replaced in tests.
    """

    def __init__(
        self, start_ms: int, speed: float = 1.0, *, wall_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        _check_speed(speed)
        self._wall_ns = wall_ns
        self._nominal = speed if speed > 0 else 1.0
        self._pieces: deque[_Piece] = deque(maxlen=_KEPT_PIECES)
        self._pieces.append(_Piece(wall_ns(), float(start_ms), speed))

    @property
    def speed(self) -> float:
        """Present speed; 0 while frozen, and at the end of a piece."""
        piece = self._pieces[-1]
        return piece.speed if self._exact_ms(self._wall_ns()) < piece.until_ms else 0.0

    def now_ms(self) -> int:
        """Return market time in whole ms since the epoch."""
        return int(self._exact_ms(self._wall_ns()))

    def now(self) -> datetime:
        """Return market time as an aware UTC datetime."""
        return from_ms(self.now_ms())

    def set_speed(self, speed: float, until_ms: int | None = None) -> None:
        """Go on from this moment at `speed`; 0 freezes. Market time itself never jumps.

        Parameters
        ----------
        speed : float
            Market seconds per wall second.
        until_ms : int, optional
            Market time at which it stands again, exactly; not before now.

        Raises
        ------
        BadInput
            If `speed` is negative, not finite, or above `MAX_SPEED`, or `until_ms` has passed.
        """
        _check_speed(speed)
        wall_ns = self._wall_ns()
        now_ms = self._exact_ms(wall_ns)
        if until_ms is not None and until_ms < now_ms:
            raise BadInput(f"until_ms must not be before market time {now_ms:.0f}, was {until_ms}")
        end_ms = math.inf if until_ms is None else float(until_ms)
        self._pieces.append(_Piece(wall_ns, now_ms, speed, end_ms))
        if speed > 0:
            self._nominal = speed

    def wall_age_ms(self, timestamp_ms: float) -> float:
        """Return how many wall ms ago market time was `timestamp_ms`; negative if it is still to come.

        Where no wall time can be named exactly (the future, a time before the first piece, and the
        time gone by since a freeze that still lasts) the distance in market time is divided by the
        nominal speed, or by 1 if that is slower. While frozen, now has age 0 for ever.
        """
        wall_ns = self._wall_ns()
        now_ms = self._exact_ms(wall_ns)
        # Timestamps are whole ms: the one stamped right now must not count as a fraction in the past.
        behind = now_ms - timestamp_ms
        stretch = max(1.0, self._nominal)
        if behind <= 0 or self.speed == 0:
            return behind / stretch
        for piece in reversed(self._pieces):
            if timestamp_ms >= piece.market_ms and piece.speed > 0:
                then_ns = piece.wall_ns + (timestamp_ms - piece.market_ms) / piece.speed * _NS_PER_MS
                return (wall_ns - then_ns) / _NS_PER_MS
        first = self._pieces[0]
        return (wall_ns - first.wall_ns) / _NS_PER_MS + (first.market_ms - timestamp_ms) / stretch

    def _exact_ms(self, wall_ns: int) -> float:
        piece = self._pieces[-1]
        return min(piece.until_ms, piece.market_ms + (wall_ns - piece.wall_ns) / _NS_PER_MS * piece.speed)


def _check_speed(speed: float) -> None:
    if not 0 <= speed <= MAX_SPEED:
        raise BadInput(f"speed must be between 0 (frozen) and {MAX_SPEED:.0f}, was {speed!r}")
