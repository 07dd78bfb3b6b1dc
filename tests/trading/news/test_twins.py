from datetime import UTC, datetime, timedelta

import pytest

from trading.news.twins import Told, twins

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def _told(title, source="a", at=AT, symbols=("BTC/USDT",), event=None):
    return Told(f"{source}-{title}", source, title, at, symbols, event)


FIRST = _told("Bitcoin climbs above $70,000 as ETF inflows return")


@pytest.mark.parametrize(
    "title",
    [
        "Bitcoin climbs above $70,000 as ETF inflows return",
        "BITCOIN CLIMBS ABOVE $70,000 AS ETF INFLOWS RETURN",
        "Bitcoin climbs above $70,000 as the ETF inflows return - The Chain Wire",
        "Bitcoin climbs back above $70,000 as ETF inflows return",
    ],
)
def test_another_feed_in_nearly_the_same_words_is_the_same_story(title):
    """Case, small words, a source's name, one word more."""
    assert twins([FIRST], [_told(title, "b")]) == [FIRST.item_id]


@pytest.mark.parametrize(
    "other",
    [
        _told("Bitcoin climbs above $72,000 as ETF inflows return", "b"),
        _told("Bitcoin climbs not above $70,000 as ETF inflows return", "b"),
        _told(FIRST.title, "a"),
        _told(FIRST.title, "b", AT + timedelta(hours=49)),
        _told(FIRST.title, "b", symbols=("ETH/USDT",)),
        _told(FIRST.title, "b", event="hack"),
        _told("Bitcoin slides below $70,000 while ETF outflows grow", "b"),
    ],
    ids=["number", "denial", "same feed", "two days later", "another coin", "another event", "other words"],
)
def test_what_differs_in_what_counts_is_another_story(other):
    """A daily headline of one feed is news each day; "not" is one word of eight."""
    assert twins([FIRST], [other]) == [None]


def test_short_titles_are_never_twins():
    """ "Morning briefing" of two feeds says nothing."""
    assert twins([_told("Morning briefing")], [_told("Morning briefing", "b")]) == [None]


def test_twins_within_one_reading_point_to_the_first():
    """Three feeds, one story: two of them repeat it."""
    fresh = [_told(FIRST.title, source) for source in "abc"]
    assert twins([], fresh) == [None, fresh[0].item_id, fresh[0].item_id]
