"""Stop 5: what moves with what, who left, and which groups there are. No decision is taken here."""

from datetime import datetime

import dagster as dg
import polars as pl

from assets.launchpad import domain, launchpad
from assets.results import materialized, table, verdict
from resources.settings import load_settings
from resources.store import Store
from trading.xray.group_rules import DISSOLVED, MOST_FALSE, AlertRules, ClusterSettings, PeerRules

PeerConfig = launchpad(PeerRules, "PeerConfig")
AlertConfig = launchpad(AlertRules, "AlertConfig")
ClusterConfig = launchpad(ClusterSettings, "ClusterConfig")
GROUP = "xray"
ALL_DAYS = dg.AssetDep("ohlcv", partition_mapping=dg.AllPartitionMapping())


def _closes(store: Store) -> pl.DataFrame:
    """Closed bars of every pair that survived the pre-filter, over the configured history."""
    settings, symbols = load_settings(store.world), store.kept("liquid_symbols")
    return store.bars(settings.timeframe, settings.history_bars, symbols=symbols)


def _last(store: Store, name: str, at: datetime) -> pl.DataFrame | None:
    """Return the table as it was known at `at`; None before the first."""
    version_id = store.lake.version_id_at(name, at)
    return None if version_id is None else store.lake.read(name, version_id)


@dg.asset(
    group_name=GROUP,
    deps=[ALL_DAYS, "liquid_symbols", "instruments"],
    kinds={"numpy"},
    owners=["team:trading"],
)
def correlations(
    context: dg.AssetExecutionContext, config: PeerConfig, store: Store
) -> dg.MaterializeResult[None]:
    """The most correlated peers of each pair. **One row per pair, window and peer**, rank 1 first.

    Source: log returns of the closes in `ohlcv` over windows of some lengths in bars, all ending at the
    newest bar. `rho` stands on the `bars` that both have; `rho_shrunk` is pulled towards 0 by how little
    the window says about so many pairs (Ledoit and Wolf). A pair that shares too little of a window has
    no row there. The peers of one pair at any past moment: `trading.xray.peers.peers_at`.

    - Source: log returns of the closes in `ohlcv`.
    - Units: correlation from -1 to 1; windows in bars.
    - Fresh: every research pass (nightly).
    - If it fails: the table of the pass before stands; signals carry older clusters.
    """
    from trading.xray.peers import ROW_GROUP, peer_table, windows_summary
    from trading.xray.returns import log_returns

    rules = domain(PeerRules, config)
    symbols, returns = log_returns(_closes(store))
    frame = peer_table(symbols, returns, rules)
    version = store.publish(
        "correlations",
        frame,
        key=["symbol", "window", "peer"],
        inputs=["ohlcv_days", "liquid_symbols"],
        params=store.params(rules),
        run_id=context.run_id,
        row_group=ROW_GROUP,
    )
    closest = frame.filter(pl.col("rank") == 1, pl.col("window") == pl.col("window").max())
    return materialized(
        version,
        {
            "symbols": len(symbols),
            "median rho of peers": float(frame["rho"].median() or 0.0),
            "windows": table(windows_summary(frame)),
            "closest pairs": table(closest.sort("rho", descending=True)),
        },
    )


@dg.asset_check(
    asset=correlations, description="Every rho lies in -1..1, of two pairs, on enough bars of its window."
)
def correlations_are_correlations(store: Store) -> dg.AssetCheckResult:
    """Fail on a rho outside its range, a pair that is its own peer, too few or too many common bars."""
    frame = store.lake.read("correlations")
    in_range = frame.filter(
        pl.col("rho").abs() <= 1 + 1e-9, pl.col("rho_shrunk").abs() <= pl.col("rho").abs() + 1e-9
    )
    of_two = frame.filter(pl.col("symbol") != pl.col("peer"))
    grounded = frame.filter(pl.col("bars").is_between(30, pl.col("window")))
    wild, own, thin = (frame.height - good.height for good in (in_range, of_two, grounded))
    passed = wild + own + thin == 0
    return verdict(passed, pairs=frame.height, outside_range=wild, own_peer=own, wrong_bars=thin)


@dg.asset(
    group_name=GROUP,
    deps=[ALL_DAYS, "liquid_symbols", "instruments"],
    kinds={"numpy"},
    owners=["team:trading"],
)
def correlation_alerts(
    context: dg.AssetExecutionContext, config: AlertConfig, store: Store
) -> dg.MaterializeResult[None]:
    """Pairs that moved together and no longer do. **One row per two pairs**, often none.

    The newest window is held against the earlier ones; a drop counts if it is larger than what this pair's
    correlation does by itself, with the drop of the whole market taken off and the number of pairs tested
    taken into account: of the alerts of one look at most `false_share` are expected to be false. `symbol`
    is who left, `peers_lost` how many of its peers say so; `effective_bars` is what the window is worth.

    - Source: `ohlcv`: the newest window against earlier ones.
    - Units: correlation from -1 to 1; times UTC.
    - Fresh: every research pass (nightly).
    - If it fails: no alert is raised; nothing that trades reads them but a filter of yours.
    """
    from trading.xray.decoupling import decoupled_pairs
    from trading.xray.returns import log_returns

    rules = domain(AlertRules, config)
    found = decoupled_pairs(*log_returns(_closes(store)), rules)
    version = store.publish(
        "correlation_alerts",
        found.frame,
        key=["symbol", "peer"],
        inputs=["ohlcv_days", "liquid_symbols"],
        params=store.params(rules),
        run_id=context.run_id,
    )
    left = (
        found.frame.group_by("symbol").agg(pl.len().alias("peers lost")).sort("peers lost", descending=True)
    )
    return materialized(
        version,
        {
            "pairs tested": found.tested,
            "drop of the whole market": found.market_drop,
            "who left": table(left),
            "correlation_alerts": table(found.frame),
        },
    )


@dg.asset_check(
    asset=correlation_alerts, description="Each pair once; each alert is a fall that chance seldom makes."
)
def alerts_are_earned(store: Store) -> dg.AssetCheckResult:
    """Fail on a pair that stands twice, rose instead of fell, or has a q above 5 %."""
    frame = store.lake.read("correlation_alerts")
    a, b = pl.min_horizontal("symbol", "peer"), pl.max_horizontal("symbol", "peer")
    repeated = frame.height - frame.select(a.alias("a"), b.alias("b")).unique().height
    rose = frame.height - frame.filter(pl.col("rho_now") < pl.col("rho_before")).height
    by_chance = frame.height - frame.filter(pl.col("q_value") <= MOST_FALSE).height
    passed = repeated + rose + by_chance == 0
    return verdict(passed, alerts=frame.height, repeated=repeated, rose=rose, by_chance=by_chance)


@dg.asset(
    group_name=GROUP,
    deps=[ALL_DAYS, "liquid_symbols", "instruments"],
    kinds={"hdbscan"},
    owners=["team:trading"],
)
def clusters(
    context: dg.AssetExecutionContext, config: ClusterConfig, store: Store
) -> dg.MaterializeResult[None]:
    """Groups of pairs that move together once the market's own move is taken out. **One row per pair.**

    HDBSCAN on unit-length principal components of market-removed returns. `cluster` -1 is noise: a pair
    that belongs to no group, which is a finding and not a failure; `soft_cluster` guesses the nearest one.
    A group keeps its number and its name (a central member) from look to look, and is `since` its birth.
    The picture behind the click: correlations of what is left without the market, ordered by group.

    - Source: returns in `ohlcv` without the market's own move.
    - Units: cluster number, -1 is noise; probability 0 to 1.
    - Fresh: every research pass (nightly).
    - If it fails: the fleet's cap per cluster goes by the clusters of the pass before.
    """
    from trading.xray.clusters import cluster_symbols
    from trading.xray.continuity import carried_on
    from trading.xray.pictures import residual_map
    from trading.xray.returns import log_returns

    settings, at = domain(ClusterSettings, config), store.as_of()
    symbols, returns = log_returns(_closes(store))
    before = _last(store, "clusters", at)
    found = carried_on(before, cluster_symbols(symbols, returns, settings), at=at)
    version = store.publish(
        "clusters",
        found.frame,
        key=["symbol"],
        inputs=["ohlcv_days", "liquid_symbols"],
        # Not an input: with it the lineage of every signal would lead back through all clusters ever.
        params=store.params(settings) | {"labels_from": store.lake.version_id_at("clusters", at)},
        run_id=context.run_id,
        at=at,
    )
    return materialized(
        version,
        {
            "groups": found.events.filter(pl.col("event").is_in(["kept", "born", "split"])).height,
            "noise share": float((found.frame["cluster"] < 0).mean() or 0.0),
            "kept their group": float("nan") if found.stayed is None else found.stayed,
            "since the look before": table(found.events),
            "map": dg.MetadataValue.md(residual_map(symbols, returns, found.frame)),
        },
    )


@dg.asset_check(asset=clusters, description="At least one group was found.")
def market_has_groups(store: Store) -> dg.AssetCheckResult:
    """Warn when all is noise: too few pairs or bars, or returns that hold no structure at all."""
    frame = store.lake.read("clusters")
    groups = frame.filter(pl.col("cluster") >= 0)["cluster"].n_unique()
    return verdict(groups > 0, dg.AssetCheckSeverity.WARN, groups=groups, symbols=frame.height)


@dg.asset_check(asset=clusters, description="Sizes are true, names are members, noise has neither.")
def groups_are_what_they_say(store: Store) -> dg.AssetCheckResult:
    """Fail on a pair that stands twice, a wrong size, a name that is no member, a noise that has a name."""
    frame = store.lake.read("clusters")
    repeated = frame.height - frame["symbol"].n_unique()
    miscounted = frame.filter(pl.col("size") != pl.len().over("cluster")).height
    grouped = frame.filter(pl.col("cluster") >= 0)
    named = grouped.filter((pl.col("symbol") == pl.col("cluster_name")).any().over("cluster"))
    odd = grouped.height - named.height + frame.filter(pl.col("cluster") < 0)["cluster_name"].count()
    passed = repeated + miscounted + odd == 0
    return verdict(passed, symbols=frame.height, repeated=repeated, miscounted=miscounted, misnamed=odd)


@dg.asset(
    group_name=GROUP,
    deps=[ALL_DAYS, clusters],
    kinds={"hdbscan"},
    owners=["team:trading"],
)
def cluster_quality(
    context: dg.AssetExecutionContext, config: ClusterConfig, store: Store
) -> dg.MaterializeResult[None]:
    """How good the groups are, and who is in them. **One row per group**, largest first.

    `cohesion` is the mean cosine of members to the centre, `separation` that of the centre to the nearest
    other centre; `persistence` is HDBSCAN's; `stability` is how much of a group is found again on resampled
    bars (below 0.5 it dissolves, from 0.75 on it is stable). The picture behind the click: a map on which
    neighbours are alike, turned as little as possible from look to look (table `cluster_map`).

    - Source: `clusters`.
    - Units: cohesion and separation from -1 to 1, members counted.
    - Fresh: every research pass (nightly).
    - If it fails: look whether the market is one block today; groups are then few and poor.
    """
    from trading.xray.cluster_quality import cluster_quality as judged
    from trading.xray.pictures import group_map
    from trading.xray.places import symbol_places
    from trading.xray.returns import log_returns

    settings, frame = domain(ClusterSettings, config), store.lake.read("clusters")
    symbols, returns = log_returns(_closes(store))
    told = {"inputs": ["ohlcv_days", "clusters"], "params": store.params(settings)}
    places = symbol_places(symbols, returns, settings, before=_last(store, "cluster_map", store.as_of()))
    store.publish("cluster_map", places, key=["symbol"], run_id=context.run_id, **told)
    found = judged(
        symbols, returns, frame, settings, on_resample=lambda *of: context.log.info("resample %d of %d", *of)
    )
    version = store.publish("cluster_quality", found.frame, key=["cluster"], run_id=context.run_id, **told)
    return materialized(
        version,
        {
            **found.figures(),
            "groups": table(found.frame),
            "map": dg.MetadataValue.md(group_map(places, frame)),
        },
    )


@dg.asset_check(
    asset=cluster_quality, description="Figures lie in their range; most groups survive resampling."
)
def groups_stand_on_their_own(store: Store) -> dg.AssetCheckResult:
    """Warn on a figure outside its range, or when more than half of the groups dissolve under resampling."""
    frame = store.lake.read("cluster_quality")
    in_range = frame.filter(
        pl.col("stability").is_between(0, 1),
        pl.col("persistence").is_between(0, 1),
        pl.col("cohesion").is_between(-1, 1),
    )
    wild = frame.height - in_range.height
    dissolved = frame.filter(pl.col("stability") < DISSOLVED).height
    passed = wild == 0 and dissolved * 2 <= frame.height
    return verdict(
        passed, dg.AssetCheckSeverity.WARN, groups=frame.height, outside_range=wild, dissolved=dissolved
    )
