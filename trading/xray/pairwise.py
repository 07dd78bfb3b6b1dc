"""Correlation of series with holes, each pair on the bars that both have, as a few matrix products.

With x the centred returns of unit length (0 in holes), m the mask of what is there and h = 1 - m, a pair has
n = n_i - m_i h_j common bars, sums s = -x_i h_j, squares q = 1 - x_i^2 h_j, and

    rho = (x_i x_j - s_ij s_ji / n) / sqrt((q_ij - s_ij^2 / n) (q_ji - s_ji^2 / n)).

Holes are few, so products with h lose less to rounding than products with m: float32, half the time, is
enough (5e-7 against pandas). Where a symbol hardly moved on the common bars it is not: such rows are done
again in float64.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trading.xray.returns import Floats
from trading.xray.threads import one_thread

Counts = npt.NDArray[np.int32]
Single = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
# Rows at a time: the six products of a slice stay in the cache for what is done with them.
_SLICE = 96
# Of its whole variance; a symbol that keeps less of it on the common bars is done again in float64.
_DOUBTFUL = 0.01
# Rows have unit length, so a variance at the size of rounding means: no movement in common bars.
_NOTHING = 1e-13


@dataclass(frozen=True, slots=True)
class _Holey:
    """Rows of unit length (`x`; 0 in holes and for a price that never moved), their squares, and masks."""

    x: Floats | Single
    x2: Floats | Single
    mask: Floats | Single
    holes: Floats | Single

    def single(self) -> "_Holey":
        """Return the same in float32."""
        return _Holey(*(part.astype(np.float32) for part in (self.x, self.x2, self.mask, self.holes)))


@dataclass(frozen=True, slots=True)
class _Pairs:
    """A slice of rows against a slice of columns; `rows_var` is the variance of each row on common bars."""

    rho: Floats | Single
    bars: Floats | Single
    rows_var: Floats | Single
    columns_var: Floats | Single


def pairwise(returns: Floats, min_bars: int, *, shrink: bool) -> tuple[Floats, Counts, float]:
    """Return rho and common bars of all pairs, and the shrinkage (0 unless asked for).

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        NaN where missing.
    min_bars : int
        Common bars below which rho is NaN, at least 3.
    shrink : bool
        Ledoit and Wolf's intensity, with every pair's error estimated on its own bars.
    """
    exact = _holey(returns)
    quick, n, error = exact.single(), len(returns), 0.0
    rho, bars = np.empty((n, n)), np.empty((n, n), dtype=np.int32)
    doubtful = np.zeros(n, dtype=bool)
    with one_thread():
        for start in range(0, n, _SLICE):
            rows, columns = slice(start, start + _SLICE), slice(start, n)
            part = _pairs(quick, rows, columns, min_bars)
            doubtful[rows] |= part.rows_var.min(axis=1) < _DOUBTFUL
            doubtful[columns] |= part.columns_var.min(axis=0) < _DOUBTFUL
            rho[rows, columns], bars[rows, columns] = part.rho, part.bars
            rho[columns, rows], bars[columns, rows] = part.rho.T, part.bars.T
            if shrink:
                error += _error(quick, rows, columns, part)
        _mend(exact, rho, np.flatnonzero(doubtful), min_bars)
    np.clip(rho, -1.0, 1.0, out=rho)
    np.fill_diagonal(rho, np.where(np.isnan(np.diag(rho)), np.nan, 1.0))
    return rho, bars, _intensity(rho, error) if shrink else 0.0


def _holey(returns: Floats) -> _Holey:
    present = ~np.isnan(returns)
    mask = present.astype(np.float64)
    count = np.maximum(mask.sum(axis=1, keepdims=True), 1)
    x = np.where(present, returns, 0.0)
    largest = np.abs(x).max(axis=1, initial=0.0, keepdims=True)
    x -= x.sum(axis=1, keepdims=True) / count
    x *= mask
    norm = np.sqrt((x * x).sum(axis=1, keepdims=True))
    # What rounding leaves of a constant return is not a movement.
    is_dead = norm <= 1e-14 * largest * np.sqrt(count)
    x = np.where(is_dead, 0.0, x / np.where(is_dead, 1.0, norm))
    return _Holey(x, x * x, mask, 1.0 - mask)


def _pairs(of: _Holey, rows: slice | Rows, columns: slice, min_bars: int) -> _Pairs:
    """Return what the module's formula says for `rows` against `columns`."""
    x, x2, mask, holes = of.x[rows], of.x2[rows], of.mask[rows], of.holes[rows]
    bars = mask.sum(axis=1)[:, None] - mask @ of.holes[columns].T
    least = np.maximum(bars, 1)
    sums, columns_sums = x @ of.holes[columns].T, holes @ of.x[columns].T
    rows_var = x2.sum(axis=1)[:, None] - x2 @ of.holes[columns].T - sums * sums / least
    columns_var = of.x2[columns].sum(axis=1) - holes @ of.x2[columns].T - columns_sums * columns_sums / least
    rho = x @ of.x[columns].T - sums * columns_sums / least
    is_void = (bars < min_bars) | (rows_var < _NOTHING) | (columns_var < _NOTHING)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho /= np.sqrt(rows_var * columns_var)
    rho[is_void] = np.nan
    # What is void or never moved at all needs no second look.
    rows_var[(bars < min_bars) | (x2.sum(axis=1) == 0)[:, None]] = 1.0
    columns_var[(bars < min_bars) | (of.x2[columns].sum(axis=1) == 0)] = 1.0
    return _Pairs(rho, bars, rows_var, columns_var)


def _mend(exact: _Holey, rho: Floats, doubtful: Rows, min_bars: int) -> None:
    for start in range(0, len(doubtful), _SLICE):
        rows = doubtful[start : start + _SLICE]
        part = _pairs(exact, rows, slice(0, len(rho)), min_bars)
        rho[rows], rho[:, rows] = part.rho, part.rho.T


def _error(of: _Holey, rows: slice, columns: slice, part: _Pairs) -> float:
    """Return the summed variance of the estimates: of each pair (sum of z_i^2 z_j^2 / n - rho^2) / n.

    z are standardised returns, so z^2 = count x^2. Pairs outside the diagonal square count twice.
    """
    known = ~np.isnan(part.rho)
    count, others = of.mask[rows].sum(axis=1), of.mask[columns].sum(axis=1)
    fourth = (of.x2[rows] * count[:, None]) @ (of.x2[columns] * others[:, None]).T
    least = np.maximum(part.bars, 1)
    own = np.where(known, (fourth / least - np.where(known, part.rho, 0.0) ** 2) / least, 0.0)
    square = own[:, : own.shape[0]].sum(dtype=np.float64)
    return float(2 * own.sum(dtype=np.float64) - square)


def _intensity(rho: Floats, error: float) -> float:
    known = ~np.isnan(rho)
    np.fill_diagonal(known, val=False)
    spread = float((rho * rho).sum(where=known))
    return min(max(error / spread, 0.0), 1.0) if spread > 0 else 1.0
