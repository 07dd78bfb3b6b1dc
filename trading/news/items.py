"""Which item is which: one id per story, dated by when this system first saw it."""

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import polars as pl

from trading.market.frames import UTC_MS, conform
from trading.market.lineage import digest
from trading.news.feeds import RawItem

# One row per story. `first_seen` is the only clock a feature or gate may use: `published` is the
# source's own claim and can lie in the past of what we could have known.
NEWS: dict[str, pl.DataType | type[pl.DataType]] = {
    "item_id": pl.String,
    "source": pl.String,
    "title": pl.String,
    "link": pl.String,
    "published": UTC_MS,
    "first_seen": UTC_MS,
    "symbols": pl.List(pl.String),
    "event": pl.String,  # one of trading.news.events.EVENTS, or null
    "sentiment": pl.Float64,  # tone of the words, -1..1
    "mood": pl.String,  # the same as positive, neutral or negative
    "score": pl.Float64,  # tone with the event's own meaning, -1..1
    "effective": UTC_MS,  # of a delisting: when trading is said to end; null where that is not said
    "same_as": pl.String,  # item_id of the story that another feed had told already; null = told first here
}
# Columns that tables of earlier versions lack.
_LATER = ("effective", "same_as")


def as_news(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` as NEWS; columns that an earlier version lacked are null. BadInput if others do."""
    added = [pl.lit(None).alias(name) for name in _LATER if name not in frame.columns]
    return conform(frame.with_columns(added), NEWS)


_TRACKING = ("utm_", "fbclid", "gclid", "mc_cid", "mc_eid", "ref_src")


def canonical_url(link: str) -> str:
    """Return `link` without tracking, fragment, default port and trailing slash; host in lower case."""
    parts = urlsplit(link)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _is_tracking(pair[0])]
    try:
        port = parts.port
    except ValueError:
        port = None
    default = {"http": 80, "https": 443}.get(parts.scheme)
    host = (parts.hostname or "") + (f":{port}" if port not in {None, default} else "")
    # http and https of one page are one story.
    return urlunsplit(("https", host, parts.path.rstrip("/"), urlencode(sorted(kept)), ""))


def _is_tracking(name: str) -> bool:
    return name.lower().startswith(_TRACKING)


def item_id(item: RawItem) -> str:
    """Return the id of a story: from its guid, else its canonical link, else its title.

    A guid that is an address is treated as one; any other is only unique within its feed.
    """
    if item.guid is not None and item.guid.startswith(("http://", "https://")):
        return f"news-{digest('url', canonical_url(item.guid))}"
    if item.guid is not None:
        return f"news-{digest('guid', item.source, item.guid)}"
    if item.link is not None:
        return f"news-{digest('url', canonical_url(item.link))}"
    return f"news-{digest('title', item.source, item.title)}"


def new_items(raw: Iterable[RawItem], known: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """Return the stories of `raw` that `known` lacks, **one row per story**, first seen `at`.

    A story is known by its id or by its canonical link, so the same page from two feeds is one story.

    Returns
    -------
    DataFrame of (item_id, source, title, link, published, first_seen, summary)
    """
    seen = set(known["item_id"].to_list())
    seen |= {canonical_url(link) for link in known["link"].drop_nulls().to_list()}
    rows = []
    for item in raw:
        keys = {item_id(item)} | ({canonical_url(item.link)} if item.link is not None else set())
        if keys & seen:
            continue
        seen |= keys
        row = (item_id(item), item.source, item.title, item.link, item.published, at, item.summary)
        rows.append(row)
    names = ("item_id", "source", "title", "link", "published", "first_seen")
    schema = {name: NEWS[name] for name in names} | {"summary": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def told_once(news: pl.DataFrame) -> pl.DataFrame:
    """Return NEWS without the items that another feed had told before: what two feeds repeat counts once."""
    return as_news(news).filter(pl.col("same_as").is_null())
