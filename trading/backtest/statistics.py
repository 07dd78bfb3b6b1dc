"""Is it evidence? p-values of trade results, random entries, and false discovery across symbols.

Pure functions on arrays. What is done with the numbers is the approval gate's matter.
"""

import numpy as np

from trading.backtest.walk import Bools, Floats


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
    means = _random_means(outcomes, trades, draws, rng)
    return float(np.mean(means < mean_return) + 0.5 * np.mean(means == mean_return))


def random_entry_p_value(
    mean_return: float, trades: int, outcomes: Floats, draws: int, rng: np.random.Generator
) -> float:
    """Return the p-value of "these trades are random entries of a symbol that earns nothing".

    A Monte-Carlo test, (1 + sets at least as good) / (1 + sets drawn). The null distribution is the net
    return of an entry at *every* bar of the same candles with the same exits, moved up to a mean of zero
    where it is negative: a symbol that falls must not make standing still look like skill, and one that
    rises must not pass for a signal. Unlike Student's t it knows the losses these trades happened not
    to meet: eight near targets hit in a row have no deviation of their own and would look certain.

    Draws are spent where they matter (Besag & Clifford 1991): ten times as many, up to 100 × `draws`,
    while fewer than 10 sets were as good. What is rarer than that is found by importance sampling: a night's
    level over a hundred symbols may lie far below one in 50,000.

    Returns
    -------
    float
        In (0, 1]; 1.0 with fewer than 2 trades or nothing to draw from.
    """
    if trades < 2 or len(outcomes) == 0:
        return 1.0
    null = outcomes + max(0.0, -float(outcomes.mean()))
    as_good = done = 0
    for batch in (draws, 9 * draws, *[10 * draws] * 9):
        means = _random_means(null, trades, batch, rng)
        # A mean that differs only by rounding is as good.
        as_good += int(np.sum(means >= mean_return - 1e-12))
        done += batch
        if as_good >= 10:
            return (1 + as_good) / (1 + done)
    return min((1 + as_good) / (1 + done), _tilted_p_value(mean_return, trades, null, 4 * draws, rng))


def _tilted_p_value(
    mean_return: float, trades: int, outcomes: Floats, draws: int, rng: np.random.Generator
) -> float:
    """Return the chance that a random set does as well, where plain drawing would hardly ever see one.

    Importance sampling by exponential tilting (Siegmund 1976): sets are drawn from outcomes weighted by
    e^(θx) with θ such that their mean is what was earned, and each counts by its likelihood ratio. Two
    standard errors are added. What only sets of the best outcome reach has its exact chance.
    """
    best = float(outcomes.max())
    if mean_return >= best - 1e-12:
        return float(np.mean(outcomes >= best - 1e-12)) ** trades
    chance = _tilted(outcomes, mean_return)
    drawn = rng.choice(len(outcomes), size=(draws, trades), p=chance)
    ratio = np.exp(-np.log(len(outcomes) * chance)[drawn].sum(axis=1))
    value = np.where(outcomes[drawn].mean(axis=1) >= mean_return - 1e-12, ratio, 0.0)
    if not value.any():
        return 1.0  # nothing was seen, so nothing is said: plain drawing has the word
    return float(value.mean() + 2 * value.std(ddof=1) / np.sqrt(draws))


def _tilted(outcomes: Floats, mean: float) -> Floats:
    """Return the chances ∝ e^(θx), θ >= 0, under which the outcomes have the given mean, by bisection."""
    off = outcomes - outcomes.max()
    low, high = 0.0, 1.0 / max(float(outcomes.std()), 1e-12)
    while high < 1e9 and _mean_under(off, outcomes, high) < mean:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        if _mean_under(off, outcomes, middle) < mean:
            low = middle
        else:
            high = middle
    weight = np.maximum(np.exp(low * off), 1e-300)
    chance: Floats = weight / weight.sum()
    return chance


def _mean_under(off: Floats, outcomes: Floats, theta: float) -> float:
    weight = np.exp(theta * off)
    return float(weight @ outcomes / weight.sum())


def _random_means(outcomes: Floats, trades: int, draws: int, rng: np.random.Generator) -> Floats:
    means: Floats = outcomes[rng.integers(0, len(outcomes), (draws, trades))].mean(axis=1)
    return means


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
