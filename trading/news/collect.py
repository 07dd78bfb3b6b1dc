"""The room's one job done whole: feeds in, NEWS out, and which symbols news keeps from being bought."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import conform, empty
from trading.news.feeds import Feed, RawItem, parse_feed
from trading.news.fetch import FeedRefused, Fetch
from trading.news.items import NEWS, new_items
from trading.news.linking import Linker
from trading.news.reading import read_headlines

_AT_ONCE = 8
# How long an event keeps a symbol from new entries, in market time.
BLOCKS: dict[str, timedelta] = {
    "hack": timedelta(days=7),
    "halt": timedelta(days=2),
    "delisting": timedelta(days=90),
}
# A story published this long before it was first seen is history, not news.
_STALE = timedelta(days=7)


def collect_news(
    fetch: Fetch, feeds: Sequence[Feed], known: pl.DataFrame | None, markets: pl.DataFrame, at: datetime
) -> tuple[pl.DataFrame, list[str]]:
    """Return all stories known after reading `feeds`, and what went wrong with which feed.

    Parameters
    ----------
    fetch : callable
        Address -> body; raises FeedRefused. `FeedFetcher` over HTTP, a dictionary's lookup in tests.
    known : DataFrame of NEWS or None
        What earlier calls returned; its rows are kept as they are, first_seen above all.
    markets : DataFrame of MARKETS
        Symbols that headlines are linked to.
    at : datetime
        Market time, aware; the first_seen of every new story.

    Returns
    -------
    news : DataFrame of NEWS
        **One row per story**, oldest first_seen first.
    problems : list of str
        One sentence per feed that could not be read; the others were read all the same.
    """
    if at.tzinfo is None:
        raise BadInput(f"at must be an aware datetime, was {at}")
    before = empty(NEWS) if known is None else conform(known, NEWS)
    problems: list[str] = []
    raw: list[RawItem] = []
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        for items, problem in threads.map(lambda feed: _read(fetch, feed), feeds):
            raw += items
            problems += [] if problem is None else [problem]
    fresh = new_items(raw, before, at)
    return pl.concat([before, annotate(fresh, Linker.of(markets))]), problems


def _read(fetch: Fetch, feed: Feed) -> tuple[list[RawItem], str | None]:
    try:
        return parse_feed(feed.name, fetch(feed.url)), None
    except FeedRefused as refusal:
        return [], f"feed {feed.name} {refusal}"
    except Exception as error:  # hostile bytes reach third-party parsers; one feed never stops the line
        return [], f"feed {feed.name} could not be parsed: {type(error).__name__}"


def annotate(items: pl.DataFrame, linker: Linker) -> pl.DataFrame:
    """Return `items` with symbols, event, sentiment, mood and score, as NEWS; reads `title` only."""
    readings = list(read_headlines(items["title"].to_list(), linker))
    found: dict[str, list[Any]] = {
        "symbols": [reading.symbols for reading in readings],
        "event": [reading.event for reading in readings],
        "sentiment": [reading.tone for reading in readings],
        "mood": [reading.mood for reading in readings],
        "score": [reading.score for reading in readings],
    }
    return items.with_columns(
        pl.Series(name, values, dtype=NEWS[name]) for name, values in found.items()
    ).select(list(NEWS))


def blocked_symbols(
    news: pl.DataFrame, at: datetime, *, blocks: Mapping[str, timedelta] | None = None
) -> dict[str, str]:
    """Return which symbols must not be entered at market time `at`, with the reason.

    Causal: a story counts from its first_seen on, for as long as `blocks` says of its event.

    Returns
    -------
    dict
        symbol -> one sentence naming event, source and headline; the newest story wins.
    """
    frame = conform(news, NEWS)
    blocked: dict[str, str] = {}
    for event, lasts in (BLOCKS if blocks is None else blocks).items():
        seen = pl.col("first_seen")
        is_news = pl.col("published").is_null() | (pl.col("published") >= seen - _STALE)
        live = (pl.col("event") == event) & (seen <= at) & (seen > at - lasts) & is_news
        for story in frame.filter(live).sort("first_seen").iter_rows(named=True):
            reason = f"{event} reported by {story['source']}: {re.sub(r'[\r\n]+', ' ', story['title'])}"
            blocked |= dict.fromkeys(story["symbols"], reason)
    return blocked
