"""Stop 2: candles of the pairs that survive a first look at volume. Not indicators."""

from collections import Counter

import dagster as dg
import polars as pl

from assets.launchpad import launchpad
from assets.partitions import DAY
from assets.results import materialized, table, verdict
from resources.exchange import Exchange
from resources.progress import reporter
from resources.store import Store
from trading.exchange.history import HistoryRequest

GROUP = "ohlcv"
OhlcvConfig = launchpad(HistoryRequest, "OhlcvConfig")


@dg.asset(
    group_name=GROUP,
    deps=["liquid_symbols"],
    partitions_def=DAY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"ccxt", "parquet"},
    owners=["team:trading"],
)
def ohlcv(
    context: dg.AssetExecutionContext, config: OhlcvConfig, exchange: Exchange, store: Store
) -> dg.MaterializeResult[None]:
    """Closed candles of the survivors of the pre-filter, by day. **One row per pair and bar.**

    | | |
    |---|---|
    | Source | klines, 500 a page, concurrently inside the venue's weight budget |
    | Partition | UTC day of the bar's open; a range of days is one run |
    | Units | prices and `quote_volume` in quote, `volume` in base units; `open_time` is the bar's open |
    | Fresh | every bar; only what is missing is fetched |
    | If it fails | see `failed` below: each symbol with its reason; the rest is stored all the same |

    The unfinished last bar is never stored. For days long past the universe is today's survivors.
    """
    from resources.history import fetch_history

    window = context.partition_time_window
    outcome = fetch_history(
        exchange, store, config, window.start, window.end, context.run_id, reporter("ohlcv")
    )
    context.log.info(outcome.sentence)
    return materialized(
        outcome.version,
        {
            "symbols": outcome.symbols,
            "bars fetched": outcome.bars,
            "requests": outcome.requests,
            "seconds": outcome.seconds,
            "seconds waiting for the limiter": outcome.wait_s,
            "http 429": outcome.http_429,
            "failed": len(outcome.failed),
            "failures": table(_failures(outcome.failed)),
            "days": table(outcome.days),
        },
    )


@dg.asset_check(
    asset=ohlcv, blocking=True, description="No bar is in the future, impossible or stored twice."
)
def candles_are_possible(store: Store) -> dg.AssetCheckResult:
    """Fail on a bar that has not closed, on high < low, on a non-positive price, on a repeated key."""
    from trading.market.timeframes import timeframe
    from trading.store.candle_checks import impossible_bars

    at, found = store.as_of(), Counter[str]()
    for name in store.lake.read("ohlcv_days")["timeframe"].unique():
        # No upper end: a bar that has not closed is one of the things looked for.
        newest = store.candles.read(name, start=at - 96 * timeframe(name).delta)
        found.update(impossible_bars(newest, name, at))
    return verdict(sum(found.values()) == 0, **found)


def _failures(failed: dict[str, str]) -> pl.DataFrame:
    rows = {"symbol": list(failed), "reason": list(failed.values())}
    return pl.DataFrame(rows, schema={"symbol": pl.String, "reason": pl.String})
