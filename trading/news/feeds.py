"""Turn the bytes of an RSS or Atom feed into raw items. Never opens a file or an address itself."""

import io
import re
from calendar import timegm
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import feedparser

from trading.news.fetch import FeedRefused

_TAGS = re.compile(r"<[^>]{0,500}>")
_SPACE = re.compile(r"\s+")
_MAX_TITLE, _MAX_SUMMARY, _LONGEST_BODY = 300, 1_000, 20_000
_MAX_ITEMS = 500


@dataclass(frozen=True, slots=True)
class Feed:
    """A configured feed: the name that items carry, and where it is."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class RawItem:
    """One entry as the feed has it. `guid`, `link` and `published` (UTC) are None where it has none.

    `summary` is its body as plain text, at most 1,000 characters, for what a headline leaves out.
    """

    source: str
    guid: str | None
    title: str
    link: str | None
    published: datetime | None
    summary: str = ""


def parse_feed(name: str, body: bytes) -> list[RawItem]:
    """Return the items of a feed, in its order, at most 500.

    Entries without a title are left out; a link that is not http(s) becomes None.

    Raises
    ------
    FeedRefused
        If the body declares entities, or is no feed.
    """
    # Feeds need no entities of their own; they are how a kilobyte becomes a gigabyte. Zero bytes are
    # dropped first, so that UTF-16 hides nothing.
    if b"<!entity" in body.replace(b"\0", b"").lower():
        raise FeedRefused("declares entities")
    # A stream, never the bytes themselves: feedparser takes short bytes for a path and opens it.
    found = feedparser.parse(io.BytesIO(body))
    if not found.entries and not found.get("version"):
        why = found.get("bozo_exception")
        raise FeedRefused("is no RSS or Atom feed" + (f": {type(why).__name__}" if why else ""))
    items = (_item(name, entry) for entry in found.entries[:_MAX_ITEMS])
    return [item for item in items if item is not None]


def _item(name: str, entry: Any) -> RawItem | None:
    title = plain(str(entry.get("title") or "")[:_LONGEST_BODY])
    if not title:
        return None
    guid = str(entry.get("id") or "").strip() or None
    summary = plain(str(entry.get("summary") or "")[:_LONGEST_BODY], _MAX_SUMMARY)
    return RawItem(name, guid, title, _web_link(entry.get("link")), _published(entry), summary)


def plain(text: str, longest: int = _MAX_TITLE) -> str:
    """Return `text` without tags and control characters, spaces collapsed, cut at `longest`."""
    bare = _TAGS.sub(" ", unescape(text))
    shown = "".join(mark for mark in bare if mark.isprintable() or mark.isspace())
    return _SPACE.sub(" ", shown).strip()[:longest]


def _web_link(link: object) -> str | None:
    text = str(link or "").strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    return text if parts.scheme in {"http", "https"} and parts.hostname and len(text) <= 2000 else None


def _published(entry: Any) -> datetime | None:
    for key in ("published_parsed", "updated_parsed"):
        parsed = entry.get(key)
        if parsed is not None:
            try:
                return datetime.fromtimestamp(timegm(parsed), UTC)
            except (ValueError, OverflowError, OSError):
                continue  # a year that no clock knows
    return None
