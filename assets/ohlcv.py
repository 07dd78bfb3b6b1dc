"""Stop 2: candles of the pairs that survive a first look at volume. Not indicators."""

from collections import Counter

import dagster as dg
import polars as pl

from assets.launchpad import domain, launchpad
from assets.partitions import DAY
from assets.results import materialized, table, verdict
from resources.exchange import Exchange
from resources.progress import logged, reporter
from resources.store import Store
from trading.ohlcv.passes import HistoryRequest, Refresh
from trading.ohlcv.status import HistoryRules

GROUP = "ohlcv"
ALL_DAYS = dg.AssetDep("ohlcv", partition_mapping=dg.AllPartitionMapping())
OhlcvConfig = launchpad(HistoryRequest, "OhlcvConfig")
RULES = HistoryRules()


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
    | Partition | UTC day of the bar's open (market time); a range of days is one run |
    | Units | prices and `quote_volume` in quote, `volume` in base units; `open_time` is the bar's open |
    | Fresh | every bar; only what the ledger of answered requests lacks is fetched, also after a kill |
    | Holes | found between stored bars, asked for again once; `confirmed` means the venue has none there |
    | Quarantine | bars that no market can have printed are set aside with a reason, and counted below |
    | If it fails | see `failures` below: each symbol with its reason; the rest is stored all the same |

    The unfinished last bar is never stored. For days long past the universe is today's survivors.
    """
    from resources.history import fetch_history

    window = context.partition_time_window
    request = domain(HistoryRequest, config)
    tell = logged(reporter("ohlcv"), context.log.info)
    done = fetch_history(exchange, store, request, (window.start, window.end), context.run_id, tell)
    context.log.info(done.sentence)
    return materialized(done.version, _figures(done) | _state(store))


@dg.asset(group_name=GROUP, deps=[ALL_DAYS], kinds={"parquet"}, owners=["team:trading"])
def candles_tidied(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """Candle files of days and months that are over, merged. **One row per bar length and month.**

    | | |
    |---|---|
    | Days | one file each, once they are over |
    | Months | files by symbol, once they are over: one symbol over a month is one small read |
    | Readers | see the same bars before, during and after |
    | If it fails | nothing is lost; the next run finishes what a killed one left |

    - Source: candle files of days that are over.
    - Units: files and megabytes.
    - Fresh: nightly.
    """
    from resources.history import tidy_history

    version, tidied = tidy_history(store, context.run_id)
    context.log.info(tidied.sentence)
    return materialized(version, {"days merged": len(tidied.days), "months": table(tidied.frame())})


@dg.asset_check(
    asset=candles_tidied, blocking=True, description="Months rewritten by symbol hold the bars they held."
)
def tidying_changed_nothing(store: Store) -> dg.AssetCheckResult:
    """Fail when a rewritten month has fewer bars than before, or as many with another content."""
    from trading.ohlcv.tidy import wrong_months

    wrong = wrong_months(store.lake.read("candles_tidied"))
    return verdict(wrong.is_empty(), months=table(wrong))


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


@dg.asset_check(
    asset=ohlcv,
    description=f"Bars missing in open holes are at most {RULES.max_open_gap_share:.0%} of those stored.",
)
def holes_are_few(store: Store) -> dg.AssetCheckResult:
    """Fail when more is missing between stored bars, and not confirmed by the venue, than the rules allow."""
    from trading.ohlcv.status import open_gap_share

    share = open_gap_share(store.shelf)
    return verdict(share <= RULES.max_open_gap_share, share=share, bound=RULES.max_open_gap_share)


@dg.asset_check(
    asset=ohlcv,
    description=f"Bars set aside are at most {RULES.max_quarantine_share:.0%} of all that came.",
)
def quarantine_is_small(store: Store) -> dg.AssetCheckResult:
    """Fail when the venue sends more bars that no market can have printed than the rules allow."""
    from trading.ohlcv.status import quarantine_reasons, quarantine_share

    share, reasons = quarantine_share(store.shelf), table(quarantine_reasons(store.shelf))
    return verdict(
        share <= RULES.max_quarantine_share, share=share, bound=RULES.max_quarantine_share, reasons=reasons
    )


@dg.asset_check(
    asset=ohlcv, description="Where minutes are stored, bars made of them equal the venue's own longer bars."
)
def aggregates_agree(store: Store, exchange: Exchange) -> dg.AssetCheckResult:
    """Fail when a longer bar of ours differs from the venue's; nothing to compare without minutes."""
    from resources.history import compare_aggregates

    found = compare_aggregates(exchange, store)
    bars, differing = int(found["bars"].sum()), int(found["differing"].sum())
    passed = differing <= RULES.max_differing_share * bars
    return verdict(passed, bars=bars, differing=differing, comparison=table(found))


def _figures(done: Refresh) -> dict[str, object]:
    """Return what the pass did, for the asset's page; `rows` counts bars, not days."""
    passes, repairs = done.passes, done.repairs
    return {
        "rows": int(done.days["bars"].sum()),
        "days looked at": done.days.height,
        "symbols": max(one.symbols for one in passes),
        "bars fetched": sum(one.bars for one in passes),
        "bar slots that were there already": sum(one.slots_there for one in passes),
        "requests": sum(one.requests for one in passes) + sum(one.requests for one in repairs),
        "seconds": sum(one.seconds for one in passes),
        "seconds held by the limiter": sum(one.held_s for one in passes),
        "http 429": sum(one.http_429 for one in passes),
        "holes closed": sum(one.filled for one in repairs),
        "failed": len(done.failed),
        "failures": table(_failures(done.failed)),
        "days": table(done.days),
    }


def _state(store: Store) -> dict[str, object]:
    """Return what stands beside the candles after the pass: holes and doubtful bars, by kind."""
    from trading.ohlcv.status import gap_counts, quarantine_reasons

    return {"holes": table(gap_counts(store.shelf)), "quarantine": table(quarantine_reasons(store.shelf))}


def _failures(failed: dict[str, str]) -> pl.DataFrame:
    rows = {"symbol": list(failed), "reason": list(failed.values())}
    return pl.DataFrame(rows, schema={"symbol": pl.String, "reason": pl.String})
