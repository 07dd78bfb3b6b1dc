"""The live feed against the embedded exchange: its websockets, its REST, and its faults on purpose."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.integration.live_venue import (
    BTC,
    QUICK,
    SEED,
    START_MS,
    Running,
    buy,
    caught_up,
    heard,
    serving,
    until,
)
from trading.exchange.feed.events import Candle, Kind, Origin, Stream
from trading.exchange.feed.wiring import FeedSettings, LiveFeeds
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.market.orders import Fill, OrderStatus
from trading.market.timeframes import to_ms
from trading.simulator.accounts import demo_credentials
from trading.simulator.faults import FaultRule
from trading.simulator.listenkeys import ListenKeys
from trading.simulator.synthetic import SyntheticMarket, synthetic


@pytest.fixture(scope="module")
def market() -> SyntheticMarket:
    return synthetic(SEED, 60, edge=True, as_of_ms=START_MS)


@pytest.fixture
def venue(market: SyntheticMarket) -> Iterator[Running]:
    with serving(market, speed=30) as running:
        yield running


@pytest.fixture
async def pool(venue: Running) -> AsyncIterator[GatewayPool]:
    async with GatewayPool(ExchangeSettings(venue.url, rate_per_s=100_000.0, timeout_s=5.0)) as opened:
        yield opened


@pytest.fixture
async def feeds(pool: GatewayPool) -> AsyncIterator[LiveFeeds]:
    made = LiveFeeds(pool, bounds=QUICK)
    yield made
    await made.close()


async def test_35_symbols_stream_over_two_connections(pool: GatewayPool, feeds: LiveFeeds) -> None:
    """The exchange refuses a 31st stream on one connection, as MEXC does; none is refused."""
    symbols = [listed.symbol for listed in await pool.public.markets() if listed.is_scannable][:35]
    async with await feeds.public() as feed:
        await feed.add(Stream(Kind.QUOTES, symbol) for symbol in symbols)
        await until(lambda: all(row.messages for row in feed.health()))
        assert feed.connections == 2
        assert {row.source for row in feed.health()} == {Origin.STREAM}
        assert [row.last_error for row in feed.health()] == [None] * 35


async def test_streamed_bars_are_the_markets_own_whatever_is_lost(
    venue: Running, feeds: LiveFeeds, market: SyntheticMarket
) -> None:
    """Half of the pushes lost, doubled or out of order, connections cut: every bar once, exact, in order."""
    venue.exchange.clock.set_speed(120)
    route = "WS spot@public.kline*"
    async with await feeds.public() as feed:
        reader = feed.subscribe([Kind.CANDLES])
        stream = Stream(Kind.CANDLES, BTC, "1m")
        await feed.add([stream])
        await until(lambda: feed.health()[0].messages)
        venue.strike(
            FaultRule(route, "ws_lost", probability=0.3),
            FaultRule(route, "ws_twice", probability=0.2),
            FaultRule(route, "ws_swapped", probability=0.2),
            FaultRule(route, "ws_cut", probability=0.08),
        )
        bars: list[Candle] = []
        while len(bars) < 20:
            (*_, event) = await heard(reader, lambda event: event.value.is_closed)
            bars.append(event.value)
        now_ms = venue.exchange.clock.now_ms()
        truth = market.bars("BTCUSDT", "1m", to_ms(bars[0].open_time), now_ms, now_ms)
        assert [to_ms(bar.open_time) for bar in bars] == truth.open_ms[:20].tolist()
        tick = Decimal(1).scaleb(-market.pairs["BTCUSDT"].price_decimals)
        for name in ("open", "high", "low", "close"):
            assert [getattr(bar, name) for bar in bars] == [
                int(value) * tick for value in getattr(truth, name)[:20]
            ]
        step = Decimal(1).scaleb(-market.pairs["BTCUSDT"].amount_decimals)
        assert [bar.volume for bar in bars] == [int(value) * step for value in truth.volume[:20]]
        assert feed.health()[0].reconnects > 0


async def test_silently_dead_streams_are_polled_and_come_back(venue: Running, feeds: LiveFeeds) -> None:
    """Pings answered, data stop: quotes go on by polling without a gap, then by streaming again."""
    async with await feeds.public() as feed:
        reader = feed.subscribe([Kind.QUOTES])
        await feed.add([Stream(Kind.QUOTES, BTC), Stream(Kind.QUOTES, "ETH/USDT")])
        await until(lambda: all(row.source is Origin.STREAM and row.messages for row in feed.health()))
        venue.strike(FaultRule("WS spot@public*", "ws_silent"))
        before = await heard(reader, lambda event: event.source is Origin.POLL)
        await until(lambda: all(row.missed >= 2 and row.reconnects for row in feed.health()))
        assert all("silent" in str(row.last_error) for row in feed.health())
        venue.strike()
        await until(lambda: all(row.source is Origin.STREAM for row in feed.health()))
        after = await heard(reader, lambda event: event.source is Origin.STREAM and event.at > before[-1].at)
        for symbol in (BTC, "ETH/USDT"):
            times = [event.at for event in before + after if event.stream.symbol == symbol]
            assert times == sorted(times)


async def test_one_silent_stream_leaves_its_neighbours_alone(venue: Running, feeds: LiveFeeds) -> None:
    """BTC dies alone and for good on its connection; it is moved to another, ETH is not reconnected."""
    eth = Stream(Kind.QUOTES, "ETH/USDT")
    async with await feeds.public() as feed:
        await feed.add([Stream(Kind.QUOTES, BTC), eth])
        await until(lambda: all(row.messages for row in feed.health()))
        venue.strike(FaultRule("WS *bookTicker*", "ws_silent", symbol="BTCUSDT", max_hits=1))
        await until(lambda: feed.health()[0].missed)
        await until(lambda: feed.connections == 2 and feed.health()[0].source is Origin.STREAM)
        messages = feed.health()[0].messages
        await until(lambda: feed.health()[0].messages > messages)
        assert feed.health()[1].reconnects == 0


async def test_prints_come_once_and_in_order_through_cuts(venue: Running, feeds: LiveFeeds) -> None:
    """Connections cut again and again: no print is told twice by the stream, time never runs back."""
    async with await feeds.public() as feed:
        reader = feed.subscribe([Kind.TRADES])
        await feed.add([Stream(Kind.TRADES, BTC)])
        await until(lambda: feed.health()[0].messages)
        venue.strike(FaultRule("WS *deals*", "ws_cut", probability=0.1))
        await until(lambda: feed.health()[0].reconnects >= 3)
        venue.strike()
        events = await heard(reader, lambda event: len(reader) == 0)
        assert {event.source for event in events} == {Origin.STREAM, Origin.POLL}
        times = [event.at for event in events]
        assert times == sorted(times)
        assert reader.dropped.total() == 0


async def test_no_fill_is_lost_or_doubled_through_cuts_losses_and_doubles(
    venue: Running, pool: GatewayPool, feeds: LiveFeeds
) -> None:
    """40 orders while messages of the private streams are lost, doubled, swapped and connections cut."""
    feed, gateway = await feeds.account("user 1", *demo_credentials(SEED, 1))
    await until(lambda: feed.is_streaming)
    reader = feed.subscribe([Kind.FILLS])
    orders = feed.subscribe([Kind.ORDERS])
    private = "WS spot@private*"
    venue.strike(
        FaultRule(private, "ws_cut", probability=0.05),
        FaultRule(private, "ws_lost", probability=0.15),
        FaultRule(private, "ws_twice", probability=0.15),
        FaultRule(private, "ws_swapped", probability=0.15),
        FaultRule("GET myTrades", "duplicated_fills"),
        FaultRule("GET {order,openOrders,allOrders}", "status_backwards", probability=0.3),
    )
    for number in range(40):
        await buy(gateway, f"n{number}")
        await asyncio.sleep(0.05)
    venue.strike()
    truth = {fill.trade_id: fill for fill in await gateway.fills(BTC, since_ms=START_MS)}
    assert len(truth) >= 40
    told: list[Fill] = []
    while len(told) < len(truth):
        event = await reader.get(40)
        assert event is not None, f"{len(told)} of {len(truth)} fills were told"
        told.append(event.value)
    assert await reader.get(1.5) is None
    assert {fill.trade_id: fill for fill in told} == truth
    # A final state whose message was lost comes with the next audit of what rests.
    ends: dict[str, OrderStatus] = {}
    while list(ends.values()) != [OrderStatus.FILLED] * 40:
        event = await orders.get(10)
        assert event is not None, ends
        ends[event.value.order_id] = event.value.status
    assert any(row.reconnects for row in feed.health())
    assert sum(row.missed for row in feed.health() if row.stream == "fills") > 0


async def test_order_without_echo_ends_the_streams_credit(venue: Running, feeds: LiveFeeds) -> None:
    """The private stream dies in silence; our own order proves it: REST brings the fill, then it streams."""
    feed, gateway = await feeds.account("user 1", *demo_credentials(SEED, 1))
    await until(lambda: feed.is_streaming)
    reader = feed.subscribe([Kind.FILLS])
    venue.strike(FaultRule("WS spot@private*", "ws_silent"))
    first = await buy(gateway, "unheard")
    (event,) = await heard(reader, lambda event: True)
    assert (event.source, event.value.order_id) == (Origin.POLL, first)
    assert any(f"no echo of order {first}" in str(row.last_error) for row in feed.health())
    venue.strike()
    await caught_up(feed)
    second = await buy(gateway, "heard")
    (event,) = await heard(reader, lambda event: True)
    assert (event.source, event.value.order_id) == (Origin.STREAM, second)


async def test_expired_listen_key_is_replaced_and_nothing_is_lost(venue: Running, feeds: LiveFeeds) -> None:
    """The key dies with the first message; the fill it hid comes over REST, the next over the new stream."""
    feed, gateway = await feeds.account("user 1", *demo_credentials(SEED, 1))
    await until(lambda: feed.is_streaming)
    reader = feed.subscribe([Kind.FILLS])
    venue.strike(FaultRule("WS spot@private*", "ws_key_expired", max_hits=1))
    first = await buy(gateway, "hidden")
    events = await heard(reader, lambda event: event.value.order_id == first)
    await until(lambda: all(row.reconnects for row in feed.health()))
    await caught_up(feed)
    second = await buy(gateway, "seen")
    events += await heard(reader, lambda event: event.value.order_id == second)
    assert [event.value.order_id for event in events] == [first, second]
    assert events[-1].source is Origin.STREAM
    key = demo_credentials(SEED, 1)[0]
    assert len(venue.exchange.listen_keys.of(key, venue.exchange.wall_s())) == 1


async def test_listen_key_is_kept_alive_through_many_lives(venue: Running, pool: GatewayPool) -> None:
    """A key of two seconds, kept alive at half of it: one connection, never lost; ended at close."""
    venue.exchange.listen_keys = ListenKeys(2.0)
    feeds = LiveFeeds(pool, FeedSettings(listen_key_life_s=2.0), QUICK)
    feed, gateway = await feeds.account("user 1", *demo_credentials(SEED, 1))
    await until(lambda: feed.is_streaming)
    await asyncio.sleep(6)
    reader = feed.subscribe([Kind.FILLS])
    await buy(gateway, "late")
    (event,) = await heard(reader, lambda event: True)
    assert event.source is Origin.STREAM
    assert [row.reconnects for row in feed.health()] == [0, 0, 0]
    await feeds.close()
    key = demo_credentials(SEED, 1)[0]
    assert venue.exchange.listen_keys.of(key, venue.exchange.wall_s()) == []


async def test_accounts_hear_only_themselves(venue: Running, feeds: LiveFeeds) -> None:
    """Ten accounts buy at once over one session; each is told its own orders, fills and money only."""
    opened = [await feeds.account(f"user {index}", *demo_credentials(SEED, index)) for index in range(1, 11)]
    await until(lambda: all(feed.is_streaming for feed, _ in opened))
    readers = [feed.subscribe() for feed, _ in opened]
    bought = await asyncio.gather(
        *(buy(gateway, "same-name", str(20 + index)) for index, (_, gateway) in enumerate(opened))
    )
    assert len(set(bought)) == 10
    for order_id, reader, (feed, gateway) in zip(bought, readers, opened, strict=True):
        events = await heard(reader, lambda event: isinstance(event.value, Fill))
        while (event := await reader.get(0.3)) is not None:
            events.append(event)
        orders = {event.value.order_id for event in events if event.stream.kind is not Kind.BALANCES}
        assert orders == {order_id}
        truth = await gateway.balances()
        told = {event.value.asset: event.value for event in events if event.stream.kind is Kind.BALANCES}
        assert told == {asset: truth[asset] for asset in told}
        assert len(told) == 2
        assert feed.label in {row.symbol for row in feed.health()}
    keys = [demo_credentials(SEED, index) for index in range(1, 11)]
    shown = "".join(f"{feed!r}{gateway!r}{feed.health()}" for feed, gateway in opened)
    assert not any(part in shown for pair in keys for part in pair)


async def test_accounts_beyond_the_cap_are_polled(venue: Running, pool: GatewayPool) -> None:
    """Two connections allowed: the third account says so, and its fills come all the same."""
    feeds = LiveFeeds(pool, FeedSettings(most_accounts=2), QUICK)
    opened = [await feeds.account(f"user {index}", *demo_credentials(SEED, index)) for index in range(1, 4)]
    await until(lambda: opened[0][0].is_streaming and opened[1][0].is_streaming)
    feed, gateway = opened[2]
    reader = feed.subscribe([Kind.FILLS])
    order_id = await buy(gateway, "polled")
    (event,) = await heard(reader, lambda event: True)
    assert (event.source, event.value.order_id) == (Origin.POLL, order_id)
    assert "at most 2 private connections" in str(feed.health()[0].last_error)
    await feeds.close()


def test_private_connections_leave_files_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """6,000 where the system allows it, else what it allows less 256, never below none."""
    found = []
    for files in (20_000, 1_024, 100, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        found.append(FeedSettings().most_accounts)
    assert found == [6_000, 768, 0, 6_000]


async def test_stopped_market_is_no_dead_stream(venue: Running, pool: GatewayPool) -> None:
    """Market time stands still: streams are silent, polling finds nothing new, no connection is lost."""
    feeds = LiveFeeds(pool, bounds=replace(QUICK, quotes_s=0.3))
    async with await feeds.public() as feed:
        await feed.add([Stream(Kind.QUOTES, BTC)])
        await until(lambda: feed.health()[0].messages)
        venue.exchange.clock.set_speed(0)
        await asyncio.sleep(1)
        polls, missed = feed.health()[0].polls, feed.health()[0].missed
        await until(lambda: feed.health()[0].polls >= polls + 3)
        assert (feed.health()[0].reconnects, feed.health()[0].missed) == (0, missed)
