from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.market.frames import empty
from trading.news.collect import blocked_symbols, collect_news
from trading.news.feeds import Feed
from trading.news.fetch import FeedFetcher, FeedRefused
from trading.news.items import NEWS

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def _item(title, guid, date="Fri, 01 Mar 2024 11:00:00 GMT"):
    return f"<item><title>{title}</title><guid>{guid}</guid><pubDate>{date}</pubDate></item>"


def _rss(*items):
    head = '<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>'
    return f"{head}{''.join(items)}</channel></rss>".encode()


def _web(pages):
    def fetch(url):
        if isinstance(pages[url], Exception):
            raise pages[url]
        return pages[url]

    return fetch


def test_a_story_carries_symbols_event_mood_and_time(markets):
    """One item, read whole."""
    fetch = _web({"u": _rss(_item("Kora Net bridge exploited, $30 million gone", "1"))})
    news, problems = collect_news(fetch, [Feed("wire", "u")], None, markets, AT)
    assert problems == []
    assert news.schema == pl.Schema(NEWS)
    row = news.row(0, named=True)
    assert row["source"] == "wire"
    assert row["symbols"] == ["KORA/USDT"]
    assert (row["event"], row["mood"]) == ("hack", "negative")
    assert row["score"] <= -0.6
    assert row["published"] == AT - timedelta(hours=1)
    assert row["first_seen"] == AT


def test_known_stories_keep_their_first_sight_and_are_not_repeated(markets):
    """Read again an hour later, with one new item."""
    feeds = [Feed("wire", "u")]
    first, _ = collect_news(_web({"u": _rss(_item("Bitcoin rises", "1"))}), feeds, None, markets, AT)
    later = AT + timedelta(hours=1)
    body = _rss(_item("Ethereum falls", "2"), _item("Bitcoin rises (updated)", "1"))
    second, _ = collect_news(_web({"u": body}), feeds, first, markets, later)
    assert second["title"].to_list() == ["Bitcoin rises", "Ethereum falls"]
    assert second["first_seen"].to_list() == [AT, later]


def test_a_bad_feed_is_a_sentence_and_the_others_are_read(markets):
    """Refused, not a feed, and a parser's surprise: three problems, one story."""
    pages = {
        "gone": FeedRefused("answered with status 404"),
        "html": b"<html></html>",
        "odd": RecursionError("deep"),
        "good": _rss(_item("Bitcoin rises", "1")),
    }
    feeds = [Feed(name, name) for name in pages]
    news, problems = collect_news(_web(pages), feeds, None, markets, AT)
    assert len(news) == 1
    assert problems[0] == "feed gone answered with status 404"
    assert problems[1].startswith("feed html is no RSS or Atom feed")
    assert problems[2] == "feed odd could not be parsed: RecursionError"


def test_no_feeds_give_what_was_known(markets):
    """Offline without a desk: nothing new, no error."""
    news, problems = collect_news(_web({}), [], None, markets, AT)
    assert (len(news), problems) == (0, [])


def test_market_time_must_be_aware(markets):
    """A naive time would silently be some other zone's."""
    with pytest.raises(BadInput, match="aware"):
        collect_news(_web({}), [], None, markets, AT.replace(tzinfo=None))


def test_over_http_the_desk_is_read_and_linked(markets, site):
    """Fetcher, parser, linker and scorer together, against a server on the loopback."""
    site.serve("/news/wire.xml", _rss(_item("SEC sues exchange over $near", "1")))
    fetch = FeedFetcher(allowed=frozenset({("127.0.0.1", site.port)}))
    news, problems = collect_news(fetch, [Feed("wire", site.url("/news/wire.xml"))], None, markets, AT)
    assert problems == []
    assert news.select("event", "symbols").rows() == [("regulation", ["NEAR/USDT"])]


def _news(event, seen, published=None, symbols=("A/USDT",)):
    row = {"item_id": f"{event}{seen}", "source": "wire", "title": f"{event} of A", "link": None}
    row |= {"published": published, "first_seen": seen, "symbols": list(symbols), "event": event}
    return pl.DataFrame([row | {"sentiment": 0.0, "mood": "neutral", "score": 0.0}], schema=NEWS)


@pytest.mark.parametrize(("event", "days"), [("hack", 7), ("halt", 2), ("delisting", 90)])
def test_an_event_blocks_from_first_sight_for_its_time(event, days):
    """Not a millisecond before it was seen, not one after its time."""
    news = _news(event, AT)
    tick = timedelta(milliseconds=1)
    assert blocked_symbols(news, AT - tick) == {}
    assert blocked_symbols(news, AT) == {"A/USDT": f"{event} reported by wire: {event} of A"}
    assert "A/USDT" in blocked_symbols(news, AT + timedelta(days=days) - tick)
    assert blocked_symbols(news, AT + timedelta(days=days)) == {}


def test_other_events_block_nothing():
    """Bad tone is a feature, not a gate."""
    assert blocked_symbols(_news("regulation", AT), AT) == {}
    assert blocked_symbols(empty(NEWS), AT) == {}


def test_old_stories_seen_for_the_first_time_do_not_block():
    """The first reading of a feed shows last month's hack too: history, not news."""
    assert blocked_symbols(_news("hack", AT, published=AT - timedelta(days=8)), AT) == {}
    assert blocked_symbols(_news("hack", AT, published=AT - timedelta(days=6)), AT) != {}
    assert blocked_symbols(_news("hack", AT, published=AT + timedelta(days=1)), AT) != {}


def test_the_newest_story_gives_the_reason():
    """Two blocks on one symbol within one class."""
    two = pl.concat(
        [_news("hack", AT), _news("hack", AT + timedelta(hours=1)).with_columns(title=pl.lit("again"))]
    )
    assert blocked_symbols(two, AT + timedelta(hours=2))["A/USDT"].endswith("again")
