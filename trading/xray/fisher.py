"""Fisher's z of chosen pairs, window by window, and what its variation says. No thresholds here."""

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, polygamma

from trading.xray.returns import Floats

Ints = npt.NDArray[np.int64]
# Pairs at a time, so that what is gathered stays small.
_PAIRS = 4_096
# Two listings of one thing: z is infinite, its differences are not.
_MOST_RHO = 0.9999


def blocks_of_pairs(
    values: Floats, left: Ints, right: Ints, window: int, min_share: float
) -> tuple[Floats, Ints]:
    """Return Fisher's z of each pair in each window, and common bars in the newest window.

    Parameters
    ----------
    values : array of shape (n_symbols, n_windows * window)
        NaN where missing.
    left, right : arrays of shape (n_pairs,)
        Rows of `values`.

    Returns
    -------
    tuple of arrays of shape (n_pairs, n_windows) and (n_pairs,)
        z is NaN where fewer than `min_share` of the window is common or one of the two did not move.
    """
    windows = values.shape[1] // window
    z = np.full((len(left), windows), np.nan)
    bars = np.zeros(len(left), dtype=np.int64)
    present = ~np.isnan(values)
    filled = np.where(present, values, 0.0)
    for start in range(0, len(left), _PAIRS):
        own = slice(start, start + _PAIRS)
        for number in range(windows):
            part = slice(number * window, (number + 1) * window)
            rho, bars[own] = _rho(filled[:, part], present[:, part], left[own], right[own], min_share)
            z[own, number] = np.arctanh(np.clip(rho, -_MOST_RHO, _MOST_RHO))
    return z, bars


def _rho(
    filled: Floats, present: npt.NDArray[np.bool_], left: Ints, right: Ints, min_share: float
) -> tuple[Floats, Ints]:
    both = present[left] & present[right]
    x, y = filled[left] * both, filled[right] * both
    count = both.sum(axis=1)
    least = np.maximum(count, 1)
    x_sum, y_sum = x.sum(axis=1), y.sum(axis=1)
    x_var = np.einsum("pt,pt->p", x, x) - x_sum * x_sum / least
    y_var = np.einsum("pt,pt->p", y, y) - y_sum * y_sum / least
    covariance = np.einsum("pt,pt->p", x, y) - x_sum * y_sum / least
    is_known = (count >= min_share * filled.shape[1]) & (x_var > 1e-9) & (y_var > 1e-9)
    rho = np.full(len(left), np.nan)
    np.divide(covariance, np.sqrt(np.where(is_known, x_var * y_var, 1.0)), out=rho, where=is_known)
    return rho, count


def moderated(z: Floats, least: Floats) -> tuple[Floats, Floats]:
    """Return each row's variance, drawn towards that of all rows, and its degrees of freedom.

    Parameters
    ----------
    z : array of shape (n_pairs, n_windows)
        NaN where missing; at least 2 values a row.
    least : array of shape (n_pairs,)
        Variances are not taken below it.

    Notes
    -----
    Smyth (2004), section 6.2: with d degrees of freedom a row and a scaled inverse chi-square prior with
    d0, s0^2, the variance is (d0 s0^2 + d s^2) / (d0 + d). The prior is found from the mean and the variance
    of log s^2. One row alone is its own prior.
    """
    freedom = (~np.isnan(z)).sum(axis=1) - 1.0
    own = np.maximum(np.nanvar(z, axis=1, ddof=1), 1e-8)
    if len(own) < 3:
        return np.maximum(own, least), freedom
    told = np.log(own) - digamma(freedom / 2) + np.log(freedom / 2)
    spread = float(told.var(ddof=1) - polygamma(1, freedom / 2).mean())
    if spread <= 0:  # rows differ by no more than chance: one variance for all
        return np.maximum(np.full(len(own), np.exp(told.mean())), least), np.full(len(own), 1e6)
    prior = 2 * _inverse_trigamma(spread)
    middle = np.exp(told.mean() + digamma(prior / 2) - np.log(prior / 2))
    variance = (prior * middle + freedom * own) / (prior + freedom)
    return np.maximum(variance, least), freedom + prior


def _inverse_trigamma(value: float) -> float:
    """Newton's method on 1 / trigamma, which is nearly a line (Smyth, 2004, appendix)."""
    if value > 1e7:
        return float(1 / np.sqrt(value))
    y = 0.5 + 1 / value
    for _ in range(50):
        now = float(polygamma(1, y))
        step = now * (1 - now / value) / float(polygamma(2, y))
        y += step
        if -step / y < 1e-10:
            break
    return y


def false_shares(p: Floats) -> Floats:
    """Return Benjamini and Hochberg's adjusted p values: the least false share at which each is called.

    They hold where tests depend on each other positively, as pairs of one market do.
    """
    m = len(p)
    order = np.argsort(p)
    steps = p[order] * m / np.arange(1, m + 1)
    out = np.empty(m)
    out[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return out
