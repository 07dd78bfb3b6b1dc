"""Conditions of many configurations over one block of candles: each distinct part is worked out once.

What a condition says is `trading.indicators.expressions.evaluate`'s (three-valued, so NOT of unknown is not
true). Values go through it; comparisons of values, which differ by a number from configuration to
configuration, and the words between them are masks here: a hundred thresholds cost a hundred comparisons.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from trading.backtest.walk import Bools, Floats
from trading.indicators.expressions.evaluate import BAR, to_polars, with_bar_numbers
from trading.indicators.expressions.tree import (
    Back,
    Call,
    Comparison,
    Logic,
    Negative,
    Node,
    Not,
    Number,
    Relation,
)

_COMPARE: dict[Relation, Callable[[Any, Any], Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_OPPOSITE: dict[Relation, Relation] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_CROSSING: dict[str, tuple[Relation, Relation]] = {
    "crosses_above": (">", "<="),
    "crosses_below": ("<", ">="),
}


class Masks:
    """Where conditions are true on the rows of one table; what was worked out is kept."""

    def __init__(self, table: pl.DataFrame) -> None:
        self._table = with_bar_numbers(table)
        self._bar = self._table[BAR].to_numpy()
        self._values: dict[Node, Floats] = {}
        self._known: dict[Node, Bools] = {}
        self._masks: dict[tuple[Node, bool], Bools] = {}

    def of(self, node: Node) -> Bools:
        """Return where condition `node` is true."""
        return self._mask(node, wanted=True)

    def _mask(self, node: Node, *, wanted: bool) -> Bools:
        """Return where `node` is known and is `wanted`."""
        key = (node, wanted)
        if key not in self._masks:
            self._masks[key] = self._made(node, wanted=wanted)
        return self._masks[key]

    def _made(self, node: Node, *, wanted: bool) -> Bools:  # one return per kind of node
        match node:
            case Comparison(relation, left, right):
                return self._compared(relation if wanted else _OPPOSITE[relation], left, right)
            case Not(of):
                return self._mask(of, wanted=not wanted)
            case Logic(word, parts):
                # True by AND, or false by OR: all have to be. Else one is enough.
                join = np.logical_and if (word == "AND") == wanted else np.logical_or
                joined: Bools = join.reduce([self._mask(part, wanted=wanted) for part in parts])
                return joined
            case Back(of, bars):
                return self._earlier(self._mask(of, wanted=wanted), bars)
            case Call(name, (left, right)) if name in _CROSSING:
                now, before = _CROSSING[name]
                both = Logic("AND", (Comparison(now, left, right), Back(Comparison(before, left, right), 1)))
                return self._mask(both, wanted=wanted)
            case _:
                found = self._table.select(value=to_polars(node))["value"]
                flags: Bools = (found if wanted else ~found).fill_null(value=False).to_numpy()
                return flags

    def _compared(self, relation: Relation, left: Node, right: Node) -> Bools:
        found: Bools = _COMPARE[relation](self._value(left), self._value(right))
        if relation == "!=":  # every other comparison with an unknown is false by itself
            found = found & self._is_known(left) & self._is_known(right)
        return found

    def _value(self, node: Node) -> Floats | float:
        match node:
            case Number(value):
                return value
            case Negative(Number(value)):
                return -value
        if node not in self._values:
            found = self._table.select(value=to_polars(node))["value"]
            self._values[node] = found.fill_null(np.nan).to_numpy()
        return self._values[node]

    def _is_known(self, node: Node) -> Bools | bool:
        values = self._value(node)
        if isinstance(values, float | int):
            return True
        if node not in self._known:
            self._known[node] = ~np.isnan(values)
        return self._known[node]

    def _earlier(self, mask: Bools, bars: int) -> Bools:
        """Return the mask as it stood `bars` rows before; False where that row is another symbol's."""
        if bars == 0:
            return mask
        out = np.zeros(len(mask), np.bool_)
        out[bars:] = mask[:-bars]
        out[self._bar < bars] = False
        return out
