"""The news desk: valid RSS, the same for everyone, never from the future, safe whatever it says."""

from email.utils import parsedate_to_datetime
from typing import Any
from xml.etree import ElementTree as ET

import feedparser
import pytest

from tests.trading.simulator.handmade import START_MS, FakeMarket, pair
from trading.simulator.headlines import FEEDS, SUBJECTS, TRAPS
from trading.simulator.newsdesk import NewsDesk

HOUR = 3_600_000


@pytest.fixture
def desk() -> NewsDesk:
    return NewsDesk(FakeMarket(pair(), pair("BBBUSDT"), pair("JUSTUSDT")), seed=7)


@pytest.mark.parametrize("feed", FEEDS)
def test_feeds_are_valid_and_dated_in_the_past(desk: NewsDesk, feed: str) -> None:
    """40 items, newest first, none later than market time, each with a guid of its own."""
    root = ET.fromstring(desk.rss(feed, START_MS) or b"")
    items = root.findall("./channel/item")
    dates = [parsedate_to_datetime(item.findtext("pubDate") or "").timestamp() * 1000 for item in items]
    assert len(items) == 40
    assert dates == sorted(dates, reverse=True)
    assert max(dates) <= START_MS
    assert len({item.findtext("guid") for item in items}) == 40


def test_a_story_stays_as_time_passes(desk: NewsDesk) -> None:
    """What stood in the feed an hour ago still does, word for word, below what is new."""
    before = desk.stories("wire", START_MS)
    after = desk.stories("wire", START_MS + HOUR)
    fresh = sum(story.at_ms > START_MS for story in after)
    assert fresh > 0
    assert after[fresh:] == before[: 40 - fresh]


def test_same_seed_same_news_other_seed_other_news() -> None:
    """Two desks of one seed agree; another seed writes another paper."""
    market = FakeMarket(pair(), pair("BBBUSDT"))
    assert NewsDesk(market, 1).rss("wire", START_MS) == NewsDesk(market, 1).rss("wire", START_MS)
    assert NewsDesk(market, 1).rss("wire", START_MS) != NewsDesk(market, 2).rss("wire", START_MS)


def test_every_kind_of_news_comes_up(desk: NewsDesk) -> None:
    """A month of all feeds has every subject, HTML and tracking links, and hostile text."""
    looks = range(START_MS, START_MS + 30 * 24 * HOUR, 8 * HOUR)
    stories = [story for feed in FEEDS for at_ms in looks for story in desk.stories(feed, at_ms)]
    assert {s.kind for s in stories} == {subject.kind for subject in SUBJECTS.values()}
    assert any(s.is_html for s in stories)
    assert any(s.is_tracked for s in stories)
    assert any(trap in s.body for s in stories for trap in TRAPS)


def test_hostile_text_arrives_as_text(desk: NewsDesk) -> None:
    """Over a month of chatter the feed stays well-formed and its script tags stay words."""
    for day in range(30):
        raw = desk.rss("chatter", START_MS + day * 24 * HOUR) or b""
        assert b"<script" not in raw
        assert not feedparser.parse(raw).bozo


def test_stories_are_about_listed_pairs(desk: NewsDesk) -> None:
    """Each names the wire symbol of a pair of this market."""
    assert {s.symbol for s in desk.stories("wire", START_MS)} <= {"AAAUSDT", "BBBUSDT", "JUSTUSDT"}


def test_feeds_are_served(client: Any) -> None:
    """GET /news/wire.xml answers RSS; an unknown feed is a 404."""
    answer = client.get("/news/wire.xml")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/rss+xml; charset=utf-8")
    assert client.get("/news/nothing.xml").status == 404
    assert client.get("/sluice/about").body["news_feeds"] == [f"/news/{feed}.xml" for feed in FEEDS]
