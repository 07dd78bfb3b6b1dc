"""Labels from candles: what each entry the rules wanted would have earned, whoever traded it or not.

They correct the pool's bias (it only holds what was traded) and are marked ``candles``, so that a
training set can weigh them less.
"""

import numpy as np
import polars as pl

from trading.backtest.block import candle_block
from trading.backtest.costs import CostModel, symbol_costs
from trading.backtest.engine import BacktestRules, outcomes
from trading.market.frames import UTC_MS
from trading.risk.exits import ExitRules


def candle_labels(
    candles: pl.DataFrame,
    signals: pl.DataFrame,
    markets: pl.DataFrame,
    exits: ExitRules | None = None,
    costs: CostModel | None = None,
    *,
    tickers: pl.DataFrame | None = None,
    bar_ms: int | None = None,
) -> pl.DataFrame:
    """Return one row per candidate whose outcome the candles already show, in the pool's columns.

    Parameters
    ----------
    candles, markets, exits, costs, tickers, bar_ms
        As for `run_backtest`; the same fills and costs.
    signals : DataFrame
        Columns of `generate.SIGNALS` and `lineage_id`; rows with `is_candidate`, vetoed ones included.

    Returns
    -------
    DataFrame
        `signal_id`, `symbol`, `bar_time`, `decided_at`, `closed_at`, `source` ("candles"), `score`,
        `net_return`, `fee_ratio` (round trip, spread and slippage included) and all `f_*` columns.
    """
    exits, costs = exits or ExitRules(), costs or CostModel()
    wanted = signals.filter("is_candidate").with_columns(pl.col("open_time").cast(UTC_MS))
    if candles.is_empty() or wanted.is_empty():
        return _labelled(wanted.with_columns(_none("net_return"), _none("fee_ratio"), _no_time()).clear(), 0)
    block = candle_block(candles, bar_ms, markets)
    table = symbol_costs(block.symbols, markets, costs, tickers)
    everywhere = np.ones(len(block.candles), np.bool_)
    # Exit signals stay out: a candle label must not depend on rules that change between versions.
    found = outcomes(block, everywhere, np.zeros_like(everywhere), table, exits, BacktestRules(), costs)
    ended = found.exit_row >= 0
    close_ms = block.bars.open_ms[np.maximum(found.exit_row, 0)] + block.bar_ms
    per_symbol = 2 * (table["taker_fee"] + table["half_spread"] + table["slippage"])
    labels = block.candles.select("symbol", pl.col("open_time").cast(UTC_MS)).with_columns(
        pl.Series("net_return", found.net_return),
        pl.Series("closed_at", close_ms).cast(UTC_MS),
        pl.Series("fee_ratio", np.repeat(per_symbol.to_numpy(), np.diff(block.bars.offsets))),
    )
    rows = wanted.join(labels.filter(pl.Series(ended)), on=["symbol", "open_time"], how="inner")
    return _labelled(rows, block.bar_ms)


def _labelled(rows: pl.DataFrame, bar_ms: int) -> pl.DataFrame:
    features = [name for name in rows.columns if name.startswith("f_")]
    return rows.select(
        pl.col("lineage_id").alias("signal_id"),
        "symbol",
        pl.col("open_time").alias("bar_time"),
        (pl.col("open_time") + pl.duration(milliseconds=bar_ms)).cast(UTC_MS).alias("decided_at"),
        "closed_at",
        pl.lit("candles").alias("source"),
        "score",
        "net_return",
        "fee_ratio",
        *features,
    ).sort("decided_at", "signal_id")


def _none(name: str) -> pl.Expr:
    return pl.lit(None, pl.Float64).alias(name)


def _no_time() -> pl.Expr:
    return pl.lit(None, UTC_MS).alias("closed_at")
