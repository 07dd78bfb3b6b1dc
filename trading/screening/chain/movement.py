"""Filters on bars: history, trade and movement. Windows end at a symbol's own newest bar (see `stale`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import polars as pl

from trading.market.errors import BadInput
from trading.market.timeframes import HOUR_MS, Timeframe
from trading.screening.chain.filter import (
    MOST_HOURS,
    Bound,
    RowFilter,
    at_least,
    at_most,
    judged,
    ranked,
    require,
    require_order,
)
from trading.screening.chain.inputs import Seen
from trading.screening.funnel import Rule

_AT, _CLOSE = pl.col("open_time"), pl.col("close")
_CANDLES = ("candles",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(RowFilter):
    """Keep pairs with enough closed bars within the chain's own number of bars.

    Parameters
    ----------
    min : int
        Closed bars.
    """

    name: ClassVar[str] = "bars"
    needs: ClassVar[tuple[str, ...]] = _CANDLES
    min: int = 200

    def __post_init__(self) -> None:
        require("min", self.min, 1)

    def figures(self, bar: Timeframe) -> Mapping[str, pl.Expr]:
        """Bars."""
        del bar
        return {"bars": pl.len()}

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """At least so many; no bar at all is 0."""
        words = "only {value} bars of history, {bound} needed"
        return at_least(seen, self.called, pl.col("bars").fill_null(0), self.min, words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale(RowFilter):
    """Drop pairs whose newest bar trails the newest bar of the market.

    Parameters
    ----------
    max_bars : int
        Bars by which it may trail.
    """

    name: ClassVar[str] = "stale"
    needs: ClassVar[tuple[str, ...]] = _CANDLES
    max_bars: int = 4

    def __post_init__(self) -> None:
        require("max_bars", self.max_bars, 0)

    def figures(self, bar: Timeframe) -> Mapping[str, pl.Expr]:
        """Its newest bar."""
        del bar
        return {"last_open": _AT.last()}

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Against the newest bar of all symbols that were given, those that fell before too."""
        newest = None if seen.candles is None else seen.candles["open_time"].max()
        lag = (pl.lit(newest) - pl.col("last_open")).dt.total_milliseconds() / seen.bar.ms
        words = "last bar trails the market by {value} bars, more than {bound}"
        return at_most(seen, self.called, lag, self.max_bars, words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume(RowFilter):
    """Keep pairs that trade enough.

    Parameters
    ----------
    min, max : bound or None
        Traded value in quote units.
    source : "candles" or "ticker"
        What is summed: bars of the last `hours`, or the venue's own 24 h figure (no candle needed).
    hours : float
        Window of bars; 24 with the ticker.
    fallback : bool
        Where bars do not cover 24 hours, as of a young listing, the larger of bars and ticker counts.
    top : int or None
        Keep so many, the most traded first, in that order.
    """

    name: ClassVar[str] = "volume"
    needs: ClassVar[tuple[str, ...]] = ("candles",)
    min: Bound | None = None
    max: Bound | None = None
    source: Literal["candles", "ticker"] = "candles"
    hours: float = 24.0
    fallback: bool = False
    top: int | None = None

    def __post_init__(self) -> None:
        for name, low in (("min", 0), ("max", 0), ("hours", 1e-3), ("top", 1)):
            require(name, getattr(self, name), low)
        require_order(self.min, self.max)
        if self.hours != 24 and (self.source == "ticker" or self.fallback):
            raise BadInput(f"hours must be 24 where the ticker is asked, was {self.hours:g}")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The ticker where it is asked, else candles."""
        return ("tickers",) if self.source == "ticker" else _CANDLES

    def figures(self, bar: Timeframe) -> Mapping[str, pl.Expr]:
        """Sum of the window, and whether the bars cover it."""
        if self.source == "ticker":
            return {}
        window = self.hours * HOUR_MS
        is_in = _AT.to_physical() > _AT.last().to_physical() - window
        covers = (_AT.last() - _AT.first()).dt.total_milliseconds() >= window - bar.ms
        return {
            f"volume_{self.hours:g}h": pl.col("quote_volume").filter(is_in).sum(),
            f"covers_{self.hours:g}h": covers,
        }

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Within its bounds."""
        if self.source == "ticker":
            value, words = pl.col("volume_quote_24h"), "24 h volume is {value}"
        else:
            value, words = (
                pl.col(f"volume_{self.hours:g}h"),
                f"traded {{value}} in {self.hours:g} h of candles",
            )
        if self.fallback:
            larger = pl.max_horizontal(value, "volume_quote_24h")
            value = pl.when(pl.col(f"covers_{self.hours:g}h")).then(value).otherwise(larger)
        found = at_least(seen, self.called, value, self.min, f"{words}, below {{bound}}")
        found += at_most(seen, self.called, value, self.max, f"{words}, above {{bound}}")
        return found or [Rule(self.called, value, None, value.is_not_null(), "its volume is unknown")]

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """Apply the bounds, then the rank."""
        return ranked(judged(frame, self.rules(seen)), self.top)


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentChange(RowFilter):
    """Keep pairs whose price has changed by so much.

    Parameters
    ----------
    min, max : float or None
        Change as a fraction, below 0 for a fall.
    source : "candles" or "ticker"
        Bars, or the venue's own 24 h figure.
    hours : float
        Between the newest close and the one it is held against; 24 with the ticker.
    top : int or None
        Keep so many, sorted by change.
    ascending : bool
        Smallest change first.
    """

    name: ClassVar[str] = "percent_change"
    needs: ClassVar[tuple[str, ...]] = ("candles",)
    min: float | None = None
    max: float | None = None
    source: Literal["candles", "ticker"] = "candles"
    hours: float = 24.0
    top: int | None = None
    ascending: bool = False

    def __post_init__(self) -> None:
        require("min", self.min, -1)
        require("max", self.max, -1)
        require("hours", self.hours, 1e-3, MOST_HOURS)
        require("top", self.top, 1)
        require_order(self.min, self.max)
        if self.hours != 24 and self.source == "ticker":
            raise BadInput(f"hours must be 24 where the ticker is asked, was {self.hours:g}")

    @property
    def inputs(self) -> tuple[str, ...]:
        """The ticker where it is asked, else candles."""
        return ("tickers",) if self.source == "ticker" else _CANDLES

    @property
    def sense(self) -> tuple[str, ...]:
        """The venue's own figure, where it is asked."""
        return ("ticker_change",) if self.source == "ticker" else ()

    def figures(self, bar: Timeframe) -> Mapping[str, pl.Expr]:
        """Newest close over the newest close that is at least `hours` older; null without one."""
        del bar
        if self.source == "ticker":
            return {}
        is_before = _AT.to_physical() <= _AT.last().to_physical() - self.hours * HOUR_MS
        return {f"moved_{self.hours:g}h": _CLOSE.last() / _CLOSE.filter(is_before).last() - 1}

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Within its bounds."""
        value = pl.col("change_24h" if self.source == "ticker" else f"moved_{self.hours:g}h")
        words = f"changed by {{value}} in {self.hours:g} h"
        found = at_least(seen, self.called, value, self.min, f"{words}, below {{bound}}")
        found += at_most(seen, self.called, value, self.max, f"{words}, above {{bound}}")
        return found or [Rule(self.called, value, None, value.is_not_null(), "its change is unknown")]

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """Apply the bounds, then the rank."""
        return ranked(judged(frame, self.rules(seen)), self.top, descending=not self.ascending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volatility(RowFilter):
    """Keep pairs that move enough to pay their costs, and not too much.

    Parameters
    ----------
    min, max : bound or None
        Sample standard deviation of one bar's log return.
    bars : int
        Over so many of the last bars.
    """

    name: ClassVar[str] = "volatility"
    needs: ClassVar[tuple[str, ...]] = _CANDLES
    min: Bound | None = None
    max: Bound | None = None
    bars: int = 96

    def __post_init__(self) -> None:
        require("min", self.min, 0)
        require("max", self.max, 0)
        require("bars", self.bars, 2)
        require_order(self.min, self.max)

    def figures(self, bar: Timeframe) -> Mapping[str, pl.Expr]:
        """Deviation of the log returns."""
        del bar
        return {f"volatility_{self.bars}": _CLOSE.tail(self.bars + 1).log().diff().std()}

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Within its bounds."""
        value = pl.col(f"volatility_{self.bars}")
        found = at_least(seen, self.called, value, self.min, "moves {value} per bar, below {bound}")
        return found + at_most(seen, self.called, value, self.max, "moves {value} per bar, above {bound}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeStability(RowFilter):
    """Keep pairs whose range over a window is wide enough, and not too wide.

    Parameters
    ----------
    min, max : bound or None
        (highest high - lowest low) / lowest low.
    bars : int
        Over so many of the last bars.
    """

    name: ClassVar[str] = "range_stability"
    needs: ClassVar[tuple[str, ...]] = _CANDLES
    min: Bound | None = 0.01
    max: Bound | None = None
    bars: int = 96

    def __post_init__(self) -> None:
        require("min", self.min, 0)
        require("max", self.max, 0)
        require("bars", self.bars, 1)
        require_order(self.min, self.max)

    def figures(self, bar: Timeframe) -> Mapping[str, pl.Expr]:
        """The range."""
        del bar
        low = pl.col("low").tail(self.bars).min()
        return {f"range_{self.bars}": (pl.col("high").tail(self.bars).max() - low) / low}

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Within its bounds."""
        value, words = pl.col(f"range_{self.bars}"), f"its range over {self.bars} bars is {{value}}"
        found = at_least(seen, self.called, value, self.min, f"{words}, below {{bound}}")
        return found + at_most(seen, self.called, value, self.max, f"{words}, above {{bound}}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle(RowFilter):
    """Drop pairs in whose bars nobody trades.

    Parameters
    ----------
    max_share : float
        Share of bars without any trade.
    bars : int
        Over so many of the last bars.
    """

    name: ClassVar[str] = "idle"
    needs: ClassVar[tuple[str, ...]] = _CANDLES
    max_share: float = 0.2
    bars: int = 96

    def __post_init__(self) -> None:
        require("max_share", self.max_share, 0, 1)
        require("bars", self.bars, 1)

    def figures(self, bar: Timeframe) -> Mapping[str, pl.Expr]:
        """Share of bars with a volume of 0."""
        del bar
        return {f"idle_{self.bars}": (pl.col("volume").tail(self.bars) <= 0).mean()}

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """At most so large a share."""
        words = "{value} of its bars had no trade, more than {bound}"
        return at_most(seen, self.called, pl.col(f"idle_{self.bars}"), self.max_share, words)
