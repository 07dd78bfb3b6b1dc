"""What each name means now: instruments by listing epoch. Thresholds are in trading/universe/rules.py."""

import dagster as dg
import polars as pl

from assets.results import materialized, table, verdict
from resources.store import Store

GROUP = "universe"
ALL_DAYS = dg.AssetDep("ohlcv", partition_mapping=dg.AllPartitionMapping())
# A pass in which so many names change their meaning has met a fault of the data, not of the market.
MOST_STARTED = 0.05


@dg.asset(group_name=GROUP, deps=["markets", ALL_DAYS], kinds={"polars"}, owners=["team:trading"])
def instruments(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """Which instrument a name means, and since when. **One row per instrument**, ended ones included.

    Source: `ohlcv` (holes with another price scale behind them, splits) and `markets` (changed name, tick
    or step, delistings). `instrument_id` is the name with its listing epoch, UTC. Everything below reads
    only bars of the newest instrument of a name; `instrument_flags` holds crashes and surges, which cut
    nothing. If many start at once: look at `evidence`; more likely the candles are wrong than the market.

    - Source: `ohlcv` and the listing.
    - Units: epochs are times UTC.
    - Fresh: every scan (15 minutes) and every research pass.
    - If it fails: names may mean two things: nothing new is approved; `sluice universe suspended`.
    """
    from resources.universe import publish_instruments

    version, found = publish_instruments(store, context.run_id)
    return materialized(
        version,
        {
            "started now": table(found.fresh),
            "ended": found.instruments["end"].is_not_null().sum(),
            "to look at": table(found.flags),
        },
    )


@dg.asset_check(
    asset=instruments, blocking=True, description="Each name means one thing at a time; few changed at once."
)
def names_mean_one_thing(store: Store) -> dg.AssetCheckResult:
    """Fail on two live instruments of one name, or when over a twentieth of the names changed at once."""
    frame = store.lake.read("instruments")
    doubled = frame.filter(pl.col("end").is_null())["symbol"].is_duplicated().sum()
    changed = frame.filter(pl.col("reason") != "first_seen", pl.col("start") == pl.col("start").max()).height
    names = frame["symbol"].n_unique()
    passed = names > 0 and doubled == 0 and changed <= max(1, MOST_STARTED * names)
    return verdict(passed, names=names, live_twice=int(doubled), changed_last=changed)
