"""Two backtests trade by trade: which trades are the same, which are not, and why as far as tables tell."""

from typing import Any

import polars as pl

from trading.backtest.figures.trades import closed_trades
from trading.market.errors import BadInput

_UTC_MS = pl.Datetime("ms", "UTC")
KINDS = ("same", "size", "price", "exit", "shifted", "only_a", "only_b")

# One row per pair of trades, or per trade that the other run has not. Money in quote currency.
DIFFERENCES: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "kind": pl.String,  # one of KINDS
    "reason": pl.String,
    "open_time_a": _UTC_MS,
    "open_time_b": _UTC_MS,
    "close_time_a": _UTC_MS,
    "close_time_b": _UTC_MS,
    "exit_reason_a": pl.String,
    "exit_reason_b": pl.String,
    "profit_a": pl.Float64,
    "profit_b": pl.Float64,
    "difference": pl.Float64,  # profit of b - profit of a, a missing trade counting 0
}
_SIDES = (
    "open_time",
    "close_time",
    "open_rate",
    "close_rate",
    "stake",
    "profit",
    "profit_ratio",
    "exit_reason",
)


def compare_trades(
    a: pl.DataFrame, b: pl.DataFrame, *, fee: float = 0.0, tolerance: float = 1e-9, slots: int | None = None
) -> pl.DataFrame:
    """Return every trade of two runs with what became of it in the other, and why.

    Trades of one symbol with the same entry time are one pair. What is left is paired where the times in the
    market overlap (`shifted`: one run entered earlier); the rest stands alone.

    Parameters
    ----------
    a, b : DataFrame
        Any tables that `closed_trades` reads.
    fee : float
        See `closed_trades`.
    tolerance : float
        Relative difference below which prices and profits are equal; not negative.
    slots : int, optional
        Positions the runs could hold at once: an entry that the other run had no slot for says so.

    Returns
    -------
    DataFrame
        Columns of `DIFFERENCES`, by time of entry. The differences sum to the difference of profit.
    """
    if tolerance < 0:
        raise BadInput(f"tolerance must not be negative, was {tolerance}")
    if slots is not None and slots < 1:
        raise BadInput(f"slots must be at least 1, was {slots}")
    left, right = (_numbered(closed_trades(table, fee=fee)) for table in (a, b))
    exact = left.join(right, on=["symbol", "open_time", "nth"], how="inner", suffix="_b")
    rest_a = left.join(exact, left_on="row", right_on="row", how="anti")
    rest_b = right.join(exact, left_on="row", right_on="row_b", how="anti")
    near = _overlapping(rest_a, rest_b)
    alone_a = rest_a.join(near, left_on="row", right_on="row_a", how="anti")
    alone_b = rest_b.join(near, left_on="row", right_on="row_b", how="anti")
    pairs = pl.concat([exact.select("row", "row_b"), near.select(pl.col("row_a").alias("row"), "row_b")])
    rows = [
        *_pairs(pairs, left, right, tolerance),
        *_alone(alone_a, right, "only_a", slots),
        *_alone(alone_b, left, "only_b", slots),
    ]
    table = pl.DataFrame(rows, schema=DIFFERENCES, infer_schema_length=None)
    return table.sort(pl.coalesce("open_time_a", "open_time_b"), "symbol", "kind")


def summary(differences: pl.DataFrame) -> pl.DataFrame:
    """Return per kind and reason how many trades and what they made of difference; largest first."""
    return (
        differences.group_by("kind", "reason")
        .agg(
            pl.len().cast(pl.Int64).alias("trades"),
            pl.col("profit_a").sum(),
            pl.col("profit_b").sum(),
            pl.col("difference").sum(),
        )
        .sort(pl.col("difference").abs(), "kind", "reason", descending=[True, False, False])
    )


def _numbered(closed: pl.DataFrame) -> pl.DataFrame:
    """Number the trades, and those of one symbol that were opened at one time among themselves."""
    nth = pl.int_range(pl.len()).over("symbol", "open_time").alias("nth")
    return closed.with_row_index("row").with_columns(nth)


def _overlapping(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """Pair what overlaps in time, each trade once, the nearest entries first."""
    every = a.join(b, on="symbol", how="inner", suffix="_b").filter(
        (pl.col("open_time") < pl.col("close_time_b")) & (pl.col("open_time_b") < pl.col("close_time"))
    )
    apart = (pl.col("open_time") - pl.col("open_time_b")).abs()
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    rows = []
    for row_a, row_b in every.sort(apart, "row", "row_b").select("row", "row_b").iter_rows():
        if row_a not in taken_a and row_b not in taken_b:
            taken_a.add(row_a)
            taken_b.add(row_b)
            rows.append((row_a, row_b))
    return pl.DataFrame(rows, schema={"row_a": pl.UInt32, "row_b": pl.UInt32}, orient="row")


def _pairs(
    pairs: pl.DataFrame, left: pl.DataFrame, right: pl.DataFrame, tolerance: float
) -> list[dict[str, object]]:
    a = left.select("symbol", *_SIDES)[pairs["row"].to_list()]
    b = right.select(*_SIDES)[pairs["row_b"].to_list()]
    found = []
    for one, other in zip(a.iter_rows(named=True), b.iter_rows(named=True), strict=True):
        kind, reason = _why(one, other, tolerance)
        found.append(_row(one["symbol"], kind, reason, one, other))
    return found


def _why(a: dict[str, Any], b: dict[str, Any], tolerance: float) -> tuple[str, str]:
    """Say how two trades of one entry, or of overlapping times, differ, in the order in which trades happen.

    The kind is that of the first thing. What follows from another entry or exit anyway (prices, stake) is
    only named where nothing before it differs.
    """
    opened = "a" if a["open_time"] < b["open_time"] else "b"
    closed = "a" if a["close_time"] < b["close_time"] else "b"
    left = a["exit_reason"]
    is_left_alike = left == b["exit_reason"]
    causes = (
        (a["open_time"] == b["open_time"], "shifted", f"{opened} entered earlier"),
        (_near(a, b, "open_rate", tolerance), "price", "entry at another price"),
        (is_left_alike, "exit", f"left by {left} in a, by {b['exit_reason']} in b"),
        (
            not is_left_alike or a["close_time"] == b["close_time"],
            "exit",
            f"left by {left} in both, {closed} earlier",
        ),
    )
    found = [(kind, reason) for is_equal, kind, reason in causes if not is_equal]
    if found:
        return found[0][0], "; ".join(reason for _, reason in found)
    rest = (
        ("close_rate", "price", f"left by {left} at another price"),
        ("stake", "size", "another stake"),
        ("profit_ratio", "price", "same prices, other costs"),
    )
    for name, kind, reason in rest:
        if not _near(a, b, name, tolerance):
            return kind, reason
    return "same", "the same"


def _alone(alone: pl.DataFrame, other: pl.DataFrame, kind: str, slots: int | None) -> list[dict[str, object]]:
    """Say why the other run may not have made these trades: its symbol was held, or its slots were full."""
    name = "b" if kind == "only_a" else "a"
    found = []
    for trade in alone.iter_rows(named=True):
        at = trade["open_time"]
        held = other.filter((pl.col("open_time") <= at) & (pl.col("close_time") > at))
        just_left = other.filter((pl.col("symbol") == trade["symbol"]) & (pl.col("close_time") == at))
        if trade["symbol"] in held["symbol"]:
            reason = f"{name} already held the symbol"
        elif slots is not None and len(held) >= slots:
            reason = f"{name} had no free slot"
        elif len(just_left):
            reason = f"{name} left the symbol in that bar"
        else:
            reason = f"{name} did not enter: no signal there, or a rule kept it out"
        sides = (trade, None) if kind == "only_a" else (None, trade)
        found.append(_row(trade["symbol"], kind, reason, *sides))
    return found


def _row(
    symbol: object, kind: str, reason: str, a: dict[str, Any] | None, b: dict[str, Any] | None
) -> dict[str, Any]:
    row: dict[str, Any] = {"symbol": symbol, "kind": kind, "reason": reason}
    for side, trade in (("a", a), ("b", b)):
        for name in ("open_time", "close_time", "exit_reason"):
            row[f"{name}_{side}"] = None if trade is None else trade[name]
        row[f"profit_{side}"] = 0.0 if trade is None else trade["profit"]
    return row | {"difference": row["profit_b"] - row["profit_a"]}


def _near(a: dict[str, Any], b: dict[str, Any], name: str, tolerance: float) -> bool:
    one, other = float(a[name]), float(b[name])
    return abs(one - other) <= tolerance * max(abs(one), abs(other), 1e-12)
