"""Which symbols move together: correlation of log returns, all pairs at once.

Pearson, or Spearman as Pearson of ranks; missing bars pairwise complete; shrinkage after Ledoit and Wolf.
Not here: who the closest peers are (peers.py), and products of holey matrices (pairwise.py).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trading.market.errors import BadInput
from trading.xray.group_rules import METHODS
from trading.xray.pairwise import pairwise
from trading.xray.ranks import ranks
from trading.xray.returns import Floats
from trading.xray.threads import one_thread

Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Correlation:
    """Correlation matrix of `symbols`.

    `rho` and `bars` have shape (n, n): the coefficient, and the number of returns it stands on. `rho` is
    NaN where fewer than the asked number of bars are common, or a price never moved. `shrinkage` in 0..1
    is Ledoit and Wolf's (0 unless asked for); `rho` itself is not shrunk.
    """

    symbols: list[str]
    rho: Floats
    bars: Counts
    shrinkage: float = 0.0

    def mean(self) -> float | None:
        """Return the mean over all pairs that have a value; None without any."""
        known = ~np.isnan(self.rho)
        np.fill_diagonal(known, val=False)
        return float(self.rho.mean(where=known)) if known.any() else None

    def shrunk(self) -> Floats:
        """Return the matrix pulled towards independence by `shrinkage`; the one to invert."""
        out = self.rho * (1.0 - self.shrinkage)
        np.fill_diagonal(out, np.where(np.isnan(np.diag(self.rho)), np.nan, 1.0))
        return out


def correlation(
    symbols: list[str],
    returns: Floats,
    *,
    min_bars: int = 30,
    method: str = "pearson",
    shrink: bool = False,
) -> Correlation:
    """Return correlations, pairwise complete: each pair on the bars that both have.

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        Log returns, NaN where missing.
    min_bars : int
        Common bars below which a pair has no value; at least 3.
    method : str
        "pearson", or "spearman": ranks of each symbol among its own bars, ties sharing their mean. Equal to
        scipy's where two symbols miss the same bars; ranks are not taken anew for each pair.
    shrink : bool
        Find the shrinkage towards independence that minimises the expected squared error (Ledoit and
        Wolf, 2004, "A well-conditioned estimator for large-dimensional covariance matrices", of
        standardised returns). Matters where bars are fewer than symbols.

    Notes
    -----
    Without holes it is one product of the centred, scaled matrix with itself, exact to rounding. With
    holes the products are taken in float32 (see `pairwise`): rho is good to 1e-6.
    """
    if min_bars < 3:
        raise BadInput(f"min_bars must be at least 3, was {min_bars}")
    if method not in METHODS:
        raise BadInput(f"method must be one of {', '.join(METHODS)}, was {method!r}")
    if returns.shape[0] != len(symbols):
        raise BadInput(f"returns must have one row per symbol ({len(symbols)}), had {returns.shape[0]}")
    values = ranks(returns) if method == "spearman" else returns
    if np.isnan(values).any():
        return Correlation(symbols, *pairwise(values, min_bars, shrink=shrink))
    return Correlation(symbols, *_complete(values, min_bars, shrink=shrink))


def _complete(returns: Floats, min_bars: int, *, shrink: bool) -> tuple[Floats, Counts, float]:
    n, bars = returns.shape
    # One number for all pairs needs no matrix of its own.
    counts = np.broadcast_to(np.int32(bars), (n, n))
    if bars < min_bars or n == 0:
        return np.full((n, n), np.nan), counts, 0.0
    scaled = returns - returns.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.einsum("it,it->i", scaled, scaled))
    # What rounding leaves of a constant return is not a movement.
    noise = 1e-14 * np.maximum(returns.max(axis=1), -returns.min(axis=1)) * np.sqrt(bars)
    norm[norm <= noise] = np.nan
    scaled /= norm[:, None]
    with one_thread():
        rho = scaled @ scaled.T
    shrinkage = _shrinkage(scaled[~np.isnan(norm)], rho) if shrink else 0.0
    return np.clip(rho, -1.0, 1.0, out=rho), counts, shrinkage


def _shrinkage(scaled: Floats, rho: Floats) -> float:
    """Ledoit-Wolf intensity of rows of unit length: closed form, no product beyond the one at hand."""
    n, bars = scaled.shape
    if n < 2:
        return 0.0
    squares = float(np.nansum(rho * rho)) if np.isnan(rho).any() else float(np.vdot(rho, rho))
    spread = squares - n
    error = float((np.einsum("it,it->t", scaled, scaled) ** 2).sum()) - squares / bars
    return min(max(error / spread, 0.0), 1.0) if spread > 0 else 1.0
