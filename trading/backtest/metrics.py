"""One row of figures per symbol, from its closed trades, its equity curve and random entries."""

import math

import numpy as np
import polars as pl

from trading.backtest.block import Block
from trading.backtest.kernel import curve_kernel, equity_kernel
from trading.backtest.statistics import random_entry_p_value, random_entry_percentile
from trading.backtest.walk import Floats, Ints
from trading.market.lineage import digest

DAYS_PER_YEAR = 365  # the market never closes

# Ratios are fractions (0.02 = 2 %); null = undefined (no closed trade, no losing trade, no deviation).
METRICS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "bars": pl.Int64,
    "first_bar": pl.Datetime("ms", "UTC"),
    "last_bar": pl.Datetime("ms", "UTC"),
    "trades": pl.Int64,  # closed ones; all figures below stand on them
    "open_trades": pl.Int64,
    "distinct_days": pl.Int64,  # UTC days on which a closed trade was entered
    "win_rate": pl.Float64,
    "total_return": pl.Float64,  # the whole stake again in every trade, closed trades only
    "total_return_2x_costs": pl.Float64,
    "mean_return": pl.Float64,
    "sd_return": pl.Float64,
    "t_stat": pl.Float64,
    "p_value": pl.Float64,  # one-sided, against random entries: statistics.random_entry_p_value
    "profit_factor": pl.Float64,  # null without a losing trade
    "expectancy": pl.Float64,  # mean win × win rate - mean loss × loss rate, per unit of mean loss
    "max_drawdown": pl.Float64,  # of equity at closes, open trade included
    "sharpe": pl.Float64,  # daily, annualised over 365 days
    "sortino": pl.Float64,
    "exposure": pl.Float64,  # bars held / bars; a trade inside one bar counts as one
    "avg_hold_bars": pl.Float64,
    "buy_and_hold": pl.Float64,  # net of the same costs, once in and out
    "market_excess": pl.Float64,  # mean of trade return - equal-weight market over the same bars
    "any_entry_mean": pl.Float64,  # an entry at every bar, same exits and costs
    "any_entry_sd": pl.Float64,
    "random_percentile": pl.Float64,  # in [0, 1]
    "ambiguous_bars": pl.Int64,  # closed trades whose last bar touched stop and target: taken as stops
    "resolved_bars": pl.Int64,  # the same, but finer bars told which came first
    "total_return_freqtrade": pl.Float64,  # same signals and costs under freqtrade's fill rules
    "fragility": pl.Float64,  # of it and total_return, how much more; null without a trade, or not measured
}
_PEER = ("total_return_freqtrade", "fragility")


def equity_curve(block: Block, rows: Ints, prices: Floats, fee: Floats, share: Floats) -> Floats:
    """Return equity per candle row, 1.0 at each symbol's start: cash plus amount held × close.

    `share`: part of the cash that each trade takes.
    """
    out = np.ones(len(block.candles))
    bars = block.bars
    opened, closed = np.ascontiguousarray(prices[:, 0]), np.ascontiguousarray(prices[:, 1])
    equity_kernel(bars.offsets, bars.close, rows, opened, closed, fee, share, out)
    return out


def symbol_metrics(
    block: Block,
    trades: pl.DataFrame,
    equity: Floats,
    any_entry: Floats,
    costs: pl.DataFrame,
    *,
    seed: int,
    draws: int,
) -> pl.DataFrame:
    """Return one row per symbol of `block`, in its order, with the columns of `METRICS`.

    Those of freqtrade's fills are null until `with_fragility` adds them.

    Parameters
    ----------
    block : Block
        The candles.
    trades : DataFrame
        Trades of the run, open ones included.
    equity : array of shape (n_rows,)
        From `equity_curve`.
    any_entry : array of shape (n_rows,)
        Net return of an entry after each bar; NaN where it could not be entered or never ended.
    costs : DataFrame
        One row per symbol in block order.
    seed, draws : int
        Random entries: seeded per symbol, so a symbol's figure does not depend on the others.
    """
    base = _bars_frame(block, equity, costs)
    closed = trades.filter(~pl.col("is_open"))
    frame = base.join(_trade_figures(closed), on="symbol", how="left", maintain_order="left")
    opened = trades.filter("is_open").group_by("symbol").agg(pl.len().cast(pl.Int64).alias("open_trades"))
    exposed = trades.group_by("symbol").agg(pl.col("bars_held").clip(1, None).sum().alias("bars_in"))
    frame = frame.join(opened, on="symbol", how="left", maintain_order="left")
    frame = frame.join(exposed, on="symbol", how="left", maintain_order="left")
    tests = _tests(block, closed, any_entry, seed, draws)
    frame = frame.join(tests, on="symbol", how="left", maintain_order="left").with_columns(
        pl.col("trades", "open_trades", "distinct_days", "ambiguous_bars", "resolved_bars").fill_null(0),
        *(pl.lit(None, pl.Float64).alias(name) for name in _PEER),
        (pl.col("bars_in").fill_null(0) / pl.col("bars")).clip(0.0, 1.0).alias("exposure"),
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in METRICS.items())


def with_fragility(
    metrics: pl.DataFrame, symbols: pl.Series, peer: tuple[Ints, Floats] | None
) -> pl.DataFrame:
    """Add what freqtrade's fill rules make of the same signals, and the difference (freqtrade - ours).

    `peer` holds place in `symbols` and net return of each of its closed trades; None = not measured.
    """
    if peer is None:
        return metrics
    total = (
        pl.DataFrame({"symbol": symbols.gather(peer[0]), "r": peer[1]})
        .group_by("symbol")
        .agg(((1 + pl.col("r")).product() - 1).alias(_PEER[0]))
    )
    joined = metrics.drop(_PEER).join(total, on="symbol", how="left", maintain_order="left")
    ours, theirs = pl.col("total_return"), pl.col(_PEER[0])
    has_trade = ours.is_not_null() | theirs.is_not_null()
    gap = pl.when(has_trade).then(theirs.fill_null(0.0) - ours.fill_null(0.0)).alias(_PEER[1])
    return joined.with_columns(gap).select(metrics.columns)


def _trade_figures(closed: pl.DataFrame) -> pl.DataFrame:
    r = pl.col("profit_ratio")
    gains, losses = r.filter(r > 0), r.filter(r <= 0)
    n = pl.len()
    loss_share = (r <= 0).mean()
    return closed.group_by("symbol").agg(
        n.cast(pl.Int64).alias("trades"),
        pl.col("open_time").dt.date().n_unique().cast(pl.Int64).alias("distinct_days"),
        (r > 0).mean().alias("win_rate"),
        ((1 + r).product() - 1).alias("total_return"),
        ((1 + pl.col("profit_ratio_2x_costs")).product() - 1).alias("total_return_2x_costs"),
        r.mean().alias("mean_return"),
        r.std().alias("sd_return"),
        pl.when((n > 1) & (r.std() > 0)).then(r.mean() / (r.std() / n.sqrt())).alias("t_stat"),
        pl.when(losses.sum() < 0).then(gains.sum() / -losses.sum()).alias("profit_factor"),
        pl.when(losses.sum() < 0)
        .then(((r > 0).mean() * gains.mean().fill_null(0.0) + loss_share * losses.mean()) / -losses.mean())
        .alias("expectancy"),
        pl.col("bars_held").mean().alias("avg_hold_bars"),
        pl.col("market_excess").mean().alias("market_excess"),
        pl.col("is_ambiguous").sum().cast(pl.Int64).alias("ambiguous_bars"),
        pl.col("is_resolved").sum().cast(pl.Int64).alias("resolved_bars"),
    )


def _bars_frame(block: Block, equity: Floats, costs: pl.DataFrame) -> pl.DataFrame:
    bars = block.bars
    first, last = bars.offsets[:-1], bars.offsets[1:] - 1
    curve = np.zeros((len(first), 5))
    curve_kernel(bars.offsets, bars.open_ms, equity, curve)
    drawdown, days, mean, deviation, downside = curve.T
    scale = math.sqrt(DAYS_PER_YEAR)
    price_cost = (costs["half_spread"] + costs["slippage"]).to_numpy()
    fee = costs["taker_fee"].to_numpy()
    paid = bars.open[first] * (1 + price_cost) * (1 + fee)
    got = bars.close[last] * (1 - price_cost) * (1 - fee)
    with np.errstate(divide="ignore", invalid="ignore"):
        sharpe = np.where((days > 1) & (deviation > 0), mean / deviation * scale, np.nan)
        sortino = np.where((days > 1) & (downside > 0), mean / downside * scale, np.nan)
    times = block.candles["open_time"]
    return pl.DataFrame(
        {
            "symbol": block.symbols,
            "bars": (last - first + 1).astype(np.int64),
            "first_bar": times.gather(first),
            "last_bar": times.gather(last),
            "max_drawdown": drawdown,
            "sharpe": sharpe,
            "sortino": sortino,
            "buy_and_hold": got / paid - 1,
        }
    ).with_columns(pl.col("sharpe", "sortino").fill_nan(None))


def _tests(block: Block, closed: pl.DataFrame, any_entry: Floats, seed: int, draws: int) -> pl.DataFrame:
    returns = {
        key[0]: group["profit_ratio"].to_numpy()
        for key, group in closed.partition_by("symbol", as_dict=True).items()
    }
    none = np.zeros(0)
    records = []
    for k, symbol in enumerate(block.symbols):
        outcomes = any_entry[block.bars.offsets[k] : block.bars.offsets[k + 1]]
        outcomes = outcomes[~np.isnan(outcomes)]
        mine = returns.get(symbol, none)
        records.append(_test(symbol, mine, outcomes, seed, draws))
    schema = {
        name: METRICS[name]
        for name in ("symbol", "p_value", "any_entry_mean", "any_entry_sd", "random_percentile")
    }
    return pl.DataFrame(records, schema=schema, orient="row").with_columns(
        pl.col("any_entry_mean", "any_entry_sd", "random_percentile").fill_nan(None)
    )


def _test(
    symbol: str, returns: Floats, outcomes: Floats, seed: int, draws: int
) -> tuple[str, float | None, float, float, float]:
    mean = float(outcomes.mean()) if len(outcomes) else float("nan")
    spread = float(outcomes.std(ddof=1)) if len(outcomes) > 1 else float("nan")
    if len(returns) == 0:
        return symbol, None, mean, spread, float("nan")
    rng = np.random.default_rng([seed, int(digest(symbol), 16)])
    earned, n = float(returns.mean()), len(returns)
    percentile = random_entry_percentile(earned, n, outcomes, draws, rng)
    return symbol, random_entry_p_value(earned, n, outcomes, draws, rng), mean, spread, percentile
