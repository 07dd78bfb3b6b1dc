"""Signals from what the line knows: one way to make them, for the table itself and for its check."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from resources.learning import Learning
from resources.settings import load_settings
from resources.store import Store
from resources.strategies import line_strategy
from resources.universe import members_for_ranks
from trading.market.frames import UTC_MS
from trading.market.timeframes import timeframe, to_ms
from trading.news.items import told_once
from trading.signals.conditions import is_across
from trading.signals.generate import signal_rows
from trading.signals.strategy import SignalRules


def signal_table(
    store: Store,
    learning: Learning,
    indicators: pl.DataFrame,
    rules: SignalRules,
    *,
    until: datetime | None = None,
    market: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return the signals of `indicators` as `until` would have told them (None: as is known now).

    `market`: closes of all pairs, where `indicators` are of a sample. With `until`, rows of other tables that
    were not known at that bar close are left out.
    """
    lake, settings = store.lake, load_settings(store.world)
    regime, news = lake.read("market_regime"), lake.read("news_events")
    lake.data_path("clusters")  # notes the newest look as read: the table names it as an input
    clusters = cluster_looks(store, indicators["open_time"])
    if until is not None:
        bar = timeframe(settings.timeframe)
        regime = regime.filter(pl.col("open_time") + bar.delta <= until)
        news = news.filter(pl.col("first_seen") <= until)
        clusters = clusters.filter(pl.col("known_at") <= until)
        market = None if market is None else market.filter(pl.col("open_time") + bar.delta <= until)
    screened = lake.read("screened_symbols")
    strategy = line_strategy(store, rules)
    return signal_rows(
        indicators,
        rules,
        strategy=strategy,
        members=members_for_ranks(store, indicators) if is_across(strategy) else None,
        regime=regime,
        clusters=clusters,
        news=told_once(news).with_columns(sentiment="score"),
        model=learning.champion(store),
        screening_ids=dict(screened.select("symbol", "lineage_id").iter_rows()),
        timeframe=settings.timeframe,
        market=market,
        forced=learning.registry.journal.forced(),
        instruments=lake.read("instruments") if lake.latest("instruments") is not None else None,
    )


def cluster_looks(store: Store, times: pl.Series) -> pl.DataFrame:
    """Return `symbol`, `cluster`, `strength`, `known_at` of every look at clusters that `times` may know of.

    Clusters of a look stand on bars that had closed by then: they are known from the close of the newest.
    """
    bar = timeframe(load_settings(store.world).timeframe)
    first = times.min()
    looks = store.lake.looks("clusters").select("at", "version_id").rows() if len(times) else []
    kept: list[tuple[datetime, str]] = []
    for at, version_id in looks:
        if isinstance(first, datetime) and at < first:
            kept.clear()  # of those before the first bar the newest is enough
        kept.append((at, version_id))
    return _stacked(store, kept, bar.ms)


def _stacked(store: Store, looks: Sequence[tuple[datetime, str]], bar_ms: int) -> pl.DataFrame:
    schema = {"symbol": pl.String, "cluster": pl.Int64, "strength": pl.Float64, "known_at": UTC_MS}
    frames = [pl.DataFrame(schema=schema)]
    for at, version_id in looks:
        known = pl.lit(to_ms(at) // bar_ms * bar_ms).cast(UTC_MS)
        frame = store.lake.read("clusters", version_id)
        strength = pl.col("strength") if "strength" in frame.columns else pl.lit(1.0)
        frames.append(
            frame.select(
                "symbol",
                pl.col("cluster").cast(pl.Int64),
                strength.cast(pl.Float64).alias("strength"),
                known.alias("known_at"),
            )
        )
    return pl.concat(frames)
