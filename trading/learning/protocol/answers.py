"""What a kind of model answers about decisions it was not trained on: one fit per fold, all of it inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trading.backtest.validation.splits import Fold
from trading.learning.dataset import Floats, Ints, TrainingSet
from trading.learning.models import fit_classifier
from trading.learning.protocol.folds import Clock
from trading.learning.scoring import Predictions, break_even
from trading.learning.traded import FoldModel


@dataclass(frozen=True, slots=True)
class Sample:
    """The training set as arrays, with the clock that folds are cut by."""

    x: Floats
    y: Ints
    weight: Floats
    net: Floats
    cost: Floats
    times: Clock
    features: tuple[str, ...]

    def without(self, names: Sequence[str]) -> "Sample":
        """Return the same rows without some features."""
        kept = [place for place, name in enumerate(self.features) if name not in names]
        x, features = self.x[:, kept], tuple(self.features[place] for place in kept)
        return Sample(x, self.y, self.weight, self.net, self.cost, self.times, features)


def sample(training: TrainingSet, times: Clock) -> Sample:
    """Return the arrays of `training`; a cost that is not known counts as none."""
    cost = training.frame["fee_ratio"].fill_null(0.0).to_numpy().astype(np.float64)
    return Sample(
        training.x, training.y, training.weight, training.net_return, cost, times, training.features
    )


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model is made: its kind, settings that differ from the defaults, and a margin over break-even."""

    kind: str
    settings: Mapping[str, float] = field(default_factory=dict)
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Answers:
    """Predictions over all folds that could be trained; `rows` are row numbers of the training set.

    `trained` has one (fold number, rows trained on) per such fold, `models` what it trained.
    """

    rows: Ints
    predictions: Predictions
    trained: tuple[tuple[int, int], ...] = field(repr=False)
    models: tuple[FoldModel, ...] = field(repr=False)


def answers(given: Sample, folds: Sequence[Fold], recipe: Recipe, seed: int) -> Answers | None:
    """Return out-of-sample predictions: scaling, filling, calibration and threshold are learnt in each fold.

    None when no fold had gains and losses to learn from.
    """
    rows, probability, threshold, base, number, trained, models = [], [], [], [], [], [], []
    for place, fold in enumerate(folds):
        train, test = fold.train, fold.test
        if len(test) == 0 or len(np.unique(given.y[train])) < 2:
            continue
        y, weight = given.y[train], given.weight[train]
        model = fit_classifier(recipe.kind, given.x[train], y, weight, seed, settings=recipe.settings)
        n, bound = len(test), break_even(given.net[train], weight) + recipe.margin
        rows.append(test)
        probability.append(model.predict(given.x[test]))
        threshold.append(np.full(n, bound))
        base.append(np.full(n, np.average(y, weights=weight)))
        number.append(np.full(n, place))
        trained.append((place, len(train)))
        models.append(FoldModel(place, model, bound, train))
    if not rows:
        return None
    index = np.concatenate(rows)
    found = Predictions(
        np.concatenate(probability),
        np.concatenate(threshold),
        np.concatenate(base),
        given.y[index],
        given.net[index],
        given.cost[index],
        given.times.day[index],
        np.concatenate(number),
    )
    return Answers(index, found, tuple(trained), tuple(models))
