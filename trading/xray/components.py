"""What of a symbol's returns is not the market's, and where that puts it: points on a sphere.

Distances are taken between unit-length principal components: on features of single symbols HDBSCAN finds
nothing (93 % noise on a market with 12 planted sectors), on these it finds the sectors.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from trading.xray.returns import Floats
from trading.xray.threads import one_thread


@dataclass(frozen=True, slots=True)
class Space:
    """Where symbols lie once the market's movement is taken out.

    `usable` are the rows of symbols with enough history, `points` (n_usable, k) of unit length, `strongest`
    the singular value of the first component (0 without any).
    """

    usable: npt.NDArray[np.intp]
    points: Floats
    strongest: float


def market_free(returns: Floats, *, min_share: float, components: int, seed: int) -> Space:
    """Return a point of unit length for each symbol with enough history.

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        NaN where missing.
    min_share : float
        Share of the bars a symbol must have.
    components : int
        Principal components kept, where symbols and bars allow so many; at least 2 columns come back.
    seed : int
        Of the randomised decomposition.
    """
    usable = np.flatnonzero(has_enough(returns, min_share))
    if len(usable) < 3 or returns.shape[1] < 3:
        return Space(usable, np.zeros((len(usable), 2)), 0.0)
    with one_thread():
        points, strongest = _components(residuals(returns[usable]), components, seed)
    return Space(usable, unit_rows(points), strongest)


def strongest_of_chance(returns: Floats, seed: int) -> float:
    """Return the strongest component among returns that have nothing to do with each other.

    They are the same returns, each symbol's time shifted by its own offset (parallel analysis: Horn, 1965).
    Shifts, not shuffles: each symbol keeps its own autocorrelation and its runs of volatility.
    """
    generator, (n, bars) = np.random.default_rng(seed), returns.shape
    offsets = generator.integers(0, bars, n).tolist()
    twice, shifted = np.concatenate([returns, returns], axis=1), np.empty_like(returns)
    for row, offset in enumerate(offsets):
        shifted[row] = twice[row, offset : offset + bars]
    with one_thread():
        return _components(residuals(shifted), 2, seed)[1]


def _components(rest: Floats, components: int, seed: int) -> tuple[Floats, float]:
    """Return principal components of `rest`, and the singular value of the first."""
    count = min(components, rest.shape[0] - 1, rest.shape[1])
    pca = PCA(count, svd_solver="randomized", random_state=seed)
    points = np.asarray(pca.fit_transform(rest), dtype=np.float64)
    return points, float(pca.singular_values_[0])


def has_enough(returns: Floats, share: float) -> npt.NDArray[np.bool_]:
    """Return which symbols have `share` of the bars and moved at all; shape (n_symbols,)."""
    present = ~np.isnan(returns)
    moved = np.nanmax(np.where(present, np.abs(returns), 0.0), axis=1, initial=0.0) > 0
    return np.asarray((present.mean(axis=1) >= share) & moved) if returns.shape[1] else moved


def residuals(returns: Floats) -> Floats:
    """Return standardised returns with the market factor taken out, 0 where missing; same shape.

    The market is the mean return of all symbols at each bar; each symbol's loading on it is the least
    squares slope over its own bars.
    """
    present = ~np.isnan(returns)
    is_complete = bool(present.all())
    filled = returns if is_complete else np.where(present, returns, 0.0)
    count = np.maximum(present.sum(axis=1), 1)
    market = filled.sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    market = market - market.mean()
    power = np.full(len(returns), market @ market) if is_complete else present @ (market * market)
    beta = (filled @ market) / np.where(power > 0, power, 1.0)
    rest = np.asarray(filled - beta[:, None] * market)
    if not is_complete:
        rest *= present
    rest -= (rest.sum(axis=1) / count)[:, None]
    if not is_complete:
        rest *= present
    norm = np.sqrt(np.einsum("it,it->i", rest, rest))
    rest /= np.where(norm > 0, norm, 1.0)[:, None]
    return rest


def unit_rows(points: Floats) -> Floats:
    """Return each row divided by its length; rows of zeros stay."""
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.where(length > 0, length, 1.0))
