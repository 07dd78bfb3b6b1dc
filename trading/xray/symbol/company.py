"""Who a symbol moves with, and what was said of it: peers, cluster, news. No statistics here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from trading.news.items import as_news

# Events that close a symbol to new entries (see `SignalRules.blocking_events`).
GRAVE = ("hack", "delisting", "halt")
_MOST_NEWS = 30
_MOST_PEERS = 8
_LINE_BARS = 96


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer: correlation, the bars it stands on, its own move, and its closes over the first one."""

    symbol: str
    rho: float
    bars: int
    is_in_cluster: bool
    change: float | None
    line: list[float]


@dataclass(frozen=True, slots=True)
class Company:
    """Peers, nearest first, and the cluster; `own_line` is the symbol's own, beside those of the peers."""

    cluster: int | None
    cluster_name: str | None
    members: int | None
    strength: float | None
    others: list[str]
    peers: list[Peer]
    own_line: list[float]
    words: str


@dataclass(frozen=True, slots=True)
class Story:
    """One headline: when we first saw it (the only clock), who said it, what kind of event, which mood.

    `effective` is when an announced delisting ends trading, null where that is not said.
    """

    first_seen: datetime
    published: datetime | None
    source: str
    title: str
    link: str | None
    event: str | None
    score: float | None
    mood: str
    effective: datetime | None


def company_of(
    symbol: str,
    candles: pl.DataFrame,
    *,
    peers: pl.DataFrame | None,
    clusters: pl.DataFrame | None,
    others: pl.DataFrame | None,
) -> Company:
    """Return whom `symbol` moves with; empty where no table was known."""
    cluster = _row(clusters, symbol)
    label = None if cluster is None else int(cluster["cluster"])
    mates = _mates(clusters, symbol, label)
    since = None if candles.is_empty() else candles["open_time"].tail(_LINE_BARS)[0]
    if others is not None and since is not None:
        # A pair that is watched more closely may have newer bars: lines of one window are compared.
        others = others.filter(pl.col("open_time") <= candles["open_time"][-1])
    found = [] if peers is None else peers.sort("rank").head(_MOST_PEERS).to_dicts()
    told = [_peer(row, mates, others, since) for row in found]
    name = None if cluster is None or cluster["cluster_name"] is None else str(cluster["cluster_name"])
    return Company(
        cluster=label,
        cluster_name=name,
        members=None if cluster is None or label is None or label < 0 else int(cluster["size"]),
        strength=None if cluster is None else float(cluster["strength"]),
        others=mates[:24],
        peers=told,
        own_line=_line(candles, since),
        words=_words(symbol, label, name, mates, told),
    )


def _row(frame: pl.DataFrame | None, symbol: str) -> dict[str, Any] | None:
    if frame is None:
        return None
    own = frame.filter(pl.col("symbol") == symbol)
    return own.row(0, named=True) if own.height else None


def _mates(clusters: pl.DataFrame | None, symbol: str, label: int | None) -> list[str]:
    if clusters is None or label is None or label < 0:
        return []
    same = clusters.filter((pl.col("cluster") == label) & (pl.col("symbol") != symbol))
    return same.sort("strength", "symbol", descending=[True, False])["symbol"].to_list()


def _peer(row: dict[str, Any], mates: list[str], others: pl.DataFrame | None, since: datetime | None) -> Peer:
    name = str(row["peer"])
    own = pl.DataFrame() if others is None else others.filter(pl.col("symbol") == name)
    line = _line(own, since)
    change = line[-1] - 1 if line else None
    return Peer(name, float(row["rho"]), int(row["bars"]), name in mates, change, line)


def _line(candles: pl.DataFrame, since: datetime | None) -> list[float]:
    """Closes over the first one of the window, so that lines of any price can be laid beside each other."""
    if candles.is_empty() or since is None:
        return []
    close = candles.filter(pl.col("open_time") >= since)["close"]
    return [] if close.is_empty() else (close / close[0]).to_list()


def _words(symbol: str, label: int | None, name: str | None, mates: list[str], peers: list[Peer]) -> str:
    if label is None and not peers:
        return "It was not among the pairs whose correlations were measured."
    first = ""
    if peers:
        first = f"It moves most like {peers[0].symbol} (ρ {peers[0].rho:.2f} over {peers[0].bars:,} bars). "
    if label is None:
        return first.strip()
    if label < 0:
        return f"{first}With the market's own move taken out it belongs to no group: it goes its own way."
    title = "its group's centre" if name == symbol else f"the group of {name}"
    return f"{first}With the market's own move taken out it belongs to {title}, {len(mates) + 1} pairs."


def stories_of(news: pl.DataFrame | None, symbol: str, at: datetime) -> list[Story]:
    """Return what was first seen of `symbol` at or before `at`, newest first, at most 30 items."""
    if news is None or news.is_empty():
        return []
    told_first = pl.col("same_as").is_null()  # the same story from another feed is one story
    own = as_news(news).filter(
        pl.col("symbols").list.contains(symbol) & (pl.col("first_seen") <= at) & told_first
    )
    rows = own.sort("first_seen", descending=True).head(_MOST_NEWS).to_dicts()
    return [
        Story(
            row["first_seen"],
            row["published"],
            str(row["source"]),
            str(row["title"]),
            row["link"],
            row["event"],
            row["score"],
            str(row["mood"] or "neutral"),
            row["effective"],
        )
        for row in rows
    ]


def news_words(stories: list[Story], at: datetime) -> str:
    """Say how much was heard, and what weighs most."""
    if not stories:
        return "No headline named it."
    grave = [story for story in stories if story.event in GRAVE]
    day = [story for story in stories if story.first_seen > at - timedelta(days=1)]
    first = f"{len(stories)} headline{'s' if len(stories) > 1 else ''}, {len(day)} of them in the last 24 h"
    if grave:
        seen = f"{grave[0].first_seen:%Y-%m-%d %H:%M}"
        return (
            f"{first}. Gravest: {grave[0].event}, first seen {seen} UTC; such news closes it to new entries."
        )
    return f"{first}; none of them grave."
