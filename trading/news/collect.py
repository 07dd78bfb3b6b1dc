"""The room's one job done whole: feeds in, NEWS out. What news then closes: `holds`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import empty
from trading.news.delisted import delisted, is_elsewhere
from trading.news.edits import told_again, with_edits
from trading.news.effective import effective_time
from trading.news.feeds import Feed, RawItem
from trading.news.fetch import Answer, FeedRefused, Fetch, Validators
from trading.news.items import NEWS, as_news, new_items
from trading.news.linking import Linker
from trading.news.maintenance import begins_at, is_of_the_venue
from trading.news.parser import FeedParser
from trading.news.reading import read_headlines
from trading.news.twins import WITHIN, Told, twins

_AT_ONCE = 8
Parse = Callable[[str, bytes], list[RawItem]]


@dataclass(frozen=True, slots=True)
class Collected:
    """What one pass over the feeds gave.

    `news` are all stories known now, **one row per item**, oldest first_seen first; `problems` one sentence
    per feed that could not be read; `memory` what to hand to the next pass, once `news` is stored.
    """

    news: pl.DataFrame
    problems: list[str]
    memory: dict[str, Validators]


def collect_news(
    fetch: Fetch,
    feeds: Sequence[Feed],
    known: pl.DataFrame | None,
    markets: pl.DataFrame,
    at: datetime,
    *,
    memory: Mapping[str, Validators] | None = None,
    parse: Parse | None = None,
) -> Collected:
    """Read `feeds` and return all stories known then.

    Parameters
    ----------
    fetch : callable
        (address, validators) -> Answer; raises FeedRefused. `FeedFetcher` over HTTP, a dictionary in tests.
    known : DataFrame of NEWS or None
        What earlier calls returned; its rows are kept as they are, first_seen above all, but for the date
        of a delisting that its feed has moved (`trading.news.edits`).
    markets : DataFrame of MARKETS
        Symbols that headlines are linked to.
    at : datetime
        Market time, aware; the first_seen of every new story.
    memory : mapping
        Address -> validators of the last pass. Not used while nothing is known: an unchanged feed would then
        never be read.
    parse : callable
        (name, body) -> items; default: a process of its own for this pass.
    """
    if at.tzinfo is None:
        raise BadInput(f"at must be an aware datetime, was {at}")
    before = empty(NEWS) if known is None else as_news(known)
    past = {} if before.is_empty() or memory is None else dict(memory)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as threads:
        answers = list(threads.map(lambda feed: _fetched(fetch, feed, past.get(feed.url)), feeds))
    if parse is not None:
        raw, problems, heard = _parsed(parse, zip(feeds, answers, strict=True))
    else:
        with FeedParser() as parser:
            raw, problems, heard = _parsed(parser, zip(feeds, answers, strict=True))
    linker = Linker.of(markets)
    before = with_edits(before, annotate(told_again(raw, before), linker), at)
    fresh = annotate(new_items(raw, before, at), linker)
    news = pl.concat([before, fresh.with_columns(same_as=_same_as(before, fresh, at))])
    kept = {feed.url: past[feed.url] for feed in feeds if feed.url in past}
    return Collected(news, problems, kept | heard)


def _fetched(fetch: Fetch, feed: Feed, known: Validators | None) -> Answer | str:
    try:
        return fetch(feed.url, known or Validators())
    except FeedRefused as refusal:
        return f"feed {feed.name} {refusal}"
    except Exception as error:  # one feed never stops the line
        return f"feed {feed.name} could not be read: {type(error).__name__}"


def _parsed(
    parse: Parse, fetched: Iterable[tuple[Feed, Answer | str]]
) -> tuple[list[RawItem], list[str], dict[str, Validators]]:
    """Return all items, all problems, and the validators of those feeds that were read whole."""
    raw: list[RawItem] = []
    problems: list[str] = []
    heard: dict[str, Validators] = {}
    for feed, answer in fetched:
        if isinstance(answer, str):
            problems.append(answer)
            continue
        try:
            raw += [] if answer.body is None else parse(feed.name, answer.body)
        except FeedRefused as refusal:
            problems.append(f"feed {feed.name} {refusal}")
        except Exception as error:  # hostile bytes reach third-party parsers; one feed never stops the line
            problems.append(f"feed {feed.name} could not be parsed: {type(error).__name__}")
        else:
            heard[feed.url] = answer.validators
    return raw, problems, heard


def annotate(items: pl.DataFrame, linker: Linker) -> pl.DataFrame:
    """Return `items` as NEWS, with symbols, event and tone by `title`, effective time by `summary` too.

    `same_as` is left null.
    """
    readings = list(read_headlines(items["title"].to_list(), linker))
    rows = list(zip(items.iter_rows(named=True), readings, strict=True))
    found: dict[str, list[Any]] = {
        "symbols": [
            delisted(row["title"], row["summary"], linker)
            if reading.event == "delisting"
            else reading.symbols
            for row, reading in rows
        ],
        "event": [reading.event for reading in readings],
        "sentiment": [reading.tone for reading in readings],
        "mood": [reading.mood for reading in readings],
        "score": [reading.score for reading in readings],
    }
    found["effective"] = [
        _end_of_trading(row) if reading.event == "delisting" and symbols else _begin_of_work(row)
        for (row, reading), symbols in zip(rows, found["symbols"], strict=True)
    ]
    added = [pl.Series(name, values, dtype=NEWS[name]) for name, values in found.items()]
    return as_news(items.with_columns(added))


def _leaving(item: dict[str, Any], linker: Linker) -> list[str]:
    return delisted(item["title"], item["summary"], linker)


def _end_of_trading(item: dict[str, Any]) -> datetime | None:
    """When the pairs of a delisting stop trading here; None where that is not said, or is another venue's."""
    if is_elsewhere(item["title"], item["source"], item["link"]):
        return None
    seen = item["first_seen"]
    return effective_time(f"{item['title']}. {item['summary']}", min(item["published"] or seen, seen))


def _begin_of_work(item: dict[str, Any]) -> datetime | None:
    """When announced work on this venue begins; None for any other story."""
    if not is_of_the_venue(item["title"], item["source"], item["link"]):
        return None
    seen = item["first_seen"]
    return begins_at(item["title"], item["summary"], min(item["published"] or seen, seen))


def _same_as(before: pl.DataFrame, fresh: pl.DataFrame, at: datetime) -> pl.Series:
    recent = before.filter((pl.col("first_seen") >= at - WITHIN) & pl.col("same_as").is_null())
    return pl.Series(twins(_told(recent), _told(fresh)), dtype=pl.String)


def _told(news: pl.DataFrame) -> list[Told]:
    names = ("item_id", "source", "title", "first_seen", "symbols", "event")
    return [
        Told(item_id, source, title, first_seen, tuple(symbols), event)
        for item_id, source, title, first_seen, symbols, event in news.select(names).iter_rows()
    ]
