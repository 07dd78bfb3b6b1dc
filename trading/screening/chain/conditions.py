"""Filters on indicators: any condition in words, a rank by any value, and the old RSI signal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import polars as pl

from trading.indicators.catalogue import known, nearest
from trading.indicators.expressions.expression import Expression, condition, expression
from trading.indicators.expressions.tree import Column, written
from trading.market.errors import BadInput
from trading.market.timeframes import Timeframe
from trading.screening.chain.filter import VERDICTS, Filter, RowFilter, all_kept, judged, ranked, require
from trading.screening.chain.inputs import Seen
from trading.screening.funnel import Rule

_MOST_SHOWN = 4  # columns that a reason shows
_RSI = "rsi_14"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Filter):
    """Keep pairs for which a condition is true at their newest bar.

    Parameters
    ----------
    keep : str
        Such as `rsi_14 < 30 AND adx_14 > 20`; the language is docs/reference/screening.md's. What is still
        warming up is unknown, and never true.
    """

    name: ClassVar[str] = "expression"
    needs: ClassVar[tuple[str, ...]] = ("candles",)
    keep: str = ""

    def __post_init__(self) -> None:
        _condition(self.keep)

    def expressions(self) -> Mapping[str, Expression]:
        """The condition, what it is held against, and the columns that the reason shows."""
        found = _condition(self.keep)
        named = {f"is {self.keep}": found}
        if found.held_against is not None:
            value = found.held_against[0]
            named[f"value {self.keep}"] = Expression(written(value), value)
        return named | {f"now {name}": Expression(name, Column(name)) for name in found.columns[:_MOST_SHOWN]}

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """True keeps; false and unknown drop, with the values at that bar."""
        del seen
        if frame.is_empty():
            return all_kept(frame)
        found = _condition(self.keep)
        held = found.held_against
        is_kept = pl.col(f"is {self.keep}")
        shown = [
            pl.format("{} = {}", pl.lit(name), _number(pl.col(f"now {name}")))
            for name in found.columns[:_MOST_SHOWN]
        ]
        verdict = pl.when(is_kept.is_null()).then(pl.lit("is not known yet")).otherwise(pl.lit("is not true"))
        reason = pl.format("`{}` {}: {}", pl.lit(self.keep), verdict, pl.concat_str(shown, separator=", "))
        rows = frame.with_columns(
            is_kept=is_kept.fill_null(value=False),
            value=pl.lit(None, pl.Float64) if held is None else pl.col(f"value {self.keep}"),
            bound=pl.lit(None if held is None else held[1], pl.Float64),
            why=pl.lit(None, pl.String),
        )
        return rows.with_columns(reason=pl.when(~pl.col("is_kept")).then(reason)).select(list(VERDICTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank(Filter):
    """Sort pairs by a value at their newest bar and keep the first.

    Parameters
    ----------
    by : str
        A value such as `roc_20` or `mean(quote_volume, 96) / close`; pairs where it is unknown fall.
    top : int
        How many.
    ascending : bool
        Smallest first.
    """

    name: ClassVar[str] = "rank"
    needs: ClassVar[tuple[str, ...]] = ("candles",)
    by: str = ""
    top: int = 100
    ascending: bool = False

    def __post_init__(self) -> None:
        require("top", self.top, 1)
        _value(self.by)

    def expressions(self) -> Mapping[str, Expression]:
        """The value."""
        return {f"value {self.by}": _value(self.by)}

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """Unknown falls, then the rank decides."""
        del seen
        value = pl.col(f"value {self.by}")
        shown = self.by.replace("{", "(").replace("}", ")")
        known_ = Rule(self.called, value, None, value.is_not_null(), f"`{shown}` is not known yet")
        return ranked(judged(frame, [known_]), self.top, descending=not self.ascending)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal(RowFilter):
    """Keep pairs whose RSI(14) has called within the last bars.

    Parameters
    ----------
    below, above : float or None
        RSI points, 0..100: it was below, or above, in one of the bars; None = that side does not count.
    bars : int
        Last bars in which it may have been there; bars before warm-up count as not there.
    """

    name: ClassVar[str] = "signal"
    needs: ClassVar[tuple[str, ...]] = ("candles",)
    below: float | None = 35.0
    above: float | None = None
    bars: int = 96

    def __post_init__(self) -> None:
        require("below", self.below, 0, 100)
        require("above", self.above, 0, 100)
        require("bars", self.bars, 1)
        if self.below is None and self.above is None:
            raise BadInput("signal needs below or above; both are missing")

    def figures(self, bar: Timeframe) -> Mapping[str, pl.Expr]:
        """Extremes of the RSI."""
        del bar
        rsi = pl.col(_RSI).tail(self.bars)
        return {f"rsi_low_{self.bars}": rsi.min(), f"rsi_high_{self.bars}": rsi.max()}

    def expressions(self) -> Mapping[str, Expression]:
        """The RSI now, so that its column is there."""
        return {f"now {_RSI}": _value(_RSI)}

    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Either side suffices; shown is the side that was asked for, with both the lower one."""
        del seen
        low, high = pl.col(f"rsi_low_{self.bars}"), pl.col(f"rsi_high_{self.bars}")
        was_below = pl.lit(value=False) if self.below is None else (low < self.below).fill_null(value=False)
        was_above = pl.lit(value=False) if self.above is None else (high > self.above).fill_null(value=False)
        value, bound, side = (low, self.below, "lowest")
        if self.below is None:
            value, bound, side = (high, self.above, "highest")
        words = f"no RSI signal in {self.bars} bars: {side} was {{value}}, bound {{bound}}"
        return [Rule(self.called, value, bound, was_below | was_above, words)]


@lru_cache(maxsize=256)
def _condition(text: str) -> Expression:
    return condition(text, known=known, near=nearest)


@lru_cache(maxsize=256)
def _value(text: str) -> Expression:
    found = expression(text, known=known, near=nearest)
    if found.is_condition:
        raise BadInput(f"a value is wanted to rank by, `{text}` is a condition")
    return found


def _number(value: pl.Expr) -> pl.Expr:
    return value.round_sig_figs(5).cast(pl.String).fill_null("unknown")
