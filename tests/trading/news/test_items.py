from datetime import UTC, datetime, timedelta

import pytest

from trading.market.frames import empty
from trading.news.feeds import RawItem
from trading.news.items import NEWS, canonical_url, item_id, new_items

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "same",
    [
        "https://example.org/a?id=1&b=2",
        "http://EXAMPLE.org:80/a/?b=2&id=1#top",
        "https://example.org:443/a?b=2&id=1&utm_source=rss&UTM_Medium=x&fbclid=7",
    ],
)
def test_one_page_has_one_canonical_address(same):
    """Tracking, order of parameters, scheme, port, fragment and a last slash make no other page."""
    assert canonical_url(same) == "https://example.org/a?b=2&id=1"


def test_other_parameters_are_other_pages():
    """Only tracking is dropped."""
    assert canonical_url("https://example.org/a?id=1") != canonical_url("https://example.org/a?id=2")


def _raw(source="a", guid=None, title="t", link=None):
    return RawItem(source, guid, title, link, None)


def test_an_item_is_known_by_guid_else_link_else_title():
    """A guid is unique within its feed only, unless it is an address."""
    assert item_id(_raw(guid="1")) != item_id(_raw(source="b", guid="1"))
    assert item_id(_raw(guid="https://x.org/1")) == item_id(
        _raw(source="b", guid="http://x.org/1?utm_source=r")
    )
    assert item_id(_raw(link="https://x.org/1")) == item_id(_raw(link="https://x.org/1#c", title="other"))
    assert item_id(_raw(title="t")) != item_id(_raw(title="u"))


def test_a_story_is_dated_once_when_it_is_first_seen():
    """Seen again later, by guid or by link from another feed, it is not new."""
    first = new_items([_raw(guid="1", link="https://x.org/1")], empty(NEWS), AT)
    assert first["first_seen"].to_list() == [AT]
    known = first.select("item_id", "link")
    again = [_raw(guid="1", link="https://x.org/moved"), _raw("b", "9", "t", "https://x.org/1?utm_source=b")]
    assert new_items(again, known, AT + timedelta(hours=1)).is_empty()


def test_a_story_twice_in_one_reading_is_one_story():
    """Two feeds, one page."""
    both = [
        _raw("a", "1", "t", "https://x.org/1"),
        _raw("b", "2", "t", "https://x.org/1/"),
        _raw("b", "3", "t"),
    ]
    assert new_items(both, empty(NEWS), AT)["source"].to_list() == ["a", "b"]
