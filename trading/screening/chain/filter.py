"""What a named filter is: a frozen value whose `judge` says of each symbol kept or dropped, and why.

The kinds: `RowFilter` looks at each symbol by itself; others look at the list (ranks, clusters, shuffles).
Which filters there are is said in `known`; how they are run one after another in `run`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from trading.indicators.expressions.expression import Expression
from trading.market.errors import BadInput
from trading.market.thresholds import MovingThreshold
from trading.market.timeframes import Timeframe
from trading.screening.chain.inputs import Schema, Seen
from trading.screening.funnel import Rule, sentence

# A span of time in a chain: no market is older, and what is far longer has no moment that it could begin at.
MOST_DAYS = 36_500
MOST_HOURS, MOST_MINUTES, MOST_SECONDS = 24 * MOST_DAYS, 1_440 * MOST_DAYS, 86_400 * MOST_DAYS
# A number, or one that follows the market between a floor and a ceiling.
Bound = float | MovingThreshold

# One row per symbol judged; kept ones first come in the order in which the next filter sees them.
VERDICTS: Schema = {
    "symbol": pl.String,
    "is_kept": pl.Boolean,
    "value": pl.Float64,
    "bound": pl.Float64,  # what it was held against, for kept ones too
    "reason": pl.String,  # of dropped ones; null for kept
    "why": pl.String,  # how the bound came about where the market moved it
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(ABC):
    """Keys that every filter has.

    Parameters
    ----------
    label : str
        What the funnel calls it; the filter's name where left out. Two of one kind need two labels.
    optional : bool
        Keep everything, and say so, where an input that it needs was not given; without it that is an error.
    """

    name: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()  # inputs: "candles" or a port
    senses: ClassVar[tuple[str, ...]] = ()  # what may be unknowable at past moments, see `Inputs.blind`
    label: str = ""
    optional: bool = False

    @property
    def called(self) -> str:
        """What the funnel calls it."""
        return self.label or self.name

    @property
    def inputs(self) -> tuple[str, ...]:
        """Inputs that this one needs, with its settings."""
        return self.needs

    @property
    def sense(self) -> tuple[str, ...]:
        """What it must be able to see, with its settings."""
        return self.senses

    def figures(self, bar: Timeframe) -> Mapping[str, pl.Expr]:
        """Return what is to be measured of a symbol's bars of length `bar`: column name -> aggregate."""
        del bar
        return {}

    def expressions(self) -> Mapping[str, Expression]:
        """Return what is to be evaluated at a symbol's newest bar: column name -> expression."""
        return {}

    @abstractmethod
    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """Return the verdicts on the symbols of `frame`.

        Parameters
        ----------
        frame : DataFrame
            Those that are left, in order: columns of MARKETS and TICKERS, `listed_days`, own figures.

        Returns
        -------
        DataFrame of VERDICTS
            One row per row of `frame`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter(Filter):
    """A filter of rules on single symbols; the first rule that fails names the reason."""

    @abstractmethod
    def rules(self, seen: Seen) -> Sequence[Rule]:
        """Return the rules at this moment; a bound of None makes none."""

    def judge(self, frame: pl.DataFrame, seen: Seen) -> pl.DataFrame:
        """Apply `rules`; what cannot be measured (null) fails."""
        return judged(frame, self.rules(seen))


def at_least(seen: Seen, name: str, value: pl.Expr, bound: Bound | None, words: str) -> list[Rule]:
    """Return the rule that `value` reaches `bound`; none without a bound."""
    if bound is None:
        return []
    met = seen.met(bound)
    return [Rule(name, value, met.value, value >= met.value, words, met.why)]


def at_most(seen: Seen, name: str, value: pl.Expr, bound: Bound | None, words: str) -> list[Rule]:
    """Return the rule that `value` does not exceed `bound`; none without a bound."""
    if bound is None:
        return []
    met = seen.met(bound)
    return [Rule(name, value, met.value, value <= met.value, words, met.why)]


def judged(frame: pl.DataFrame, rules: Sequence[Rule]) -> pl.DataFrame:
    """Return VERDICTS of `rules` on each row of `frame`, in its order."""
    if not rules or frame.is_empty():
        return all_kept(frame)
    numbers = range(len(rules))
    tested = frame.select(
        "symbol",
        *(rule.is_ok.fill_null(value=False).alias(f"ok{i}") for i, rule in zip(numbers, rules, strict=True)),
        *(rule.value.cast(pl.Float64).alias(f"value{i}") for i, rule in zip(numbers, rules, strict=True)),
    ).with_columns(first=pl.coalesce(*(pl.when(~pl.col(f"ok{i}")).then(i) for i in numbers), pl.lit(-1)))
    shown = pl.max_horizontal("first", pl.lit(0))
    bounds = pl.Series([rule.bound for rule in rules], dtype=pl.Float64)
    whys = pl.Series([rule.why or None for rule in rules], dtype=pl.String)
    picked = tested.select(
        "symbol",
        "first",
        is_kept=pl.col("first") < 0,
        value=pl.coalesce(*(pl.when(shown == i).then(f"value{i}") for i in numbers)),
        bound=shown.replace_strict(list(numbers), bounds, return_dtype=pl.Float64),
        why=shown.replace_strict(list(numbers), whys, return_dtype=pl.String),
    )
    reasons = [
        None if first < 0 else sentence(rules[first], value)
        for first, value in picked.select("first", "value").iter_rows()
    ]
    return picked.with_columns(reason=pl.Series(reasons, dtype=pl.String)).select(list(VERDICTS))


def all_kept(frame: pl.DataFrame) -> pl.DataFrame:
    """Return VERDICTS that keep every row of `frame`."""
    return frame.select("symbol").with_columns(
        is_kept=pl.lit(value=True),
        value=pl.lit(None, pl.Float64),
        bound=pl.lit(None, pl.Float64),
        reason=pl.lit(None, pl.String),
        why=pl.lit(None, pl.String),
    )


def kept_first(frame: pl.DataFrame, count: int, words: str) -> pl.DataFrame:
    """Return VERDICTS that keep the first `count` rows of `frame`; the rest fall by their rank."""
    rank = pl.int_range(1, pl.len() + 1)
    is_kept = rank <= count
    reason = pl.when(~is_kept).then(pl.format(words, rank, pl.lit(count)))
    return frame.select(
        "symbol",
        is_kept=is_kept,
        value=rank.cast(pl.Float64),
        bound=pl.lit(float(count)),
        reason=reason,
        why=pl.lit(None, pl.String),
    )


def ranked(verdicts: pl.DataFrame, top: int | None, *, descending: bool = True) -> pl.DataFrame:
    """Sort what `verdicts` keeps by its value and keep the first `top`; unchanged where `top` is None."""
    if top is None:
        return verdicts
    is_kept = pl.col("is_kept")
    kept = verdicts.filter(is_kept).sort("value", "symbol", descending=[descending, False], nulls_last=True)
    rank = pl.int_range(1, pl.len() + 1)
    beyond = rank > top
    cut = kept.with_columns(
        is_kept=~beyond,
        value=pl.when(beyond).then(rank.cast(pl.Float64)).otherwise("value"),
        bound=pl.when(beyond).then(pl.lit(float(top))).otherwise("bound"),
        reason=pl.when(beyond).then(pl.format("rank {}, beyond the first {}", rank, pl.lit(top))),
    )
    return pl.concat([cut, verdicts.filter(~is_kept)])


def require(name: str, value: float | MovingThreshold | None, low: float, high: float | None = None) -> None:
    """Refuse a setting outside of `low` .. `high`; None and moving thresholds, which check themselves, pass.

    Raises
    ------
    BadInput
        Naming setting, bound and value.
    """
    if value is None or isinstance(value, MovingThreshold):
        return
    if not value >= low or (high is not None and not value <= high):
        wanted = f"at least {low:,.12g}" if high is None else f"in {low:,.12g}..{high:,.12g}"
        raise BadInput(f"{name} must be {wanted}, was {value:g}")


def require_order(low: Bound | None, high: Bound | None, names: str = "min and max") -> None:
    """Refuse a lower bound at or above the upper one.

    Raises
    ------
    BadInput
        Naming both.
    """
    if isinstance(low, MovingThreshold) or isinstance(high, MovingThreshold):
        return
    if low is not None and high is not None and low >= high:
        raise BadInput(f"{names}: the first must be below the second ({high:g}), was {low:g}")
