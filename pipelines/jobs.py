"""What can be run as one: selections of assets, and the hand-over to the live engine."""

import dagster as dg

from assets.partitions import DAY
from resources.cache import SignalBus
from resources.handover import pending_sets
from resources.order_log import OrderLogResource
from resources.policies import TEACHES
from resources.store import Store

MARTS = dg.AssetSelection.groups("marts", "monitoring")  # what people read; nothing decides on it
TIDYING = dg.AssetSelection.assets("candles_tidied")
# Decisions are written where signals are made, not where models are.
DECIDING = dg.AssetSelection.assets("decision_snapshots")
LEARNING = dg.AssetSelection.groups("trade_pool", "learning") - DECIDING

research = dg.define_asset_job(
    "research",
    selection=dg.AssetSelection.all() - MARTS - TIDYING,
    partitions_def=DAY,
    description="The whole line once: markets to approved symbols, with what the trade pool taught.",
)
market_scan = dg.define_asset_job(
    "market_scan",
    selection=dg.AssetSelection.assets(
        "tickers",
        "ohlcv",
        "instruments",
        "market_regime",
        "news_events",
        "indicators",
        "signals",
        "decision_snapshots",
    ),
    partitions_def=DAY,
    description="Every bar: new candles of the survivors, fresh indicators, regime, news and signals.",
)
signal_tick = dg.define_asset_job(
    "signal_tick",
    selection=dg.AssetSelection.assets("ohlcv", "indicators", "signals", "decision_snapshots"),
    partitions_def=DAY,
    description="The quick refresh between scans: new candles of approved symbols only, then signals.",
)
retraining = dg.define_asset_job(
    "retraining",
    selection=LEARNING,
    description="What live trading taught: pool, training set, candidate, verdict.",
)
policy_teaching = dg.define_asset_job(
    TEACHES,
    selection=dg.AssetSelection.assets("trading_policy"),
    description="Teach a policy on the decisions that ended, and judge it; minutes, needs the extra ai.",
)
tidying = dg.define_asset_job(
    "tidying",
    selection=TIDYING,
    description="Merge the candle files of days and months that are over.",
)
marts = dg.define_asset_job(
    "marts", selection=MARTS, description="Live against backtest, the warehouse and dbt's marts."
)


@dg.op
def hand_over(
    context: dg.OpExecutionContext, store: Store, order_log: OrderLogResource, bus: SignalBus
) -> None:
    """Write the pending signal sets to the order log, once, and announce their ids. No keys, no fan-out."""
    batches = pending_sets(store)
    if not batches:
        context.log.info("nothing to hand over: no approved symbol wants in, none that is held has news")
        return
    with order_log.open() as log:
        is_new = [log.write_signal_set(batch) for batch in batches]
    is_announced = [bus.announce(batch.signal_set_id) for batch in batches]
    context.add_output_metadata(
        {
            "signal sets": ", ".join(batch.signal_set_id for batch in batches),
            "symbols": ", ".join(s.symbol for batch in batches for s in batch.signals),
            "leave": ", ".join(word.symbol for batch in batches for word in batch.words if word.signal_id),
            "held and looked at": sum(len(batch.words) for batch in batches),
            "expire (market time)": ", ".join(batch.expires_at.isoformat() for batch in batches),
            "new": sum(is_new),
            "announced": sum(is_announced),
        }
    )


@dg.job(description="Hand pending entries and exits to the trading engine: SQL first, then the stream.")
def live_trading_job() -> None:
    """Run `hand_over`."""
    hand_over()


ALL = [research, market_scan, signal_tick, retraining, policy_teaching, marts, tidying, live_trading_job]
