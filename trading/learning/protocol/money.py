"""What taking some of the decisions would have earned: capital in stakes, day by day, costs paid.

The capital is `slots` equal stakes a day, first come: when they are gone the day's later decisions are
missed, however good. Nobody knows in the morning how many will come. Earnings are booked on the day of the
decision, so that a day is one observation.
"""

import math

import numpy as np
from numpy.typing import NDArray

from trading.backtest.figures import ratios
from trading.backtest.validation.bootstrap import sharpe_interval
from trading.learning.dataset import Floats, Ints
from trading.learning.scoring import Predictions

Bools = NDArray[np.bool_]
_YEAR = 365


def calendar(predictions: Predictions) -> Ints:
    """Return every UTC day from the first tested decision to the last, days without one among them."""
    return np.arange(int(predictions.day.min()), int(predictions.day.max()) + 1)


def filled(predictions: Predictions, taken: Bools, slots: int) -> Bools:
    """Return which of the decisions taken get one of the day's `slots` stakes; rows are in order of time."""
    rows = np.flatnonzero(taken)
    day = predictions.day[rows]
    starts = np.flatnonzero(np.diff(day, prepend=day[:1] - 1))
    number = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    out = np.zeros(len(taken), np.bool_)
    out[rows[number < slots]] = True
    return out


def daily(predictions: Predictions, taken: Bools, slots: int, multiple: float = 1.0) -> Floats:
    """Return the capital's net return per day of `calendar`, shape (n_days,).

    `multiple` is the cost in units of the assumed one: 0 gives it back, 2 takes it twice.
    """
    net = predictions.net_return - (multiple - 1) * predictions.cost
    return _by_day(predictions, np.where(filled(predictions, taken, slots), net, 0.0)) / slots


def excess(predictions: Predictions, taken: Bools, slots: int) -> Floats:
    """Return the daily net return over what the fold's mean decision would have earned in the same stakes.

    Zero on average for any choice that knows nothing about outcomes.
    """
    mean = fold_means(predictions)
    net = np.where(filled(predictions, taken, slots), predictions.net_return - mean, 0.0)
    return _by_day(predictions, net) / slots


def fold_means(predictions: Predictions) -> Floats:
    """Return, for each row, the mean net return of all decisions of its fold."""
    count = np.bincount(predictions.fold)
    total = np.bincount(predictions.fold, predictions.net_return)
    means: Floats = (total / np.maximum(count, 1))[predictions.fold]
    return means


def fold_returns(predictions: Predictions, series: Floats) -> Floats:
    """Return the compounded return of a daily series in each fold that was tested, oldest first."""
    days = calendar(predictions)
    out = []
    for fold in np.unique(predictions.fold):
        own = predictions.day[predictions.fold == fold]
        inside = (days >= own.min()) & (days <= own.max())
        out.append(float(np.prod(1 + series[inside]) - 1))
    return np.array(out, np.float64)


def fold_taken(predictions: Predictions, taken: Bools) -> Ints:
    """Return how many decisions were taken in each fold that was tested, oldest first."""
    return np.array([int(taken[predictions.fold == fold].sum()) for fold in np.unique(predictions.fold)])


def figures(
    predictions: Predictions, taken: Bools, slots: int, draws: int, rng: np.random.Generator
) -> dict[str, float | None]:
    """Return every money figure of 7.2, net of cost; None where one has no meaning (no trade, no loss)."""
    series = daily(predictions, taken, slots)
    done = filled(predictions, taken, slots)
    net, cost = predictions.net_return[done], predictions.cost[done]
    shares = _by_day(predictions, done.astype(np.float64)) / slots
    gross = float((net + cost).sum())
    folds = fold_returns(predictions, series)
    found = {
        "total_return": float(np.prod(1 + series) - 1),
        "annual_return": ratios.cagr(1.0, float(np.prod(1 + series)), len(series)),
        "sharpe": ratios.sharpe(series),
        "sortino": ratios.sortino(series),
        "max_drawdown": ratios.max_drawdown(series),
        "turnover_a_day": 2 * float(shares.mean()),
        "cost_share": float(cost.sum()) / gross if gross > 0 else math.nan,
        "hit_rate": float(np.mean(net > 0)) if len(net) else math.nan,
        "profit_factor": ratios.profit_factor(net),
        "exposure": float(shares.mean()),
        "trades": float(done.sum()),
        "missed": float(taken.sum() - done.sum()),
        "coverage": float(taken.mean()),
        "mean_return": float(net.mean()) if len(net) else math.nan,
        "worst_fold": float(folds.min()),
        "median_fold": float(np.median(folds)),
        "tested_days": float(len(series)),
    }
    low, high = _sharpe_bounds(series, draws, rng)
    return told(found | {"sharpe_low": low, "sharpe_high": high})


def told(found: dict[str, float]) -> dict[str, float | None]:
    """Return the figures with None for what is not a finite number."""
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def _sharpe_bounds(series: Floats, draws: int, rng: np.random.Generator) -> tuple[float, float]:
    if len(series) < 2 or float(series.std()) <= 1e-15:
        return math.nan, math.nan
    found = sharpe_interval(series, draws, rng)
    return found.low * math.sqrt(_YEAR), found.high * math.sqrt(_YEAR)


def _by_day(predictions: Predictions, values: Floats) -> Floats:
    first = int(predictions.day.min())
    sums: Floats = np.bincount(
        predictions.day - first, values, int(predictions.day.max()) - first + 1
    ).astype(np.float64)
    return sums
