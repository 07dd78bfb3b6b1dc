"""Stop 9, drawn first: what earlier live trading taught. It has no upstream edge: the circle is cut here."""

from dataclasses import asdict
from datetime import timedelta

import dagster as dg
import polars as pl

from assets.results import materialized, table, verdict
from resources.exchange import Exchange
from resources.order_log import OrderLogResource
from resources.settings import load_settings
from resources.store import Store


@dg.asset(group_name="trade_pool", kinds={"sql", "polars"}, owners=["team:trading"])
def trade_pool(
    context: dg.AssetExecutionContext, store: Store, order_log: OrderLogResource, exchange: Exchange
) -> dg.MaterializeResult[None]:
    """Every market decision that was traded and closed, with what became of it. **One row per decision.**

    Source: the SQL order log that the live engine writes; there is no edge from `approved_symbols`,
    because the roadmap is a circle and the graph is cut at live trading. The fills of a thousand users on
    one signal are one row: one market decision, not a thousand. Features are those of the decision.
    Empty on the first pass: nothing has been traded yet.

    - Source: the SQL order log.
    - Units: money in quote units, returns are fractions, times UTC.
    - Fresh: every research pass and every retraining.
    - If it fails: nothing is learnt from newer trades; trading goes on. Log in doubt: `sluice verify`.
    """
    from trading.trade_pool.pool import build_pool

    with order_log.open() as log:
        frame = build_pool(log.closed_trades(), log.decisions(), log.open_trades())
    version = store.publish(
        "trade_pool", frame, key=["signal_id", "source"], at=exchange.market_time(), run_id=context.run_id
    )
    return materialized(version, {"decisions": frame.height, "newest": table(frame.tail(25))})


@dg.asset_check(
    asset=trade_pool, blocking=True, description="No decision twice, none that closed before it opened."
)
def pool_holds_each_decision_once(store: Store, order_log: OrderLogResource) -> dg.AssetCheckResult:
    """Fail on a decision that stands twice or ended before it began, and on a trade without its snapshot."""
    from trading.store.order_log.decided import decided_trades, incomplete
    from trading.trade_pool.pool import orphans

    frame = store.lake.read("trade_pool")
    repeated = frame.height - frame.select("signal_id", "source").n_unique()
    backwards = frame.filter(pl.col("closed_at") < pl.col("opened_at")).height
    with order_log.open() as log:
        unexplained = orphans(log.closed_trades(), log.decisions()).height
        bare = incomplete(decided_trades(log.database)).height
    return verdict(
        repeated + backwards + unexplained + bare == 0,
        decisions=frame.height,
        repeated=repeated,
        backwards=backwards,
        trades_without_a_decision=unexplained,
        trades_without_features=bare,
    )


@dg.asset(
    group_name="trade_pool",
    deps=["signals", "approved_symbols"],
    kinds={"sqlite", "polars"},
    owners=["team:trading"],
)
def decision_snapshots(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """Every entry the strategy wanted at the bar that just closed, taken or not. **One row per decision.**

    Written once, when it is decided, with the feature row as used, and what stopped it: a gate of the
    signals, approval, listing, or the size of a set. A later pass that computes other values changes nothing:
    the difference is counted. Bars that were not decided in time are history, not decisions. The ledger
    (`decisions.sqlite` of the world) holds all of them; this table is the newest bar.

    - Source: `signals`, at the bar that just closed.
    - Units: features as in docs/reference/learning-data.md.
    - Fresh: every scan (15 minutes) and every research pass.
    - If it fails: the bar's decisions are lost to learning: they are never made up later.
    """
    from resources.decisions import write_decisions

    frame, written = write_decisions(store)
    version = store.publish(
        "decision_snapshots",
        frame,
        key=["decision_id"],
        inputs=["signals", "approved_symbols"],
        params=store.params(load_settings(store.world).exploration),
        run_id=context.run_id,
    )
    stages = table(frame.group_by("stage").len("decisions").sort("stage"))
    return materialized(version, {"by stage": stages, **asdict(written)})


@dg.asset_check(
    asset=decision_snapshots,
    blocking=True,
    description="Decided in time, once, and nothing of money explored.",
)
def decisions_were_made_in_time(store: Store) -> dg.AssetCheckResult:
    """Fail on a decision that stands twice, was dated before its bar closed or a bar late, or is both."""
    from trading.market.timeframes import timeframe

    frame, bar = store.lake.read("decision_snapshots"), timeframe(load_settings(store.world).timeframe)
    repeated = frame.height - frame["decision_id"].n_unique()
    waited = pl.col("decided_at") - pl.col("bar_time") - bar.delta
    untimely = frame.filter((waited < timedelta(0)) | (waited >= bar.delta)).height
    both = frame.filter(pl.col("is_taken") & pl.col("is_explored")).height
    unlikely = frame.filter((pl.col("propensity") <= 0) & (pl.col("is_taken") | pl.col("is_explored"))).height
    return verdict(
        repeated + untimely + both + unlikely == 0,
        decisions=frame.height,
        repeated=repeated,
        untimely=untimely,
        taken_and_explored=both,
        without_propensity=unlikely,
    )


@dg.asset(group_name="trade_pool", deps=["trade_pool"], kinds={"sqlite", "polars"}, owners=["team:trading"])
def decision_outcomes(
    context: dg.AssetExecutionContext, store: Store, order_log: OrderLogResource, exchange: Exchange
) -> dg.MaterializeResult[None]:
    """What became of each decision, net of all costs. **One row per decision and source.**

    Sources: `live` and `paper`, where users traded it (all of them together are one row, weighted by what
    they paid), and `candles`, where it would have ended by stop, target or time in the one exit machine. Read
    from the ledger of decisions; no edge from `decision_snapshots`: the circle is cut here. Written once; a
    correction is a new version with its reason. `skip_rules` says why users did not follow.

    - Source: the order log, else candles after the decision.
    - Units: returns are fractions, net of all costs.
    - Fresh: every research pass and every retraining.
    - If it fails: nothing newer is learnt.
    """
    from resources.decisions import attach_outcomes

    at = exchange.market_time()
    frame, counts = attach_outcomes(store, order_log, at)
    key, inputs = ["decision_id", "source"], ["trade_pool", "validated_markets", "tickers"]
    version = store.publish("decision_outcomes", frame, key=key, inputs=inputs, at=at, run_id=context.run_id)
    sources = table(frame.group_by("source").len("decisions").sort("source"))
    return materialized(version, {"by source": sources, **counts})


@dg.asset_check(
    asset=decision_outcomes,
    blocking=True,
    description="No outcome before its decision; exploration on paper.",
)
def exploration_stayed_on_paper(
    store: Store, order_log: OrderLogResource, exchange: Exchange
) -> dg.AssetCheckResult:
    """Fail on money in an exploration set, an outcome before its decision or after now, or one twice."""
    from trading.store.order_log.decided import explored_for_money

    frame = store.lake.read("decision_outcomes")
    with order_log.open() as log:
        for_money = explored_for_money(log.database).height
    live = frame.filter(pl.col("is_explored") & (pl.col("source") == "live")).height
    early = frame.filter(pl.col("closed_at") <= pl.col("decided_at")).height
    unknown = frame.filter(pl.col("closed_at") > exchange.market_time()).height
    repeated = frame.height - frame.select("decision_id", "source").n_unique()
    return verdict(
        for_money + live + early + unknown + repeated == 0,
        outcomes=frame.height,
        explored_for_money=for_money + live,
        before_the_decision=early,
        not_known_yet=unknown,
        repeated=repeated,
    )
