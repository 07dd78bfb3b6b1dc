"""Does a model beat simple things after costs? One table of rule, value, bound; one verdict.

`promoted` = every rule passed, `refused` = one failed (too few days among them), `no_data` = too little
to measure anything. Most models deserve to be refused; the rules trade on without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import polars as pl

from trading.backtest.validation.splits import walk_forward
from trading.learning.dataset import DAY_MS, Ints, TrainingSet
from trading.learning.models import KINDS, Classifier, fit_classifier
from trading.learning.scoring import (
    Predictions,
    auc,
    break_even,
    brier_skill,
    day_bootstrap,
    mean_or_nan,
    random_choice_percentile,
)
from trading.market.errors import BadInput
from trading.signals.predictor import Predictor

HOUR_MS = 3_600_000
# One row per model and rule; rules about the data have no model.
EVALUATION: dict[str, pl.DataType | type[pl.DataType]] = {
    "model": pl.String,
    "rule": pl.String,
    "value": pl.Float64,
    "comparison": pl.String,
    "bound": pl.Float64,
    "is_passed": pl.Boolean,
    "reason": pl.String,
}
type Row = tuple[str | None, str, float | None, str, float, bool, str]


class Verdict(StrEnum):
    """What becomes of a candidate."""

    PROMOTED = "promoted"
    REFUSED = "refused"
    NO_DATA = "no_data"


@dataclass(frozen=True, slots=True)
class EvaluationRules:
    """What a model must show out of sample.

    Parameters
    ----------
    kinds : tuple of str
        Models that compete; their number divides `error_rate`.
    min_decisions, min_days : int
        Below either there is no verdict.
    folds : int
        Walk-forward folds.
    embargo_hours : float
        Training stops this long before each test block.
    min_taken : int
        Out-of-sample decisions the model must take.
    min_coverage : float
        Share of decisions it must take: a model that says no to everything trades nothing.
    error_rate : float
        Budget of false promotions per evaluation.
    draws, seed : int
        Resamplings, and their seed.
    """

    kinds: tuple[str, ...] = KINDS
    min_decisions: int = 200
    min_days: int = 30
    folds: int = 5
    embargo_hours: float = 24.0
    min_taken: int = 30
    min_coverage: float = 0.05
    error_rate: float = 0.05
    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.kinds:
            raise BadInput("kinds must name at least one model, was empty")
        if self.folds < 1 or self.min_days <= self.folds:
            raise BadInput(f"must be 1 <= folds < min_days, were {self.folds} and {self.min_days}")
        if not 0 < self.error_rate < 1:
            raise BadInput(f"error_rate must lie between 0 and 1, was {self.error_rate}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A classifier fitted to the whole training set, with the probability below which it says no."""

    kind: str
    classifier: Classifier = field(repr=False)
    threshold: float
    features: tuple[str, ...]
    feature_version: str
    dataset_id: str
    seed: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict with its whole table (`EVALUATION`); `candidate` is None when there was no data."""

    verdict: Verdict
    reason: str
    table: pl.DataFrame = field(repr=False)
    candidate: Candidate | None
    figures: Mapping[str, float | None]
    dataset_id: str


def evaluate(
    training: TrainingSet, rules: EvaluationRules | None = None, champion: Predictor | None = None
) -> Evaluation:
    """Train every kind walk-forward, hold it against baselines, and say what becomes of the best.

    Parameters
    ----------
    training : TrainingSet
        May be empty.
    rules : EvaluationRules, optional
        Bounds; the defaults where not given.
    champion : Predictor, optional
        The present model. It is asked about the same test decisions; where it was trained on some of
        them, that is to its advantage.

    Returns
    -------
    Evaluation
        A candidate comes with every verdict but ``no_data``; only a promoted one may be used.
    """
    rules = rules or EvaluationRules()
    table = _data_rows(training, rules)
    figures: dict[str, float | None] = {"decisions": float(len(training.frame)), "days": float(training.days)}
    short = [row for row in table if not row[5]]
    # What can be measured is measured, even where it is too little to promote on: the figures teach.
    if training.days <= rules.folds or len(np.unique(training.y)) < 2:
        return _nothing(training, table, figures, "; ".join(row[6] for row in short))
    results = {kind: out_of_sample(training, kind, rules) for kind in rules.kinds}
    answered = {kind: found for kind, found in results.items() if found is not None}
    if not answered:
        return _nothing(training, table, figures, "no fold had gains and losses to learn from")
    judged = {
        kind: _judge(kind, found, rules, _champion(training, found, champion))
        for kind, found in answered.items()
    }
    best = max(
        judged, key=lambda kind: (sum(row[5] for row in judged[kind]), _uplift(answered[kind].predictions))
    )
    table += [row for rows in judged.values() for row in rows]
    failed = [*short, *(row for row in judged[best] if not row[5])]
    verdict = Verdict.REFUSED if failed else Verdict.PROMOTED
    reason = f"{best}: {failed[0][6]}" if failed else f"{best}: every rule passed"
    figures |= _figures(answered[best].predictions)
    candidate = _fit_all(training, best, rules.seed)
    return Evaluation(verdict, reason, _frame(table), candidate, figures, training.dataset_id)


@dataclass(frozen=True, slots=True)
class OutOfSample:
    """Predictions of one kind over all test folds; `rows` are row numbers of the training set."""

    rows: Ints
    predictions: Predictions


def out_of_sample(training: TrainingSet, kind: str, rules: EvaluationRules) -> OutOfSample | None:
    """Return walk-forward predictions: scaling, calibration and threshold are learned inside each fold.

    None when no fold could be trained.
    """
    x, y, weight, net = training.x, training.y, training.weight, training.net_return
    t0 = training.t0
    folds = walk_forward(t0, training.t1, rules.folds, int(rules.embargo_hours * HOUR_MS))
    rows, probability, threshold, base, number = [], [], [], [], []
    for place, fold in enumerate(folds):
        if len(np.unique(y[fold.train])) < 2:
            continue
        model = fit_classifier(kind, x[fold.train], y[fold.train], weight[fold.train], rules.seed)
        rows.append(fold.test)
        probability.append(model.predict(x[fold.test]))
        n = len(fold.test)
        threshold.append(np.full(n, break_even(net[fold.train], weight[fold.train])))
        base.append(np.full(n, np.average(y[fold.train], weights=weight[fold.train])))
        number.append(np.full(n, place))
    if not rows:
        return None
    index = np.concatenate(rows)
    cost = training.frame["fee_ratio"].fill_null(0.0).to_numpy().astype(np.float64)
    found = Predictions(
        np.concatenate(probability),
        np.concatenate(threshold),
        np.concatenate(base),
        y[index],
        net[index],
        cost[index],
        t0[index] // DAY_MS,
        np.concatenate(number),
    )
    return OutOfSample(index, found)


def _data_rows(training: TrainingSet, rules: EvaluationRules) -> list[Row]:
    classes = len(np.unique(training.y)) if len(training.frame) else 0
    asked = (
        ("decisions", len(training.frame), rules.min_decisions),
        ("distinct_days", training.days, rules.min_days),
        ("label_classes", classes, 2),
    )
    return [_row(None, rule, float(value), ">=", float(bound)) for rule, value, bound in asked]


def _judge(kind: str, found: OutOfSample, rules: EvaluationRules, champion_mean: float | None) -> list[Row]:
    predictions = found.predictions
    taken = predictions.is_taken
    rng = np.random.default_rng(rules.seed)
    share = rules.error_rate / len(rules.kinds)
    areas, uplifts = day_bootstrap(predictions, rules.draws, rng)
    uplift_p = (1 + int(np.sum(uplifts <= 0))) / (1 + rules.draws)
    mean = mean_or_nan(predictions.net_return[taken])
    stressed = mean_or_nan((predictions.net_return - predictions.cost)[taken])
    asked = [
        ("taken", float(taken.sum()), ">=", float(rules.min_taken)),
        ("coverage", float(taken.mean()), ">=", rules.min_coverage),
        ("auc_lower_bound", float(np.quantile(areas, share)), ">", 0.5),
        ("brier_skill", brier_skill(predictions), ">", 0.0),
        ("taken_mean_return", mean, ">", 0.0),
        ("taken_mean_return_2x_costs", stressed, ">", 0.0),
        ("uplift_over_all_p", uplift_p, "<=", share),
        ("random_percentile", random_choice_percentile(predictions, rules.draws, rng), ">=", 1 - share),
    ]
    if champion_mean is not None:
        asked.append(("beats_champion", mean, ">", champion_mean))
    return [_row(kind, *one) for one in asked]


def _champion(training: TrainingSet, found: OutOfSample, champion: Predictor | None) -> float | None:
    """Return the champion's mean net return over what it takes; 0 where it takes nothing, as cash earns."""
    if champion is None:
        return None
    features = training.frame.select(training.features)[found.rows]
    taken = champion.predict(features) >= champion.threshold
    return mean_or_nan(found.predictions.net_return[taken]) if taken.any() else 0.0


def _uplift(predictions: Predictions) -> float:
    taken = predictions.is_taken
    return float(predictions.net_return[taken].mean() - predictions.net_return.mean()) if taken.any() else 0.0


def _figures(predictions: Predictions) -> dict[str, float | None]:
    taken = predictions.is_taken
    values = {
        "tested": float(len(taken)),
        "taken": float(taken.sum()),
        "auc": auc(predictions.probability, predictions.y),
        "brier": float(np.mean((predictions.probability - predictions.y) ** 2)),
        "brier_base_rate": float(np.mean((predictions.base_rate - predictions.y) ** 2)),
        "mean_return_all": mean_or_nan(predictions.net_return),
        "mean_return_taken": mean_or_nan(predictions.net_return[taken]),
        "mean_return_taken_2x_costs": mean_or_nan((predictions.net_return - predictions.cost)[taken]),
        "mean_return_taken_3x_costs": mean_or_nan((predictions.net_return - 2 * predictions.cost)[taken]),
    }
    return {name: None if np.isnan(value) else value for name, value in values.items()}


def _fit_all(training: TrainingSet, kind: str, seed: int) -> Candidate:
    return Candidate(
        kind,
        fit_classifier(kind, training.x, training.y, training.weight, seed),
        break_even(training.net_return, training.weight),
        training.features,
        training.feature_version,
        training.dataset_id,
        seed,
    )


def _row(model: str | None, rule: str, value: float, comparison: str, bound: float) -> Row:
    passed = {">=": value >= bound, ">": value > bound, "<=": value <= bound}[comparison]
    reason = f"{rule} {value:.4g}, must be {comparison} {bound:.4g}"
    return model, rule, None if np.isnan(value) else value, comparison, bound, bool(passed), reason


def _nothing(
    training: TrainingSet, table: list[Row], figures: dict[str, float | None], why: str
) -> Evaluation:
    return Evaluation(Verdict.NO_DATA, why, _frame(table), None, figures, training.dataset_id)


def _frame(table: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(table, schema=EVALUATION, orient="row")
