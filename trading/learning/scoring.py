"""Figures about predictions made out of sample: ranking, calibration, and money against baselines.

Uncertainty is taken over whole days: decisions of one day share one market.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.learning.dataset import Floats, Ints


@dataclass(frozen=True, slots=True)
class Predictions:
    """Out-of-sample answers, one per tested decision, with what is needed to judge them.

    `threshold` and `base_rate` come from each row's own training fold; `cost` is one more round trip.
    """

    probability: Floats
    threshold: Floats
    base_rate: Floats
    y: Ints
    net_return: Floats
    cost: Floats
    day: Ints
    fold: Ints

    @property
    def is_taken(self) -> NDArray[np.bool_]:
        """Which decisions the model would have traded."""
        taken: NDArray[np.bool_] = self.probability >= self.threshold
        return taken


def break_even(net_return: Floats, weight: Floats) -> float:
    """Return the probability of a gain at which the mean gain just pays for the mean loss.

    p × gain = (1 - p) × loss. Kept within [0.05, 0.95]; 0.5 while there are no gains or no losses.
    """
    is_gain = net_return > 0
    if not is_gain.any() or is_gain.all():
        return 0.5
    gain = float(np.average(net_return[is_gain], weights=weight[is_gain]))
    loss = -float(np.average(net_return[~is_gain], weights=weight[~is_gain]))
    return float(np.clip(loss / (gain + loss), 0.05, 0.95))


def auc(probability: Floats, y: Ints) -> float:
    """Return the share of (gain, loss) pairs ranked rightly, ties half (Mann-Whitney); NaN of one class."""
    gains = int(y.sum())
    losses = len(y) - gains
    if gains == 0 or losses == 0:
        return float("nan")
    values, place = np.unique(probability, return_inverse=True)
    counts = np.bincount(place, minlength=len(values))
    ranks = np.cumsum(counts) - (counts - 1) / 2  # the mean rank of each tied value, from 1
    return float((ranks[place][y == 1].sum() - gains * (gains + 1) / 2) / (gains * losses))


def brier_skill(predictions: Predictions) -> float:
    """Return 1 - Brier score / Brier score of always saying the training fold's base rate."""
    ours = float(np.mean((predictions.probability - predictions.y) ** 2))
    theirs = float(np.mean((predictions.base_rate - predictions.y) ** 2))
    return 1 - ours / theirs if theirs > 0 else 0.0


def mean_or_nan(values: Floats) -> float:
    """Return the mean, NaN of nothing."""
    return float(values.mean()) if len(values) else float("nan")


def day_bootstrap(predictions: Predictions, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return AUC and uplift (mean of taken - mean of all) of `draws` resamplings of whole days.

    A resampling in which one of them has no meaning counts as no skill: AUC 0.5, uplift 0.
    """
    days = np.unique(predictions.day)
    rows = [np.flatnonzero(predictions.day == day) for day in days]
    taken = predictions.is_taken
    areas, uplifts = np.full(draws, 0.5), np.zeros(draws)
    for draw in range(draws):
        chosen = np.concatenate([rows[k] for k in rng.integers(0, len(days), len(days))])
        area = auc(predictions.probability[chosen], predictions.y[chosen])
        areas[draw] = 0.5 if np.isnan(area) else area
        returns, is_taken = predictions.net_return[chosen], taken[chosen]
        if is_taken.any():
            uplifts[draw] = returns[is_taken].mean() - returns.mean()
    return areas, uplifts


def random_choice_percentile(predictions: Predictions, draws: int, rng: np.random.Generator) -> float:
    """Return the share of random choices, as many per fold as taken, with a lower mean; ties half."""
    taken = predictions.is_taken
    if not taken.any():
        return 0.0
    ours = predictions.net_return[taken].mean()
    total, count = np.zeros(draws), int(taken.sum())
    for fold in np.unique(predictions.fold):
        rows = np.flatnonzero(predictions.fold == fold)
        picks = int(taken[rows].sum())
        order = np.argsort(rng.random((draws, len(rows))), axis=1)[:, :picks]
        total += predictions.net_return[rows][order].sum(axis=1)
    means = total / count
    same = np.isclose(means, ours, rtol=0, atol=1e-15)
    return float(np.mean((means < ours) & ~same) + 0.5 * np.mean(same))
