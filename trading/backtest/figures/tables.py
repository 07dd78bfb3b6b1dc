"""Trades by what they have in common: exit reason, symbol, tag, month, weekday. One row per group."""

import polars as pl

from trading.market.errors import BadInput

GROUPS: dict[str, pl.DataType | type[pl.DataType]] = {
    "group": pl.String,
    "trades": pl.Int64,
    "wins": pl.Int64,
    "draws": pl.Int64,
    "losses": pl.Int64,
    "win_rate": pl.Float64,
    "mean_profit_ratio": pl.Float64,
    "profit": pl.Float64,  # quote
    "profit_of_balance": pl.Float64,  # of the starting balance
    "profit_factor": pl.Float64,  # null without a losing trade
    "best_profit_ratio": pl.Float64,
    "worst_profit_ratio": pl.Float64,
    "mean_duration_s": pl.Float64,
}
KEYS = ("exit_reason", "symbol", "tag", "month", "weekday")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def group_table(closed: pl.DataFrame, key: str, start_balance: float) -> pl.DataFrame:
    """Return one row per group of `closed`, most profit first (months and weekdays in their own order).

    Parameters
    ----------
    closed : DataFrame
        Columns of `trades.CLOSED`.
    key : str
        One of `KEYS`. Month and weekday are those of the close, UTC. An entry without a tag is "none".
    start_balance : float
        Quote currency; positive.

    Returns
    -------
    DataFrame
        Columns of `GROUPS`.
    """
    if key not in KEYS:
        raise BadInput(f"key must be one of {', '.join(KEYS)}, was {key}")
    if not start_balance > 0:
        raise BadInput(f"start_balance must be positive, was {start_balance}")
    profit = pl.col("profit")
    gains, losses = profit.filter(profit > 0).sum(), -profit.filter(profit < 0).sum()
    # Group and place are given types: a table without trades has no weekday to look up.
    named = closed.with_columns(_group(key).alias("group"), _place(key).alias("place"))
    table = named.group_by("group").agg(
        pl.col("place").first(),
        pl.len().alias("trades"),
        (profit > 0).sum().alias("wins"),
        (profit == 0).sum().alias("draws"),
        (profit < 0).sum().alias("losses"),
        (profit > 0).mean().alias("win_rate"),
        pl.col("profit_ratio").mean().alias("mean_profit_ratio"),
        profit.sum(),
        (profit.sum() / start_balance).alias("profit_of_balance"),
        pl.when(losses > 0).then(gains / losses).alias("profit_factor"),
        pl.col("profit_ratio").max().alias("best_profit_ratio"),
        pl.col("profit_ratio").min().alias("worst_profit_ratio"),
        pl.col("duration_s").mean().alias("mean_duration_s"),
    )
    ordered = table.sort("place", "profit", "group", descending=[False, True, False])
    return ordered.select(pl.col(name).cast(dtype) for name, dtype in GROUPS.items())


def _group(key: str) -> pl.Expr:
    if key == "month":
        return pl.col("close_time").dt.strftime("%Y-%m")
    if key == "weekday":
        day = pl.col("close_time").dt.weekday()
        return day.replace_strict(list(range(1, 8)), list(_WEEKDAYS), default=None, return_dtype=pl.String)
    return pl.col(key).fill_null("none")


def _place(key: str) -> pl.Expr:
    if key == "month":
        return pl.col("close_time").dt.year().cast(pl.Int64) * 12 + pl.col("close_time").dt.month()
    return pl.col("close_time").dt.weekday().cast(pl.Int64) if key == "weekday" else pl.lit(0, pl.Int64)
