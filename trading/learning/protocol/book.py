"""What an evaluation reads and writes beside the training set: error budget, trials, holdouts.

All three are files that only grow. A challenger spends its share of the period's budget when it is
evaluated, promoted or not; every kind tried counts in every later deflated Sharpe ratio; a holdout is opened
once per family.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from trading.backtest.validation.budget import ErrorBudget, NightBook
from trading.backtest.validation.holdout import HoldoutBook
from trading.backtest.validation.trials import TrialLedger, trial_batch
from trading.learning.dataset import TrainingSet
from trading.learning.models import fit_classifier
from trading.learning.protocol import baselines, money
from trading.learning.protocol.answers import Recipe
from trading.learning.protocol.gate import Judgement, Verdict
from trading.learning.protocol.report import HoldoutLook, ProtocolReport
from trading.learning.protocol.rules import EvaluationRules
from trading.learning.scoring import Predictions, auc, break_even
from trading.market.errors import BadInput
from trading.market.lineage import content_hash, digest, params_json
from trading.market.timeframes import DAY_MS

FAMILY = "models"
_YEAR = 365


class EvaluationBook:
    """The books of one world's models, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.nights = NightBook(folder / "model_nights.jsonl")
        self.ledger = TrialLedger(folder / "model_trials.jsonl")
        self.holdouts = HoldoutBook(folder / "model_holdouts.jsonl")

    def level(self, rules: EvaluationRules, at: datetime) -> float:
        """Return what each kind may spend tonight: the night's share of the budget, divided by the kinds.

        Alpha spending: challenger k of a period gets k^-exponent of it, whatever came of those before.
        """
        count = len(rules.kinds)
        return self.nights.level(_budget(rules), at.date(), count) / count

    def tried(self, rules: EvaluationRules) -> float:
        """Return the independent trials so far, tonight's kinds among them."""
        before = self.ledger.total(FAMILY)
        return (before.effective if before.batches else 0.0) + len(rules.kinds)

    def record(self, report: ProtocolReport, judged: Judgement, at: datetime) -> None:
        """Write down what was tried and what it spent; the same training set again is the same trial."""
        if not report.kinds:
            return
        batches = []
        for one in report.kinds:
            yearly, days = one.figures["sharpe"], one.figures["tested_days"]
            daily = np.nan if yearly is None else yearly / np.sqrt(_YEAR)
            params = digest(one.kind, params_json({"features": list(report.features)}))
            batches.append(
                trial_batch(FAMILY, params, report.dataset_id, np.array([daily]), at=at, window_days=days)
            )
        self.ledger.record(batches)
        approved = int(judged.verdict is Verdict.PROMOTED)
        self.nights.record(
            at.date(), tested=len(report.rules.kinds), approved=approved, level=report.level, at=at
        )

    def for_research(self, training: TrainingSet) -> TrainingSet:
        """Return the training set without what was decided or became known in a declared holdout."""
        kept = self.holdouts.for_research(training.frame, FAMILY, "decided_at")
        kept = self.holdouts.for_research(kept, FAMILY, "closed_at")
        return part(training, kept)


def look(
    research: TrainingSet,
    whole: TrainingSet,
    recipe: Recipe,
    rules: EvaluationRules,
    book: HoldoutBook,
    name: str,
    *,
    by: str,
    why: str,
    at: datetime,
) -> HoldoutLook:
    """Open a declared holdout and return what the model, trained on research only, makes of its decisions.

    The opening is on disk before a row is read; a second one is refused.

    Raises
    ------
    BadInput
        If there is no such holdout, or no decision lies in it.
    HoldoutSpent
        If it was opened before.
    """
    opened = book.open(name, by=by, why=why, at=at, data_id=whole.dataset_id)
    inside = part(
        whole, whole.frame.filter(pl.col("decided_at").is_between(opened.begin, opened.end, closed="left"))
    )
    if inside.frame.is_empty():
        raise BadInput(f"no decision lies in holdout {name}, {opened.begin} to {opened.end}")
    # A decision whose outcome came after the holdout began would teach about it.
    known = part(research, research.frame.filter(pl.col("closed_at") < opened.begin))
    model = fit_classifier(recipe.kind, known.x, known.y, known.weight, rules.seed, settings=recipe.settings)
    n = len(inside.frame)
    threshold = break_even(known.net_return, known.weight) + recipe.margin
    told = Predictions(
        model.predict(inside.x),
        np.full(n, threshold),
        np.full(n, float(np.average(known.y, weights=known.weight))),
        inside.y,
        inside.net_return,
        inside.frame["fee_ratio"].fill_null(0.0).to_numpy().astype(np.float64),
        inside.t0 // DAY_MS,
        np.zeros(n, np.int64),
    )
    taken = told.is_taken
    series = money.daily(told, taken, rules.slots)
    rng = np.random.default_rng(rules.seed)
    drawn = baselines.random_days(told, taken, rules.slots, rules.draws, rng)
    area = auc(told.probability, told.y)
    return HoldoutLook(
        name, opened.begin, opened.end, n, int(taken.sum()), float(np.prod(1 + series) - 1),
        baselines.percentile(series, drawn), None if np.isnan(area) else area,
    )  # fmt: skip


def part(training: TrainingSet, frame: pl.DataFrame) -> TrainingSet:
    """Return a training set of some of the rows, under a name of its own."""
    if len(frame) == len(training.frame):
        return training
    return replace(training, frame=frame, dataset_id=f"{training.dataset_id}-{content_hash(frame)[:8]}")


def _budget(rules: EvaluationRules) -> ErrorBudget:
    return ErrorBudget(rules.error_rate, rules.budget_exponent, rules.budget_days)
