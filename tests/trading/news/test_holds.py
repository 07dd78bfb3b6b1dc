from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.frames import empty
from trading.news.holds import holds
from trading.news.items import NEWS, as_news, told_once

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(milliseconds=1)


def _news(event, seen=AT, **changes):
    row = {"item_id": f"{event}{seen}", "source": "wire", "title": f"{event} of A", "link": None}
    row |= {"published": None, "first_seen": seen, "symbols": ["A/USDT"], "event": event, "sentiment": 0.0}
    row |= {"mood": "neutral", "score": 0.0, "effective": None, "same_as": None}
    return pl.DataFrame([row | changes], schema=NEWS)


@pytest.mark.parametrize("event", ["hack", "halt", "delisting"])
def test_a_closing_event_holds_its_symbol_for_a_day_from_first_sight(event):
    """Not a millisecond before it was seen, not one after its time."""
    news = _news(event)
    assert holds(news, AT - TICK) == []
    (hold,) = holds(news, AT)
    assert (hold.symbol, hold.event, hold.reason) == (
        "A/USDT",
        event,
        f"{event} reported by wire: {event} of A",
    )
    assert (hold.since, hold.until, hold.ends_at) == (AT, AT + timedelta(hours=24), None)
    assert holds(news, AT + timedelta(hours=24) - TICK) != []
    assert holds(news, AT + timedelta(hours=24)) == []


def test_a_dated_delisting_holds_until_long_after_its_end():
    """A week ahead, and 90 days beyond it."""
    end = AT + timedelta(days=7)
    (hold,) = holds(_news("delisting", effective=end), AT + timedelta(days=6))
    assert (hold.ends_at, hold.until) == (end, end + timedelta(days=90))


def test_other_events_hold_nothing():
    """Bad tone is a feature, not a gate."""
    assert holds(_news("regulation"), AT) == []
    assert holds(empty(NEWS), AT) == []


def test_old_stories_hold_nothing_unless_their_end_is_to_come():
    """The first reading of a feed shows last month's hack too: history, not news."""
    old = AT - timedelta(days=8)
    assert holds(_news("hack", published=old), AT) == []
    assert holds(_news("hack", published=AT - timedelta(days=6)), AT) != []
    assert holds(_news("delisting", published=old, effective=AT + timedelta(days=2)), AT) != []
    assert holds(_news("delisting", published=old, effective=AT - timedelta(days=2)), AT) == []


def test_a_story_told_twice_holds_once_unless_the_second_says_a_time():
    """Two feeds, one hack; but the end of trading is never lost."""
    assert holds(_news("hack", same_as="news-1"), AT) == []
    assert holds(_news("delisting", same_as="news-1", effective=AT + timedelta(days=2)), AT) != []


def test_a_hold_has_one_id_however_often_it_is_derived():
    """The order log knows a repeat by it; symbol and story make it."""
    two = _news("hack", symbols=["A/USDT", "A/USDC"])
    first, again = holds(two, AT), holds(two, AT + timedelta(hours=1))
    assert [hold.hold_id for hold in first] == [hold.hold_id for hold in again]
    assert len({hold.hold_id for hold in first}) == 2


def test_tables_of_earlier_versions_are_read():
    """No effective time, nothing told twice."""
    before = _news("hack").drop("effective", "same_as")
    assert as_news(before).schema == pl.Schema(NEWS)
    assert told_once(before).height == 1
    assert len(holds(before, AT)) == 1
