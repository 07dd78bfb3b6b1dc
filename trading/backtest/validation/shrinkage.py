"""Estimates of many symbols, each pulled toward the pool by how little it knows (empirical Bayes)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.market.errors import BadInput

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Posterior of each symbol's true mean: `weight` is what its own estimate keeps, the rest is the pool's.

    `pool_mean` and `between_sd` describe the symbols as a crowd: with a spread of 0 nothing tells them apart.
    """

    mean: Floats
    sd: Floats
    weight: Floats
    pool_mean: float
    between_sd: float


def shrink(means: Floats, errors: Floats, rounds: int = 200) -> Shrunk:
    """Return normal-normal empirical Bayes estimates.

    Each mean is drawn around its symbol's truth with the given standard error, the truths around the pool
    with a spread found by the method of Paule & Mandel (1982): the spread at which the weighted squares
    of the deviations are what m - 1 degrees of freedom let expect; 0 where they are fewer.

    Parameters
    ----------
    means, errors : arrays of shape (m,)
        Finite; errors above 0. One symbol alone keeps its estimate: there is no pool.
    """
    if len(means) != len(errors) or not np.isfinite(means).all() or not (errors > 0).all():
        raise BadInput(
            f"means must be finite and errors positive, as many of each, were {len(means)} and {len(errors)}"
        )
    m = len(means)
    if m < 2:
        own = np.ones(m)
        return Shrunk(means.copy(), errors.copy(), own, float(means.mean()) if m else 0.0, 0.0)
    variance = errors**2
    between = _between_variance(means, variance, rounds)
    share = 1 / (variance + between)
    pool = float(np.sum(share * means) / np.sum(share))
    weight = between / (variance + between)
    pool_error = 1 / float(np.sum(share))
    spread = np.sqrt(weight * variance + (1 - weight) ** 2 * pool_error)
    return Shrunk(weight * means + (1 - weight) * pool, spread, weight, pool, float(np.sqrt(between)))


def pool_strength(
    means: Floats, counts: Floats, trade_sd: float, *, least: float, most: float = 1000.0
) -> float:
    """Return as how many trades the pool should count when a mean of `counts` trades is shrunk toward it.

    The variance of a trade over that between symbols: where symbols hardly differ, the pool counts much.
    Kept within [least, most]; `least` where there are fewer than 3 symbols, which say nothing of a spread.
    """
    if len(means) < 3 or trade_sd <= 0:
        return least
    between = _between_variance(means, trade_sd**2 / counts, 200)
    return float(np.clip(trade_sd**2 / between, least, most)) if between > 0 else max(least, most)


def _between_variance(means: Floats, variance: Floats, rounds: int) -> float:
    low, high = 0.0, float(means.var(ddof=1)) * 4 + float(variance.max())
    if _excess(means, variance, low) <= 0:
        return 0.0
    for _ in range(rounds):
        middle = (low + high) / 2
        if _excess(means, variance, middle) > 0:
            low = middle
        else:
            high = middle
        if high - low <= 1e-12 * high:
            break
    return (low + high) / 2


def _excess(means: Floats, variance: Floats, between: float) -> float:
    share = 1 / (variance + between)
    pool = np.sum(share * means) / np.sum(share)
    return float(np.sum(share * (means - pool) ** 2)) - (len(means) - 1)
