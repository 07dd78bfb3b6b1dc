"""The life of a model as assets see it: candidate, verdict, shadow period, champion."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import structlog

from resources.learning import Learning
from resources.settings import load_settings
from resources.store import Store
from trading.learning.dataset import TrainingSet
from trading.learning.evaluation import EVALUATION, Evaluation, EvaluationRules, Verdict, evaluate
from trading.learning.journal import Standing
from trading.learning.protocol.run import Context
from trading.learning.shadow import Shadow, ShadowRules, seen, verdict
from trading.learning.terms import Terms, terms_of
from trading.market.errors import SluiceError
from trading.market.timeframes import timeframe
from trading.signals.blend import BlendRules
from trading.signals.features import FEATURE_VERSION
from trading.store.parts import retried

_log = structlog.get_logger("resources.lifecycle")
# One row: the candidate of a pass. `model_id` is null where there was nothing to learn from.
CANDIDATE = {
    "evaluation_id": pl.String,
    "model_id": pl.String,
    "kind": pl.String,
    "dataset_id": pl.String,
    "feature_version": pl.String,
    "threshold": pl.Float64,
    "weight": pl.Float64,
    "decisions": pl.Int64,
    "days": pl.Int64,
    "why_now": pl.String,
}
# One row: who is champion. `state` in_use, none, expired or refused (altered, other features, no extra).
CHAMPION = {
    "state": pl.String,
    "reason": pl.String,
    "model_id": pl.String,
    "kind": pl.String,
    "since": pl.Datetime("ms", "UTC"),
    "dataset_id": pl.String,
    "weight": pl.Float64,
    "verdict": pl.String,
    "verdict_reason": pl.String,
    "candidate_id": pl.String,
    "evaluation_id": pl.String,
    "shadow_id": pl.String,
    "shadow_seen": pl.Int64,
    "shadow_decisions": pl.Int64,
}


@dataclass(frozen=True)
class LifeRules:
    """Everything that decides what becomes of a candidate, in one hand."""

    evaluation: EvaluationRules
    blend: BlendRules
    shadow: ShadowRules


class Lifecycle:
    """One world's models at market time `at`."""

    def __init__(self, store: Store, learning: Learning, at: datetime) -> None:
        self._store, self._learning, self._at = store, learning, at
        self._registry = learning.registry

    def candidate(self, rules: LifeRules, why_now: str) -> pl.DataFrame:
        """Train and evaluate, save model and evaluation; return the one row of `model_candidate`.

        What cannot be learnt from (NaN features, one class, too little) is a verdict too: the rules go on.
        """
        try:
            chosen = self._learning.training_set(self._store, self._at)
            found, terms = self._judged(chosen, rules)
        except SluiceError as error:
            _log.warning("nothing_to_learn_from", reason=str(error))
            chosen, terms = None, None
            table = pl.DataFrame(schema=EVALUATION)
            found = Evaluation(Verdict.NO_DATA, str(error), table, None, {}, "")
        one = found.candidate
        model_id = None if one is None else self._registry.save(one, self._at, found, terms)
        row = {
            "evaluation_id": self._registry.keep_evaluation(found, model_id, self._at),
            "model_id": model_id,
            "kind": None if one is None else one.kind,
            "dataset_id": found.dataset_id,
            "feature_version": FEATURE_VERSION,
            "threshold": None if one is None else one.threshold,
            "weight": None if terms is None else terms.blend.weight,
            "decisions": 0 if chosen is None else len(chosen.frame),
            "days": 0 if chosen is None else chosen.days,
            "why_now": why_now,
        }
        return pl.DataFrame([row], schema=CANDIDATE)

    def _judged(self, chosen: TrainingSet, rules: LifeRules) -> tuple[Evaluation, Terms | None]:
        champion, book = self._learning.champion(self._store), self._learning.book
        context = Context(candles=self._closes(chosen))
        found = evaluate(chosen, rules.evaluation, champion, context=context, book=book, at=self._at)
        if found.candidate is None:
            return found, None
        kind = found.candidate.kind
        made = terms_of(chosen, kind, rules.evaluation, rules.blend, rules.shadow)
        if made is None:
            return found, None
        terms, fit = made
        # A model without any say beside the rules has not earned its place, whatever else it passed.
        bound = rules.blend.error_rate
        said = f"blend_uplift_p {fit.p_value:.4g}, must be <= {bound:.4g}"
        row = (kind, "blend_uplift_p", fit.p_value, "<=", bound, fit.is_earned, said)
        asked = pl.DataFrame([row], schema=EVALUATION, orient="row")
        table = pl.concat([found.table, asked], how="diagonal")
        if found.verdict is Verdict.PROMOTED and not fit.is_earned:
            return replace(found, verdict=Verdict.REFUSED, reason=f"{kind}: {said}", table=table), terms
        return replace(found, table=table), terms

    def _closes(self, chosen: TrainingSet) -> pl.DataFrame | None:
        """Return the daily closes of the symbols decided on, to buy and hold; None without a decision."""
        first = chosen.frame["decided_at"].min()
        if not isinstance(first, datetime):
            return None
        bar, symbols = timeframe(load_settings(self._store.world).timeframe), chosen.frame["symbol"].unique()
        about = {"symbols": symbols.to_list(), "start": first - timedelta(days=2), "end": self._at}
        day, close = pl.col("open_time").dt.truncate("1d"), pl.col("close").sort_by("open_time").last()
        scan = self._store.candles.scan
        return retried(lambda: scan(bar.name, **about).group_by("symbol", day).agg(close).collect())

    def evaluation(self) -> pl.DataFrame:
        """Return the table of the newest candidate's evaluation, with its verdict on every row."""
        newest = self._store.lake.read("model_candidate").row(0, named=True)
        found = self._registry.evaluation(newest["evaluation_id"])
        table = pl.DataFrame(found["table"], schema_overrides=EVALUATION, infer_schema_length=None)
        if table.is_empty():
            row = (None, "data", None, ">=", None, False, found["reason"])
            table = pl.DataFrame([row], schema=EVALUATION, orient="row")
        named = {"verdict": found["verdict"], "verdict_reason": found["reason"], "chosen": found["kind"]}
        ids = {"candidate_id": found["model_id"], "evaluation_id": found["evaluation_id"]}
        columns = [pl.lit(value, pl.String).alias(name) for name, value in (named | ids).items()]
        return table.with_columns(columns)

    def champion(self) -> pl.DataFrame:
        """Let the shadow period end, or begin, promote what passed; return the one row of `champion`."""
        told = self._store.lake.read("model_evaluation").row(0, named=True)
        self._end_shadow()
        if told["verdict"] == Verdict.PROMOTED and self._is_new(told["candidate_id"]):
            self._enter(told["candidate_id"])
        now = self._registry.journal.standing()
        row = self.state(now) | self._shadow_row(now)
        names = ("verdict", "verdict_reason", "candidate_id", "evaluation_id")
        return pl.DataFrame([row | {name: told[name] for name in names}], schema=CHAMPION)

    def state(self, now: Standing | None = None) -> dict[str, Any]:
        """Return whether the champion can be used, and if not, why; the rules trade on without it."""
        now = now or self._registry.journal.standing()
        nothing = {"kind": None, "dataset_id": None, "weight": None}
        if now.model_id is None:
            return {
                "state": "none",
                "reason": "no champion: rules alone",
                "model_id": None,
                "since": None,
            } | nothing
        about = {"model_id": now.model_id, "since": now.since} | nothing
        if self._registry.is_expired(self._at):
            said = f"champion {now.model_id} of {now.since:%Y-%m-%d} is too old: rules alone"
            return about | {"state": "expired", "reason": said}
        try:
            model = self._registry.champion(self._at, FEATURE_VERSION)
            core = self._registry.manifest(now.model_id)["core"]
        except (SluiceError, ImportError) as error:
            return about | {"state": "refused", "reason": f"{error}: rules alone"}
        weight = None if model is None or model.blend is None else model.blend.weight
        known = {"kind": core["kind"], "dataset_id": core["dataset_id"], "weight": weight}
        return about | known | {"state": "in_use", "reason": f"champion since {now.since:%Y-%m-%d %H:%M}"}

    def state_row(self) -> pl.DataFrame:
        """Return `state` as one row."""
        row = self.state()
        return pl.DataFrame([row], schema={name: CHAMPION[name] for name in row})

    def _is_new(self, model_id: str) -> bool:
        """Whether the journal says nothing of this model yet: a verdict read twice is acted on once."""
        return all(entry.model_id != model_id for entry in self._registry.journal.entries())

    def _enter(self, model_id: str) -> None:
        model = self._registry.load(model_id)
        if model.terms is None or model.terms.limits.decisions == 0:
            self._registry.promote(model_id, self._at)
        elif self._registry.journal.standing().shadow is None:
            allowed = model.terms.limits
            self._registry.start_shadow(
                Shadow(
                    model_id,
                    self._at,
                    allowed.decisions,
                    allowed.brier,
                    allowed.net_return,
                    allowed.max_wait_days,
                )
            )
        else:
            _log.info("candidate_not_watched", model=model_id, reason="another one is in its shadow period")

    def _end_shadow(self) -> None:
        shadow = self._registry.journal.standing().shadow
        outcomes = self._outcomes()
        if shadow is None or outcomes is None:
            return
        found = verdict(shadow, outcomes, self._at)
        if found is None:
            return
        self._registry.end_shadow(self._at, is_passed=found.is_passed, why=found.reason)
        if found.is_passed:
            self._registry.promote(shadow.model_id, self._at, why=f"shadow period: {found.reason}")

    def _shadow_row(self, now: Standing) -> dict[str, Any]:
        outcomes = self._outcomes()
        if now.shadow is None:
            return {"shadow_id": None, "shadow_seen": None, "shadow_decisions": None}
        count = 0 if outcomes is None else seen(now.shadow, outcomes, self._at)
        about = {"shadow_id": now.shadow.model_id, "shadow_seen": count}
        return about | {"shadow_decisions": now.shadow.decisions}

    def _outcomes(self) -> pl.DataFrame | None:
        # Of the pass before: predictions and outcomes of this one come after the champion.
        lake = self._store.lake
        return None if lake.latest("prediction_outcomes") is None else lake.read("prediction_outcomes")
