"""Filters on what one look at all tickers says: quote, spread, price, precision. No candle is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from trading.screening.chain.filter import (
    MOST_SECONDS,
    Bound,
    RowFilter,
    at_least,
    at_most,
    require,
    require_order,
)
from trading.screening.chain.inputs import Seen
from trading.screening.funnel import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted(RowFilter):
    """Keep pairs with a last price and a two-sided quote."""

    name: ClassVar[str] = "ticker"
    needs: ClassVar[tuple[str, ...]] = ("tickers",)

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Last and bid are above 0, and ask is not below bid."""
        del seen
        is_quoted = (pl.col("last") > 0) & (pl.col("bid") > 0) & (pl.col("ask") >= pl.col("bid"))
        words = "no two-sided quote: last price {value}"
        return [Rule(self.called, pl.col("last"), 0.0, is_quoted, words)]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteAge(RowFilter):
    """Keep pairs whose quote is young.

    Parameters
    ----------
    max_s : float
        Market seconds between the look and the moment of use.
    """

    name: ClassVar[str] = "quote_age"
    needs: ClassVar[tuple[str, ...]] = ("tickers",)
    senses: ClassVar[tuple[str, ...]] = ("quote_age",)
    max_s: float = 900.0

    def __post_init__(self) -> None:
        require("max_s", self.max_s, 0, MOST_SECONDS)

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Moment less time of the look."""
        age = (pl.lit(seen.at) - pl.col("at")).dt.total_milliseconds() / 1000
        return at_most(seen, self.called, age, self.max_s, "quote is {value} s old, more than {bound}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread(RowFilter):
    """Keep pairs whose quote is tight.

    Parameters
    ----------
    max : bound
        (ask - bid) / mid.
    """

    name: ClassVar[str] = "spread"
    needs: ClassVar[tuple[str, ...]] = ("tickers",)
    senses: ClassVar[tuple[str, ...]] = ("spread",)
    max: Bound = 0.005

    def __post_init__(self) -> None:
        require("max", self.max, 0)

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Relative to the middle."""
        bid, ask = pl.col("bid"), pl.col("ask")
        value = (ask - bid) / ((ask + bid) / 2)
        return at_most(seen, self.called, value, self.max, "spread is {value} of the price, above {bound}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(RowFilter):
    """Keep pairs in a range of prices, and whose price has steps fine enough.

    Parameters
    ----------
    min, max : float or None
        Last price in quote units.
    max_tick : float or None
        One price tick as a share of the price: 0.01 drops what moves by at least 1 % or not at all.
    max_unit : float or None
        Value in quote units of the smallest amount that may be ordered.
    """

    name: ClassVar[str] = "price"
    needs: ClassVar[tuple[str, ...]] = ("tickers",)
    min: float | None = None
    max: float | None = None
    max_tick: float | None = None
    max_unit: float | None = None

    @property
    def sense(self) -> tuple[str, ...]:
        """Steps of price and amount, where they count."""
        return () if self.max_tick is None and self.max_unit is None else ("ticks",)

    def __post_init__(self) -> None:
        for name in ("min", "max", "max_tick", "max_unit"):
            require(name, getattr(self, name), 0)
        require_order(self.min, self.max)

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Price, tick over price, smallest amount times price."""
        price, name = pl.col("last"), self.called
        unit = pl.max_horizontal("min_amount", "step") * price
        return [
            *at_least(seen, name, price, self.min, "price is {value}, below {bound}"),
            *at_most(seen, name, price, self.max, "price is {value}, above {bound}"),
            *at_most(
                seen,
                name,
                pl.col("tick") / price,
                self.max_tick,
                "one tick is {value} of the price, above {bound}",
            ),
            *at_most(
                seen, name, unit, self.max_unit, "the smallest order is worth {value}, more than {bound}"
            ),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision(RowFilter):
    """Drop pairs on which rounding would move a stop, or a stake, too far.

    Parameters
    ----------
    stop : float
        Distance of the stop below the price, as a fraction.
    max_error : float
        How far rounding to the price tick may move the stop, as a fraction of it; the same for the stake and
        the amount step.
    stake : float or None
        Quote units of one entry; None leaves the amount step alone.
    """

    name: ClassVar[str] = "precision"
    needs: ClassVar[tuple[str, ...]] = ("tickers",)
    senses: ClassVar[tuple[str, ...]] = ("ticks",)
    stop: float = 0.05
    max_error: float = 0.01
    stake: float | None = None

    def __post_init__(self) -> None:
        require("stop", self.stop, 0, 0.99)
        require("max_error", self.max_error, 0)
        require("stake", self.stake, 1e-12)

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """At worst one whole tick, and one whole step."""
        price = pl.col("last")
        words = "rounding moves a stop by {value} of it, more than {bound}"
        found = at_most(seen, self.called, pl.col("tick") / (price * (1 - self.stop)), self.max_error, words)
        if self.stake is not None:
            words = f"one step of amount is {{value}} of a stake of {self.stake:g}, more than {{bound}}"
            found += at_most(seen, self.called, pl.col("step") * price / self.stake, self.max_error, words)
        return found
