"""What anybody could have had: a report's trades beside buying and holding, and beside entries at random."""

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from interfaces.reports.report import BacktestReport

_DRAWS = 500


def baselines(report: "BacktestReport") -> list[dict[str, Any]]:
    """Return the rows of buying and holding and of random entries; empty without candles or trades.

    Buying and holding: one stake in each symbol of the candles, from the first bar to the last. Random
    entries are held as long as the trades were, set by set and symbol by symbol; the sets' means over all
    symbols are taken as normal, symbols as independent.
    """
    from trading.backtest.validation.baselines import buy_and_hold, random_entries

    if report.candles is None or report.closed.is_empty():
        return []
    held = buy_and_hold(report.candles, cost=report.cost)
    rows = [
        _says("buy and hold", held["total_return"].mean(), "a stake in each symbol, first bar to last, net"),
        _says("held drawdown", held["max_drawdown"].mean(), "mean of the symbols' deepest falls meanwhile"),
    ]
    drawn = random_entries(report.rated, report.candles, cost=report.cost, draws=_DRAWS, min_trades=1)
    if drawn.is_empty():
        return rows
    n = pl.col("trades")
    mine, theirs, spread = drawn.select(
        ((n * pl.col("mean_return")).sum() / n.sum()).alias("mine"),
        ((n * pl.col("random_mean")).sum() / n.sum()).alias("theirs"),
        ((n * pl.col("random_sd")).pow(2).sum().sqrt() / n.sum()).alias("spread"),
    ).row(0)
    below = NormalDist(theirs, spread).cdf(mine) if spread > 0 else None
    return [
        *rows,
        _says("mean trade", mine, "what was earned, net"),
        _says("random entries", theirs, "entries at random, held as long, net"),
        _says("better than random", below, "share of random sets that did worse"),
    ]


def _says(question: str, value: Any, meaning: str) -> dict[str, Any]:
    return {"question": question, "value": value, "unit": "ratio", "meaning": meaning}
