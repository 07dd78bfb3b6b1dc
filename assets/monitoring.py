"""What live trading came to against what the backtest let expect. People read it, no decision does."""

import dagster as dg
import polars as pl

from assets.results import materialized, table, verdict
from resources.monitoring import compared_at, fleet_figures, rows_of
from resources.order_log import OrderLogResource
from resources.store import Store
from trading.monitoring.figures import FLEET, figures, missed, places

GROUP = "monitoring"


@dg.asset(group_name=GROUP, deps=["trade_pool"], kinds={"sql", "polars"}, owners=["team:trading"])
def live_against_backtest(
    context: dg.AssetExecutionContext, store: Store, order_log: OrderLogResource
) -> dg.MaterializeResult[None]:
    """Live trading beside what the backtest promised. **One row per user and mode**; fleet first.

    Paper and live are never added.

    Fill rate, hit rate, mean return and P&L of a trade, hold time and entry slippage, each beside what the
    backtest of the pass that approved the trade lets expect (mean return shrunk toward all pairs, because
    approved ones are the best of many). `drift` says whether live is worse by more than chance: one
    observation is a market day, by a confidence sequence that may be asked every day (decision 41).

    - Source: the order log and `backtest_results`.
    - Units: rates are fractions, slippage in basis points.
    - Fresh: hourly.
    - If it fails: nobody compares live with tested: `sluice replay-day` does it by hand.
    """
    frame = figures(rows_of(store, order_log))
    told = {"at": compared_at(store), "run_id": context.run_id}
    version = store.publish("live_against_backtest", frame, key=["user_id", "mode"], **told)
    fleet = frame.filter(pl.col("user_id") == FLEET)
    return materialized(
        version,
        {
            **fleet_figures(frame),
            "fleet": table(fleet),
            "users": table(frame.filter(pl.col("user_id") != FLEET)),
        },
    )


@dg.asset_check(
    asset=live_against_backtest,
    blocking=True,
    description="The fleet is the sum of its users, mode by mode; shares are shares.",
)
def paper_and_live_are_never_added(store: Store) -> dg.AssetCheckResult:
    """Fail where the fleet's trades of a mode are not those of its users, or a rate lies outside [0, 1]."""
    frame = store.lake.read("live_against_backtest")
    is_fleet = pl.col("user_id") == FLEET
    summed = frame.filter(~is_fleet).group_by("mode").agg(pl.col("trades").sum().alias("of_users"))
    fleet = frame.filter(is_fleet).join(summed, on="mode", how="left")
    apart = fleet.filter(pl.col("trades") != pl.col("of_users").fill_null(0)).height
    rates = pl.concat([frame[name] for name in ("fill_rate", "hit_rate", "expected_hit_rate")]).drop_nulls()
    wild = int((~rates.is_between(0, 1)).sum())
    modes = sorted(frame["mode"].unique())
    strange = len(set(modes) - {"paper", "live"})
    return verdict(
        apart + wild + strange == 0, rows=frame.height, apart=apart, outside=wild, modes=str(modes)
    )


@dg.asset_check(
    asset=live_against_backtest,
    description="The fleet's trades are not worse than the backtest by more than chance.",
)
def live_is_as_expected(store: Store) -> dg.AssetCheckResult:
    """Warn of drift: the fleet's daily mean is below what chance allows at any look (alpha 0.01)."""
    frame = store.lake.read("live_against_backtest").filter(pl.col("user_id") == FLEET)
    worse = frame.filter(pl.col("drift") == "drift")
    said = {str(row["mode"]): str(row["drift_words"]) for row in frame.to_dicts()}
    return verdict(worse.is_empty(), dg.AssetCheckSeverity.WARN, **said)


@dg.asset(group_name=GROUP, deps=["trade_pool"], kinds={"sql", "polars"}, owners=["team:trading"])
def missed_trades(
    context: dg.AssetExecutionContext, store: Store, order_log: OrderLogResource
) -> dg.MaterializeResult[None]:
    """Signals that users were offered and did not buy, and why. **One row per mode, way and rule.**

    A user's own limit, a cap of the fleet, a halt, a price that had moved, a refusal of the venue, an order
    that met no offer: with the number of signals and users, and one of the reasons in words.

    - Source: offers and skips in the order log.
    - Units: counted; shares are fractions.
    - Fresh: hourly.
    - If it fails: `sluice users show ID --timeline` says it for one user.
    """
    frame = missed(rows_of(store, order_log))
    told = {"at": compared_at(store), "run_id": context.run_id}
    version = store.publish("missed_trades", frame, key=["mode", "way", "rule"], **told)
    times = {
        f"missed: {cause}": int(count)
        for cause, count in frame.group_by("cause").agg(pl.col("times").sum()).iter_rows()
    }
    return materialized(version, {**times, "rules": table(frame)})


@dg.asset_check(
    asset=missed_trades, blocking=True, description="Every miss has a rule, a reason and a known cause."
)
def every_miss_has_a_reason(store: Store) -> dg.AssetCheckResult:
    """Fail on a miss without rule or words, counted fewer than once, or whose rule nobody declared."""
    frame = store.lake.read("missed_trades")
    silent = frame.filter((pl.col("reason").fill_null("") == "") | pl.col("rule").is_null()).height
    empty = frame.filter((pl.col("times") < 1) | (pl.col("users") < 1)).height
    unknown = frame.filter(pl.col("cause").fill_null("unknown") == "unknown").height
    return verdict(
        silent + empty + unknown == 0, rules=frame.height, silent=silent, empty=empty, unknown=unknown
    )


@dg.asset(group_name=GROUP, deps=["trade_pool"], kinds={"sql", "matplotlib"}, owners=["team:trading"])
def slippage_by_place(
    context: dg.AssetExecutionContext, store: Store, order_log: OrderLogResource
) -> dg.MaterializeResult[None]:
    """What being served later costs. **One row per mode and place in the rotation**, place 0 first.

    Users are served in an order drawn anew for each signal set, so that a place is nobody's for long.
    `behind_first` is the price paid over that of the first who bought on the same signal, less 1; `slippage`
    the same over the open of the bar, as the backtest marks it; `waited_s` is market time.

    - Source: fills in the order log, minutes in the lake.
    - Units: basis points; seconds.
    - Fresh: hourly.
    - If it fails: `sluice status --queue` prints the same.
    """
    from trading.monitoring.pictures import places_picture

    frame = places(rows_of(store, order_log))
    told = {"at": compared_at(store), "run_id": context.run_id}
    version = store.publish("slippage_by_place", frame, key=["mode", "place"], **told)
    picture = dg.MetadataValue.md(places_picture(frame))
    worst = float(frame["behind_first"].max() or 0.0)
    return materialized(
        version, {"worst mean behind first": worst, "by place": picture, "places": table(frame)}
    )


@dg.asset_check(
    asset=slippage_by_place, blocking=True, description="A place stands once, and somebody bought at it."
)
def places_are_places(store: Store) -> dg.AssetCheckResult:
    """Fail on a place that stands twice or is negative, without an entry, or without a price."""
    frame = store.lake.read("slippage_by_place")
    repeated = frame.height - frame.select("mode", "place").n_unique()
    wrong = frame.filter((pl.col("place") < 0) | (pl.col("entries") < 1)).height
    unpriced = frame.filter(~pl.col("behind_first").is_finite().fill_null(False)).height
    return verdict(
        repeated + wrong + unpriced == 0,
        places=frame.height,
        repeated=repeated,
        wrong=wrong,
        unpriced=unpriced,
    )
