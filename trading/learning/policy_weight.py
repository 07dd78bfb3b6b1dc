"""The weight of a policy's expectation beside the rules: earned on later folds as a model's is, or 0.

Judged are entries held to the exits of the rules, since those are what is traded: what a policy earned by
leaving early gives it no say about entries.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.learning.blending import TRIED, WEIGHTS, chance
from trading.learning.dataset import Floats, Ints
from trading.market.errors import BadInput
from trading.market.thresholds import shrunk
from trading.signals.blend import BlendRules


@dataclass(frozen=True, slots=True)
class PolicyFit:
    """A weight with its evidence: mean gain over the rules on later folds, and its chance."""

    weight: float
    uplift: float
    p_value: float
    tried: pl.DataFrame = field(repr=False)


def fit_policy_weight(
    expected: Floats, net: Floats, day: Ints, fold: Ints, rules: BlendRules | None = None
) -> PolicyFit:
    """Return the weight of a policy by what it expected, out of sample, of signals whose outcome is known.

    Parameters
    ----------
    expected, net : array, shape (n,)
        Net return that the policy expected at the signal, and what the whole stake held to its exits gave.
    day, fold : array of int, shape (n,)
        Day of each signal, and its fold, in order of time.

    Raises
    ------
    BadInput
        If lengths differ or there is no row.
    """
    rules = rules or BlendRules()
    if not len(net) or not len(expected) == len(net) == len(day) == len(fold):
        said = (len(expected), len(net), len(day), len(fold))
        raise BadInput(f"expected, net, day and fold must be of one length above 0, were of {said}")
    best, tried = _chosen(expected, net, rules)
    over, luck, days = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, np.int64)]
    for _, later in pairwise(np.unique(fold)):
        before, now = fold < later, fold == later
        weight, _ = _chosen(expected[before], net[before], rules)
        is_in = _taken(weight, float(net[before].mean()), expected[now], rules.margin)
        over.append(net[now] * (is_in - 1.0))
        luck.append(net[now] * (is_in - is_in.mean()))
        days.append(day[now])
    gained = np.concatenate(over)
    p_value = chance(np.concatenate(luck), np.concatenate(days), rules)
    uplift = float(gained.mean()) if len(gained) else 0.0
    is_earned = p_value <= rules.error_rate and uplift > 0
    weight = shrunk(best, len(net), 0.0, prior_bars=rules.prior) if is_earned else 0.0
    return PolicyFit(weight, uplift, p_value, tried)


@dataclass(frozen=True, slots=True)
class SizeFit:
    """Whether a policy's sizes are followed: mean gain over whole stakes on unseen folds, and its chance."""

    is_earned: bool
    uplift: float
    p_value: float
    mean_size: float


def fit_policy_sizes(
    sizes: Floats, net: Floats, day: Ints, fold: Ints, rules: BlendRules | None = None
) -> SizeFit:
    """Return what a policy's sizes would have earned over the rules' whole stakes, held to the rules' exits.

    Earned means: more than whole stakes, and more than the same stakes spread evenly over the fold's signals
    (where rules lose, any smaller stake looks like a gain), by the bootstrap over days.

    Parameters
    ----------
    sizes : array, shape (n,)
        Part of the whole stake that the policy chose at each signal, out of sample; in [0, 1].
    net, day, fold
        As for `fit_policy_weight`.

    Raises
    ------
    BadInput
        If lengths differ, there is no row, or a size lies outside [0, 1].
    """
    rules = rules or BlendRules()
    if not len(net) or not len(sizes) == len(net) == len(day) == len(fold):
        said = (len(sizes), len(net), len(day), len(fold))
        raise BadInput(f"sizes, net, day and fold must be of one length above 0, were of {said}")
    if not ((sizes >= 0) & (sizes <= 1)).all():
        raise BadInput(f"sizes must lie in [0, 1], were {sizes.min()} to {sizes.max()}")
    evenly = np.zeros(len(net))
    for number in np.unique(fold):
        evenly[fold == number] = sizes[fold == number].mean()
    uplift, p_value = float(np.mean(net * (sizes - 1))), chance(net * (sizes - evenly), day, rules)
    return SizeFit(bool(p_value <= rules.error_rate and uplift > 0), uplift, p_value, float(sizes.mean()))


def _taken(weight: float, rules_return: float, expected: Floats, margin: float) -> NDArray[np.bool_]:
    if weight == 0:
        return np.ones(len(expected), np.bool_)
    entered: NDArray[np.bool_] = (1 - weight) * rules_return + weight * expected >= margin
    return entered


def _chosen(expected: Floats, net: Floats, rules: BlendRules) -> tuple[float, pl.DataFrame]:
    """Return the weight that earned most on these rows; of equals the smallest."""
    rows = []
    for weight in WEIGHTS:
        is_in = _taken(weight, float(net.mean()), expected, rules.margin)
        rows.append((weight, float(np.where(is_in, net, 0.0).mean()), int(is_in.sum())))
    best = max(rows, key=lambda row: (row[1], -row[0]))[0]
    return best, pl.DataFrame([(*row, row[0] == best) for row in rows], schema=TRIED, orient="row")
