"""Which bids lie a step below the last one that stood: nothing stops on them until they have stood a second.

Two looks in a row tell a print from a price only where the price came down to the stop by moves as one look
brings them. A wrong price that stands for a few looks comes at once, from far above. So what a wrong price
can cost at once is the step, and beyond it a second of wrong prices is needed.
"""

import math
from dataclasses import dataclass
from decimal import Decimal


@dataclass(slots=True)
class _Stood:
    """The last bid that was no step, its market time, and since when (wall) all bids lie a step below."""

    bid: Decimal
    at_ms: int
    away_ms: int | None = None


class StopSteps:
    """The last bid of each symbol that was no step. In memory only.

    Parameters
    ----------
    most : float
        How far, as a fraction, a bid falls within one market second without being a step; over n seconds
        times the square root of n, as a random walk's width grows.
    stands_s : float
        Wall seconds after which a bid below the step is believed.
    """

    def __init__(self, most: float, stands_s: float) -> None:
        self._most = -math.log1p(-most)
        self._stands_ms = round(stands_s * 1000)
        self._stood: dict[str, _Stood] = {}

    def look(
        self,
        symbol: str,
        bid: Decimal,
        *,
        at_ms: int,
        wall_ms: int,
        seed: tuple[Decimal, int] | None = None,
        quiet_ms: float = math.inf,
    ) -> int:
        """Take an executable bid; return how many wall milliseconds it has yet to stand, 0 for none.

        Parameters
        ----------
        at_ms, wall_ms : int
            Market time and this machine's time of the look.
        seed : pair of Decimal and int, optional
            What was paid and its market time: stands in while no bid is remembered.
        quiet_ms : float
            Market milliseconds for which the bid before may have been wrong unseen: a stream that serves
            says every change, so the last bid held until one push ago, however old it is.
        """
        known = self._stood.get(symbol)
        if known is None:
            if seed is None:
                self._stood[symbol] = _Stood(bid, at_ms)
                return 0
            known = self._stood[symbol] = _Stood(*seed)
        passed_s = min(max(at_ms - known.at_ms, 0), quiet_ms) / 1000
        fall = math.log(known.bid / bid)
        is_step = fall > self._most * math.sqrt(max(1.0, passed_s))
        since_ms = wall_ms if known.away_ms is None else known.away_ms
        left_ms = since_ms + self._stands_ms - wall_ms
        if is_step and left_ms > 0:
            known.away_ms = since_ms
            return left_ms
        self._stood[symbol] = _Stood(bid, at_ms)
        return 0
