"""From the trades of all users to the pool: one row per market decision.

A thousand users following one signal are one observation of the market, not a thousand. Features are
those that were written with the decision; nothing is computed again.
"""

import json

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS, conform

type _Schema = dict[str, pl.DataType | type[pl.DataType]]

# Columns read from the order log; others are ignored.
TRADES_IN: _Schema = {
    "trade_id": pl.String,
    "user_id": pl.String,
    "signal_id": pl.String,
    "approval_id": pl.String,
    "symbol": pl.String,
    "open_at": UTC_MS,
    "close_at": UTC_MS,
    "amount": pl.Float64,
    "open_price": pl.Float64,
    "fees_quote": pl.Float64,
    "pnl_quote": pl.Float64,
    "exit_reason": pl.String,
    "mode": pl.String,  # paper | live
}
DECISIONS_IN: _Schema = {
    "signal_id": pl.String,
    "symbol": pl.String,
    "bar_time": UTC_MS,
    "created_at": UTC_MS,
    "score": pl.Float64,
}
# One row per market decision and source. Feature columns `f_*` follow, null where none was written.
POOL: _Schema = {
    "signal_id": pl.String,
    "approval_id": pl.String,
    "symbol": pl.String,
    "bar_time": UTC_MS,  # open of the closed bar that the decision stands on
    "decided_at": UTC_MS,
    "opened_at": UTC_MS,  # first entry of any user
    "closed_at": UTC_MS,  # last exit of any user: the outcome is known from here on
    "source": pl.String,  # paper | live | candles
    "score": pl.Float64,
    "users": pl.Int64,
    "trades": pl.Int64,
    "cost_quote": pl.Float64,  # paid for all entries
    "pnl_quote": pl.Float64,
    "net_return": pl.Float64,  # pnl over cost: the mean of all users, weighted by what they paid
    "fee_ratio": pl.Float64,  # fees over cost, both sides
    "open_price": pl.Float64,  # mean, weighted by amount
    "entry_slippage": pl.Float64,  # mean price paid over the best price any user paid - 1
    "exit_reason": pl.String,  # the most frequent; ties by name
}


def build_pool(
    closed_trades: pl.DataFrame, decisions: pl.DataFrame, open_trades: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return the pool: **one row per market decision and source**, oldest decision first.

    Parameters
    ----------
    closed_trades : DataFrame
        Finished round trips, columns of `TRADES_IN`. Those without a known decision or that cost
        nothing are left out (see `orphans`).
    decisions : DataFrame
        Columns of `DECISIONS_IN` and features: either columns `f_*` or one JSON object per row in
        `features`. Decisions on the same symbol and bar are one; the first written counts.
    open_trades : DataFrame, optional
        `signal_id` of round trips that still hold something: as long as anybody does, the decision has no
        outcome yet and no row.

    Returns
    -------
    DataFrame
        Columns of `POOL` and `f_*`; empty when nothing was closed yet.

    Raises
    ------
    BadInput
        If a column is missing or a feature is not a number.
    """
    known = _first_decisions(decisions)
    names = _aliases(decisions)
    trades = conform(closed_trades, TRADES_IN).join(names, on="signal_id", how="inner")
    if open_trades is not None:
        held = open_trades.select("signal_id").join(names, on="signal_id", how="inner")
        trades = trades.join(held.select("first_id"), on="first_id", how="anti")
    cost = pl.col("amount") * pl.col("open_price")
    traded = (
        trades.with_columns(cost.alias("cost"), pl.col("first_id").alias("signal_id"))
        .filter(pl.col("cost") > 0)
        .group_by("signal_id", pl.col("mode").alias("source"))
        .agg(
            pl.col("approval_id").sort().first(),
            pl.col("open_at").min().alias("opened_at"),
            pl.col("close_at").max().alias("closed_at"),
            pl.col("user_id").n_unique().alias("users"),
            pl.len().alias("trades"),
            pl.col("cost").sum().alias("cost_quote"),
            pl.col("pnl_quote").sum(),
            (pl.col("fees_quote").sum() / pl.col("cost").sum()).alias("fee_ratio"),
            (pl.col("cost").sum() / pl.col("amount").sum()).alias("open_price"),
            pl.col("open_price").min().alias("best"),
            pl.col("exit_reason").mode().sort().first(),
        )
        .with_columns(
            (pl.col("pnl_quote") / pl.col("cost_quote")).alias("net_return"),
            (pl.col("open_price") / pl.col("best") - 1).alias("entry_slippage"),
        )
    )
    pool = traded.join(known, on="signal_id", how="inner").sort("decided_at", "signal_id", "source")
    features = [pl.col(name) for name in sorted(pool.columns) if name.startswith("f_")]
    return pool.select(*(pl.col(name).cast(dtype) for name, dtype in POOL.items()), *features)


def orphans(closed_trades: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Return the closed trades that no decision explains: they teach nothing and should not exist."""
    # Positions taken over from elsewhere, or found after a restore, rest on no decision of ours.
    ours = conform(closed_trades, TRADES_IN).filter(~pl.col("signal_id").is_in(["import", "restored"]))
    return ours.join(decisions.select("signal_id"), on="signal_id", how="anti")


def _ordered(decisions: pl.DataFrame) -> pl.DataFrame:
    # Nulls last: a decision without features must not hide one of the same bar that has them.
    return decisions.sort("created_at", "signal_id")


def _first_decisions(decisions: pl.DataFrame) -> pl.DataFrame:
    """Return one row per symbol and bar, as first written, with features as columns."""
    rows = _ordered(decisions).unique(["symbol", "bar_time"], keep="first", maintain_order=True)
    base = conform(rows, DECISIONS_IN).rename({"created_at": "decided_at"})
    return pl.concat([base, _features(rows)], how="horizontal")


def _aliases(decisions: pl.DataFrame) -> pl.DataFrame:
    """Return `signal_id` -> `first_id`, the decision on the same symbol and bar that was written first."""
    first = pl.col("signal_id").first().over("symbol", "bar_time")
    return _ordered(decisions).select("signal_id", first.alias("first_id")).unique("signal_id", keep="first")


def _features(rows: pl.DataFrame) -> pl.DataFrame:
    columns = [name for name in rows.columns if name.startswith("f_")]
    if columns or "features" not in rows.columns:
        return rows.select(pl.col(name).cast(pl.Float64) for name in sorted(columns))
    parsed = [json.loads(text) if text else {} for text in rows["features"].to_list()]
    names = sorted({name for row in parsed for name in row if name.startswith("f_")})
    return pl.DataFrame(
        {name: [_number(row, name) for row in parsed] for name in names},
        schema_overrides=dict.fromkeys(names, pl.Float64),
    )


def _number(row: dict[str, object], name: str) -> float | None:
    value = row.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise BadInput(f"feature {name} must be a number or null, was {value!r}")
    return None if value is None else float(value)
