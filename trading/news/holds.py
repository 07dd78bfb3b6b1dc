"""Which symbols news closes to entries, since when and until when, and by when what is held must be sold.

Causal: a story counts from its first_seen on. What a hold does to orders: `trading.execution`.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from trading.market.lineage import digest
from trading.news.items import as_news

CLOSING = ("delisting", "hack", "halt")
# As long as the strategy's own news gate (`news_block_hours`): one rule, before the signal and after it.
LASTS = timedelta(hours=24)
# A delisting with a date closes the symbol beyond it: a new listing under the name is a new instrument.
LASTS_BEYOND = timedelta(days=90)
# A story published this long before it was first seen is history, not news.
_STALE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Hold:
    """One symbol closed by one story. `ends_at` is when the venue stops trading it, if said. UTC."""

    hold_id: str
    symbol: str
    event: str
    reason: str
    since: datetime
    until: datetime
    ends_at: datetime | None


def holds(news: pl.DataFrame, at: datetime) -> list[Hold]:
    """Return the holds that are in force at market time `at`, by symbol and time.

    Parameters
    ----------
    news : DataFrame of NEWS
        Stories told already by another feed (`same_as`) make no hold of their own, unless they say a time.

    Notes
    -----
    A hack, halt or delisting closes its symbols for 24 hours from first sight; a delisting whose end of
    trading is known, until 90 days after it. A story published over a week before it was seen closes nothing,
    unless its end of trading is still to come.
    """
    seen, end = pl.col("first_seen"), pl.col("effective")
    is_fresh = pl.col("published").is_null() | (pl.col("published") >= seen - _STALE)
    closing = pl.col("event").is_in(CLOSING) & (pl.col("same_as").is_null() | end.is_not_null())
    live = closing & (seen <= at) & (is_fresh | (end > seen).fill_null(value=False))
    found = [
        _hold(story, symbol)
        for story in as_news(news).filter(live).iter_rows(named=True)
        for symbol in story["symbols"]
    ]
    return sorted((hold for hold in found if hold.until > at), key=lambda hold: (hold.symbol, hold.since))


def _hold(story: dict[str, object], symbol: str) -> Hold:
    since, ends_at = story["first_seen"], story["effective"]
    assert isinstance(since, datetime)
    until = since + LASTS
    if isinstance(ends_at, datetime):
        until = max(until, ends_at + LASTS_BEYOND)
    title = re.sub(r"\s+", " ", str(story["title"]))
    return Hold(
        hold_id=f"hold-{digest(symbol, str(story['item_id']))}",
        symbol=symbol,
        event=str(story["event"]),
        reason=f"{story['event']} reported by {story['source']}: {title}",
        since=since,
        until=until,
        ends_at=ends_at if isinstance(ends_at, datetime) else None,
    )
