"""What was known at a past moment, as a chain of filters reads it: look, candles, news, clusters, regime.

Recorded looks answer where there is one young enough, candles elsewhere; then what candles cannot tell
(spread, quote age, API flag, ticks) is named as unknowable. What a chain makes of it: `funnel`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import polars as pl

from trading.market.frames import MARKETS, TICKERS, UTC_MS
from trading.market.listing import from_frame
from trading.market.timeframes import Timeframe
from trading.market.timeframes import timeframe as find_timeframe
from trading.screening.chain.inputs import ALERTS, CLUSTERS, DELISTINGS, NEWS, REGIME, Inputs
from trading.screening.filters import validate_markets
from trading.store.lake import Lake
from trading.universe.looks import Look, PastRules, listed_facts, listings_at, recorded_looks
from trading.universe.rebuilt import as_look, trace, trace_at, with_listing

RECORDED, REBUILT = "recorded", "rebuilt"
# Inputs of a chain that the lake has, and the tables that hold them; other inputs are handed in.
PORTS = {
    "news": "news_events",
    "clusters": "clusters",
    "alerts": "correlation_alerts",
    "regime": "market_regime",
    "delistings": "news_events",
}
# Where each input of a chain comes from, in words; what no stop of the line makes says so.
SOURCES = {
    "candles": "ohlcv",
    "tickers": "tickers; rebuilt from candles where nobody looked",
    "news": "news_events",
    "delistings": "news_events: delistings that say when",
    "clusters": "clusters",
    "alerts": "correlation_alerts",
    "trades": "the order log",
    "lists": "no source in the line; a file: sluice screen --list NAME=FILE",
    "caps": "no source in the line; callers in Python",
    "depth": "no source in the line; callers in Python",
}
# How long an alert may matter to a filter; older looks at alerts are not read.
_ALERTS_FOR = timedelta(days=7)
_NOT_IN_CANDLES = frozenset({"spread", "quote_age", "ticker_change"})
_FACTS = ("tick", "step", "min_amount", "min_cost", "max_cost", "maker_fee", "taker_fee")


class Bars(Protocol):
    """Where candles come from: a `CandleStore`, or a stretch of one that is held in memory."""

    def read(
        self,
        timeframe: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Return bars with `start <= open_time < end`, sorted."""
        ...


@dataclass(frozen=True, slots=True)
class Known:
    """What was known at one moment: `inputs` of a chain, and what told (`source`), seen when."""

    inputs: Inputs
    source: str
    seen_at: datetime | None


def known_at(
    lake: Lake,
    candles: Bars,
    at: datetime,
    *,
    timeframe: str = "15m",
    listed: Mapping[str, datetime] | None = None,
    past: PastRules | None = None,
    reads: Collection[str] = tuple(PORTS),
    ports: Mapping[str, Any] | None = None,
) -> Known:
    """Return what was known at `at` in one world.

    Parameters
    ----------
    at : datetime
        Aware.
    timeframe : str
        Of the candles that filters read, and that the look is rebuilt from where nobody looked.
    listed : mapping, optional
        Symbol -> its first bar, where that is known.
    reads : collection of str
        Which of PORTS are wanted, as `Chain.reads` says; others are not looked up.
    ports : mapping, optional
        Inputs of the chain by name (`trades`, `lists`, `caps`, `depth`, `minutes`), or in place of what the
        lake has.

    Returns
    -------
    Known
        Without any market where nothing is known of the moment.
    """
    past, bar = past or PastRules(), find_timeframe(timeframe)
    looks = recorded_looks(lake, at - timedelta(seconds=past.max_look_age_s), at, past)
    if looks:
        markets, tickers, blind = _recorded(lake, looks[-1])
        source, seen_at = RECORDED, _newest(tickers)
    else:
        markets, tickers, blind = _rebuilt(lake, candles, at, bar, past)
        source, seen_at = REBUILT, _newest(tickers)
    inputs = Inputs(
        bar=bar,
        markets=markets,
        tickers=tickers,
        # The chain itself cuts what had not closed, and what is older than its bars.
        load=lambda symbols, until, bars: candles.read(
            timeframe, start=until - look_back(bar, bars), end=until, symbols=symbols
        ),
        listed=dict(listed or {}),
        blind=blind,
        **(ports_of(lake, at, reads) | dict(ports or {})),
    )
    return Known(inputs, source, seen_at)


def _newest(tickers: pl.DataFrame) -> datetime | None:
    found = tickers["at"].max()
    return found if isinstance(found, datetime) else None


def ports_of(lake: Lake, at: datetime, reads: Collection[str] = tuple(PORTS)) -> dict[str, Any]:
    """Return what later stops of the line had published by `at`, by the names of `Inputs`; None = nothing."""
    look_up = {
        "news": _news,
        "clusters": _clusters,
        "alerts": _alerts,
        "regime": _regime,
        "delistings": _delistings,
    }
    return {name: look_up[name](lake, at) for name in PORTS if name in reads}


def look_back(bar: Timeframe, bars: int) -> timedelta:
    """Return a time that holds the last `bars` closed bars before any moment."""
    return (bars + 2) * (timedelta(days=31) if bar.name == "1M" else bar.delta)


def _recorded(lake: Lake, look: Look) -> tuple[pl.DataFrame, pl.DataFrame, frozenset[str]]:
    sound, _ = validate_markets(from_frame(lake.read("markets", look.listing)))
    tickers = lake.read("tickers", look.tickers).select(list(TICKERS))
    return sound, tickers, frozenset()


def _rebuilt(
    lake: Lake, candles: Bars, at: datetime, bar: Timeframe, past: PastRules
) -> tuple[pl.DataFrame, pl.DataFrame, frozenset[str]]:
    window = timedelta(seconds=2 * past.quiet_s)
    bars = candles.read(bar.name, start=at - window, end=at - bar.delta + timedelta(milliseconds=1))
    traced = trace_at(trace(bars, bar_ms=bar.ms, quiet_s=past.quiet_s), [at], quiet_s=past.quiet_s)
    stood = listings_at(lake, [at], past)
    look = as_look(with_listing(traced, stood, listed_facts(lake, stood["listing"].to_list())))
    tickers = look.select(list(TICKERS))
    if stood.is_empty():
        return look.select(list(MARKETS)), tickers, _NOT_IN_CANDLES | {"api", "ticks"}
    # What the listing that stood then says of steps and fees, whatever its age: it is the best there is.
    sound = validate_markets(from_frame(lake.read("markets", stood["listing"][0])))[0]
    look = look.drop(_FACTS).join(
        sound.select("symbol", *_FACTS), on="symbol", how="left", maintain_order="left"
    )
    return look.select(list(MARKETS)), tickers, _NOT_IN_CANDLES


def _news(lake: Lake, _at: datetime) -> pl.DataFrame | None:
    """Every story; which were known at a moment, their `first_seen` says."""
    return None if lake.latest("news_events") is None else lake.read("news_events").select(list(NEWS))


def _delistings(lake: Lake, at: datetime) -> pl.DataFrame | None:
    """Every announcement that says when trading ends; one that does not is left to the filter `news`.

    As it stood then, unlike other news: a feed may move the date of a story that keeps its `first_seen`.
    """
    if lake.latest("news_events") is None:
        return None
    version = lake.version_at("news_events", at)
    news = pl.DataFrame() if version is None else lake.read("news_events", version.version_id)
    if "effective" not in news.columns:  # nothing by then, or a table of an older release
        return pl.DataFrame(schema=DELISTINGS)
    dated = news.filter(pl.col("event") == "delisting", pl.col("effective").is_not_null())
    return dated.explode("symbols").select(symbol="symbols", known_at="first_seen", at="effective")


def _clusters(lake: Lake, at: datetime) -> pl.DataFrame | None:
    version = lake.version_at("clusters", at)
    if version is None:
        return None
    made = lake.looks("clusters").filter(pl.col("at") <= at)["at"].max()
    frame = lake.read("clusters", version.version_id).with_columns(at=pl.lit(made, UTC_MS))
    return frame.select(pl.col(name).cast(dtype) for name, dtype in CLUSTERS.items())


def _alerts(lake: Lake, at: datetime) -> pl.DataFrame | None:
    """Who left its peers, at every look of the last days."""
    looks = lake.looks("correlation_alerts").filter(pl.col("at") <= at, pl.col("at") > at - _ALERTS_FOR)
    if looks.is_empty():
        return None
    frames = [
        lake.read("correlation_alerts", version)
        .select("symbol", kind=pl.lit("decoupled"), at=pl.lit(made, UTC_MS))
        .unique()
        for made, version in looks.select("at", "version_id").iter_rows()
    ]
    return pl.concat(frames).select(list(ALERTS))


def _regime(lake: Lake, at: datetime) -> pl.DataFrame | None:
    version = lake.version_at("market_regime", at)
    if version is None:
        return None
    return lake.read("market_regime", version.version_id).select(list(REGIME))
