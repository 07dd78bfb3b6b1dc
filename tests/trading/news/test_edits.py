"""Stories that a feed edits under the same id."""

from datetime import UTC, datetime, timedelta

import pytest

from trading.news.collect import collect_news
from trading.news.feeds import Feed, RawItem
from trading.news.fetch import Answer
from trading.news.holds import holds
from trading.news.items import NEWS

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
LATER = AT + timedelta(hours=6)
FIFTH, EIGHTH = datetime(2026, 12, 5, tzinfo=UTC), datetime(2026, 12, 8, tzinfo=UTC)


@pytest.fixture
def passes(markets):
    """Return NEWS after several passes over one feed, each pass a list of (guid, title, summary)."""

    def collect(*said, source="wire"):
        news, at = None, AT
        for stories in said:
            items = [
                RawItem(source, guid, title, None, AT - timedelta(hours=1), text)
                for guid, title, text in stories
            ]
            found = collect_news(
                lambda url, known: Answer(b""),
                [Feed(source, "u")],
                news,
                markets,
                at,
                parse=lambda name, body, items=items: items,
            )
            assert found.problems == []
            news, at = found.news, at + timedelta(hours=6)
        assert news.schema == NEWS
        assert news["item_id"].n_unique() == news.height
        return news

    return collect


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("NEAR to be delisted on Dec 5", ""), ("NEAR to be delisted on Dec 8", "")),
        (("NEAR to be delisted", "at 2026-12-05"), ("NEAR to be delisted", "at 2026-12-08")),
        (("NEAR to be delisted", ""), ("NEAR to be delisted", "Trading ends 2026-12-08.")),
    ],
)
def test_a_moved_date_of_a_delisting_is_read_and_its_hold_keeps_its_name(passes, first, then):
    """In title or body, or said for the first time; first_seen, tone and id stay."""
    (before,) = passes([("1", *first)]).rows(named=True)
    news = passes([("1", *first)], [("1", *then)], [("1", *then)])
    (row,) = news.rows(named=True)
    assert (row["effective"], row["title"]) == (EIGHTH, then[0])
    for name in ("item_id", "first_seen", "symbols", "event", "sentiment", "score", "published"):
        assert row[name] == before[name]
    (hold,) = holds(news, LATER)
    assert (hold.since, hold.ends_at) == (AT, EIGHTH)
    assert hold.hold_id == holds(passes([("1", *first)]), AT)[0].hold_id


def test_a_span_counts_from_the_first_sight_so_the_same_words_move_nothing(passes):
    """ "In 3 days", read at three passes, is one date."""
    story = ("1", "NEAR to be delisted in 3 days", "")
    assert passes([story], [story], [story]).equals(passes([story]))


def test_a_date_that_is_no_longer_said_stays(passes):
    """Dropped from the page, or called off: a person releases."""
    first = ("1", "NEAR to be delisted on Dec 5", "")
    for edit in ("NEAR to be delisted", "NEAR will not be delisted", "Kraken to delist NEAR on Dec 8"):
        news = passes([first], [("1", edit, "")])
        assert news["effective"].to_list() == [FIFTH]


def test_a_coin_that_joins_a_delisting_is_held_from_the_edit_on(passes):
    """A row of its own, first seen now: the past does not know it."""
    first, then = (
        ("1", "NEAR to be delisted on Dec 5", ""),
        ("1", "NEAR and PEPE to be delisted on Dec 5", ""),
    )
    news = passes([first], [then], [then])
    assert news.select("symbols", "first_seen", "effective").rows() == [
        (["NEAR/USDT"], AT, FIFTH),
        (["PEPE/USDT"], LATER, FIFTH),
    ]
    assert [hold.symbol for hold in holds(news, LATER - timedelta(seconds=1))] == ["NEAR/USDT"]
    assert [hold.symbol for hold in holds(news, LATER)] == ["NEAR/USDT", "PEPE/USDT"]


def test_a_story_that_becomes_a_delisting_is_one_from_then_on(passes):
    """ "A notice about NEAR" was none at first sight."""
    news = passes([("1", "A notice about NEAR token", "")], [("1", "NEAR to be delisted on Dec 5", "")])
    assert news.select("event", "first_seen", "effective").rows() == [
        (None, AT, None),
        ("delisting", LATER, FIFTH),
    ]


def test_other_stories_keep_what_was_first_read(passes):
    """A hack that is talked down by an edit stays a hack of its time."""
    news = passes([("1", "NEAR bridge hacked", "")], [("1", "NEAR bridge fine after all", "")])
    assert news.select("title", "event").rows() == [("NEAR bridge hacked", "hack")]


def test_a_feed_that_gives_one_id_to_two_stories_moves_no_date(passes):
    """The first delisting keeps its own; the other coin gets its own row."""
    news = passes([("1", "NEAR to be delisted on Dec 5", "")], [("1", "PEPE to be delisted on Dec 8", "")])
    assert news.select("symbols", "effective").rows() == [(["NEAR/USDT"], FIFTH), (["PEPE/USDT"], EIGHTH)]
