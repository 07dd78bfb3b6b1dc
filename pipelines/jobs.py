"""What can be run as one: selections of assets, and the hand-over to the live engine."""

import dagster as dg

from assets.partitions import DAY
from resources.cache import SignalBus
from resources.handover import pending_signal_set
from resources.order_log import OrderLogResource
from resources.store import Store

MARTS = dg.AssetSelection.groups("marts")
TIDYING = dg.AssetSelection.assets("candles_tidied")
LEARNING = dg.AssetSelection.groups("trade_pool", "learning")

research = dg.define_asset_job(
    "research",
    selection=dg.AssetSelection.all() - MARTS - TIDYING,
    partitions_def=DAY,
    description="The whole line once: markets to approved symbols, with what the trade pool taught.",
)
market_scan = dg.define_asset_job(
    "market_scan",
    selection=dg.AssetSelection.assets(
        "tickers", "ohlcv", "instruments", "market_regime", "news_events", "indicators", "signals"
    ),
    partitions_def=DAY,
    description="Every bar: new candles of the survivors, fresh indicators, regime, news and signals.",
)
signal_tick = dg.define_asset_job(
    "signal_tick",
    selection=dg.AssetSelection.assets("ohlcv", "indicators", "signals"),
    partitions_def=DAY,
    description="The quick refresh between scans: new candles of approved symbols only, then signals.",
)
retraining = dg.define_asset_job(
    "retraining",
    selection=LEARNING,
    description="What live trading taught: pool, training set, candidate, verdict.",
)
tidying = dg.define_asset_job(
    "tidying",
    selection=TIDYING,
    description="Merge the candle files of days and months that are over.",
)
marts = dg.define_asset_job("marts", selection=MARTS, description="Rebuild the warehouse and dbt's marts.")


@dg.op
def hand_over(
    context: dg.OpExecutionContext, store: Store, order_log: OrderLogResource, bus: SignalBus
) -> None:
    """Write the pending signal set to the order log, once, and announce its id. No keys, no fan-out."""
    batch = pending_signal_set(store)
    if batch is None:
        context.log.info("nothing to hand over: no approved symbol wants in at the newest closed bar")
        return
    with order_log.open() as log:
        is_new = log.write_signal_set(batch)
    is_announced = bus.announce(batch.signal_set_id)
    context.add_output_metadata(
        {
            "signal set": batch.signal_set_id,
            "symbols": ", ".join(s.symbol for s in batch.signals),
            "expires (market time)": batch.expires_at.isoformat(),
            "new": is_new,
            "announced": is_announced,
        }
    )


@dg.job(description="Hand the pending entries to the trading engine: SQL first, then the stream.")
def live_trading_job() -> None:
    """Run `hand_over`."""
    hand_over()


ALL = [research, market_scan, signal_tick, retraining, marts, tidying, live_trading_job]
