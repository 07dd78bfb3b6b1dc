"""One account's feed over a venue in memory: echo, expiry, outage; no fill twice, none lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trading.exchange.feed.fakes import (
    QUICK,
    START,
    FakeAccount,
    FakeKeys,
    FakeSource,
    fill,
    order,
    until,
)
from trading.exchange.feed.account import AccountFeed
from trading.exchange.feed.account_story import STREAMS
from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.events import Event, Kind, Origin, Stream
from trading.exchange.feed.watched import WatchedAccount
from trading.market.clock import ManualClock
from trading.market.errors import Unreachable
from trading.market.orders import Fill, OrderRequest, OrderState, OrderStatus, OrderType, Side

ORDERS, FILLS, BALANCES = STREAMS
MARKET = OrderRequest("BTC/USDT", Side.BUY, OrderType.MARKET, "o1", cost=Decimal(10))


@pytest.fixture
def venue() -> FakeSource:
    return FakeSource()


@pytest.fixture
def rest() -> FakeAccount:
    return FakeAccount()


@pytest.fixture
def keys() -> FakeKeys:
    return FakeKeys()


@pytest.fixture
async def make(
    venue: FakeSource, rest: FakeAccount, keys: FakeKeys
) -> AsyncIterator[Callable[..., AccountFeed]]:
    made: list[AccountFeed] = []

    def maker(bounds: Bounds = QUICK, **changes: str) -> AccountFeed:
        known_ms = ManualClock.at(START).now_ms
        feed = AccountFeed(rest, keys, venue, known_ms=known_ms, label="user 7", bounds=bounds, **changes)
        made.append(feed)
        return feed

    yield maker
    for feed in made:
        await feed.close()


async def opened(feed: AccountFeed) -> AccountFeed:
    await feed.open()
    await until(lambda: feed.is_streaming)
    return feed


def errors(feed: AccountFeed) -> str:
    return " | ".join(str(row.last_error) for row in feed.health())


async def test_nothing_is_connected_before_it_is_opened(
    make: Callable[..., AccountFeed], venue: FakeSource, keys: FakeKeys
) -> None:
    """A thousand accounts that do not trade cost nothing."""
    make()
    await asyncio.sleep(0.05)
    assert (venue.attempts, keys.made) == (0, 0)


async def test_one_connection_carries_the_three_streams_of_the_key(
    make: Callable[..., AccountFeed], venue: FakeSource, rest: FakeAccount
) -> None:
    """Opened with the account's own listen key; an idle account asks REST for nothing."""
    await opened(make())
    assert [(c.listen_key, c.streams) for c in venue.live] == [("key-1", set(STREAMS))]
    await asyncio.sleep(0.3)
    assert not rest.calls


async def test_events_come_once_in_order_and_with_their_source(
    make: Callable[..., AccountFeed], venue: FakeSource
) -> None:
    """Order, fill, order: as pushed; the same again is no news."""
    feed = await opened(make())
    reader = feed.subscribe()
    told = [order("o1"), fill("t1"), order("o1", OrderStatus.FILLED, "10")]
    for _ in range(2):
        for value in told:
            venue.live[0].push(ORDERS if isinstance(value, OrderState) else FILLS, value)
    reader.end()
    events = [event async for event in reader]
    assert [event.value for event in events] == told
    assert {event.source for event in events} == {Origin.STREAM}


async def test_order_whose_echo_stays_away_proves_the_stream_dead(
    make: Callable[..., AccountFeed], venue: FakeSource, rest: FakeAccount
) -> None:
    """Acknowledged over REST, never told by the stream: poll at once, open another connection."""
    feed = await opened(make())
    reader = feed.subscribe([Kind.FILLS])
    gateway = WatchedAccount(rest, feed)
    rest.states["o1"] = order("o1", OrderStatus.FILLED, "10")
    rest.executions = [fill("t1")]
    assert await gateway.submit(MARKET) == "o1"
    event = await reader.get(20)
    assert event is not None
    assert (event.source, event.value) == (Origin.POLL, fill("t1"))
    assert "no echo of order o1" in errors(feed)
    await until(lambda: len(venue.connections) == 2 and feed.is_streaming)


@pytest.mark.parametrize("is_early", [True, False])
async def test_echo_that_comes_keeps_the_stream(
    make: Callable[..., AccountFeed], venue: FakeSource, rest: FakeAccount, is_early: bool
) -> None:
    """The event may overtake REST's acknowledgement."""
    feed = await opened(make())
    gateway = WatchedAccount(rest, feed)
    if is_early:
        venue.live[0].push(ORDERS, order("o1"))
    await gateway.submit(MARKET)
    if not is_early:
        venue.live[0].push(ORDERS, order("o1"))
    await asyncio.sleep(3 * QUICK.echo_s)
    assert feed.is_streaming
    assert venue.attempts == 1


async def test_expired_listen_key_is_made_again(
    make: Callable[..., AccountFeed], venue: FakeSource, keys: FakeKeys
) -> None:
    """The venue no longer knows the key: a new key, a new connection."""
    feed = await opened(make(replace(QUICK, connection_s=0.5)))
    keys.is_known = False
    feed.acknowledged("BTC/USDT", "o1")
    venue.live[0].push(ORDERS, order("o1"))
    await until(lambda: len(venue.connections) == 2 and feed.is_streaming)
    assert [connection.listen_key for connection in venue.connections] == ["key-1", "key-2"]


async def test_key_that_serves_nothing_is_replaced(
    make: Callable[..., AccountFeed], venue: FakeSource, keys: FakeKeys
) -> None:
    """The key may be the reason: it is ended, and another made."""
    venue.is_confirming = False
    feed = make()
    await feed.open()
    await until(lambda: len(venue.connections) >= 2)
    assert [connection.listen_key for connection in venue.connections[:2]] == ["key-1", "key-2"]
    assert keys.closed >= 1


async def test_no_fill_is_lost_or_told_twice_while_connections_drop(
    make: Callable[..., AccountFeed], venue: FakeSource, rest: FakeAccount
) -> None:
    """200 fills; the venue drops the connection at random; pushes may be lost and are never repeated."""
    rng = random.Random(3)
    feed = await opened(make(replace(QUICK, backoff_s=0.01, backoff_most_s=0.02)))
    reader = feed.subscribe([Kind.FILLS])
    rest.states["o1"] = order("o1", OrderStatus.PARTIAL, "1")
    venue.live[0].push(ORDERS, rest.states["o1"])
    for number in range(200):
        done = fill(f"t{number}", number)
        rest.executions.append(done)
        if venue.live and FILLS in venue.live[0].streams and rng.random() < 0.8:
            venue.live[0].push(FILLS, done)
        if rng.random() < 0.05 and venue.live:
            venue.live[0].drop()
        await asyncio.sleep(0.002)
    rest.states["o1"] = order("o1", OrderStatus.FILLED, "10")
    venue.live and venue.live[0].drop()
    told: list[Event] = []
    while len(told) < 200:
        event = await reader.get(20)
        assert event is not None, f"only {len(told)} of 200 fills were told"
        told.append(event)
    assert await reader.get(0.5) is None
    ids = [event.value.trade_id for event in told if isinstance(event.value, Fill)]
    assert sorted(ids) == sorted(f"t{number}" for number in range(200))
    assert {event.source for event in told} == {Origin.STREAM, Origin.POLL}
    assert len(venue.connections) > 5


async def test_resting_order_filled_behind_a_dead_stream_is_found_by_the_audit(
    make: Callable[..., AccountFeed], venue: FakeSource, rest: FakeAccount
) -> None:
    """Nothing new is ordered, so no echo is due; the resting order is compared with REST now and then."""
    feed = await opened(make(replace(QUICK, audit_s=0.2)))
    reader = feed.subscribe([Kind.FILLS])
    rest.states["o1"] = order("o1")
    venue.live[0].push(ORDERS, order("o1"))
    await until(lambda: rest.calls["open_orders"] >= 2)
    assert feed.is_streaming
    rest.states["o1"] = order("o1", OrderStatus.FILLED, "10")
    rest.executions = [fill("t1")]
    event = await reader.get(20)
    assert event is not None
    assert (event.source, event.value) == (Origin.POLL, fill("t1"))
    assert "not what the stream last told" in errors(feed)


async def test_account_beyond_the_cap_is_polled_only(
    make: Callable[..., AccountFeed], venue: FakeSource, rest: FakeAccount
) -> None:
    """No connection, the reason in health, and still every fill."""
    feed = make(refusal="polled only: this process keeps at most 3 private connections")
    await feed.open()
    reader = feed.subscribe([Kind.FILLS])
    rest.executions = [fill("t1")]
    await WatchedAccount(rest, feed).submit(MARKET)
    event = await reader.get(20)
    assert event is not None
    assert event.value == fill("t1")
    assert venue.attempts == 0
    assert "at most 3 private connections" in errors(feed)


async def test_polling_ends_when_nothing_can_fill_any_more(
    make: Callable[..., AccountFeed], rest: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account whose orders have ended costs no requests, stream or not."""
    monkeypatch.setattr("trading.exchange.feed.account_polls._AFTER_S", 0.2)
    feed = make(refusal="polled only")
    await feed.open()
    rest.states["o1"] = order("o1", OrderStatus.FILLED, "2")
    # Whole: an order that counts more than was told is asked about for minutes.
    rest.executions = [fill("t1"), fill("t2")]
    await WatchedAccount(rest, feed).submit(MARKET)
    await until(lambda: rest.calls["fills"] >= 2)
    calls = -1
    while calls != rest.calls["fills"]:
        calls = rest.calls["fills"]
        await asyncio.sleep(6 * QUICK.poll_account_s)


async def test_rest_and_stream_down_together_are_both_made_up_for(
    make: Callable[..., AccountFeed], venue: FakeSource, rest: FakeAccount
) -> None:
    """The gap stays open until REST answers, and is then closed."""
    feed = await opened(make())
    reader = feed.subscribe([Kind.FILLS])
    venue.live[0].push(ORDERS, order("o1"))
    rest.is_up = False
    rest.states["o1"] = order("o1", OrderStatus.PARTIAL, "1")
    rest.executions = [fill("t1")]
    venue.live[0].drop()
    await until(lambda: len(venue.connections) == 2 and feed.is_streaming)
    assert await reader.get(0.3) is None
    rest.is_up = True
    event = await reader.get(20)
    assert event is not None
    assert event.value == fill("t1")


async def test_venue_without_listen_keys_leaves_the_account_polled(
    make: Callable[..., AccountFeed], venue: FakeSource, keys: FakeKeys
) -> None:
    """No key, no connection; the reason is told, and tried again."""
    keys.refusal = Unreachable("POST userDataStream: no answer")
    feed = make()
    await feed.open()
    await until(lambda: "no answer" in errors(feed))
    keys.refusal = None
    await until(lambda: feed.is_streaming)
    assert venue.attempts == 1


async def test_key_shows_nowhere(make: Callable[..., AccountFeed], venue: FakeSource) -> None:
    """A reason that quotes the whole URL is cut before it gets into health."""
    feed = await opened(make())
    venue.live[0].drop("Connection to wss://x/ws?listenKey=pqia91ma19a5s61cv6a8 timed out")
    await until(lambda: "timed out" in errors(feed))
    assert "pqia91ma" not in errors(feed) + repr(feed) + repr(WatchedAccount(FakeAccount(), feed))


def test_public_streams_are_none_of_an_accounts() -> None:
    """Three streams, all private."""
    assert all(stream.kind.is_private and stream == Stream(stream.kind) for stream in STREAMS)


async def test_fill_that_the_stream_lost_is_asked_for_because_its_order_counts_it(
    make: Callable[..., AccountFeed], venue: FakeSource, rest: FakeAccount
) -> None:
    """The order's last word came, its fill did not, and REST shows the fill late: asked until it is there."""
    feed = await opened(make())
    reader = feed.subscribe([Kind.FILLS])
    rest.states["o1"] = order("o1", OrderStatus.FILLED, "1")
    venue.live[0].push(ORDERS, rest.states["o1"])
    await until(lambda: rest.calls["fills"] >= 2)
    assert len(reader) == 0
    rest.executions = [fill("t1")]
    event = await reader.get(20)
    assert event is not None
    assert (event.source, event.value) == (Origin.POLL, fill("t1"))
    assert venue.attempts == 1, "the stream itself is believed"
