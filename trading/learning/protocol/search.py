"""A search over windows, labels, rules and model settings that never sees the days it is judged on.

Nested: the newest days are put aside first; Optuna sees purged folds of the days before them. What it found
is then tested once, walk-forward, on the days aside, and deflated by every trial ever made.

Imported where such a search begins and nowhere else: Optuna costs a second to import.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import polars as pl
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from trading.backtest.validation.splits import purged_folds
from trading.backtest.validation.trials import trial_batch
from trading.learning.dataset import Floats, TrainingSet
from trading.learning.protocol import money
from trading.learning.protocol.answers import Recipe, answers, sample
from trading.learning.protocol.book import FAMILY, EvaluationBook, part
from trading.learning.protocol.folds import clock
from trading.learning.protocol.gate import Judgement, judge
from trading.learning.protocol.market_sets import MarketRules, market_set
from trading.learning.protocol.report import ProtocolReport
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.protocol.run import Context, run_protocol
from trading.market.errors import BadInput
from trading.market.lineage import content_hash, digest, params_json
from trading.market.timeframes import DAY_MS
from trading.risk.exits import ExitRules
from trading.signals.strategy import SignalRules

_TURNOVER_PRICE = 0.05  # of the objective, for a capital that is turned over once a day
_SPREAD_PRICE = 0.5  # for folds that differ
_WORST = -10.0
_SLOTS = EvaluationRules().slots
type Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SearchRules:
    """How a model search is done.

    Parameters
    ----------
    trials : int
        In the study, those before a resume included.
    seed : int
        The same seed on the same candles suggests the same.
    storage : Path or None
        SQLite file of the study: it outlives a kill, and the same call goes on with it.
    aside : float
        Share of the days, the newest, that the search never sees.
    inner_folds : int
        Purged folds on which a trial is scored.
    """

    trials: int = 50
    seed: int = 0
    storage: Path | None = None
    aside: float = 0.4
    inner_folds: int = 4

    def __post_init__(self) -> None:
        if self.trials < 1 or self.inner_folds < 2 or not 0.1 <= self.aside <= 0.8:
            raise BadInput(
                "must be trials >= 1, inner_folds >= 2 and aside in [0.1, 0.8], were "
                f"{self.trials}, {self.inner_folds}, {self.aside}"
            )


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """What was found and what it is worth: the best values, all trials, and the report on the days aside."""

    values: Values
    objective: float
    trials: pl.DataFrame = field(repr=False)
    report: ProtocolReport = field(repr=False)
    judgement: Judgement = field(repr=False)
    test_from: datetime
    tried: float


def search_models(
    candles: pl.DataFrame,
    rules: SearchRules,
    book: EvaluationBook,
    *,
    at: datetime,
    evaluation: EvaluationRules | None = None,
    update: Callable[[int, int], None] | None = None,
) -> SearchOutcome:
    """Search, then judge what was found on days that the search has not seen.

    Parameters
    ----------
    candles : DataFrame
        As `market_sets.read_market` returns them.
    book : EvaluationBook
        Where every trial is counted; a trial that stands in the study already is not counted twice.
    at : datetime
        Market time, for the books.
    evaluation : EvaluationRules, optional
        Of the test; its kinds are replaced by the kind that was found.

    Raises
    ------
    BadInput
        If there are too few days, or the study in the file is of other candles.
    """
    base = market_set(candles)
    if base.days < 4 * rules.inner_folds:
        raise BadInput(
            f"a search needs at least {4 * rules.inner_folds} days with decisions, had {base.days}"
        )
    test_from = _test_from(base, rules)
    data_id = content_hash(candles)[:16]
    study = _study(rules, data_id, test_from)
    bench = _Bench(candles, rules, test_from)

    def one(trial: optuna.Trial) -> float:
        score, daily = bench.score(suggested(trial))
        sharpe = float(daily.mean() / daily.std()) if len(daily) > 1 and daily.std() > 0 else float("nan")
        params = digest(params_json(dict(trial.params)))
        book.ledger.record([trial_batch(FAMILY, params, data_id, np.array([sharpe]), at=at)])
        if update is not None:
            update(_done(study) + 1, rules.trials)
        return score

    run_trials(study, rules, one)
    best = study.best_trial
    tried = max(1.0, book.ledger.total(FAMILY).effective)
    report = _tested(candles, best.params, evaluation or EvaluationRules(), test_from, tried, book, at)
    judged = judge(report)
    book.record(report, judged, at)
    table = pl.DataFrame(
        [
            {"number": number, "objective": trial.value} | {k: str(v) for k, v in trial.params.items()}
            for number, trial in enumerate(t for t in study.trials if t.value is not None)
        ],
        infer_schema_length=None,
    ).sort("objective", descending=True)
    return SearchOutcome(best.params, float(best.value or 0.0), table, report, judged, test_from, tried)


def run_trials(study: optuna.Study, rules: SearchRules, one: Callable[[optuna.Trial], float]) -> None:
    """Run what is missing of `rules.trials`: the same trials, however often the study was interrupted.

    Each trial has a sampler of its own, seeded by the seed and how many trials ended before it: what it asks
    is a function of those alone. One that a kill left unfinished is no trial and is asked for again.
    """
    while (done := _done(study)) < rules.trials:
        seed = int(np.random.SeedSequence([rules.seed, done]).generate_state(1)[0])
        study.sampler = TPESampler(seed=seed)
        study.optimize(one, n_trials=1)


def _done(study: optuna.Study) -> int:
    return sum(trial.state == TrialState.COMPLETE for trial in study.trials)


def suggested(trial: optuna.Trial) -> Values:
    """Ask a trial for one configuration: window, label, rules, kind and its settings."""
    trial.suggest_categorical("kind", ["logistic", "lightgbm"])
    trial.suggest_categorical("window_days", [30, 60, 90, 180])
    trial.suggest_float("take_profit", 0.01, 0.06, step=0.005)
    trial.suggest_float("stop_loss", 0.01, 0.08, step=0.005)
    trial.suggest_int("max_hold_bars", 4, 48, step=4)
    trial.suggest_float("rsi_entry", 25.0, 45.0, step=2.5)
    trial.suggest_float("margin", 0.0, 0.10, step=0.01)
    if trial.params["kind"] == "logistic":
        trial.suggest_float("C", 1e-3, 10.0, log=True)
    else:
        trial.suggest_int("num_leaves", 3, 31, log=True)
        trial.suggest_int("min_data_in_leaf", 10, 200, log=True)
        trial.suggest_float("learning_rate", 0.01, 0.2, log=True)
        trial.suggest_int("rounds", 20, 200, step=20)
    return trial.params


def recipe_of(values: Values) -> Recipe:
    """Return kind, settings and margin of a configuration."""
    names = ("C", "num_leaves", "min_data_in_leaf", "learning_rate", "rounds")
    settings = {name: float(values[name]) for name in names if name in values}
    return Recipe(str(values["kind"]), settings, float(values["margin"]))


def market_rules(values: Values) -> MarketRules:
    """Return rules and labels of a configuration; its window is cut at training, see `_Bench`."""
    entry = float(values["rsi_entry"])
    signals = SignalRules(rsi_entry=entry, rsi_ceiling=max(SignalRules().rsi_ceiling, entry))
    exits = ExitRules(
        stop_loss=float(values["stop_loss"]),
        take_profit=float(values["take_profit"]),
        max_hold_bars=int(values["max_hold_bars"]),
    )
    return MarketRules(signals, exits)


class _Bench:
    """Candles up to the days aside; scores a configuration on purged folds of them."""

    def __init__(self, candles: pl.DataFrame, rules: SearchRules, test_from: datetime) -> None:
        # Nothing of the days aside is there to be looked at, not even a bar.
        self.candles = candles.filter(pl.col("open_time") < test_from)
        self.rules = rules
        self.sets: dict[str, TrainingSet] = {}

    def score(self, values: Values) -> tuple[float, Floats]:
        """Return the objective and the daily returns over all inner folds.

        Median over the folds of the daily mean over its deviation, less a price for turnover and for folds
        that differ.
        """
        rules = market_rules(values)
        key = params_json({"signals": str(rules.signals), "exits": str(rules.exits)})
        if key not in self.sets:
            self.sets[key] = market_set(self.candles, rules)
        given = sample(self.sets[key], clock(self.sets[key]))
        window = int(values["window_days"]) * DAY_MS
        folds = [
            replace(fold, train=fold.train[_near(given.times.t0[fold.train], fold, window)])
            for fold in purged_folds(given.times.t0, given.times.t1, self.rules.inner_folds, DAY_MS)
        ]
        found = answers(given, folds, recipe_of(values), self.rules.seed)
        if found is None or not found.predictions.is_taken.any():
            return _WORST, np.zeros(0)
        told = found.predictions
        daily = money.daily(told, told.is_taken, _SLOTS)
        turned = 2 * float(money.filled(told, told.is_taken, _SLOTS).sum()) / _SLOTS / len(daily)
        days = money.calendar(told)
        scores = []
        for fold in np.unique(told.fold):
            own = told.day[told.fold == fold]
            series = daily[(days >= own.min()) & (days <= own.max())]
            spread = float(series.std())
            scores.append(float(series.mean()) / spread if spread > 1e-12 else 0.0)
        price = _TURNOVER_PRICE * min(turned, 2.0) + _SPREAD_PRICE * float(np.std(scores))
        return float(np.median(scores)) - price, daily


def _near(t0: Any, fold: Any, window: int) -> Any:
    return (t0 >= fold.test_from_ms - window) & (t0 < fold.test_to_ms + window)


def _test_from(base: TrainingSet, rules: SearchRules) -> datetime:
    days = np.unique(base.t0 // DAY_MS)
    first = int(days[round(len(days) * (1 - rules.aside))])
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=first)


def _tested(
    candles: pl.DataFrame,
    values: Values,
    evaluation: EvaluationRules,
    test_from: datetime,
    tried: float,
    book: EvaluationBook,
    at: datetime,
) -> ProtocolReport:
    recipe = recipe_of(values)
    rules = replace(evaluation, kinds=(recipe.kind,))
    whole = market_set(candles, market_rules(values))
    begin = test_from - timedelta(days=int(values["window_days"]))
    chosen = part(whole, whole.frame.filter(pl.col("decided_at") >= begin))
    context = Context(
        candles=candles,
        level=book.level(rules, at),
        tried=tried,
        test_from=test_from,
        recipes={recipe.kind: recipe},
    )
    return run_protocol(chosen, rules, context)


def _study(rules: SearchRules, data_id: str, test_from: datetime) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = None if rules.storage is None else f"sqlite:///{rules.storage}"
    name = f"models seed {rules.seed}"
    study = optuna.create_study(storage=storage, study_name=name, direction="maximize", load_if_exists=True)
    fingerprint = f"{data_id} {test_from.isoformat()} {rules.inner_folds}"
    if study.user_attrs.get("fingerprint", fingerprint) != fingerprint:
        raise BadInput(f"study {name!r} in {rules.storage} is of other candles or days: it cannot be resumed")
    study.set_user_attr("fingerprint", fingerprint)
    return study
