"""Which decisions would be entered with a model as it is traded: veto, probability, blend, bound by regime.

Evaluation and live signals take the same path, `trading.signals.opinion.judged`. What evaluation adds is that
nothing of a fold is known in it: its model and its veto are of the days before, its blend of the folds
before. A policy is left out, and so is the day a champion was made: it is asked about all decisions alike.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.learning.blending import blend_of, regimes_of
from trading.learning.dataset import Floats, Ints
from trading.learning.models import Classifier
from trading.learning.novelty import NEAREST, Novelty
from trading.learning.scoring import Predictions
from trading.market.thresholds import REGIMES
from trading.signals.blend import Blend, BlendRules
from trading.signals.opinion import IS_BELOW, judged
from trading.signals.predictor import Advice, Predictor

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entries:
    """Per decision whether it is entered, and whether it was novel, so that the rules alone decided."""

    is_in: Bools
    is_novel: Bools


@dataclass(frozen=True, slots=True)
class Asked:
    """A `Predictor` for evaluation: no policy beside it, and known at every decision it is asked about."""

    model_id: str
    threshold: float
    blend: Blend | None
    predict: Callable[[pl.DataFrame], Floats] = field(repr=False)
    novelty: Callable[[pl.DataFrame], pl.DataFrame | None] = field(repr=False)
    policy: Advice | None = None
    known_at: datetime | None = None

    @classmethod
    def of(cls, model: Predictor) -> "Asked":
        """Return a registered model as if it had been there from the beginning."""
        return cls(model.model_id, model.threshold, model.blend, model.predict, model.novelty)

    def explain(self, features: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG002  # as `Predictor` has it
        """Explain nothing: who only counts entries asks for no reasons."""
        return pl.DataFrame()


@dataclass(frozen=True, slots=True)
class FoldModel:
    """What a fold trained: the model, its break-even threshold, and the rows that it was taught."""

    fold: int
    classifier: Classifier = field(repr=False)
    threshold: float
    taught: Ints = field(repr=False)


def entries(model: Predictor, x: Floats, names: tuple[str, ...]) -> Entries:
    """Return which rows are entered with `model`, by the path that live signals take.

    Parameters
    ----------
    x : array of shape (n, f)
        Features `names`; NaN where unknown. The regime is the feature `f_regime`, normal without it.
    """
    regimes = [REGIMES[code] for code in np.clip(regimes_of(x, names), 0, len(REGIMES) - 1)]
    rows = pl.DataFrame(x, schema=list(names)).with_columns(
        pl.col(names).fill_nan(None),
        is_candidate=pl.lit(value=True),
        decided_ms=pl.lit(0, pl.Int64),
        regime=pl.Series(regimes, dtype=pl.String),
    )
    told = judged(rows, model).select(is_in=~IS_BELOW, is_novel=pl.col("is_novel").fill_null(value=False))
    return Entries(told["is_in"].to_numpy(), told["is_novel"].to_numpy())


def candidate_entries(
    models: tuple[FoldModel, ...],
    told: Predictions,
    rows: Ints,
    x: Floats,
    names: tuple[str, ...],
    rules: BlendRules,
) -> Entries:
    """Return what would be entered out of sample with a kind of model, were it champion.

    In the first fold the rules decide alone: there is nothing yet to choose the blend by.

    Parameters
    ----------
    models : tuple of FoldModel
        Of each fold that was trained, oldest first.
    told : Predictions
        Their answers, shape (n,); `rows` are their row numbers in `x`.
    x : array of shape (m, f)
        Features `names` of the whole training set.
    """
    is_in, is_novel = np.ones(len(rows), np.bool_), np.zeros(len(rows), np.bool_)
    regimes = regimes_of(x[rows], names)
    for one in models[1:]:
        now, blend = told.fold == one.fold, blend_of(told, regimes, told.fold < one.fold, rules)
        found = entries(_asked(one, blend, x[one.taught], names), x[rows[now]], names)
        is_in[now], is_novel[now] = found.is_in, found.is_novel
    return Entries(is_in, is_novel)


def _asked(one: FoldModel, blend: Blend, taught: Floats, names: tuple[str, ...]) -> Asked:
    veto = Novelty.fit(taught) if len(taught) >= 2 * NEAREST else None

    def predict(features: pl.DataFrame) -> Floats:
        x = features.select(pl.col(names).cast(pl.Float64)).to_numpy()
        return one.classifier.predict(np.ascontiguousarray(x.astype(np.float64)))

    def novelty(features: pl.DataFrame) -> pl.DataFrame | None:
        return None if veto is None else veto.columns(features, names)

    return Asked(f"fold {one.fold}", one.threshold, blend, predict, novelty)
