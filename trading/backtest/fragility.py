"""How much of a result hangs on the fill rules: the same strategy under freqtrade's and under ours."""

from typing import Any

import polars as pl

ALL = "all"
FRAGILITY: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "trades_freqtrade": pl.Int64,
    "trades_default": pl.Int64,
    "mean_freqtrade": pl.Float64,
    "mean_default": pl.Float64,
    "gap": pl.Float64,
}


def figures(trades: pl.DataFrame) -> dict[str, Any]:
    """Return the plain figures of a run's trades; profits per trade as fractions, money in quote units.

    `profit_quote` counts closed and open trades at their value; means are null without trades.
    """
    paid = pl.col("amount") * pl.col("open_rate")
    row = trades.select(
        trades=pl.len(),
        symbols=pl.col("symbol").n_unique(),
        wins=(pl.col("profit_ratio") > 0).sum(),
        mean_profit=pl.col("profit_ratio").mean(),
        median_profit=pl.col("profit_ratio").median(),
        profit_quote=(paid * pl.col("profit_ratio")).sum(),
        worst=pl.col("profit_ratio").min(),
        best=pl.col("profit_ratio").max(),
        still_open=pl.col("is_open").sum(),
    )
    return row.row(0, named=True)


def reasons(trades: pl.DataFrame) -> pl.DataFrame:
    """Return one row per exit reason: how many trades, how many wins, their mean profit."""
    return (
        trades.group_by("exit_reason")
        .agg(
            trades=pl.len(),
            wins=(pl.col("profit_ratio") > 0).sum(),
            mean_profit=pl.col("profit_ratio").mean(),
        )
        .sort("trades", "exit_reason", descending=[True, False])
    )


def fragility(freqtrade: pl.DataFrame, default: pl.DataFrame) -> pl.DataFrame:
    """Return per symbol what freqtrade's fill rules add to a trade's mean profit; first row: all symbols.

    Parameters
    ----------
    freqtrade, default : DataFrame
        Trades (`trading.backtest.trade_frame.REPLAY_TRADES`) of one strategy under both rules.

    Returns
    -------
    DataFrame
        Columns of `FRAGILITY`, sorted by symbol. `gap` = mean freqtrade - mean default, a fraction; null
        where a side has no trade. Empty when there are no trades at all.
    """
    sides = []
    for name, trades in (("freqtrade", freqtrade), ("default", default)):
        wanted = [
            pl.len().cast(pl.Int64).alias(f"trades_{name}"),
            pl.col("profit_ratio").mean().alias(f"mean_{name}"),
        ]
        whole = trades.select(pl.lit(ALL).alias("symbol"), *wanted)
        sides.append(pl.concat([whole, trades.group_by("symbol").agg(wanted).sort("symbol")]))
    if freqtrade.is_empty() and default.is_empty():
        return pl.DataFrame(schema=FRAGILITY)
    both = sides[0].join(sides[1], on="symbol", how="full", coalesce=True)
    counts = [pl.col(name).fill_null(0) for name in ("trades_freqtrade", "trades_default")]
    both = both.with_columns(*counts, gap=pl.col("mean_freqtrade") - pl.col("mean_default"))
    return both.sort(pl.col("symbol") != ALL, "symbol").select(
        pl.col(name).cast(kind) for name, kind in FRAGILITY.items()
    )
