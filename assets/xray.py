"""Stop 5: what moves with what, which regime we are in, what the news says. No decision is taken here."""

import dagster as dg
import polars as pl

from assets.launchpad import domain, launchpad
from assets.results import materialized, table, verdict
from resources.exchange import Exchange
from resources.news import NewsDesk
from resources.order_log import OrderLogResource
from resources.settings import load_settings
from resources.store import Store
from trading.xray.decoupling import MOST_FALSE, AlertRules
from trading.xray.peers import PeerRules

PeerConfig = launchpad(PeerRules, "PeerConfig")
AlertConfig = launchpad(AlertRules, "AlertConfig")
GROUP = "xray"
ALL_DAYS = dg.AssetDep("ohlcv", partition_mapping=dg.AllPartitionMapping())


def _closes(store: Store) -> pl.DataFrame:
    """Closed bars of every pair that survived the pre-filter, over the configured history."""
    settings, symbols = load_settings(store.world), store.kept("liquid_symbols")
    return store.bars(settings.timeframe, settings.history_bars, symbols=symbols)


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
def clusters(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """Groups of pairs that move together once the market's own move is taken out. **One row per pair.**

    HDBSCAN on unit-length principal components of market-removed returns. `cluster` -1 is noise: a pair
    that belongs to no group, which is a finding and not a failure. A group is named after its medoid.
    The picture behind the click: correlations of what is left without the market, ordered by group.
    """
    from trading.xray.clusters import cluster_symbols, residuals
    from trading.xray.correlation import correlation
    from trading.xray.pictures import correlation_map
    from trading.xray.returns import log_returns

    symbols, returns = log_returns(_closes(store))
    frame = cluster_symbols(symbols, returns)
    version = store.publish(
        "clusters", frame, key=["symbol"], inputs=["ohlcv_days", "liquid_symbols"], run_id=context.run_id
    )
    groups = frame.filter(pl.col("cluster") >= 0).group_by("cluster_name").len("members")
    return materialized(
        version,
        {
            "groups": groups.height,
            "noise share": float((frame["cluster"] < 0).mean() or 0.0),
            "largest groups": table(groups.sort("members", descending=True)),
            "map": dg.MetadataValue.md(correlation_map(correlation(symbols, residuals(returns)), frame)),
        },
    )


@dg.asset_check(
    asset=clusters,
    description="At least one group was found.",
)
def market_has_groups(store: Store) -> dg.AssetCheckResult:
    """Warn when all is noise: too few pairs or bars, or returns that hold no structure at all."""
    frame = store.lake.read("clusters")
    groups = frame.filter(pl.col("cluster") >= 0)["cluster"].n_unique()
    return verdict(groups > 0, dg.AssetCheckSeverity.WARN, groups=groups, symbols=frame.height)


@dg.asset(
    group_name=GROUP,
    deps=[ALL_DAYS, "liquid_symbols", "instruments"],
    kinds={"polars"},
    owners=["team:trading"],
)
def market_regime(context: dg.AssetExecutionContext, store: Store) -> dg.MaterializeResult[None]:
    """Calm, normal or turbulent, bar by bar, from the whole market. **One row per bar.**

    Causal: the row of a bar uses nothing later than that bar, so it may be used in backtests.
    Thresholds of `signals` follow the regime between a floor and a ceiling; a dollar coin off its peg is
    a condition of its own (`is_depegged`). `why` says what made a bar what it is.
    The picture behind the click: the conditions over time, before the colours of their regimes.
    """
    from trading.xray.condition_words import sentence, told
    from trading.xray.regime import market_regime as regimes
    from trading.xray.regime_picture import regime_chart

    frame = regimes(_closes(store))
    version = store.publish(
        "market_regime", frame, key=["open_time"], inputs=["ohlcv_days"], run_id=context.run_id
    )
    now = frame.row(-1, named=True)
    named = pl.col("regime").fill_null("not yet named")
    shares = frame.group_by(named).len("bars").sort("bars", descending=True)
    plotted = (
        "breadth",
        "median_volatility",
        "btc_trend",
        "mean_correlation",
        "dispersion",
        "turnover_ratio",
    )
    numbers = {name: now[name] for name in (*plotted, "threshold_multiplier") if now[name] is not None}
    return materialized(
        version,
        {
            "in words": sentence(frame),
            "conditions now": table(told(frame)),
            "bars by regime": table(shares),
            "over time": dg.MetadataValue.md(regime_chart(frame)),
            **numbers,
        },
    )


@dg.asset_check(asset=market_regime, description="One row per bar, in order, with a known regime.")
def regime_is_known(store: Store) -> dg.AssetCheckResult:
    """Fail on an unknown regime or on bars that repeat or run backwards."""
    frame = store.lake.read("market_regime")
    unknown = frame.filter(~pl.col("regime").is_in(["calm", "normal", "turbulent"])).height
    ordered = frame["open_time"].is_sorted() and frame["open_time"].n_unique() == frame.height
    return verdict(unknown == 0 and ordered, bars=frame.height, unknown=unknown, in_order=ordered)


@dg.asset(group_name=GROUP, deps=["validated_markets"], kinds={"feedparser"}, owners=["team:trading"])
def news_events(
    context: dg.AssetExecutionContext,
    store: Store,
    news: NewsDesk,
    exchange: Exchange,
    order_log: OrderLogResource,
) -> dg.MaterializeResult[None]:
    """Headlines with the symbols they name, the kind of event and the mood. **One row per item ever seen.**

    Source: the configured feeds; offline, the embedded exchange's news desk. `first_seen` is when *we*
    first saw an item, the only clock that a signal may use; `published` is what the feed claims.
    Hack, delisting and halt close their symbols to new entries for a day, and tell the operator and whoever
    holds them; a delisting that says when trading ends (`effective`) has positions left before.
    `same_as` names the item that another feed had told in nearly the same words: it counts once.
    """
    from trading.news.holds import holds

    at = exchange.market_time()
    known = store.lake.read("news_events") if store.lake.latest("news_events") is not None else None
    found = news.collect(known, store.lake.read("validated_markets"), at)
    frame = found.news
    version = store.publish(
        "news_events", frame, key=["item_id"], inputs=["validated_markets"], at=at, run_id=context.run_id
    )
    held = order_log.hold(holds(frame, at), at)
    news.remember(found)
    events = frame.group_by("event").len("items").sort("items", descending=True)
    return materialized(
        version,
        {
            "feeds that failed": len(found.problems),
            "problems": "; ".join(found.problems) or "none",
            "new holds": held,
            "by event": table(events),
            "newest": table(
                frame.sort("first_seen", descending=True), ["source", "title", "event", "sentiment", "score"]
            ),
        },
    )


@dg.asset_check(asset=news_events, description="No item twice, every mood within -1..1.")
def news_is_deduplicated(store: Store) -> dg.AssetCheckResult:
    """Fail on a repeated item or a sentiment outside its range."""
    frame = store.lake.read("news_events")
    repeated = frame.height - frame["item_id"].n_unique()
    wild = frame.filter(pl.col("score").abs() > 1).height
    return verdict(repeated == 0 and wild == 0, items=frame.height, repeated=repeated, outside_range=wild)
