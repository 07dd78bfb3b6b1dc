"""The lives of one symbol: trading stretches with their own price scale, precision and end.

A market source knows each pair's path; a halt, a delisting, a relisting or a re-denomination cuts that
path into eras. Here is the arithmetic of eras, in market time; nothing here knows orders or HTTP.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from trading.simulator.source import HALTED, QUOTE_VOLUME_DECIMALS, Bars, Int64s, Pair


@dataclass(slots=True)
class Era:
    """One trading stretch: from `start_ms` to `end_ms` (None: still trading).

    `ratio` is the price here over the price that the source names at the same moment; `pair` the facts
    in force; `end_status` what exchangeInfo says after the end.
    """

    start_ms: int
    ratio: float
    pair: Pair
    end_ms: int | None = None
    end_status: str = HALTED

    def pair_at(self, now_ms: int) -> Pair:
        """Return the facts as they stand at `now_ms`."""
        if self.end_ms is None or now_ms < self.end_ms:
            return self.pair
        return replace(self.pair, status=self.end_status, delisted_ms=self.end_ms)


class Stretch(NamedTuple):
    """A piece of market time that lies in one era."""

    era: Era
    from_ms: int
    to_ms: int


class Scale(NamedTuple):
    """What turns the source's ticks and steps into those of a pair."""

    price: float
    volume: float

    def ticks(self, ticks: int) -> int:
        """Return a price; never below one tick."""
        return max(1, round(ticks * self.price))

    def steps(self, steps: int) -> int:
        """Return a volume."""
        return round(steps * self.volume)

    def bars(self, bars: Bars) -> Bars:
        """Return bars; quote volume stays, whatever the coin is cut into."""
        if self == (1.0, 1.0):
            return bars
        opened, high, low, close = (np.maximum(1, _scaled(column, self.price)) for column in bars[1:5])
        volume = _scaled(bars.volume, self.volume)
        return Bars(bars.open_ms, opened, high, low, close, volume, bars.quote_volume)


def _scaled(column: Int64s, factor: float) -> Int64s:
    scaled: Int64s = np.rint(column * factor).astype(np.int64)
    return scaled


def scale_of(era: Era, base: Pair, shown: Pair) -> Scale:
    """Return the scale from the source's units of `base` to the units of `shown`, for prices of `era`."""
    price = era.ratio * 10.0 ** (shown.price_decimals - base.price_decimals)
    volume = 10.0 ** (shown.amount_decimals - base.amount_decimals) / era.ratio
    return Scale(price, volume)


class Life:
    """All eras of one symbol, oldest first.

    Parameters
    ----------
    base : Pair
        The facts as the source states them.
    """

    def __init__(self, base: Pair) -> None:
        self.base = base
        self.eras = [Era(base.listed_ms, 1.0, base)]
        self.shown_from_ms = 0

    def at(self, now_ms: int) -> Era:
        """Return the era that began last by `now_ms` (the first one before all)."""
        return next((era for era in reversed(self.eras) if era.start_ms <= now_ms), self.eras[0])

    @property
    def last(self) -> Era:
        """The newest era, begun or not."""
        return self.eras[-1]

    def stretches(self, from_ms: int, to_ms: int) -> list[Stretch]:
        """Return the trading pieces of [from_ms, to_ms), oldest first; hidden history left out."""
        from_ms = max(from_ms, self.shown_from_ms)
        pieces = []
        for era in self.eras:
            start = max(from_ms, era.start_ms)
            end = to_ms if era.end_ms is None else min(to_ms, era.end_ms)
            if start < end:
                pieces.append(Stretch(era, start, end))
        return pieces


def quote_units(pair: Pair, volume: int, ohlc: tuple[int, int, int, int]) -> int:
    """Return about what `volume` steps were worth at the mean of OHLC ticks, in quote-volume units."""
    scale = 10.0 ** (QUOTE_VOLUME_DECIMALS - pair.price_decimals - pair.amount_decimals)
    return round(volume * sum(ohlc) / 4 * scale)
