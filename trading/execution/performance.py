"""How each user's trading went, from the log's frames. Pure; for people and dbt, not for decisions."""

import polars as pl

PERFORMANCE: dict[str, pl.DataType | type[pl.DataType]] = {
    "user_id": pl.String,
    "trades": pl.Int64,
    "hit_rate": pl.Float64,  # share of closed trades that earned something after fees
    "mean_profit_ratio": pl.Float64,  # of what was paid
    "pnl_quote": pl.Float64,
    "fees_quote": pl.Float64,
    "profit_factor": pl.Float64,  # gains over losses; null without a loss
    "entry_fill_rate": pl.Float64,  # executed over intended base units of entries that were sent
    "entry_price_vs_limit": pl.Float64,  # mean of fill price over limit, minus 1; below 0 is better
}
_NOT_SENT = ("NEW", "VOID")


def user_performance(closed_trades: pl.DataFrame, intents: pl.DataFrame) -> pl.DataFrame:
    """Return one row per user who sent an entry or closed a trade (`PERFORMANCE`), sorted by user.

    Parameters
    ----------
    closed_trades, intents : DataFrame
        `OrderLog.closed_trades()` and `OrderLog.intents()`, any time range.

    Returns
    -------
    DataFrame
        Figures without a basis (no closed trade, no sent entry) are null, never 0.
    """
    gains = pl.col("pnl_quote").filter(pl.col("pnl_quote") > 0).sum()
    losses = -pl.col("pnl_quote").filter(pl.col("pnl_quote") < 0).sum()
    trades = closed_trades.group_by("user_id").agg(
        pl.len().alias("trades"),
        (pl.col("pnl_quote") > 0).mean().alias("hit_rate"),
        pl.col("profit_ratio").mean().alias("mean_profit_ratio"),
        pl.col("pnl_quote").sum(),
        pl.col("fees_quote").sum(),
        pl.when(losses > 0).then(gains / losses).alias("profit_factor"),
    )
    entries = intents.filter((pl.col("leg") == "open") & ~pl.col("status").is_in(_NOT_SENT))
    paid = pl.when(pl.col("filled") > 0).then(pl.col("filled_cost") / pl.col("filled") / pl.col("price") - 1)
    sent = entries.group_by("user_id").agg(
        (pl.col("filled") / pl.col("amount")).mean().alias("entry_fill_rate"),
        paid.mean().alias("entry_price_vs_limit"),
    )
    both = trades.join(sent, on="user_id", how="full", coalesce=True)
    both = both.with_columns(pl.col("trades").fill_null(0))
    return both.select(pl.col(name).cast(dtype) for name, dtype in PERFORMANCE.items()).sort("user_id")
