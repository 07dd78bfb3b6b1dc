"""Announced maintenance of the venue itself: a window in which nobody enters anything.

Wallet and network maintenance of one coin stops deposits, not trading, and closes nothing.
"""

import re
from datetime import datetime, timedelta

import polars as pl

from trading.market.lineage import digest
from trading.news.delisted import is_elsewhere
from trading.news.effective import effective_time
from trading.news.holds import Hold
from trading.news.items import as_news

EVERY_SYMBOL = "*"
EVENT = "maintenance"
# Where a notice says when it begins and not how long it takes.
USUAL = timedelta(hours=4)
LONGEST = timedelta(days=2)

_WORK = r"(?:maintenance|upgrades?|upgrading|update)"
_OF_TRADING = re.compile(
    rf"\b(?:(?:spot|trading|matching|order|platform|exchange|server|system)[\w\s-]{{0,40}}?{_WORK}"
    rf"|{_WORK} (?:of|to|for) (?:the |our )?(?:spot|trading|matching|platform|exchange|server|system))\b",
    re.IGNORECASE,
)
_NOT_OF_TRADING = re.compile(
    r"\b(?:wallets?|deposits?|withdrawals?|network|mainnet|futures|app|staking|card)\b", re.IGNORECASE
)
_OVER = re.compile(r"\b(?:completed?|finished|over|cancell?ed|postponed|ended|resumed)\b", re.IGNORECASE)
_RANGE = re.compile(r"\b(\d{1,2}):(\d{2})\s*(?:-|–|to|until)\s*(\d{1,2}):(\d{2})\b")
_SPAN = re.compile(
    r"\b(?:for |about |approximately |around )*(\d{1,3}|one|two|three|four|six)\s*(hours?|minutes?)\b"
)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "six": 6}


def is_of_the_venue(title: str, source: str, link: str | None) -> bool:
    """Return whether a headline announces work on the venue's own trading.

    Examples
    --------
    >>> is_of_the_venue("Scheduled spot trading system upgrade on 2026-03-02 02:00-04:00 UTC", "wire", None)
    True
    >>> is_of_the_venue("Wallet maintenance for FOO", "wire", None)
    False
    >>> is_of_the_venue("Kraken announces trading system maintenance", "wire", None)
    False
    """
    if _OF_TRADING.search(title) is None or _OVER.search(title) is not None:
        return False
    return _NOT_OF_TRADING.search(title) is None and not is_elsewhere(title, source, link)


def length(title: str) -> timedelta:
    """Return how long work takes by its headline (``02:00-04:30``, ``two hours``); `USUAL` if not said."""
    clock = _RANGE.search(title)
    if clock is not None:
        begins, ends = (timedelta(hours=int(clock[i]), minutes=int(clock[i + 1])) for i in (1, 3))
        return (ends - begins) % timedelta(days=1) or USUAL
    span = _SPAN.search(title.lower())
    if span is None:
        return USUAL
    count = _NUMBERS.get(span[1]) or int(span[1])
    unit = timedelta(hours=1) if span[2].startswith("hour") else timedelta(minutes=1)
    return min(count * unit, LONGEST) or USUAL


def maintenance_holds(news: pl.DataFrame, at: datetime) -> list[Hold]:
    """Return the windows of announced work on the venue that are not over at market time `at`.

    Each closes every symbol (`EVERY_SYMBOL`) to entries from beginning to end; nothing is sold for it,
    and nobody has to end it. A notice without a time closes nothing.

    Parameters
    ----------
    news : DataFrame of NEWS
        `effective` of such a notice is when the work begins (`collect.annotate`).
    """
    told = as_news(news).filter((pl.col("first_seen") <= at) & pl.col("effective").is_not_null())
    found = []
    for story in told.iter_rows(named=True):
        if story["event"] == "delisting" or not is_of_the_venue(
            story["title"], story["source"], story["link"]
        ):
            continue
        begins = story["effective"]
        ends = begins + length(story["title"])
        title = re.sub(r"\s+", " ", str(story["title"]))
        reason = f"maintenance of the exchange, {begins:%Y-%m-%d %H:%M} to {ends:%H:%M} UTC: {title}"
        hold_id = f"hold-{digest(EVERY_SYMBOL, f'{begins:%Y%m%dT%H%M}', f'{ends:%Y%m%dT%H%M}')}"
        found.append(Hold(hold_id, EVERY_SYMBOL, EVENT, reason, begins, ends, None))
    return sorted({hold.hold_id: hold for hold in found if hold.until > at}.values(), key=lambda h: h.since)


def begins_at(title: str, summary: str, said_at: datetime) -> datetime | None:
    """Return when announced work begins, UTC; None where the notice does not say."""
    return effective_time(f"{title}. {summary}", said_at)
