"""Stops 10 and 11: from the pool to a training set, to a model that earns its place or stays out."""

import dagster as dg
import polars as pl
from pydantic import Field

from assets.launchpad import domain, launchpad
from assets.results import materialized, table, verdict
from resources import standing
from resources.exchange import Exchange
from resources.learning import Learning
from resources.lifecycle import Lifecycle, LifeRules
from resources.order_log import OrderLogResource
from resources.retraining import candidate_now
from resources.store import Store
from resources.teaching import in_words, log_of, taught, taught_model
from trading.learning.evaluation import EvaluationRules
from trading.learning.shadow import ShadowRules
from trading.signals.blend import BlendRules

GROUP = "learning"
_MARGIN = Field(0.0, description="Net return that an entry must be expected to earn.")
EvaluationConfig = launchpad(EvaluationRules, "EvaluationConfig", margin=(float, _MARGIN))


def life_rules(config: EvaluationConfig) -> LifeRules:
    """Return what decides about a candidate, from the launchpad."""
    evaluation = domain(EvaluationRules, config)
    return LifeRules(evaluation, BlendRules(margin=config.margin), ShadowRules(decisions=config.min_shadow))


@dg.asset(
    group_name=GROUP, deps=["trade_pool", "decision_outcomes"], kinds={"parquet"}, owners=["team:trading"]
)
def training_set(
    context: dg.AssetExecutionContext, store: Store, learning: Learning, exchange: Exchange
) -> dg.MaterializeResult[None]:
    """Decisions with known outcomes, labelled net of costs. **One row per decision and source.**

    Source: `trade_pool`, and decisions of earlier passes labelled on candles at a fifth of the weight; a
    decision that was really traded wins over its candle label. Features are those written at the
    decision, never recomputed. Empty until something has been decided and has ended, and where a row was
    refused (a NaN: the operator is told once, rules and champion go on).
    - Source: `decision_snapshots` and `decision_outcomes`.
    - Units: returns are fractions, net of costs; times UTC.
    - Fresh: every research pass and every retraining.
    - If it fails: no candidate is trained; the champion stays.
    """
    at = exchange.market_time()
    chosen, refused = learning.gathered(store, at)
    standing.alert_of_refusal(log_of(store), refused, at)
    learning.shelf.save(chosen)
    about = {"inputs": learning.inputs(store), "params": dict(chosen.manifest), "run_id": context.run_id}
    version = store.publish("training_set", chosen.frame, key=["signal_id", "source"], **about, at=at)
    traded, sources = taught(log_of(store), chosen.frame), chosen.frame.group_by("source").len("decisions")
    told = {"dataset id": chosen.dataset_id, "days": chosen.days, "refused": refused or "nothing"}
    told |= {"by source": table(sources), "trades that teach": table(in_words(traded))}
    return materialized(version, told)


@dg.asset_check(
    asset=training_set, blocking=True, description="No outcome from the future, no decision twice."
)
def outcomes_were_known(store: Store, exchange: Exchange) -> dg.AssetCheckResult:
    """Fail on a decision whose outcome was not known yet, or that stands twice."""
    frame = store.lake.read("training_set")
    unknown = frame.filter(pl.col("closed_at") > exchange.market_time()).height
    repeated = frame.height - frame.select("signal_id", "source").n_unique()
    return verdict(unknown + repeated == 0, rows=frame.height, not_known_yet=unknown, repeated=repeated)


@dg.asset(group_name=GROUP, deps=[training_set], kinds={"sklearn", "lightgbm"}, owners=["team:trading"])
def model_candidate(
    context: dg.AssetExecutionContext,
    config: EvaluationConfig,
    store: Store,
    learning: Learning,
    exchange: Exchange,
    order_log: OrderLogResource,
) -> dg.MaterializeResult[None]:
    """The newest candidate: which kind, from which training set, with which say. **One row.**

    Source: `training_set`. Every kind is trained walk-forward, the best is fitted to everything and saved
    under the hash of its bytes. In `research` the row before stands once there is a verdict, and no
    error budget is spent: `retraining_sensor` says when (weekly, new decisions, drift). `weight` is its
    validated say beside the rules, 0 if it earned none. `model_id` is empty where there was nothing to
    learn from, or it could not be judged (bad rows, a missing extra: the operator is told once);
    `model_evaluation` says why.
    - If it fails: the champion stays; `sluice models list`, then the run's log.
    - Source: `training_set`.
    - Units: probabilities 0 to 1; returns are fractions.
    - Fresh: every research pass and every retraining.
    """
    at, rules = exchange.market_time(), life_rules(config)
    found = candidate_now(context.run.job_name, store, learning, at, rules)
    standing.alert_of_candidate(order_log, learning, found, at)
    version = store.publish(
        "model_candidate",
        found,
        key=["evaluation_id"],
        inputs=["training_set"],
        params=store.params(rules.evaluation) | store.params(rules.blend) | store.params(rules.shadow),
        run_id=context.run_id,
        at=at,
    )
    return materialized(version, {"candidate": table(found), "why now": found["why_now"][0]})


@dg.asset_check(
    asset=model_candidate, description="The candidate's files are the ones that were saved: not blocking."
)
def candidate_files_are_whole(store: Store, learning: Learning) -> dg.AssetCheckResult:
    """Fail when the candidate cannot be loaded. The rules go on below; who would use it refuses it."""
    row = store.lake.read("model_candidate").row(0, named=True)
    said = standing.damage(learning, row["model_id"])
    return verdict(not said, model=row["model_id"] or "none", damage=said or "none")


@dg.asset_check(asset=model_candidate, blocking=True, description="One candidate, of a kind if it is there.")
def there_is_one_candidate(store: Store) -> dg.AssetCheckResult:
    """Fail on two candidates of a pass, and on a model without a kind."""
    frame = store.lake.read("model_candidate")
    half = frame.filter(pl.col("model_id").is_null() != pl.col("kind").is_null()).height
    return verdict(frame.height == 1 and half == 0, rows=frame.height, half=half)


@dg.asset(group_name=GROUP, deps=[model_candidate], kinds={"polars"}, owners=["team:trading"])
def model_evaluation(
    context: dg.AssetExecutionContext, store: Store, learning: Learning, exchange: Exchange
) -> dg.MaterializeResult[None]:
    """What the candidate had to show and what it showed. **One row per model and rule.**

    Source: the evaluation that `model_candidate` ran: each rule with value and bound, against taking every
    signal, against random and against the present champion, costs paid. **"refused" is the common outcome**
    and changes nothing for trading. The last rule asks whether the model adds anything to the rules at all.

    - Source: `model_candidate`.
    - Units: each rule in its own unit, beside its bound.
    - Fresh: every research pass and every retraining.
    - If it fails: nothing is promoted; the rules trade on.
    """
    found = Lifecycle(store, learning, exchange.market_time()).evaluation()
    version = store.publish(
        "model_evaluation",
        found,
        key=["model", "rule"],
        inputs=["model_candidate"],
        run_id=context.run_id,
        at=exchange.market_time(),
    )
    told = found.row(0, named=True)
    figures = {
        "verdict": told["verdict"],
        "reason": told["verdict_reason"],
        "model": told["candidate_id"] or "none",
    }
    failed = found.filter(~pl.col("is_passed")).height
    return materialized(version, figures | {"failed rules": failed, "rules": table(found)})


@dg.asset_check(asset=model_evaluation, blocking=True, description="A promoted model passed every rule.")
def promotion_was_earned(store: Store) -> dg.AssetCheckResult:
    """Fail when a model is called promoted although a rule of its own table failed: no champion follows."""
    frame = store.lake.read("model_evaluation")
    told = frame.row(0, named=True)
    own = frame.filter(pl.col("model").is_null() | pl.col("model").eq_missing(pl.lit(told["chosen"])))
    failed = own.filter(~pl.col("is_passed")).height
    is_earned = told["verdict"] != "promoted" or failed == 0
    return verdict(is_earned, verdict=told["verdict"], failed_rules=failed)


@dg.asset(group_name=GROUP, deps=[model_evaluation], kinds={"json"}, owners=["team:trading"])
def champion(
    context: dg.AssetExecutionContext,
    store: Store,
    learning: Learning,
    exchange: Exchange,
    order_log: OrderLogResource,
) -> dg.MaterializeResult[None]:
    """Who is champion, whether it can be used, and who is in its shadow period. **One row.**

    Source: the registry's journal; only a candidate whose blocking check passed gets here. A promoted
    candidate first predicts without trading for a fixed number of decisions; the verdict on them is computed
    once. Then it is champion: canary users trade it first, then all. `state` in_use; none; expired; refused
    (a byte altered, other features, extra missing): in the last three **the rules trade on alone** and the
    operator is told once. What people overrode is in the table below. Undo: `sluice models rollback`.

    - Source: the registry's journal.
    - Units: ages in days; returns are fractions.
    - Fresh: every research pass and every retraining.
    - If it fails: the rules trade alone; `sluice models list`, docs/how-to/models.md.
    """
    at = exchange.market_time()
    standing.alert_of_shadow(order_log, learning, at)
    found = Lifecycle(store, learning, at).champion()
    standing.alert_of_champion(order_log, found, at)
    standing.alert_of_policy(order_log, learning, at)
    inputs = ["model_evaluation", *standing.taught_by(store, found["dataset_id"][0])]
    about = {"inputs": inputs, "run_id": context.run_id, "at": at}
    version = store.publish("champion", found, key=["state"], **about)
    past = learning.registry.journal
    return materialized(
        version,
        {
            "champion": table(found),
            "history": table(past.history().reverse()),
            "overrides": table(past.history(overrides_only=True).reverse()),
        },
    )


@dg.asset_check(asset=champion, blocking=True, description="The champion passed, or a person forced it.")
def champion_is_accounted_for(store: Store, learning: Learning) -> dg.AssetCheckResult:
    """Fail when the champion is one that no row of the journal made one, or cannot be used after all."""
    row = store.lake.read("champion").row(0, named=True)
    said = standing.unaccounted(learning, row)
    return verdict(
        not said, champion=row["model_id"] or "none", state=row["state"], missing=said or "nothing"
    )


@dg.asset(group_name=GROUP, deps=[champion, "decision_snapshots"], kinds={"polars"}, owners=["team:trading"])
def predictions(
    context: dg.AssetExecutionContext, store: Store, learning: Learning, exchange: Exchange
) -> dg.MaterializeResult[None]:
    """What models said of which decision, as first said. **One row per model and decision, of 90 days.**

    Source: the ledger of decisions, rows as they were decided on: what the champion answered then (never
    asked again); a model in its shadow period is asked about the same rows and trades nothing. `decision_id`
    leads to the decision. What is novel to a model it says nothing of: those are counted below.

    - Source: what `signals` and shadows answered.
    - Units: probabilities 0 to 1.
    - Fresh: every research pass (nightly).
    - If it fails: outcomes cannot be judged; signals are not held up.
    """
    from resources.predictions import predictions as said
    from trading.learning.predictions import novel_rows

    frame = said(store, learning, exchange.market_time())
    version = store.publish(
        "predictions",
        frame,
        key=["model_id", "decision_id"],
        inputs=["champion", "decision_snapshots"],
        run_id=context.run_id,
        at=exchange.market_time(),
    )
    figures = (pl.len().alias("decisions"), pl.col("probability").mean())
    by_model = frame.group_by("model_id", "role").agg(figures)
    novel = table(novel_rows(store.lake.read("signals")))
    teachers = taught_model(learning, log_of(store), learning.registry.journal.standing().model_id)
    told = {"by model": table(by_model), "novel, not asked": novel, "newest": table(frame.reverse())}
    return materialized(version, told | {"trades that taught the champion": table(in_words(teachers))})


@dg.asset_check(asset=predictions, blocking=True, description="Probabilities, one word per decision.")
def predictions_are_probabilities(store: Store) -> dg.AssetCheckResult:
    """Fail on an answer outside 0..1, and on two answers of one model to one decision."""
    frame = store.lake.read("predictions")
    wild = frame.filter(~pl.col("probability").is_between(0, 1).fill_null(value=False)).height
    repeated = frame.height - frame.select("model_id", "decision_id").n_unique()
    return verdict(wild + repeated == 0, rows=frame.height, outside_range=wild, repeated=repeated)


@dg.asset(
    group_name=GROUP, deps=[predictions, "decision_outcomes"], kinds={"polars"}, owners=["team:trading"]
)
def prediction_outcomes(
    context: dg.AssetExecutionContext, store: Store, exchange: Exchange
) -> dg.MaterializeResult[None]:
    """Each prediction with what became of its decision. **One row per model and decision.**

    Source: `predictions` and `decision_outcomes` of the same decision id (really traded before labelled on
    candles). Null until known; a known outcome never changes. A shadow period reads this table once, at its
    end; drift (`model_drift`) is computed from it.

    - Source: `predictions` and `decision_outcomes`.
    - Units: returns are fractions, net of costs.
    - Fresh: every research pass and every retraining.
    - If it fails: drift is not measured, and says so.
    """
    from resources.predictions import prediction_outcomes as ended

    frame = ended(store)
    version = store.publish(
        "prediction_outcomes",
        frame,
        key=["model_id", "decision_id"],
        inputs=["predictions", "decision_outcomes"],
        run_id=context.run_id,
        at=exchange.market_time(),
    )
    known = frame.drop_nulls("net_return")
    return materialized(version, {"known": known.height, "newest known": table(known.reverse())})


@dg.asset_check(
    asset=prediction_outcomes,
    blocking=True,
    description="No outcome from the future or before its decision.",
)
def outcomes_follow_predictions(store: Store, exchange: Exchange) -> dg.AssetCheckResult:
    """Fail on an outcome that is not known yet, or that is older than its decision."""
    frame = store.lake.read("prediction_outcomes")
    unknown = frame.filter(pl.col("closed_at") > exchange.market_time()).height
    backwards = frame.filter(pl.col("closed_at") < pl.col("decided_at")).height
    return verdict(unknown + backwards == 0, rows=frame.height, not_known_yet=unknown, backwards=backwards)


@dg.asset(group_name=GROUP, deps=[prediction_outcomes], kinds={"polars"}, owners=["team:trading"])
def model_drift(
    context: dg.AssetExecutionContext, store: Store, learning: Learning, exchange: Exchange
) -> dg.MaterializeResult[None]:
    """Is the champion's world still the one it learnt from. **One row per figure.**

    Source: `prediction_outcomes`; PSI of each feature in the training set's own deciles, ADWIN over
    log losses in order of their ends. An alarm starts a candidate (`retraining_sensor`), it never swaps
    the champion. Empty without a champion.

    - Source: `prediction_outcomes` and the training set.
    - Units: PSI, loss in nats.
    - Fresh: every research pass and every retraining.
    - If it fails: look at `sluice models drift`; a champion past its age loses its say by itself.
    """
    from resources.predictions import drifted
    from trading.learning.drift import in_words as drift_in_words

    frame = drifted(store, learning)
    about = {"inputs": ["prediction_outcomes"], "run_id": context.run_id, "at": exchange.market_time()}
    version = store.publish("model_drift", frame, key=["figure", "feature"], **about)
    told = {"alarms": frame.filter("is_alarm").height, "figures": table(frame)}
    return materialized(version, drift_in_words(frame) | told)


@dg.asset_check(asset=model_drift, blocking=True, description="An alarm is a figure beyond its bound.")
def alarms_are_beyond_their_bounds(store: Store) -> dg.AssetCheckResult:
    """Fail on an alarm within its bound, a silent figure beyond it, and one that is no number."""
    frame = store.lake.read("model_drift")
    wrong = frame.filter(
        ((pl.col("value") > pl.col("bound")) != pl.col("is_alarm")).fill_null(value=True)
    ).height
    strange = frame.filter(~pl.col("value").is_finite()).height
    return verdict(wrong + strange == 0, rows=frame.height, wrong=wrong, no_number=strange)
