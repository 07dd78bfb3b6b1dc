"""The exchange as Dagster's steps see it: one limiter per process, from as many threads as like."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from resources import exchange as module
from resources.exchange import Exchange
from resources.news import DESK_FEEDS, NewsDesk
from tests.assets.embedded import embedded_world, settings_of
from trading.market.errors import BadInput, ExchangeError
from trading.market.frames import TICKERS
from trading.market.listing import to_frame

START = datetime(2026, 8, 17, 12, 2, tzinfo=UTC)
PAIRS = 40


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """A market of 40 pairs."""
    home = tmp_path_factory.mktemp("exchange")
    with embedded_world(home, symbols=PAIRS, start=START.isoformat()) as found:
        yield found


async def _identity(pool):
    return id(pool), id(pool.limiter), threading.current_thread().name, id(asyncio.get_running_loop())


async def _requests(pool):
    return pool.limiter.stats.requests


def test_all_threads_share_one_pool_one_limiter_and_one_loop(market):
    """Steps in threads would otherwise each allow themselves the whole budget."""
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: Exchange().call(_identity), range(32)))
    assert len(found) == 1
    assert next(iter(found))[2] == "exchange"


def test_requests_of_all_threads_are_counted_by_that_limiter(market):
    """Sixteen looks from eight threads, none lost: a time and a tickers call each at least."""
    before = Exchange().call(_requests)
    with ThreadPoolExecutor(8) as threads:
        looks = list(threads.map(lambda _: Exchange().look(), range(16)))
    assert {frame.height for frame, _ in looks} == {looks[0][0].height}
    assert Exchange().call(_requests) - before >= 2 * 16


def test_a_step_that_fails_hurts_no_other(market):
    """Errors come back to the thread that asked; the loop goes on."""

    async def fail(pool):
        raise ExchangeError("only me")

    def ask(n: int) -> str:
        try:
            Exchange().call(fail if n % 2 else _requests)
        except ExchangeError as error:
            return str(error)
        return "answered"

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(8))) == ["answered", "only me"] * 4


def test_another_rate_is_another_portal(market, monkeypatch):
    """The demo gives ticks a share of the budget: settings that differ never share a limiter."""
    first = Exchange().call(_identity)
    monkeypatch.setenv("SLUICE_EXCHANGE__RATE_PER_S", "77")
    second = Exchange().call(_identity)
    assert first[1] != second[1]
    monkeypatch.setenv("SLUICE_EXCHANGE__RATE_PER_S", "500")
    assert Exchange().call(_identity) == first


def test_listing_and_look_carry_market_time(market):
    """Virtual time of the venue, not this machine's."""
    listed, source, at = Exchange().listing()
    frame, looked_at = Exchange().look()
    assert source == "ccxt"
    assert len(listed) == PAIRS
    assert START <= at <= looked_at <= Exchange().market_time() < START + timedelta(hours=1)
    assert frame.schema == pl.Schema(TICKERS)
    assert set(frame["symbol"]) <= {one.symbol for one in listed}


def test_no_address_is_said_with_what_to_do(tmp_path):
    """Nothing falls back to the real venue by itself."""
    with settings_of(tmp_path), pytest.raises(BadInput, match="sluice exchange serve"):
        Exchange().market_time()


def test_a_closed_portal_ends_its_thread(market, monkeypatch):
    """What opens a thread can end it, and ending twice is no error."""
    monkeypatch.setenv("SLUICE_EXCHANGE__RATE_PER_S", "78")
    before = set(threading.enumerate())
    Exchange().call(_identity)
    (thread,) = set(threading.enumerate()) - before
    settings = next(one for one in module._PORTALS if one.rate_per_s == 78)
    portal = module._PORTALS.pop(settings)
    portal.close()
    thread.join(5)
    assert not thread.is_alive()
    portal.close()


def full_listing() -> pl.DataFrame:
    return to_frame(Exchange().listing()[0])


def test_the_desk_s_feeds_are_read_when_none_is_configured(market):
    """All three feeds of the embedded exchange, items dated in market time, linked to listed pairs."""
    at = Exchange().market_time()
    found = NewsDesk().collect(None, full_listing(), at)
    frame, problems = found.news, found.problems
    assert problems == []
    assert set(frame["source"]) == set(DESK_FEEDS)
    assert frame["published"].drop_nulls().max() <= at
    assert set(frame["first_seen"]) == {at.replace(microsecond=at.microsecond // 1000 * 1000)}
    linked = set(frame["symbols"].explode().drop_nulls())
    assert linked
    assert linked <= set(full_listing()["symbol"])


def test_what_was_seen_before_keeps_its_first_seen(market):
    """Read again later: known items stay as they were, and none stands twice."""
    at = Exchange().market_time()
    first = NewsDesk().collect(None, full_listing(), at).news
    again = NewsDesk().collect(first, full_listing(), at + timedelta(minutes=15)).news
    assert again.head(first.height).equals(first)
    assert again["item_id"].n_unique() == again.height


def test_a_feed_on_a_private_address_is_refused(market, monkeypatch):
    """Only this world's own exchange may be read on loopback; a configured feed may not."""
    monkeypatch.setenv("SLUICE_FEEDS", f'["{market.base_url}/news/wire.xml"]')
    found = NewsDesk().collect(None, full_listing(), START)
    frame, problems = found.news, found.problems
    assert frame.height == 0
    assert len(problems) == 1
    assert "127.0.0.1" in problems[0]


def test_no_feeds_and_no_exchange_is_no_news(tmp_path):
    """Research on recorded candles without a desk: an empty table, no error."""
    with settings_of(tmp_path):
        found = NewsDesk().collect(None, to_frame([]), START)
        frame, problems = found.news, found.problems
    assert (frame.height, problems) == (0, [])
