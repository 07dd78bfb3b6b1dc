from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.news.collect import collect_news
from trading.news.feeds import Feed
from trading.news.fetch import Answer, FeedFetcher, FeedRefused, Validators
from trading.news.items import NEWS, told_once

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)


def _item(title, guid, date="Fri, 01 Mar 2024 11:00:00 GMT"):
    return f"<item><title>{title}</title><guid>{guid}</guid><pubDate>{date}</pubDate></item>"


def _rss(*items):
    head = '<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>'
    return f"{head}{''.join(items)}</channel></rss>".encode()


def _web(pages):
    def fetch(url, known):
        if isinstance(pages[url], Exception):
            raise pages[url]
        return Answer(pages[url])

    return fetch


def test_a_story_carries_symbols_event_mood_and_time(markets):
    """One item, read whole."""
    fetch = _web({"u": _rss(_item("Kora Net bridge exploited, $30 million gone", "1"))})
    found = collect_news(fetch, [Feed("wire", "u")], None, markets, AT)
    news, problems = found.news, found.problems
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
    first = collect_news(_web({"u": _rss(_item("Bitcoin rises", "1"))}), feeds, None, markets, AT).news
    later = AT + timedelta(hours=1)
    body = _rss(_item("Ethereum falls", "2"), _item("Bitcoin rises (updated)", "1"))
    second = collect_news(_web({"u": body}), feeds, first, markets, later).news
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
    found = collect_news(_web(pages), feeds, None, markets, AT)
    news, problems = found.news, found.problems
    assert len(news) == 1
    assert "feed gone answered with status 404" in problems
    assert any(problem.startswith("feed html is no RSS or Atom feed") for problem in problems)
    assert "feed odd could not be read: RecursionError" in problems


def test_no_feeds_give_what_was_known(markets):
    """Offline without a desk: nothing new, no error."""
    found = collect_news(_web({}), [], None, markets, AT)
    news, problems = found.news, found.problems
    assert (len(news), problems) == (0, [])


def test_market_time_must_be_aware(markets):
    """A naive time would silently be some other zone's."""
    with pytest.raises(BadInput, match="aware"):
        collect_news(_web({}), [], None, markets, AT.replace(tzinfo=None))


def test_over_http_the_desk_is_read_and_linked(markets, site):
    """Fetcher, parser, linker and scorer together, against a server on the loopback."""
    site.serve("/news/wire.xml", _rss(_item("SEC sues exchange over $near", "1")))
    fetch = FeedFetcher(allowed=frozenset({("127.0.0.1", site.port)}))
    found = collect_news(fetch, [Feed("wire", site.url("/news/wire.xml"))], None, markets, AT)
    news, problems = found.news, found.problems
    assert problems == []
    assert news.select("event", "symbols").rows() == [("regulation", ["NEAR/USDT"])]


def test_an_unchanged_feed_is_asked_with_what_its_server_said_and_not_parsed(markets, site):
    """First pass: 200 with validators. Second, after a restart: 304, nothing new, validators kept."""

    def answer(handler):
        known = handler.headers.get("If-None-Match") == '"v1"'
        handler.send_response(304 if known else 200)
        handler.send_header("ETag", '"v1"')
        handler.send_header("Last-Modified", "Fri, 01 Mar 2024 12:00:00 GMT")
        handler.end_headers()
        handler.wfile.write(b"" if known else _rss(_item("Bitcoin rises", "1")))

    site.pages["/feed"] = answer
    feeds = [Feed("wire", site.url("/feed"))]
    fetch = FeedFetcher(allowed=frozenset({("127.0.0.1", site.port)}))
    first = collect_news(fetch, feeds, None, markets, AT)
    assert first.memory == {feeds[0].url: Validators('"v1"', "Fri, 01 Mar 2024 12:00:00 GMT")}
    parsed = []
    again = collect_news(
        fetch, feeds, first.news, markets, AT, memory=first.memory, parse=lambda *of: parsed.append(of) or []
    )
    assert (parsed, again.news.height, again.problems, again.memory) == ([], 1, [], first.memory)
    # A table that was lost is read anew, whatever is remembered.
    assert collect_news(fetch, feeds, None, markets, AT, memory=first.memory).news.height == 1


def test_a_feed_that_failed_keeps_what_was_remembered_and_a_bad_body_is_asked_for_again(markets):
    """A pass without an answer forgets nothing; a body that could not be parsed is not "known"."""
    news = collect_news(
        _web({"u": _rss(_item("Bitcoin rises", "1"))}), [Feed("w", "u")], None, markets, AT
    ).news
    memory = {"u": Validators("old"), "gone": Validators("other")}
    failed = _web({"u": FeedRefused("answered with status 500")})
    assert collect_news(failed, [Feed("w", "u")], news, markets, AT, memory=memory).memory == {
        "u": Validators("old")
    }
    broken = lambda url, known: Answer(b"<html/>", Validators("new"))  # noqa: E731 - a fetch in one line
    assert collect_news(broken, [Feed("w", "u")], news, markets, AT, memory=memory).memory == {
        "u": Validators("old")
    }


def test_two_feeds_with_one_story_give_two_items_of_which_one_counts(markets):
    """The second points to the first, also when it comes a pass later."""
    said, again = (
        "Bitcoin climbs above $70,000 as ETF demand returns",
        "Bitcoin climbs above $70,000 as ETF demand is back",
    )
    feeds = [Feed("a", "a"), Feed("b", "b")]
    first = collect_news(_web({"a": _rss(_item(said, "1")), "b": _rss()}), feeds, None, markets, AT).news
    pages = {"a": _rss(_item(said, "1")), "b": _rss(_item(again, "9"))}
    second = collect_news(_web(pages), feeds, first, markets, AT + timedelta(hours=1)).news
    assert second["same_as"].to_list() == [None, second["item_id"][0]]
    assert told_once(second)["source"].to_list() == ["a"]
    third = collect_news(_web(pages), feeds, second, markets, AT + timedelta(days=3)).news
    assert third.height == 2


def test_a_delisting_carries_its_end_from_the_body_of_the_notice(markets):
    """The headline says what, the summary when."""
    body = "Trading in NEAR/USDT ends 2024-03-08 03:00 (UTC). Withdrawals close 2024-06-08."
    item = "<item><title>Notice: NEAR/USDT will be delisted</title><guid>1</guid>"
    item += f"<description>{body}</description></item>"
    other = (
        "<item><title>NEAR/USDT gains</title><guid>2</guid><description>since 2024-03-08</description></item>"
    )
    news = collect_news(_web({"u": _rss(item, other)}), [Feed("w", "u")], None, markets, AT).news
    assert news["effective"].to_list() == [datetime(2024, 3, 8, 3, tzinfo=UTC), None]


@pytest.mark.parametrize(
    ("headline", "symbols"),
    [
        ("Venue to delist BTC/ETH pair", []),
        ("Venue to delist ETH/USDT pair", ["ETH/USDT"]),
        ("Bitcoin steady as venue to delist Ethereum", ["ETH/USDT"]),
        ("Ethereum sinks after venue delists token", ["ETH/USDT"]),
        ("Venue to delist Bitcoin and Ethereum", ["BTC/USDC", "BTC/USDT", "ETH/USDT"]),
    ],
)
def test_a_delisting_names_what_is_delisted_and_no_coin_beside_it(markets, headline, symbols):
    """Positions are sold by it: a pair named in full is that pair, a coin of another statement is none."""
    found = collect_news(_web({"u": _rss(_item(headline, "1"))}), [Feed("wire", "u")], None, markets, AT)
    row = found.news.row(0, named=True)
    assert (row["event"], row["symbols"]) == ("delisting", symbols)
