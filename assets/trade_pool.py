"""Stop 9, drawn first: what earlier live trading taught. It has no upstream edge: the circle is cut here."""

import dagster as dg
import polars as pl

from assets.results import materialized, table, verdict
from resources.exchange import Exchange
from resources.order_log import OrderLogResource
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
    """
    from trading.trade_pool.pool import build_pool

    with order_log.open() as log:
        frame = build_pool(log.closed_trades(), log.decisions())
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
