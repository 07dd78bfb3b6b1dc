"""Is it evidence? p-values of trade results, random entries, and false discovery across symbols.

Pure functions on arrays. What is done with the numbers is the approval gate's matter.
"""

import numpy as np
from scipy.special import stdtr

from trading.backtest.kernel import Bools, Floats


def trade_p_value(returns: Floats, spread_of_any_trade: float) -> float:
    """Return the one-sided p-value of "the mean net return is not above zero".

    Student's t with n - 1 degrees of freedom, but with the larger of two deviations: that of these
    trades and that of any trade with the same exits on the same candles (an entry at every bar). Few
    trades that all hit a near target have almost no deviation of their own, and a far stop they have
    not met yet; the plain t-test would call eight such wins certain.

    Parameters
    ----------
    returns : array of shape (n,)
        Net returns of closed trades.
    spread_of_any_trade : float
        Standard deviation of net returns over entries at every bar; NaN = unknown.

    Returns
    -------
    float
        In (0, 1]; 1.0 with fewer than 2 trades or no deviation at all.
    """
    n = len(returns)
    if n < 2:
        return 1.0
    spread = np.nanmax([float(np.std(returns, ddof=1)), spread_of_any_trade])
    if spread <= 0:
        return 1.0
    t = float(np.mean(returns)) / (spread / np.sqrt(n))
    return float(stdtr(n - 1, -t))


def random_entry_percentile(
    mean_return: float, trades: int, outcomes: Floats, draws: int, rng: np.random.Generator
) -> float:
    """Return the share of random entry sets whose mean net return lies below `mean_return`.

    Each of `draws` sets has as many entries as the strategy had trades, drawn with replacement from
    `outcomes` (the net return of an entry at each bar, same exits); ties count half. NaN when there is
    nothing to draw from.
    """
    if trades == 0 or len(outcomes) == 0:
        return float("nan")
    means = outcomes[rng.integers(0, len(outcomes), (draws, trades))].mean(axis=1)
    return float(np.mean(means < mean_return) + 0.5 * np.mean(means == mean_return))


def benjamini_hochberg(p_values: Floats, rate: float) -> tuple[Bools, Floats]:
    """Return which hypotheses are rejected at false discovery `rate`, and each one's own threshold.

    Benjamini & Hochberg (1995): with m sorted p-values, all up to the largest k with p(k) <= rate × k/m
    are rejected. The threshold of the hypothesis at rank k is rate × max(k, rejected)/m.
    """
    m = len(p_values)
    if m == 0:
        return np.zeros(0, np.bool_), np.zeros(0)
    order = np.argsort(p_values, kind="stable")
    ranks = np.empty(m, np.int64)
    ranks[order] = np.arange(1, m + 1)
    below = np.flatnonzero(p_values[order] <= rate * np.arange(1, m + 1) / m)
    rejected = 0 if len(below) == 0 else int(below[-1]) + 1
    return ranks <= rejected, rate * np.maximum(ranks, rejected) / m
