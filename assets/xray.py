"""Stop 5: which regime we are in, what the news says. Decides nothing. What moves with what: groups.py."""

import dagster as dg
import polars as pl

from assets.results import materialized, table, verdict
from resources.exchange import Exchange
from resources.news import NewsDesk
from resources.order_log import OrderLogResource
from resources.settings import load_settings
from resources.store import Store

GROUP = "xray"
ALL_DAYS = dg.AssetDep("ohlcv", partition_mapping=dg.AllPartitionMapping())


def _closes(store: Store) -> pl.DataFrame:
    """Closed bars of every pair that survived the pre-filter, over the configured history."""
    settings, symbols = load_settings(store.world), store.kept("liquid_symbols")
    return store.bars(settings.timeframe, settings.history_bars, symbols=symbols)


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

    - Source: closes of all pairs in `ohlcv`.
    - Units: conditions as shares and percentiles, 0 to 1.
    - Fresh: every scan (15 minutes) and every research pass.
    - If it fails: signals use the regime of the bar before, and none once it is too old.
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


@dg.asset_check(
    asset=market_regime,
    blocking=True,
    description="Cut the candles, compute again: no earlier row changes.",
)
def regime_sees_no_future(store: Store) -> dg.AssetCheckResult:
    """Fail on a row of the regime that candles of the whole market cut after it do not give likewise."""
    from resources.recomputed import regime_again

    found, pairs = regime_again(store)
    return verdict(found.is_empty(), pairs=pairs, differences=found.height, first=table(found))


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
    holds them; a delisting here that says when trading ends (`effective`) has positions left before.
    `same_as` names the item that another feed had told in nearly the same words: it counts once.

    - Source: the configured feeds; offline the embedded desk.
    - Units: mood from -1 to 1; times UTC.
    - Fresh: every scan (15 minutes) and every research pass.
    - If it fails: a feed that fails is named in the metadata; what was known goes on keeping out.
    """
    from trading.news.holds import holds
    from trading.news.maintenance import maintenance_holds
    from trading.news.scores import symbol_scores

    at = exchange.market_time()
    known = store.lake.read("news_events") if store.lake.latest("news_events") is not None else None
    found = news.collect(known, store.lake.read("validated_markets"), at)
    frame = found.news
    version = store.publish(
        "news_events", frame, key=["item_id"], inputs=["validated_markets"], at=at, run_id=context.run_id
    )
    held = order_log.hold([*holds(frame, at), *maintenance_holds(frame, at)], at)
    news.remember(found)
    events = frame.group_by("event").len("items").sort("items", descending=True)
    return materialized(
        version,
        {
            "feeds that failed": len(found.problems),
            "problems": "; ".join(found.problems) or "none",
            "new holds": held,
            "by event": table(events),
            "symbols now": table(symbol_scores(frame, at)),
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
