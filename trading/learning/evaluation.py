"""Does a model beat simple things after costs? The protocol is run, the gate judges, the best is fitted.

`promoted` = every rule passed, `refused` = one failed (too few days among them), `no_data` = too little
to measure anything, `failed` = bad rows, a damaged file or a missing extra. Most models deserve to be
refused; the rules trade on without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from trading.learning.dataset import TrainingSet
from trading.learning.models import Classifier, fit_classifier
from trading.learning.novelty import Novelty
from trading.learning.protocol.answers import Answers, Recipe, answers, sample
from trading.learning.protocol.book import EvaluationBook
from trading.learning.protocol.folds import clock, outer_folds
from trading.learning.protocol.gate import EVALUATION, Judgement, Verdict, judge
from trading.learning.protocol.report import ProtocolReport
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.protocol.run import Context, Update, run_protocol
from trading.learning.scoring import break_even
from trading.signals.predictor import Predictor

__all__ = [
    "EVALUATION",
    "Candidate",
    "Evaluation",
    "EvaluationBook",
    "EvaluationRules",
    "Verdict",
    "evaluate",
    "fit_all",
    "out_of_sample",
]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A classifier fitted to the whole training set, with the probability below which it says no.

    `veto` was fitted to the same rows: what resembles none of them gets no probability.
    """

    kind: str
    classifier: Classifier = field(repr=False)
    threshold: float
    features: tuple[str, ...]
    feature_version: str
    dataset_id: str
    seed: int
    veto: Novelty | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The verdict with its whole table (`EVALUATION`); `candidate` is None when there was no data.

    `figures` are the candidate's, `report` is everything that was measured.
    """

    verdict: Verdict
    reason: str
    table: pl.DataFrame = field(repr=False)
    candidate: Candidate | None
    figures: Mapping[str, float | None]
    dataset_id: str
    report: ProtocolReport | None = field(default=None, repr=False)


def evaluate(
    training: TrainingSet,
    rules: EvaluationRules | None = None,
    champion: Predictor | None = None,
    *,
    context: Context | None = None,
    book: EvaluationBook | None = None,
    at: datetime | None = None,
    update: Update | None = None,
) -> Evaluation:
    """Run the protocol on every kind, judge, and fit the best on everything.

    Parameters
    ----------
    training : TrainingSet
        May be empty.
    rules : EvaluationRules, optional
        Bounds; the defaults where not given.
    champion : Predictor, optional
        The present model. It is asked about the same test decisions; where it was trained on some of
        them, that is to its advantage.
    context : Context, optional
        Candles, trials and whatever else is known; `champion` goes before the one in it.
    book, at : EvaluationBook and market time, optional
        Together: holdouts are kept out, the night's share of the error budget is spent, trials are counted.
    update : callable, optional
        Told (kinds done, of how many).

    Returns
    -------
    Evaluation
        A candidate comes with every verdict but ``no_data``; only a promoted one may be used.
    """
    rules, context = rules or EvaluationRules(), context or Context()
    if champion is not None:
        context = replace(context, champion=champion)
    if book is not None and at is not None:
        training = book.for_research(training)
        context = replace(context, level=book.level(rules, at), tried=book.tried(rules))
    report = run_protocol(training, rules, context, update=update)
    judged = judge(report)
    if book is not None and at is not None:
        book.record(report, judged, at)
    return told(report, judged, training, context)


def told(
    report: ProtocolReport, judged: Judgement, training: TrainingSet, context: Context | None = None
) -> Evaluation:
    """Return report and judgement as an evaluation, the candidate fitted to all of `training`."""
    figures: dict[str, float | None] = {"decisions": float(report.decisions), "days": float(report.days)}
    candidate = None
    if judged.kind is not None:
        recipes = {} if context is None else context.recipes
        recipe = recipes.get(judged.kind, Recipe(judged.kind))
        candidate = fit_all(training, recipe, report.rules.seed)
        figures |= report.of(judged.kind).figures
        figures["taken"] = figures["trades"]
    return Evaluation(
        judged.verdict, judged.reason, judged.table, candidate, figures, training.dataset_id, report
    )


def out_of_sample(training: TrainingSet, kind: str, rules: EvaluationRules) -> Answers | None:
    """Return the answers that `kind` is judged by, of the first seed; None if no fold could be trained."""
    given = sample(training, clock(training))
    return answers(given, outer_folds(given.times, rules), Recipe(kind), rules.seed)


def fit_all(training: TrainingSet, recipe: Recipe, seed: int) -> Candidate:
    """Return the candidate: the recipe fitted to every row, with the seed that was tested."""
    return Candidate(
        recipe.kind,
        fit_classifier(recipe.kind, training.x, training.y, training.weight, seed, settings=recipe.settings),
        break_even(training.net_return, training.weight) + recipe.margin,
        training.features,
        training.feature_version,
        training.dataset_id,
        seed,
        Novelty.fit(training.x),
    )
