"""A tree to Polars: one value or one three-valued condition per bar, for all symbols at once.

Unknown is null. A comparison with unknown is unknown; `false AND unknown` is false, `true OR unknown` is true
(Kleene); so a condition on an indicator that is still warming up is never true by accident. What is not a
finite number (x / 0, overflow, NaN) is unknown too: Polars would call NaN larger than everything.
"""

from functools import reduce

import polars as pl

from trading.indicators.expressions.tree import (
    ACROSS,
    Arithmetic,
    Back,
    Call,
    Column,
    Comparison,
    Logic,
    Negative,
    Node,
    Not,
    Number,
    Relation,
    is_condition,
    parts_of,
    with_parts,
)
from trading.market.errors import BadInput

# How many bars of its symbol stand before a row; made by `with_bar_numbers`.
BAR = "bar_number"
TIMES = ("open_time", "open_ms")  # what says which rows of several symbols are of one moment


def with_bar_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame`, sorted by symbol and time, with BAR: 0 for the first bar of each symbol.

    A frame that has it already is returned as it is.
    """
    if BAR in frame.columns:
        return frame
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    is_first = pl.col("symbol").ne_missing(pl.col("symbol").shift(1)) | (row == 0)
    return frame.with_columns((row - pl.when(is_first).then(row).forward_fill()).alias(BAR))


def staged(frame: pl.DataFrame, node: Node) -> tuple[pl.DataFrame, Node]:
    """Return a frame that has what `node` asks across symbols as columns, and the node that reads those.

    `frame` is one that `with_bar_numbers` made, with a column of time (`TIMES`). With a column `is_member`,
    only members of the universe of a bar have a place there.
    """
    parts = []
    for part in parts_of(node):
        frame, part = staged(frame, part)  # noqa: PLW2901  # frame and part grow together
        parts.append(part)
    node = with_parts(node, tuple(parts))
    if not (isinstance(node, Call) and node.name in ACROSS):
        return frame, node
    time = next((name for name in TIMES if name in frame.columns), None)
    if time is None:
        raise BadInput(f"{node.name} compares symbols at one moment: the table lacks {', '.join(TIMES)}")
    value = to_polars(node.arguments[0])
    if "is_member" in frame.columns:
        value = pl.when("is_member").then(value)
    name = f"__{node.name}_{frame.width}"
    frame = frame.with_columns(value.alias(name))
    rank = pl.col(name).rank("max").over(time) / pl.col(name).count().over(time)
    return frame.with_columns(rank.alias(name)), Column(name)


def to_polars(node: Node) -> pl.Expr:  # noqa: PLR0911  # one return per kind of node
    """Return the expression of `node` for a frame that `with_bar_numbers` made.

    Returns
    -------
    Expr
        Float64 for a value, Boolean for a condition; null where it is unknown.
    """
    match node:
        case Number(value):
            return pl.lit(value, pl.Float64)
        case Column(name):
            return _finite(pl.col(name).cast(pl.Float64))
        case Negative(of):
            return -to_polars(of)
        case Arithmetic(sign, left, right):
            return _finite(_computed(sign, to_polars(left), to_polars(right)))
        case Comparison(relation, left, right):
            return _compared(relation, to_polars(left), to_polars(right))
        case Logic(word, parts):
            given = [to_polars(part) for part in parts]
            return reduce(lambda a, b: a & b if word == "AND" else a | b, given)
        case Not(of):
            return ~to_polars(of)
        case Back(of, bars):
            return _earlier(to_polars(of), bars)
        case Call():
            return _called(node)


def _finite(value: pl.Expr) -> pl.Expr:
    return pl.when(value.is_finite()).then(value)


def _computed(sign: str, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    return left * right if sign == "*" else left / right


def _compared(relation: Relation, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    match relation:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right
        case "==":
            return left == right
        case "!=":
            return left != right


def _earlier(value: pl.Expr, bars: int) -> pl.Expr:
    """The value `bars` rows before, unknown where that row is another symbol's."""
    return value if bars == 0 else pl.when(pl.col(BAR) >= bars).then(value.shift(bars))


def _called(node: Call) -> pl.Expr:
    given = [to_polars(argument) for argument in node.arguments]
    match node.name:
        case "crosses_above" | "crosses_below":
            now, before = given, [_earlier(each, 1) for each in _as_columns(given)]
            if node.name == "crosses_above":
                return (now[0] > now[1]) & (before[0] <= before[1])
            return (now[0] < now[1]) & (before[0] >= before[1])
        case "abs":
            return given[0].abs()
        case "min" | "max":
            least = pl.min_horizontal(given) if node.name == "min" else pl.max_horizontal(given)
            # The larger of 1 and unknown is unknown; Polars would answer 1.
            return pl.when(given[0].is_not_null() & given[1].is_not_null()).then(least)
        case _:
            return _over_window(node.name, given[0], node.bars, condition=is_condition(node))


def _as_columns(given: list[pl.Expr]) -> list[pl.Expr]:
    """A literal has one row and no earlier one; as long as the frame it has."""
    return [pl.when(pl.col(BAR) >= 0).then(each) for each in given]


def _over_window(name: str, value: pl.Expr, bars: int, *, condition: bool) -> pl.Expr:
    """A figure of the last `bars` bars; unknown unless all of them are there and known."""
    is_full = pl.col(BAR) >= bars - 1
    if not condition:
        if name == "mean":
            # Sums run on over rows; one symbol's prices must not leave rounding in the next one's.
            return value.rolling_mean(bars, min_samples=bars).over("symbol")
        rolled = (
            value.rolling_max(bars, min_samples=bars)
            if name == "highest"
            else value.rolling_min(bars, min_samples=bars)
        )
        return pl.when(is_full).then(rolled)
    # Kleene over the window: `any` is decided by one true, `all` by one false, else every bar must be known.
    decisive = value if name == "any" else ~value
    return (
        pl.when(_count(decisive.fill_null(value=False), bars) > 0)
        .then(pl.lit(name == "any"))
        .when(is_full & (_count(decisive.is_not_null(), bars) == bars))
        .then(pl.lit(name != "any"))
    )


def _count(flag: pl.Expr, bars: int) -> pl.Expr:
    """In how many of its symbol's last `bars` bars `flag` was set: the running count less an older one."""
    running = flag.cast(pl.Int64).cum_sum()
    before_window = pl.when(pl.col(BAR) >= bars).then(running.shift(bars))
    before_symbol = pl.when(pl.col(BAR) == 0).then(running - flag.cast(pl.Int64)).forward_fill()
    return running - pl.coalesce(before_window, before_symbol)
