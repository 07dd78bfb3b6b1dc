"""Trades that take part of the stake: what a policy's size makes of them, in parts of the whole stake.

Bars and exits are those of the whole stake; how much is at risk differs, and the entry's price, since a
smaller order moves the market by less. Sales pay the impact of the whole: a target is a limit order that
pays none.
"""

import numpy as np
import polars as pl

from trading.backtest.costs import CostModel
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


def sized(trades: pl.DataFrame, share: Floats, table: pl.DataFrame, model: CostModel) -> pl.DataFrame:
    """Return `trades` with the impact of what they bought, and returns in parts of the whole stake.

    Impact grows with the root of the stake: bought at (1 + c - i (1 - √share)) instead of 1 + c, where c are
    spread and slippage of the whole stake and i the impact in it.

    Parameters
    ----------
    trades : DataFrame
        `symbol`, `open_price`, `amount` and returns, of whole stakes.
    share : array, shape (n,)
        As `shares` returns it.
    table : DataFrame of `costs.COSTS`
        What the whole stake pays on each symbol.
    model : CostModel
        By which that was estimated.
    """
    if (share == 1).all():
        return trades
    costs = trades.select("symbol").join(table, on="symbol", how="left", maintain_order="left")
    cost = (costs["half_spread"] + costs["slippage"]).to_numpy()
    saved = (costs["slippage"].to_numpy() - model.base_slippage).clip(0.0) * (1 - np.sqrt(share))
    better, doubled = 1 - saved / (1 + cost), 1 - 2 * saved / (1 + 2 * cost)
    gained = (1 + trades["profit_ratio"].to_numpy()) * (1 / better - 1)
    return trades.with_columns(
        pl.col("open_price") * pl.Series(better),
        pl.col("amount") / pl.Series(better),
        pl.col("profit_ratio", "market_excess") + pl.Series(gained),
        (pl.col("profit_ratio_2x_costs") + 1) / pl.Series(doubled) - 1,
    ).with_columns(pl.col(_SCALED) * pl.Series(share))
