"""An expression as others use it: read once, checked against the columns there are, asked of any candles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from trading.indicators.expressions.evaluate import staged, to_polars, with_bar_numbers
from trading.indicators.expressions.parse import nearest, parse
from trading.indicators.expressions.tokens import wrong
from trading.indicators.expressions.tree import (
    ACROSS,
    Call,
    Column,
    Comparison,
    Negative,
    Node,
    Number,
    columns_of,
    is_condition,
    reach,
    walk,
)
from trading.market.errors import BadInput

CANDLE_COLUMNS = ("open", "high", "low", "close", "volume", "quote_volume")


class Names(Protocol):
    """Which indicator columns exist: the port to the catalogue."""

    def __call__(self, name: str) -> bool:
        """Tell whether there is a column called `name`."""
        ...


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression; equal when its tree is.

    `columns` are those it reads, `reach` how many bars before the newest one. Make it with `expression`.
    """

    text: str = field(compare=False)
    tree: Node

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns it reads, candles' and indicators', in order of first appearance."""
        return columns_of(self.tree)

    @property
    def indicators(self) -> tuple[str, ...]:
        """Those of `columns` that candles do not have."""
        return tuple(name for name in self.columns if name not in CANDLE_COLUMNS)

    @property
    def reach(self) -> int:
        """How many bars before the newest one it reads."""
        return reach(self.tree)

    @property
    def is_condition(self) -> bool:
        """Whether it is true or false, rather than a number."""
        return is_condition(self.tree)

    @property
    def is_across(self) -> bool:
        """Whether it compares symbols with each other at one bar."""
        return any(isinstance(node, Call) and node.name in ACROSS for node in walk(self.tree))

    @property
    def held_against(self) -> tuple[Node, float] | None:
        """The value and the number, where the whole is one comparison with a number; else None."""
        if not isinstance(self.tree, Comparison):
            return None
        for value, bound in ((self.tree.left, self.tree.right), (self.tree.right, self.tree.left)):
            found = _literal(bound)
            if found is not None:
                return value, found
        return None

    def of(self, table: pl.DataFrame) -> pl.Series:
        """Return what it is at every bar.

        Parameters
        ----------
        table : DataFrame
            Sorted by symbol and time, with `symbol` and every one of `columns`. Bars of one symbol are taken
            as consecutive. What compares symbols (`cs_rank`) needs `open_time` too, and all symbols; with a
            column `is_member` only members of a bar's universe have a place.

        Returns
        -------
        Series of shape (n_rows,)
            Float64, or Boolean for a condition; null where unknown.

        Raises
        ------
        BadInput
            If a column is missing.
        """
        missing = [name for name in ("symbol", *self.columns) if name not in table.columns]
        if missing:
            raise BadInput(f"`{self.text}` needs columns {', '.join(missing)}, which the table lacks")
        frame, tree = staged(with_bar_numbers(table), self.tree)
        return frame.select(value=to_polars(tree))["value"]


def _literal(node: Node) -> float | None:
    match node:
        case Number(value):
            return value
        case Negative(Number(value)):
            return -value
        case _:
            return None


def _known(text: str, column: Column, known: Names) -> bool:
    try:
        return known(column.name)
    except BadInput as error:
        raise wrong(text, column.at, f"{column.name[:60]!r}: {error}") from None


def expression(
    text: str,
    *,
    known: Names,
    near: Callable[[str], Sequence[str]] | None = None,
    across: bool = False,
) -> Expression:
    """Read `text` and check that its columns exist.

    Parameters
    ----------
    known : callable
        Tells whether there is an indicator column of a name, BadInput where its numbers are out of bounds;
        candle columns are always known.
    near : callable, optional
        Returns the known names nearest to one that is not.
    across : bool
        Whether it may compare symbols: only where all of them are asked at once.

    Raises
    ------
    InvalidExpression
        If it cannot be read or a column is not known; the message names the place and near names.
    """
    tree = parse(text)
    for node in walk(tree):
        if isinstance(node, Call) and node.name in ACROSS and not across:
            raise wrong(text, node.at, f"{node.name} compares all symbols at a bar: only strategies can")
        if isinstance(node, Column) and node.name not in CANDLE_COLUMNS and not _known(text, node, known):
            names = list(near(node.name)) if near is not None else []
            shown = ", ".join(names) or nearest(node.name, CANDLE_COLUMNS)
            raise wrong(text, node.at, f"unknown column {node.name!r}; near ones: {shown}")
    return Expression(text, tree)


def condition(
    text: str,
    *,
    known: Names,
    near: Callable[[str], Sequence[str]] | None = None,
    across: bool = False,
) -> Expression:
    """Return `expression`, which must be a condition.

    Raises
    ------
    InvalidExpression
        If it is a number, or `expression` refuses it.
    """
    found = expression(text, known=known, near=near, across=across)
    if not found.is_condition:
        raise wrong(text, 1, "a condition is wanted, such as `rsi_14 < 30`; this is a number")
    return found
