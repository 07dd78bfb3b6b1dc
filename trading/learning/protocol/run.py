"""The whole protocol by one function: a training set in, one report out. Nothing is written or promoted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import polars as pl

from trading.learning.dataset import Floats, TrainingSet
from trading.learning.protocol import baselines, money
from trading.learning.protocol.answers import Answers, Recipe, answers, sample
from trading.learning.protocol.folds import clock, outer_folds
from trading.learning.protocol.measure import Beside, measured
from trading.learning.protocol.report import KindReport, ProtocolReport
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.traded import Asked, candidate_entries, entries
from trading.market.timeframes import to_ms
from trading.signals.blend import BlendRules
from trading.signals.predictor import Predictor

type Update = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Context:
    """What a report needs beside the training set; everything may be left out.

    Parameters
    ----------
    champion : Predictor, optional
        The present model, asked about the same decisions; those it was trained on are to its advantage.
    candles : DataFrame, optional
        `symbol`, `open_time` or `ts`, `close`: for buying and holding. Without them, or where a tested day
        has none, that baseline is not measured.
    level : float, optional
        What each kind may spend of the error budget (`book.level`); the whole `error_rate` divided by the
        kinds where not given.
    tried : float, optional
        Independent trials, these kinds among them; as many as there are kinds where not given.
    test_from : datetime, optional
        Folds begin there or later: days before it were used to choose something.
    recipes : mapping of kind to Recipe
        Settings and margin of kinds that do not stand at their defaults.
    blend : BlendRules
        By which a champion would be weighed beside the rules.
    """

    champion: Predictor | None = None
    candles: pl.DataFrame | None = field(default=None, repr=False)
    level: float | None = None
    tried: float | None = None
    test_from: datetime | None = None
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    blend: BlendRules = field(default_factory=BlendRules)


def run_protocol(
    training: TrainingSet,
    rules: EvaluationRules | None = None,
    context: Context | None = None,
    *,
    update: Update | None = None,
) -> ProtocolReport:
    """Test every kind of model on days it was not trained on, against simple things, costs paid.

    Parameters
    ----------
    training : TrainingSet
        May be empty; rows of holdouts must be gone (`book.for_research`).
    rules : EvaluationRules, optional
        Bounds; the defaults where not given.
    context : Context, optional
        Champion, candles, error budget, trials.
    update : callable, optional
        Told (kinds done, of how many).

    Returns
    -------
    ProtocolReport
        Without kinds where there are too few days, or one class of outcomes.
    """
    rules, context = rules or EvaluationRules(), context or Context()
    whole = _about(training, rules, context)
    if whole.classes < 2:
        return whole
    given = sample(training, clock(training))
    begin = None if context.test_from is None else to_ms(context.test_from)
    folds = outer_folds(given.times, rules, test_from_ms=begin)
    recipes = {kind: context.recipes.get(kind, Recipe(kind)) for kind in rules.kinds}
    found = {kind: answers(given, folds, recipe, rules.seed) for kind, recipe in recipes.items()}
    reports: list[KindReport] = []
    for place, (kind, one) in enumerate(found.items()):
        if one is not None:
            logistic = None if kind == "logistic" else found.get("logistic")
            beside = _beside(one, logistic, training, rules, context, whole.tried)
            reports.append(measured(given, folds, recipes[kind], one, rules, beside))
        if update is not None:
            update(place + 1, len(found))
    return replace(whole, kinds=tuple(reports))


def _about(training: TrainingSet, rules: EvaluationRules, context: Context) -> ProtocolReport:
    frame, count = training.frame, len(rules.kinds)
    notes = [] if context.candles is not None else ["no candles given: buying and holding is not measured"]
    is_empty = frame.is_empty()
    return ProtocolReport(
        dataset_id=training.dataset_id,
        feature_version=training.feature_version,
        features=training.features,
        decisions=frame["group"].n_unique(),
        days=training.days,
        classes=0 if is_empty else len(np.unique(training.y)),
        first=None if is_empty else frame["decided_at"].dt.to_string("iso").min(),  # type: ignore[arg-type]  # text
        last=None if is_empty else frame["decided_at"].dt.to_string("iso").max(),  # type: ignore[arg-type]  # text
        by_source=dict(frame.group_by("source").len().sort("source").rows()),
        champion_id=None if context.champion is None else context.champion.model_id,
        level=rules.error_rate / count if context.level is None else context.level,
        tried=float(count) if context.tried is None else context.tried,
        rules=rules,
        notes=tuple(notes),
    )


def _beside(
    one: Answers,
    logistic: Answers | None,
    training: TrainingSet,
    rules: EvaluationRules,
    context: Context,
    tried: float,
) -> Beside:
    told, x, names = one.predictions, training.x, training.features
    champion: Floats | None = None
    if context.champion is not None:
        theirs = entries(Asked.of(context.champion), x[one.rows], names)
        champion = money.daily(told, theirs.is_in, rules.slots)
    market: dict[str, Floats] = {}
    if context.candles is not None:
        side = float(np.median(told.cost)) / 2
        market = {name: series for name, (series, _) in baselines.held(told, context.candles, side).items()}
    line = None if logistic is None else logistic.predictions
    beside = None if line is None else money.daily(line, line.is_taken, rules.slots)
    own = candidate_entries(one.models, told, one.rows, x, names, context.blend)
    return Beside(champion, beside, market, tried, own)
