"""What anybody could have had: a report's trades beside buying and holding, and beside entries at random."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from interfaces.reports.report import BacktestReport

_DRAWS = 500


def baselines(report: "BacktestReport") -> list[dict[str, Any]]:
    """Return the rows of buying and holding and of random entries; empty without candles or trades.

    Buying and holding: one stake in each symbol of the candles, from the first bar to the last. Random
    entries are held as long as the trades were, set by set and symbol by symbol; the sets' means over all
    symbols are taken as normal, symbols as independent.
    """
    from trading.backtest.validation.baselines import buy_and_hold, pooled_random, random_entries

    if report.candles is None or report.closed.is_empty():
        return []
    held = buy_and_hold(report.candles, cost=report.cost)
    rows = [
        _says("buy and hold", held["total_return"].mean(), "a stake in each symbol, first bar to last, net"),
        _says("held drawdown", held["max_drawdown"].mean(), "mean of the symbols' deepest falls meanwhile"),
    ]
    drawn = random_entries(report.rated, report.candles, cost=report.cost, draws=_DRAWS, min_trades=1)
    found = pooled_random(drawn)
    if found is None:
        return rows
    return [
        *rows,
        _says("mean trade", found.mean, "what was earned, net"),
        _says("random entries", found.random_mean, "entries at random, held as long, net"),
        _says("better than random", found.below, "share of random sets that did worse"),
    ]


def _says(question: str, value: Any, meaning: str) -> dict[str, Any]:
    return {"question": question, "value": value, "unit": "ratio", "meaning": meaning}
