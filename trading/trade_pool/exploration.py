"""The share of rejected decisions that paper users trade all the same, so that models see what they refuse.

Drawn from the decision's own name and a seed: two passes draw alike, and nobody can draw again until it
pleases. Never for money: the engine refuses such a set to every user who is not on paper.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import polars as pl

from trading.market.errors import BadInput
from trading.market.timeframes import to_ms

_DRAWS = 2.0**64


@dataclass(frozen=True, slots=True)
class ExplorationRules:
    """Which rejected decisions are drawn.

    Parameters
    ----------
    share : float
        Probability that one of them is traded on paper, in [0, 0.25]; 0 = no exploration.
    seed : int
        Of the draw.
    stages : tuple of str
        Rejections that take part: gates of the signals. What the backtest did not approve never does.
    """

    share: float = 0.05
    seed: int = 20261130
    stages: tuple[str, ...] = ("regime", "peg", "news", "model")

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 0.25:
            raise BadInput(f"the share of exploration must lie in [0, 0.25], was {self.share}")


def drawn(symbol: str, bar_ms: int, strategy: str, rules: ExplorationRules) -> bool:
    """Return whether the decision of this name is explored, if it is rejected."""
    name = f"{rules.seed}\0{symbol}\0{bar_ms}\0{strategy}".encode()
    number = int.from_bytes(blake2b(name, digest_size=8).digest(), "little")
    return number / _DRAWS < rules.share


def explored_symbols(signals: pl.DataFrame, bar_time: datetime, rules: ExplorationRules) -> list[str]:
    """Return the symbols whose rejected entry at a bar is drawn, by name; approved or not.

    `signals`: `symbol`, `open_time`, `strategy`, `is_candidate`, `is_entry`, `reason`, which begins with the
    gate's name and a colon.
    """
    bar = pl.lit(bar_time).cast(pl.Datetime("ms", "UTC"))
    rejected = signals.filter(
        pl.col("is_candidate") & ~pl.col("is_entry"),
        pl.col("open_time").cast(pl.Datetime("ms", "UTC")) == bar,
        gate_of(pl.col("reason")).is_in(list(rules.stages)),
    )
    bar_ms, names = to_ms(bar_time), rejected.select("symbol", "strategy").sort("symbol")
    return [symbol for symbol, strategy in names.iter_rows() if drawn(symbol, bar_ms, strategy, rules)]


def gate_of(reason: pl.Expr) -> pl.Expr:
    """Return which gate of the signals stopped an entry, from its reason: the word before the colon."""
    return reason.str.extract(r"^([a-z_]+):").fill_null("signals")


def with_exploration(decisions: pl.DataFrame, rules: ExplorationRules) -> pl.DataFrame:
    """Add `is_explored` and `propensity` to decisions.

    Parameters
    ----------
    decisions : DataFrame
        `symbol`, `bar_time`, `strategy`, `stage`, `is_taken`, `is_approved` (and listed).

    Returns
    -------
    DataFrame
        Propensity: 1 for what is handed over, the share for what takes part in the draw (drawn or not), 0
        for all else.
    """
    takes_part = pl.col("stage").is_in(list(rules.stages)) & pl.col("is_approved") & ~pl.col("is_taken")
    names = decisions.select("symbol", pl.col("bar_time").dt.epoch("ms"), "strategy").iter_rows()
    draws = [drawn(symbol, bar_ms, strategy, rules) for symbol, bar_ms, strategy in names]
    chosen = pl.Series("drawn_", draws, dtype=pl.Boolean)
    share = pl.when("is_taken").then(1.0).when(takes_part).then(rules.share).otherwise(0.0)
    return (
        decisions.with_columns(chosen)
        .with_columns(is_explored=takes_part & pl.col("drawn_"), propensity=share)
        .drop("drawn_")
    )
