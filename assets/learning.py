"""Stops 10 and 11: from the pool to a training set to a model that is promoted, or refused."""

import dagster as dg
import polars as pl

from assets.launchpad import domain, launchpad
from assets.results import materialized, table, verdict
from resources.exchange import Exchange
from resources.learning import Learning
from resources.store import Store
from trading.learning.evaluation import EvaluationRules

GROUP = "learning"
EvaluationConfig = launchpad(EvaluationRules, "EvaluationConfig")


@dg.asset(group_name=GROUP, deps=["trade_pool"], kinds={"parquet"}, owners=["team:trading"])
def training_set(
    context: dg.AssetExecutionContext, store: Store, learning: Learning, exchange: Exchange
) -> dg.MaterializeResult[None]:
    """Decisions with known outcomes, labelled net of costs. **One row per decision and source.**

    Source: `trade_pool`, and decisions of earlier passes labelled on candles at a fifth of the weight; a
    decision that was really traded wins over its candle label. Features are those written at the
    decision, never recomputed. Empty until something has been decided and has ended.
    """
    at = exchange.market_time()
    chosen = learning.training_set(store, at)
    version = store.publish(
        "training_set",
        chosen.frame,
        key=["signal_id", "source"],
        inputs=learning.inputs(store),
        params=dict(chosen.manifest),
        run_id=context.run_id,
        at=at,
    )
    sources = chosen.frame.group_by("source").len("decisions")
    return materialized(
        version, {"dataset id": chosen.dataset_id, "days": chosen.days, "by source": table(sources)}
    )


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
def signal_model(
    context: dg.AssetExecutionContext,
    config: EvaluationConfig,
    store: Store,
    learning: Learning,
    exchange: Exchange,
) -> dg.MaterializeResult[None]:
    """The verdict on this pass's candidate: promoted, refused, or no data. **One row.**

    Logistic regression beside gradient boosting, trained walk-forward with purge and embargo, held against
    taking every signal, against random and against the present champion, costs paid. Only a promoted
    model may veto entries; **"refused" is the common outcome** and changes nothing for trading.
    """
    rules = domain(EvaluationRules, config)
    at = exchange.market_time()
    outcome = learning.evaluate(store, rules, at)
    about = {"inputs": ["training_set"], "params": store.params(rules), "run_id": context.run_id, "at": at}
    store.publish("model_evaluation", outcome.table, key=["model", "rule"], **about)
    version = store.publish("signal_model", outcome.summary(), key=["verdict"], **about)
    return materialized(
        version,
        {
            "verdict": outcome.verdict,
            "reason": outcome.reason,
            "model": outcome.model_id or "none",
            "champion": outcome.champion_id or "none",
            "rules": table(outcome.table),
        },
    )


@dg.asset_check(asset=signal_model, blocking=True, description="A promoted model passed every rule.")
def promotion_was_earned(store: Store) -> dg.AssetCheckResult:
    """Fail when a model was promoted although a rule of its own table failed."""
    row = store.lake.read("signal_model").row(0, named=True)
    rules = store.lake.read("model_evaluation").filter(
        pl.col("model").is_null() | pl.col("model").eq_missing(pl.lit(row["kind"]))
    )
    failed = rules.filter(~pl.col("is_passed")).height
    return verdict(row["verdict"] != "promoted" or failed == 0, verdict=row["verdict"], failed_rules=failed)
