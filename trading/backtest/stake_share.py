"""Trades that take part of the stake: what a policy's size makes of them, in parts of the whole stake.

Bars, prices and exits are those of the whole stake: only how much is at risk differs. Impact is not made
smaller, which is to the policy's disadvantage.
"""

import numpy as np
import polars as pl

from trading.backtest.walk import Floats

_SIZE = "policy_size"
_UTC_MS = pl.Datetime("ms", "UTC")
# Returns of a trade, and what was bought: all in proportion to the stake.
_SCALED = ("amount", "profit_ratio", "profit_ratio_2x_costs", "market_excess")


def shares(trades: pl.DataFrame, signals: pl.DataFrame) -> Floats:
    """Return which part of the stake each trade takes, in [0, 1]; 1 where no policy said it.

    Parameters
    ----------
    trades : DataFrame
        `symbol`, `signal_time`.
    signals : DataFrame
        `symbol`, `open_time`, and `policy_size` where there are sizes.
    """
    if _SIZE not in signals.columns:
        return np.ones(len(trades))
    said = signals.select(
        "symbol", pl.col("open_time").cast(_UTC_MS).alias("signal_time"), pl.col(_SIZE).cast(pl.Float64)
    ).unique(["symbol", "signal_time"], keep="first")
    joined = trades.select("symbol", "signal_time").join(
        said, on=["symbol", "signal_time"], how="left", maintain_order="left"
    )
    found: Floats = joined[_SIZE].fill_null(1.0).clip(0.0, 1.0).to_numpy().copy()
    return found


def sized(trades: pl.DataFrame, share: Floats) -> pl.DataFrame:
    """Return `trades` with returns in parts of the whole stake."""
    if (share == 1).all():
        return trades
    return trades.with_columns(pl.col(_SCALED) * pl.Series(share))
