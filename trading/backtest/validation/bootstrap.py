"""Resampling of returns in blocks: what is near in time stays together, so that its dependence is kept.

The stationary bootstrap of Politis & Romano (1994, JASA 89): blocks of random, geometrically distributed
length begin anywhere, the series is a circle.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trading.market.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the bounds between which the middle `level` of the resamplings lies."""

    value: float
    low: float
    high: float
    level: float


def block_length(returns: Floats) -> float:
    """Return the mean block length that suits the stationary bootstrap of the mean; at least 1.

    The rule of Politis & White (2004), with the correction of Patton, Politis & White (2009, Econometric
    Reviews 28): of white noise about 1, of a series that remembers longer more; at most min(3√n, n / 3).
    """
    n = len(returns)
    if n < 8:
        return 1.0
    off = returns - returns.mean()
    variance = float(off @ off) / n
    if variance <= 1e-30:
        return 1.0
    window = max(5, int(math.sqrt(math.log10(n))))
    most = min(n - 1, math.ceil(math.sqrt(n)) + window)
    covariance = np.array([float(off[: n - lag] @ off[lag:]) / n for lag in range(most + 1)])
    is_small = np.abs(covariance[1:] / variance) < 2 * math.sqrt(math.log10(n) / n)
    last = _last_lag(is_small, window)
    reach = min(2 * last, most)
    lags = np.arange(-reach, reach + 1)
    share = np.abs(lags) / max(reach, 1)
    taper = np.where(share <= 0.5, 1.0, 2 * (1 - share))
    values = covariance[np.abs(lags)]
    slope, level = float(np.sum(taper * np.abs(lags) * values)), float(np.sum(taper * values))
    if level <= 0:
        return 1.0
    length = (slope**2 / level**2 * n) ** (1 / 3)
    return float(min(max(1.0, length), 3 * math.sqrt(n), n / 3))


def _last_lag(is_small: NDArray[np.bool_], window: int) -> int:
    """Return the lag after which `window` autocorrelations in a row are small; else the last large one."""
    for lag in range(len(is_small) - window + 1):
        if is_small[lag : lag + window].all():
            return max(lag, 1)
    large = np.flatnonzero(~is_small)
    return int(large[-1]) + 1 if len(large) else 1


def resampled(
    returns: Floats, draws: int, rng: np.random.Generator, block: float | None = None
) -> tuple[Floats, Floats]:
    """Return mean and deviation (ddof 0) of `draws` resamplings of `returns`, each of the same length.

    Parameters
    ----------
    returns : array of shape (n,)
        Finite, at least 2.
    block : float, optional
        Mean block length, at least 1; `block_length` where not given.
    """
    _check(returns, draws, block)
    length = block_length(returns) if block is None else block
    values = np.ascontiguousarray(returns, np.float64)
    means, deviations = _resample(values, draws, 1 / length, rng)
    return means, deviations


def mean_p_value(returns: Floats, draws: int, rng: np.random.Generator, block: float | None = None) -> float:
    """Return the one-sided p-value of "the mean is at most 0", by resampling the studentised mean.

    (1 + resamplings whose centred t is at least ours) / (1 + draws). The t of each resampling is taken
    over its own deviation, which fat tails and few observations need (Hall 1992, ch. 3). 1.0 where the
    returns do not vary or are fewer than 2.
    """
    if len(returns) < 2 or float(returns.std()) <= 1e-15:
        return 1.0
    mean, deviation = resampled(returns, draws, rng, block)
    ours = float(returns.mean()) / float(returns.std())
    with np.errstate(divide="ignore", invalid="ignore"):
        theirs = np.where(deviation > 1e-15, (mean - returns.mean()) / deviation, 0.0)
    return float((1 + np.sum(theirs >= ours - 1e-12)) / (1 + draws))


def sharpe_interval(
    returns: Floats, draws: int, rng: np.random.Generator, level: float = 0.95, block: float | None = None
) -> Interval:
    """Return the Sharpe ratio per observation (ddof 0) with its bootstrap percentile interval."""
    mean, deviation = resampled(returns, draws, rng, block)
    ratio = np.where(deviation > 1e-15, mean / np.maximum(deviation, 1e-15), 0.0)
    spread = float(returns.std())
    return _interval(float(returns.mean()) / spread if spread > 1e-15 else 0.0, ratio, level)


def mean_interval(
    returns: Floats, draws: int, rng: np.random.Generator, level: float = 0.95, block: float | None = None
) -> Interval:
    """Return the mean with its percentile interval; of a difference of two series, a paired comparison."""
    return _interval(float(returns.mean()), resampled(returns, draws, rng, block)[0], level)


def panel_p_values(panel: Floats, draws: int, rng: np.random.Generator, block: float | None = None) -> Floats:
    """Return `mean_p_value` of every column, all resampled at the same moments.

    Symbols of one market move together; the same rows for all keep that in the p-values' joint law.

    Parameters
    ----------
    panel : array of shape (n_observations, n_symbols)
        Finite: a symbol that did not trade earned 0.
    block : float, optional
        Mean block length; that of the mean over the columns where not given.
    """
    if panel.ndim != 2:
        raise BadInput(f"panel must have 2 dimensions, had {panel.ndim}")
    if panel.shape[1] == 0:
        return np.zeros(0)
    common = panel.mean(axis=1)
    _check(common, draws, block)
    length = block_length(common) if block is None else block
    as_good = _panel_hits(np.ascontiguousarray(panel, np.float64), draws, 1 / length, rng)
    moves = panel.std(axis=0) > 1e-15
    return np.where(moves, (1 + as_good) / (1 + draws), 1.0)


def _interval(value: float, drawn: Floats, level: float) -> Interval:
    if not 0 < level < 1:
        raise BadInput(f"level must lie between 0 and 1, was {level}")
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level)


def _check(returns: Floats, draws: int, block: float | None) -> None:
    if len(returns) < 2 or not np.isfinite(returns).all():
        raise BadInput(f"returns must be at least 2 finite numbers, were {len(returns)}")
    if draws < 1:
        raise BadInput(f"draws must be at least 1, was {draws}")
    if block is not None and block < 1:
        raise BadInput(f"block must be at least 1, was {block}")


@njit(cache=True)
def _resample(
    returns: Floats, draws: int, new_block: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    n = len(returns)
    means, deviations = np.empty(draws), np.empty(draws)
    for draw in range(draws):
        total, squares, place = 0.0, 0.0, int(rng.random() * n)
        for _ in range(n):
            value = returns[place]
            total += value
            squares += value * value
            place += 1
            if rng.random() < new_block:
                place = int(rng.random() * n)
            elif place == n:
                place = 0
        mean = total / n
        means[draw] = mean
        deviations[draw] = np.sqrt(max(squares / n - mean * mean, 0.0))
    return means, deviations


@njit(cache=True)
def _panel_hits(panel: Floats, draws: int, new_block: float, rng: np.random.Generator) -> Floats:
    n, count = panel.shape
    own = np.empty(count)
    middle = np.empty(count)
    for k in range(count):
        middle[k] = panel[:, k].mean()
        deviation = panel[:, k].std()
        own[k] = middle[k] / deviation if deviation > 1e-15 else np.inf
    hits = np.zeros(count)
    times = np.empty(n, np.int64)
    total, squares = np.empty(count), np.empty(count)
    for _ in range(draws):
        # How often each row is drawn is all that means and deviations need.
        times[:] = 0
        place = int(rng.random() * n)
        for _ in range(n):
            times[place] += 1
            place += 1
            if rng.random() < new_block:
                place = int(rng.random() * n)
            elif place == n:
                place = 0
        total[:] = 0.0
        squares[:] = 0.0
        for t in range(n):
            if times[t]:
                for k in range(count):
                    value = panel[t, k]
                    total[k] += times[t] * value
                    squares[k] += times[t] * value * value
        for k in range(count):
            mean = total[k] / n
            deviation = np.sqrt(max(squares[k] / n - mean * mean, 0.0))
            t_value = (mean - middle[k]) / deviation if deviation > 1e-15 else 0.0
            hits[k] += t_value >= own[k] - 1e-12
    return hits
