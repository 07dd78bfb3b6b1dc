"""How good the model would look if it were tested wrongly; whether a feature knows what comes after it."""

from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
import polars as pl

from trading.backtest.validation.lookahead import FINDINGS, differences
from trading.backtest.validation.splits import Fold, purged_folds
from trading.learning.protocol.answers import Recipe, Sample, answers
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.scoring import auc


def leak_meter(given: Sample, recipe: Recipe, rules: EvaluationRules) -> dict[str, float | None]:
    """Return the AUC over shuffled folds, over purged ones, and the gap between them.

    Shuffled folds train on neighbours of what they test: outcomes that overlap in time are learnt by heart. A
    wide gap says how much of a figure that somebody shows without purging may be that.
    """
    rng = np.random.default_rng([rules.seed, 17])
    order = rng.permutation(len(given.y))
    parts = np.array_split(order, rules.folds)
    shuffled = [
        Fold(np.sort(np.concatenate([p for p in parts if p is not part])), np.sort(part), 0, 0)
        for part in parts
    ]
    times = given.times
    purged = purged_folds(times.t0, times.t1, max(rules.folds, 2), rules.embargo_ms)
    found = {
        "shuffled_auc": _area(given, shuffled, recipe, rules),
        "purged_auc": _area(given, purged, recipe, rules),
    }
    both = [value for value in found.values() if value is not None]
    return found | {"leak_gap": both[0] - both[1] if len(both) == 2 else None}


def _area(given: Sample, folds: Sequence[Fold], recipe: Recipe, rules: EvaluationRules) -> float | None:
    found = answers(given, folds, recipe, rules.seed)
    if found is None:
        return None
    value = auc(found.predictions.probability, found.predictions.y)
    return None if np.isnan(value) else value


def truncation_test(
    candles: pl.DataFrame,
    make: Callable[[pl.DataFrame], pl.DataFrame],
    cuts: Sequence[datetime],
    *,
    time: str = "open_time",
) -> pl.DataFrame:
    """Return where features made from candles cut off at a bar differ from those made with what followed.

    Parameters
    ----------
    candles : DataFrame
        `symbol`, `open_time`, prices, volume.
    make : callable
        Candles to features: `symbol`, the column `time`, one column per feature.
    cuts : sequence of datetime
        Opens of the last bar that is left.

    Returns
    -------
    DataFrame of `lookahead.FINDINGS`
        Empty where every feature of every row up to each cut is the same, to the last digit.
    """
    whole = make(candles)
    found = []
    for cut in cuts:
        again = make(candles.filter(pl.col("open_time") <= cut))
        then = whole.filter(pl.col(time) <= cut)
        found.append(differences(then, again, cut, time=time, tolerance=0.0))
    return pl.concat([pl.DataFrame(schema=FINDINGS), *found])
