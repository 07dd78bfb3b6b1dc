"""Announced maintenance of the venue closes entries for its window, and only that."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.news.items import NEWS
from trading.news.maintenance import USUAL, is_of_the_venue, length, maintenance_holds

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BEGINS = datetime(2026, 3, 2, 2, tzinfo=UTC)


def story(title: str, effective: datetime | None = BEGINS, **values: object) -> dict[str, object]:
    empty: dict[str, object] = dict.fromkeys(NEWS)
    told = {"item_id": title, "source": "notices", "title": title, "first_seen": AT, "symbols": []}
    return empty | told | {"effective": effective} | values


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("Scheduled spot trading system upgrade, 2026-03-02 02:00-04:30 UTC", True),
        ("Notice of system maintenance on March 2", True),
        ("Maintenance of the matching engine will take two hours", True),
        ("Maintenance of trading servers will take two hours", True),
        ("Wallet maintenance for FOO", False),
        ("Scheduled upgrade of Foo deposits", False),
        ("Trading system maintenance completed", False),
        ("Kraken announces trading system maintenance", False),
        ("Foo surges after upgrade", False),
    ],
)
def test_only_work_on_this_venue_s_trading_counts(title: str, wanted: bool):
    """Wallets, deposits, another venue, and work that is over close nothing."""
    assert is_of_the_venue(title, "notices", None) is wanted


@pytest.mark.parametrize(
    ("title", "hours"),
    [("02:00-04:30 UTC", 2.5), ("23:00 to 01:00", 2), ("for about 90 minutes", 1.5), ("soon", 4)],
)
def test_length_is_read_from_the_headline(title: str, hours: float):
    """A range of clock times, over midnight too; a span; else four hours."""
    assert length(title) == timedelta(hours=hours)
    assert timedelta(hours=4) == USUAL


def test_a_window_closes_every_symbol_from_its_beginning_to_its_end():
    """Told the day before, by two feeds: one hold of 2.5 hours; over, none; without a time, none."""
    title = "Scheduled spot trading system upgrade, 2026-03-02 02:00-04:30 UTC"
    news = pl.DataFrame(
        [story(title), story(title + " (reminder)"), story("System maintenance soon", None)], schema=NEWS
    )
    [hold] = maintenance_holds(news, AT)
    assert (hold.symbol, hold.since, hold.until) == ("*", BEGINS, BEGINS + timedelta(hours=2.5))
    assert hold.ends_at is None
    assert maintenance_holds(news, BEGINS + timedelta(hours=3)) == []
