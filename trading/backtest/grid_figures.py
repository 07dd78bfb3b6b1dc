"""Figures of many configurations from running sums: no trade has to be kept for them."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from trading.backtest.grid_sums import COLUMNS, DAY_MS, GAINS, LOSSES, SQUARES, TOTAL, TRADES, WINS
from trading.backtest.walk import Floats

# Net returns are fractions of what was paid, a trade still open counts at its last value. Null = undefined
# (no trade, no loss, no deviation). A day without a trade's end is a 0 of the daily result.
GRID_FIGURES: dict[str, pl.DataType | type[pl.DataType]] = {
    "configuration": pl.Int64,  # place in the list that was given
    "trades": pl.Int64,
    "mean_return": pl.Float64,
    "total_return": pl.Float64,  # sum over trades, each one stake
    "win_share": pl.Float64,
    "profit_factor": pl.Float64,
    "sharpe_trade": pl.Float64,  # mean / deviation of trades, not annualised
    "sharpe_day": pl.Float64,  # of the daily result, not annualised
    "max_drawdown": pl.Float64,  # deepest fall of the running daily result, in stakes, >= 0
}
SYMBOL_FIGURES: dict[str, pl.DataType | type[pl.DataType]] = {
    "configuration": pl.Int64,
    "symbol": pl.String,
    **{name: kind for name, kind in GRID_FIGURES.items() if name in ("trades", "mean_return", "total_return",
       "win_share", "profit_factor", "sharpe_trade")},
}  # fmt: skip


class Sums(NamedTuple):
    """Running sums: `total` (configurations, 6), `daily` (configurations, days).

    `own` is (configurations, symbols, 6), or has no symbols where nobody asked.
    """

    total: Floats
    daily: Floats
    own: Floats


def empty_sums(configurations: int, days: int, symbols: int) -> Sums:
    """Return sums of nothing."""
    return Sums(
        np.zeros((configurations, COLUMNS)),
        np.zeros((configurations, days)),
        np.zeros((configurations, symbols, COLUMNS)),
    )


def add_trades(sums: Sums, place: int, trades: pl.DataFrame, symbols: list[str], first_day: int) -> None:
    """Add the trades of configuration `place` (`trade_frame.REPLAY_TRADES`)."""
    net = trades["profit_ratio"].to_numpy()
    day = trades["close_ts"].dt.epoch("ms").to_numpy() // DAY_MS - first_day
    np.add.at(sums.daily[place], day, net)
    gains, losses = np.maximum(net, 0.0), np.maximum(-net, 0.0)
    parts = np.stack([np.ones(len(net)), net, net * net, net > 0, gains, losses], axis=1)
    sums.total[place] += parts.sum(axis=0)
    if sums.own.shape[1]:
        order = {symbol: k for k, symbol in enumerate(symbols)}
        owner = np.array([order[symbol] for symbol in trades["symbol"]], np.int64)
        np.add.at(sums.own[place], owner, parts)


def figures_frame(sums: Sums) -> pl.DataFrame:
    """Return `GRID_FIGURES` of all configurations."""
    daily = sums.daily
    equity = np.cumsum(daily, axis=1)
    top = np.maximum(np.maximum.accumulate(equity, axis=1), 0.0)
    spread = daily.std(axis=1, ddof=1) if daily.shape[1] > 1 else np.zeros(len(daily))
    named = {
        "configuration": np.arange(len(sums.total)),
        **_of_sums(sums.total),
        "sharpe_day": _ratio(daily.mean(axis=1), spread),
        "max_drawdown": (top - equity).max(axis=1),
    }
    return _frame(named, GRID_FIGURES)


def by_symbol_frame(sums: Sums, symbols: list[str]) -> pl.DataFrame:
    """Return `SYMBOL_FIGURES` of all configurations and symbols that traded."""
    place, owner = np.nonzero(sums.own[:, :, TRADES])
    named = {
        "configuration": place,
        "symbol": pl.Series(symbols, dtype=pl.String).gather(owner),
        **_of_sums(sums.own[place, owner]),
    }
    return _frame(named, SYMBOL_FIGURES)


def _of_sums(sums: Floats) -> dict[str, Any]:
    trades = sums[:, TRADES]
    mean = _ratio(sums[:, TOTAL], trades)
    above = np.maximum(sums[:, SQUARES] - trades * mean * mean, 0.0)
    deviation = np.sqrt(_ratio(above, trades - 1))
    # Sums of squares keep the rounding of their terms: equal trades have no deviation.
    deviation = np.where(above > 1e-12 * sums[:, SQUARES], deviation, 0.0)
    return {
        "trades": trades,
        "mean_return": mean,
        "total_return": sums[:, TOTAL],
        "win_share": _ratio(sums[:, WINS], trades),
        "profit_factor": _ratio(sums[:, GAINS], sums[:, LOSSES]),
        "sharpe_trade": _ratio(mean, deviation),
    }


def _ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below; NaN where below is not above 0."""
    is_good = below > 0
    out: Floats = np.where(is_good, above / np.where(is_good, below, 1.0), np.nan)
    return out


def _frame(named: dict[str, Any], schema: dict[str, pl.DataType | type[pl.DataType]]) -> pl.DataFrame:
    frame = pl.DataFrame({name: named[name] for name in schema})
    numbers = [name for name, kind in schema.items() if kind == pl.Float64]
    return frame.with_columns(pl.col(numbers).fill_nan(None)).cast(schema)  # type: ignore[arg-type]  # as Polars takes it
