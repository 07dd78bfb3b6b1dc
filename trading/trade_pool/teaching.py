"""The walk back from what a model learnt to the trades that taught it: decision by decision, trade by trade.

A training set holds decisions; which of them users really traded, and by which trades, the order log knows.
"""

import polars as pl

from trading.market.frames import UTC_MS

# One row per traded decision, newest first; `trades` are ids of the order log, one per user that followed.
TEACHING: dict[str, pl.DataType | type[pl.DataType]] = {
    "signal_id": pl.String,
    "symbol": pl.String,
    "decided_at": UTC_MS,
    "source": pl.String,  # paper or live
    "net_return": pl.Float64,
    "weight": pl.Float64,  # in the training set
    "users": pl.Int64,
    "exits": pl.String,
    "trades": pl.List(pl.String),
}


def teaching_trades(learnt: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
    """Return the decisions of a training set that users traded, with the trades that gave their outcome.

    Parameters
    ----------
    learnt : DataFrame
        `signal_id`, `symbol`, `decided_at`, `source`, `net_return`, `weight`; rows of candles are left out.
    closed : DataFrame
        Closed trades of the order log: `trade_id`, `user_id`, `signal_id`, `exit_reason`.

    Returns
    -------
    DataFrame
        Columns of `TEACHING`. A decision whose trades the log does not hold (any more) has none: 0 users.
    """
    ended = closed.sort("trade_id").group_by("signal_id").agg(
        pl.col("user_id").n_unique().alias("users"),
        pl.col("exit_reason").unique().sort().str.join(", ").alias("exits"),
        pl.col("trade_id").alias("trades"),
    )  # fmt: skip
    traded = learnt.filter(pl.col("source") != "candles").join(ended, on="signal_id", how="left")
    found = traded.with_columns(
        pl.col("users").fill_null(0), pl.col("exits").fill_null(""), pl.col("trades").fill_null([])
    )
    told = found.select(pl.col(name).cast(kind) for name, kind in TEACHING.items())
    return told.sort("decided_at", "signal_id", descending=True)
