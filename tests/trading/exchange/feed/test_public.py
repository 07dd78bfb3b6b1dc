"""The public feed over a venue in memory: spreading, falling back, coming back, closing gaps."""

from collections.abc import AsyncIterator

import pytest

from tests.trading.exchange.feed.fakes import (
    BARS,
    BTC,
    MINUTE_MS,
    PRINTS,
    QUICK,
    START,
    START_MS,
    FakePublic,
    FakeSource,
    FakeTrades,
    candle,
    quote,
    trade,
    until,
)
from trading.exchange.feed.buffers import Subscription
from trading.exchange.feed.events import Event, Kind, Origin, Stream
from trading.exchange.feed.health import HealthRow
from trading.exchange.feed.public import PublicFeed
from trading.market.errors import BadInput
from trading.market.timeframes import from_ms


@pytest.fixture
def venue() -> FakeSource:
    return FakeSource()


@pytest.fixture
def rest() -> FakePublic:
    return FakePublic()


@pytest.fixture
def tape() -> FakeTrades:
    return FakeTrades()


@pytest.fixture
async def feed(venue: FakeSource, rest: FakePublic, tape: FakeTrades) -> AsyncIterator[PublicFeed]:
    made = PublicFeed(rest, venue, trades=tape, bounds=QUICK)  # type: ignore[arg-type]
    yield made
    await made.close()


def row(feed: PublicFeed, stream: Stream) -> HealthRow:
    name = f"{stream.kind} {stream.timeframe}" if stream.timeframe else str(stream.kind)
    return next(row for row in feed.health() if (row.stream, row.symbol) == (name, stream.symbol))


def waiting(reader: Subscription) -> list[Event]:
    events = list(reader._waiting.values())
    reader._waiting.clear()
    return events


async def streaming(feed: PublicFeed, *streams: Stream) -> None:
    await feed.open(streams)
    await until(lambda: all(row(feed, stream).source is Origin.STREAM for stream in streams))


async def test_31_symbols_need_two_connections_and_61_three(feed: PublicFeed, venue: FakeSource) -> None:
    """MEXC serves 30 streams on one connection; a new one is opened only when the old are full."""
    streams = [Stream(Kind.QUOTES, f"C{index}/USDT") for index in range(61)]
    await streaming(feed, *streams[:31])
    assert [len(connection.streams) for connection in venue.live] == [30, 1]
    await feed.add(streams[31:])
    await until(lambda: len(venue.live) == 3)
    await until(lambda: sorted(len(connection.streams) for connection in venue.live) == [1, 30, 30])


async def test_connection_that_carries_nothing_any_more_is_closed(
    feed: PublicFeed, venue: FakeSource
) -> None:
    """And the room of removed streams is used again."""
    streams = [Stream(Kind.QUOTES, f"C{index}/USDT") for index in range(31)]
    await streaming(feed, *streams)
    await feed.remove(streams[30:])
    assert (feed.connections, len(venue.live)) == (1, 1)
    await feed.remove(streams[:1])
    await feed.add([BTC])
    assert feed.connections == 1


async def test_polls_while_no_connection_comes_about_and_streams_when_it_does(
    feed: PublicFeed, venue: FakeSource, rest: FakePublic
) -> None:
    """One sequence, its source told: poll, poll, stream."""
    venue.is_up = False
    rest.quoted["BTC/USDT"] = quote("100")
    reader = feed.subscribe([Kind.QUOTES])
    await feed.open([BTC])
    first = await reader.get(20)
    rest.quoted["BTC/USDT"] = quote("101")
    second = await reader.get(20)
    venue.is_up = True
    await until(lambda: row(feed, BTC).source is Origin.STREAM)
    venue.on(BTC).push(BTC, quote("102", at_s=1), at=from_ms(START_MS + 1000))
    third = await reader.get(20)
    events = [event for event in (first, second, third) if event is not None]
    assert [(event.source, event.value.bid) for event in events] == [
        (Origin.POLL, 100),
        (Origin.POLL, 101),
        (Origin.STREAM, 102),
    ]
    assert "keeps the door shut" in str(row(feed, BTC).last_error)


async def test_silent_stream_is_polled_and_a_quiet_market_proves_it_right(
    feed: PublicFeed, venue: FakeSource, rest: FakePublic
) -> None:
    """Silence beyond the bound is looked into; when REST knows no more, the stream is believed."""
    await streaming(feed, BTC)
    venue.on(BTC).push(BTC, quote("100"))
    rest.quoted["BTC/USDT"] = quote("100")
    await until(lambda: rest.calls["quotes"] >= 3)
    assert row(feed, BTC).source is Origin.STREAM
    assert (row(feed, BTC).missed, venue.attempts) == (0, 1)


async def test_stream_that_is_silent_while_the_market_moves_is_opened_anew(
    feed: PublicFeed, venue: FakeSource, rest: FakePublic
) -> None:
    """Silently dead: pongs come, data do not. Polls take over, the connection is replaced, then streams."""
    await streaming(feed, BTC)
    reader = feed.subscribe()
    venue.on(BTC).push(BTC, quote("100"))
    rest.quoted["BTC/USDT"] = quote("105")
    await until(lambda: row(feed, BTC).missed == 1)
    assert row(feed, BTC).source is Origin.POLL
    await until(lambda: venue.attempts == 2)
    await until(lambda: row(feed, BTC).source is Origin.STREAM)
    venue.on(BTC).push(BTC, quote("106", at_s=9), at=from_ms(START_MS + 9000))
    assert row(feed, BTC).reconnects == 1
    reader.end()
    # Unread quotes of one symbol fold into the newest.
    assert [event.value.bid async for event in reader] == [106]


async def test_one_dead_stream_is_resubscribed_and_does_not_cost_its_neighbours(
    feed: PublicFeed, venue: FakeSource, rest: FakePublic
) -> None:
    """ETH speaks, BTC does not although it moves: only BTC is asked for again."""
    eth = Stream(Kind.QUOTES, "ETH/USDT")
    await streaming(feed, BTC, eth)
    connection = venue.on(BTC)
    ticks = iter(range(1, 10_000))

    def eth_speaks() -> bool:
        tick = next(ticks)
        connection.push(eth, quote(f"{tick}", tick, "ETH/USDT"))
        rest.quoted["BTC/USDT"] = quote("200")
        return connection.subscriptions.count(BTC) == 2

    await until(eth_speaks)
    assert (venue.attempts, connection.is_open) == (1, True)


async def test_stream_that_stays_dead_moves_to_another_connection(
    feed: PublicFeed, venue: FakeSource, rest: FakePublic
) -> None:
    """Resubscribing did not help: BTC gets a connection of its own, ETH keeps the old one undisturbed."""
    eth = Stream(Kind.QUOTES, "ETH/USDT")
    await streaming(feed, BTC, eth)
    old = venue.on(BTC)
    ticks = iter(range(1, 10_000))

    def eth_speaks() -> bool:
        tick = next(ticks)
        old.push(eth, quote(f"{tick}", tick, "ETH/USDT"))
        rest.quoted["BTC/USDT"] = quote(f"{200 + tick}")
        return len(venue.live) == 2 and BTC in venue.live[1].streams

    await until(eth_speaks)
    assert old.streams == {eth}
    venue.live[1].push(BTC, quote("999", 99), at=from_ms(START_MS + 99_000))
    assert row(feed, BTC).source is Origin.STREAM


async def test_delisted_pair_does_not_blind_the_polling_of_others(
    feed: PublicFeed, venue: FakeSource, rest: FakePublic
) -> None:
    """One unknown symbol makes the whole request fail; the others are asked without it."""
    venue.is_up = False
    rest.delisted = {"GONE/USDT"}
    rest.quoted["BTC/USDT"] = quote("100")
    await feed.open([Stream(Kind.QUOTES, "GONE/USDT"), BTC])
    await until(lambda: feed.quote("BTC/USDT"))


async def test_prints_of_an_outage_are_fetched_once_and_in_order(
    feed: PublicFeed, venue: FakeSource, tape: FakeTrades
) -> None:
    """Dropped mid-stream: what REST brings and what the new stream brings overlap, and nothing is double."""
    await streaming(feed, PRINTS)
    reader = feed.subscribe()
    tape.tape = [trade(str(100 + n), n * 10) for n in range(20)]
    venue.on(PRINTS).push(PRINTS, *tape.tape[:5])
    await until(lambda: row(feed, PRINTS).messages == 1)
    venue.on(PRINTS).drop()
    await until(lambda: venue.live and PRINTS in venue.live[0].streams)
    venue.on(PRINTS).push(PRINTS, *tape.tape[15:])
    await until(lambda: len(reader) >= 20)
    assert [event.value for event in waiting(reader)] == tape.tape
    assert row(feed, PRINTS).reconnects == 1


async def test_prints_that_came_while_rest_failed_are_not_lost(
    feed: PublicFeed, venue: FakeSource, tape: FakeTrades
) -> None:
    """Pushes wait for the gap to be closed; if it cannot be, they are told all the same."""
    tape.is_up = False
    await streaming(feed, PRINTS)
    reader = feed.subscribe()
    venue.on(PRINTS).push(PRINTS, trade("100", 1), trade("101", 2))
    await until(lambda: len(reader) == 2)
    assert "keeps REST down" in str(row(feed, PRINTS).last_error)


async def test_bar_is_closed_by_rest_when_the_streams_last_word_is_missing(
    feed: PublicFeed, venue: FakeSource, rest: FakePublic
) -> None:
    """The stream went from minute 0 to minute 1; minute 0 comes as REST has it, from there on streamed."""
    rest.clock.at_ms = START_MS + 1000
    await streaming(feed, BARS)
    reader = feed.subscribe()
    venue.on(BARS).push(BARS, candle(0, "100", 50))
    rest.bars[START_MS] = candle(0, "101", 60, closed=True)
    rest.clock.at_ms = START_MS + 61_000
    venue.on(BARS).push(BARS, candle(1, "102", 61), at=from_ms(START_MS + 61_000))
    await until(lambda: len(reader) == 3)
    told = [(e.source, e.value.close, e.value.is_closed) for e in waiting(reader)]
    assert told == [(Origin.STREAM, 100, False), (Origin.POLL, 101, True), (Origin.STREAM, 102, False)]


async def test_bars_are_polled_while_the_stream_is_down(
    feed: PublicFeed, venue: FakeSource, rest: FakePublic
) -> None:
    """Each closed bar once, without a stream; nothing is asked before a bar can have closed."""
    venue.is_up = False
    reader = feed.subscribe()
    await feed.open([BARS])
    for minute in range(3):
        rest.bars[START_MS + minute * MINUTE_MS] = candle(minute, str(100 + minute), 60, closed=True)
    await until(lambda: venue.attempts >= 3)
    assert rest.calls["candles"] == 0
    for minute in range(1, 4):
        rest.clock.at_ms = START_MS + minute * MINUTE_MS + 1
        await until(lambda: len(reader))
        (event,) = waiting(reader)
        assert (event.source, event.value.close) == (Origin.POLL, 99 + minute)
        assert event.value.is_closed


async def test_stream_closes_bars_without_one_request(
    feed: PublicFeed, venue: FakeSource, rest: FakePublic
) -> None:
    """Where the venue says its last word on a bar, REST is not bothered."""
    await streaming(feed, BARS)
    reader = feed.subscribe()
    for minute in range(5):
        rest.clock.at_ms = START_MS + (minute + 1) * MINUTE_MS
        venue.on(BARS).push(BARS, candle(minute, "100", 60 * (minute + 1), closed=True), at=rest.clock.now())
    assert [e.value.is_closed for e in waiting(reader)] == [True] * 5
    assert rest.calls["candles"] == 0


async def test_message_that_cannot_be_understood_shows_in_health(feed: PublicFeed, venue: FakeSource) -> None:
    """It is dropped, and the stream stays."""
    await streaming(feed, BTC)
    venue.on(BTC).sink.garbled("3 bytes that are no protobuf message")
    assert row(feed, BTC).last_error == "3 bytes that are no protobuf message"
    assert row(feed, BTC).source is Origin.STREAM


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (Stream(Kind.ORDERS), "belong to an account"),
        (Stream(Kind.QUOTES), "needs a symbol"),
        (Stream(Kind.CANDLES, "BTC/USDT"), "candles need a timeframe"),
        (Stream(Kind.QUOTES, "BTC/USDT", "1m"), "candles need a timeframe"),
    ],
)
async def test_stream_that_cannot_be_meant_is_refused(feed: PublicFeed, stream: Stream, why: str) -> None:
    """In one sentence, before anything is opened."""
    with pytest.raises(BadInput, match=why):
        await feed.open([stream])
    assert feed.connections == 0


async def test_health_ages_and_counts(feed: PublicFeed, venue: FakeSource) -> None:
    """No age before the first message; then it grows from each message on."""
    await streaming(feed, BTC)
    assert (row(feed, BTC).age_s, row(feed, BTC).messages) == (None, 0)
    venue.on(BTC).push(BTC, quote("1"), at=START)
    fresh = row(feed, BTC)
    assert fresh.messages == 1
    assert fresh.age_s is not None
    await until(lambda: (row(feed, BTC).age_s or 0) > (fresh.age_s or 0))


async def test_slow_readers_losses_show_in_health(feed: PublicFeed, venue: FakeSource) -> None:
    """What a reader could not take is counted at its stream."""
    await streaming(feed, PRINTS)
    reader = feed.subscribe(size=2)
    venue.on(PRINTS).push(PRINTS, *(trade("1", at) for at in range(7)))
    await until(lambda: row(feed, PRINTS).dropped == 5)
    assert reader.dropped[PRINTS] == 5
