"""What each name means now: instruments by listing epoch. Thresholds are in trading/universe/rules.py."""

import dagster as dg
import polars as pl

from assets.results import materialized, table, verdict
from resources.settings import load_settings
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
    """
    from trading.market.timeframes import timeframe
    from trading.universe.current import bring_forward
    from trading.universe.evidence import EXAMINED, bars_to_examine, days_now
    from trading.universe.rules import InstrumentRules

    settings, at, rules = load_settings(store.world), store.as_of(), InstrumentRules()
    bar = timeframe(settings.timeframe)
    bars = bars_to_examine(store.lake, store.candles, bar, newest=settings.history_bars, at=at)
    known = store.lake.read("instruments") if store.lake.latest("instruments") is not None else None
    found = bring_forward(known, store.lake.read("markets"), bars, bar_ms=bar.ms, at=at, rules=rules)
    about = {"inputs": ["markets", "ohlcv_days"], "params": store.params(rules), "run_id": context.run_id}
    store.publish("instrument_flags", found.flags, key=["symbol", "kind", "at"], **about)
    store.publish(EXAMINED, days_now(store.lake, bar), key=["timeframe", "date"], **about)
    version = store.publish("instruments", found.instruments, key=["instrument_id"], **about)
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
