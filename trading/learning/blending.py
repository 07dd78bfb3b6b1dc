"""The weight of a model beside the rules, chosen out of sample, tested out of sample, drawn to the rules.

The rules alone are where it begins. A model gets weight only if the choice of its weight, made on earlier
folds, would on later ones have earned more than the rules, and more than leaving out as many at random: where
rules lose, any veto looks like a gain. Otherwise its weight is 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.backtest.validation.bootstrap import mean_p_value
from trading.learning.dataset import Floats, Ints
from trading.learning.scoring import Predictions
from trading.market.errors import BadInput
from trading.market.thresholds import REGIMES, shrunk
from trading.signals.blend import Blend, BlendRules

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
_REGIME = "f_regime"
_SMALLEST = 1e-4  # a gain or loss below a hundredth of a percent is no figure to divide by
# One row per weight that was tried; `mean_return` counts what is not entered as 0.
TRIED = {"weight": pl.Float64, "mean_return": pl.Float64, "taken": pl.Int64, "is_chosen": pl.Boolean}


@dataclass(frozen=True, slots=True)
class BlendFit:
    """A blend with its evidence: mean gain over the rules on later folds, and its chance."""

    blend: Blend
    uplift: float
    p_value: float
    tried: pl.DataFrame = field(repr=False)

    @property
    def is_earned(self) -> bool:
        """Whether the model has any say."""
        return self.blend.weight > 0


def fit_blend(predictions: Predictions, regimes: Ints, rules: BlendRules | None = None) -> BlendFit:
    """Return the blend of rules and the model whose out-of-sample answers these are.

    Parameters
    ----------
    predictions : Predictions
        Walk-forward; the folds are in order of time.
    regimes : array of int, shape (n,)
        0 calm, 1 normal, 2 turbulent, of each row; other numbers count as normal.

    Raises
    ------
    BadInput
        If lengths differ or there is no row.
    """
    rules = rules or BlendRules()
    if len(regimes) != len(predictions.y) or not len(regimes):
        raise BadInput(f"regimes must be one per prediction ({len(predictions.y)}), were {len(regimes)}")
    everything = np.ones(len(regimes), np.bool_)
    blend, tried = _chosen(predictions, regimes, everything, rules)
    gained, chosen, days = _later_folds(predictions, regimes, rules)
    p_value = chance(chosen, days, rules)
    uplift = float(gained.mean()) if len(gained) else 0.0
    is_earned = p_value <= rules.error_rate and uplift > 0
    weight = shrunk(blend.weight, len(regimes), 0.0, prior_bars=rules.prior) if is_earned else 0.0
    return BlendFit(_with_weight(blend, weight), uplift, p_value, tried)


def blend_of(predictions: Predictions, regimes: Ints, rows: NDArray[np.bool_], rules: BlendRules) -> Blend:
    """Return the blend that a champion would be traded with if nothing but `rows` were known of it."""
    blend, _ = _chosen(predictions, regimes, rows, rules)
    return _with_weight(blend, shrunk(blend.weight, int(rows.sum()), 0.0, prior_bars=rules.prior))


def regimes_of(x: Floats, names: Sequence[str]) -> Ints:
    """Return the regime of each row by its feature; normal (1) where it is unknown, or no feature."""
    if _REGIME not in names:
        return np.ones(len(x), np.int64)
    told = x[:, list(names).index(_REGIME)]
    found: Ints = np.where(np.isnan(told), 1, told).astype(np.int64)
    return found


def taken(blend: Blend, probability: Floats, regimes: Ints) -> NDArray[np.bool_]:
    """Return which rows the blend enters."""
    if blend.weight == 0:
        return np.ones(len(probability), np.bool_)
    bounds = blend.thresholds()
    asked = np.array([bounds[name] for name in REGIMES], np.float64)
    entered: NDArray[np.bool_] = probability >= asked[_place(regimes)]
    return entered


def figures_by_regime(net: Floats, regimes: Ints, prior: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return mean gain and mean loss (above 0) of each regime, little data drawn to the whole market's."""
    gain, loss = _sizes(net)
    gains, losses = {}, {}
    for place, name in enumerate(REGIMES):
        own = net[_place(regimes) == place]
        own_gain, own_loss = _sizes(own, gain, loss)
        count = len(own)
        gains[name] = shrunk(own_gain, count, gain, prior_bars=prior)
        losses[name] = shrunk(own_loss, count, loss, prior_bars=prior)
    return gains, losses


def _sizes(net: Floats, gain: float = _SMALLEST, loss: float = _SMALLEST) -> tuple[float, float]:
    up, down = net[net > 0], -net[net <= 0]
    return (
        max(float(up.mean()), _SMALLEST) if len(up) else gain,
        max(float(down.mean()), _SMALLEST) if len(down) else loss,
    )


def _place(regimes: Ints) -> Ints:
    return np.where((regimes >= 0) & (regimes < len(REGIMES)), regimes, 1).astype(np.int64)


def _chosen(
    found: Predictions, regimes: Ints, rows: NDArray[np.bool_], rules: BlendRules
) -> tuple[Blend, pl.DataFrame]:
    """Return the blend that earned most on `rows`; of equals the one that leans least on the model."""
    net = found.net_return[rows]
    gains, losses = figures_by_regime(net, regimes[rows], rules.prior)
    start = Blend(0.0, float(net.mean()), gains, losses, rules.margin, rules.floor, rules.ceiling)
    tried = []
    for weight in WEIGHTS:
        is_in = taken(_with_weight(start, weight), found.probability[rows], regimes[rows])
        tried.append((weight, float(np.where(is_in, net, 0.0).mean()), int(is_in.sum())))
    best = max(tried, key=lambda row: (row[1], -row[0]))[0]
    table = pl.DataFrame([(*row, row[0] == best) for row in tried], schema=TRIED, orient="row")
    return _with_weight(start, best), table


def _later_folds(found: Predictions, regimes: Ints, rules: BlendRules) -> tuple[Floats, Floats, Ints]:
    """Return what the choice made on earlier folds gained on each row of later ones, and the row's day.

    Over the rules, which take all; and over taking the same share of the fold at random.
    """
    gained, chosen, days = [], [], []
    for _, fold in pairwise(np.unique(found.fold)):
        blend, _ = _chosen(found, regimes, found.fold < fold, rules)
        rows = found.fold == fold
        is_in, net = taken(blend, found.probability[rows], regimes[rows]), found.net_return[rows]
        gained.append(net * (is_in - 1.0))
        chosen.append(net * (is_in - is_in.mean()))
        days.append(found.day[rows])
    if not gained:
        return np.zeros(0), np.zeros(0), np.zeros(0, np.int64)
    return np.concatenate(gained), np.concatenate(chosen), np.concatenate(days)


def chance(gained: Floats, days: Ints, rules: BlendRules) -> float:
    """Return the p-value of "a day gains nothing": the bootstrap of approvals, over daily sums."""
    if not len(gained):
        return 1.0
    names, place = np.unique(days, return_inverse=True)
    sums = np.bincount(place, gained, len(names)).astype(np.float64)
    return mean_p_value(sums, rules.draws, np.random.default_rng(rules.seed))


def _with_weight(blend: Blend, weight: float) -> Blend:
    plain: Mapping[str, object] = blend.to_dict() | {"weight": weight}
    return Blend.from_dict(plain)
