"""A candidate's way to its verdict: trained, judged, held against the rules alone, saved, written down.

Whatever keeps it from being judged is a verdict, too, and says why: the rules trade on either way.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from trading.learning.dataset import TrainingSet
from trading.learning.evaluation import EVALUATION, Evaluation, EvaluationRules, Verdict, evaluate
from trading.learning.protocol.book import EvaluationBook
from trading.learning.protocol.run import Context
from trading.learning.registry import ModelRegistry
from trading.learning.shadow import ShadowRules
from trading.learning.terms import Terms, terms_of
from trading.market.errors import SluiceError
from trading.signals.blend import BlendRules
from trading.signals.predictor import Predictor
from trading.store.candles import CandleStore
from trading.store.parts import retried

# One row: the candidate of a pass. `model_id` is null where there was nothing to learn from, or it failed.
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


@dataclass(frozen=True)
class LifeRules:
    """Everything that decides what becomes of a candidate, in one hand."""

    evaluation: EvaluationRules
    blend: BlendRules
    shadow: ShadowRules


@dataclass(frozen=True)
class Judge:
    """What candidates of one world are held against: rules, book, the present champion, daily closes."""

    rules: LifeRules
    book: EvaluationBook
    champion: Predictor | None = None
    closes: Callable[[TrainingSet], pl.DataFrame | None] = lambda _: None

    def judged(self, chosen: TrainingSet, at: datetime) -> tuple[Evaluation, Terms | None]:
        """Return the evaluation of the best kind, with the rule about its say, and its terms.

        Raises
        ------
        SluiceError
            If a kind cannot be trained here (its extra is missing), or a file is damaged.
        """
        rules = self.rules
        context = Context(candles=self.closes(chosen), blend=rules.blend)
        found = evaluate(chosen, rules.evaluation, self.champion, context=context, book=self.book, at=at)
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


def nominate(
    registry: ModelRegistry,
    judge: Judge,
    gather: Callable[[], TrainingSet],
    at: datetime,
    *,
    feature_version: str,
    why_now: str,
) -> pl.DataFrame:
    """Train and evaluate on what `gather` returns, save model and evaluation; return the row of `CANDIDATE`.

    Too little to learn from is the verdict `no_data`. What refused to be gathered or trained on (NaN
    features, a damaged file, a missing extra) is the verdict `failed`, in the words of whoever refused it.
    """
    chosen, terms = None, None
    try:
        chosen = gather()
        found, terms = judge.judged(chosen, at)
    except (SluiceError, ImportError) as error:
        name = "" if chosen is None else chosen.dataset_id
        found = Evaluation(Verdict.FAILED, str(error), pl.DataFrame(schema=EVALUATION), None, {}, name)
    one = found.candidate
    model_id = None if one is None else registry.save(one, at, found, terms)
    row = {
        "evaluation_id": registry.keep_evaluation(found, model_id, at),
        "model_id": model_id,
        "kind": None if one is None else one.kind,
        "dataset_id": found.dataset_id,
        "feature_version": feature_version,
        "threshold": None if one is None else one.threshold,
        "weight": None if terms is None else terms.blend.weight,
        "decisions": 0 if chosen is None else len(chosen.frame),
        "days": 0 if chosen is None else chosen.days,
        "why_now": why_now,
    }
    return pl.DataFrame([row], schema=CANDIDATE)


def evaluation_table(registry: ModelRegistry, evaluation_id: str) -> pl.DataFrame:
    """Return the rules of a kept evaluation (`EVALUATION`), its verdict on every row; one row at least.

    Raises
    ------
    NoVersion
        If there is none of that id.
    """
    found = registry.evaluation(evaluation_id)
    table = pl.DataFrame(found["table"], schema_overrides=EVALUATION, infer_schema_length=None)
    if table.is_empty():
        row = (None, "data", None, ">=", None, False, found["reason"])
        table = pl.DataFrame([row], schema=EVALUATION, orient="row")
    named = {"verdict": found["verdict"], "verdict_reason": found["reason"], "chosen": found["kind"]}
    ids = {"candidate_id": found["model_id"], "evaluation_id": found["evaluation_id"]}
    return table.with_columns(pl.lit(value, pl.String).alias(name) for name, value in (named | ids).items())


def failure(registry: ModelRegistry, evaluation_id: str) -> str:
    """Return why that evaluation could not be made at all; empty if it could."""
    found = registry.evaluation(evaluation_id)
    return str(found["reason"]) if found["verdict"] == Verdict.FAILED else ""


def shortage(registry: ModelRegistry, evaluation_id: str) -> tuple[str, str]:
    """Return which rules about the data an evaluation failed, and in words; both empty if none."""
    found = registry.evaluation(evaluation_id)
    short = [row for row in found["table"] if row["model"] is None and row["is_passed"] is False]
    if short:
        return " ".join(row["rule"] for row in short), "; ".join(row["reason"] for row in short)
    # No rule about the data failed, and still no fold could be trained.
    is_bare = found["verdict"] == Verdict.NO_DATA
    return ("folds", str(found["reason"])) if is_bare else ("", "")


def daily_closes(
    candles: CandleStore, timeframe: str, chosen: TrainingSet, until: datetime
) -> pl.DataFrame | None:
    """Return `symbol`, `day`, `close` of the symbols decided on, to buy and hold; None without a decision."""
    first = chosen.frame["decided_at"].min()
    if not isinstance(first, datetime):
        return None
    symbols, start = chosen.frame["symbol"].unique().to_list(), first - timedelta(days=2)
    day, close = pl.col("open_time").dt.truncate("1d"), pl.col("close").sort_by("open_time").last()

    def read() -> pl.DataFrame:
        bars = candles.scan(timeframe, symbols=symbols, start=start, end=until)
        return bars.group_by("symbol", day).agg(close).collect()

    return retried(read)
