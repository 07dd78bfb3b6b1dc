"""When a strategy wants in and out, asked of all bars of the line at once; exits and stakes are not here."""

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import polars as pl

from trading.indicators import catalogue
from trading.indicators.expressions.evaluate import BAR
from trading.indicators.expressions.expression import Expression, condition, expression
from trading.market.frames import CANDLES
from trading.signals.line_columns import LINE_COLUMNS
from trading.signals.shipped import text_of

DEFAULT = "rsi_regime"  # what the line runs unless it is told otherwise


class Declared(Protocol):
    """What the line asks of a strategy; `trading.backtest.strategy.Strategy` is one."""

    @property
    def name(self) -> str:
        """As it is called in tables."""
        ...

    @property
    def entry(self) -> Expression:
        """When it wants in."""
        ...

    @property
    def exit_(self) -> Expression | None:
        """When it wants out, if it says so."""
        ...

    @property
    def rank(self) -> Expression | None:
        """Which entry of a bar is the best: the highest value."""
        ...

    @property
    def startup(self) -> int:
        """Leading bars of a symbol without a signal."""
        ...


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions alone: a strategy without exits and stakes."""

    name: str
    entry: Expression
    exit_: Expression | None = None
    rank: Expression | None = None
    startup: int = 0


@cache
def shipped_conditions(name: str = DEFAULT) -> Conditions:
    """Return the conditions of a strategy that comes with Sluice."""
    document = tomllib.loads(text_of(name))
    leave, rank = document.get("exit", {}).get("when"), document["entry"].get("rank")
    return Conditions(
        name=document["name"],
        entry=condition(document["entry"]["when"], known=known, across=True),
        exit_=None if leave is None else condition(leave, known=known, across=True),
        rank=None if rank is None else expression(rank, known=known, across=True),
        startup=int(document.get("startup", 0)),
    )


def known(name: str) -> bool:
    """Tell whether a strategy may read a column of this name: the catalogue's, or the line's."""
    return name in LINE_COLUMNS or catalogue.known(name)


def columns_of(strategy: Declared) -> tuple[str, ...]:
    """Return every column that the strategy reads, in order of first appearance."""
    asked = [each for each in (strategy.entry, strategy.exit_, strategy.rank) if each is not None]
    return tuple(dict.fromkeys(name for each in asked for name in each.columns))


def is_across(strategy: Declared) -> bool:
    """Tell whether it compares symbols with each other."""
    asked = (strategy.entry, strategy.exit_, strategy.rank)
    return any(each.is_across for each in asked if each is not None)


def with_catalogue(indicators: pl.DataFrame, strategy: Declared) -> pl.DataFrame:
    """Add the catalogue's columns that the strategy reads and the line's table has not."""
    missing = [
        name
        for name in columns_of(strategy)
        if name not in indicators.columns and name not in LINE_COLUMNS and name not in CANDLES
    ]
    return catalogue.with_columns(indicators, missing) if missing else indicators


def wanted(frame: pl.DataFrame, strategy: Declared) -> pl.DataFrame:
    """Return `is_candidate`, `is_exit` (unknown is no) and `merit` (null where unknown) of every row.

    A bar that says exit takes no entry. `frame` is sorted by symbol and time and has `bar_no`, the bars of
    its symbol before a row.
    """
    table = frame.rename({"bar_no": BAR})
    is_exit = pl.Series("is_exit", [False]).new_from_index(0, len(frame))
    if strategy.exit_ is not None:
        is_exit = strategy.exit_.of(table).fill_null(value=False)
    is_in = strategy.entry.of(table).fill_null(value=False) & (table[BAR] >= strategy.startup) & ~is_exit
    merit = pl.Series("merit", [None], pl.Float64).new_from_index(0, len(frame))
    if strategy.rank is not None:
        merit = strategy.rank.of(table)
    return pl.DataFrame({"is_candidate": is_in, "is_exit": is_exit, "merit": merit})
