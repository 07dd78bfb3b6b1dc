"""Queues to readers: bounded, the newest quote wins, losses are counted."""

import asyncio

import pytest

from tests.trading.exchange.feed.fakes import BARS, BTC, PRINTS, START, candle, quote, trade
from trading.exchange.feed.buffers import Subscription
from trading.exchange.feed.events import Event, Kind, Origin, Stream, Value
from trading.market.errors import BadInput


def event(stream: Stream, value: Value) -> Event:
    return Event(stream, Origin.STREAM, START, value)


async def test_waiting_quote_is_replaced_by_a_newer_one() -> None:
    """A slow reader gets the newest quote, and the queue does not grow."""
    reader = Subscription(size=3)
    for price in ("1", "2", "3", "4", "5"):
        reader.put(event(BTC, quote(price)))
    assert len(reader) == 1
    got = await reader.get()
    assert got is not None
    assert got.value == quote("5")
    assert not reader.dropped


async def test_prints_and_closed_bars_beyond_the_bound_are_counted() -> None:
    """Nothing that cannot be made up for is lost without a number."""
    lost: list[Stream] = []
    reader = Subscription(size=2, on_drop=lost.append)
    for at in range(5):
        reader.put(event(PRINTS, trade("1", at)))
    reader.put(event(BARS, candle(0, "1", 60, closed=True)))
    assert reader.dropped == {PRINTS: 4}
    assert lost == [PRINTS] * 4
    assert [await reader.get(), await reader.get()] == [
        event(PRINTS, trade("1", 4)),
        event(BARS, candle(0, "1", 60, closed=True)),
    ]


async def test_closed_bar_does_not_replace_the_forming_one_of_another_minute() -> None:
    """Forming pushes of one minute fold into one; the closed bar stands beside them."""
    reader = Subscription()
    reader.put(event(BARS, candle(0, "1", 10)))
    reader.put(event(BARS, candle(0, "2", 20)))
    reader.put(event(BARS, candle(0, "3", 60, closed=True)))
    reader.put(event(BARS, candle(1, "4", 61)))
    reader.end()
    assert [(e.value.close, e.value.is_closed) async for e in reader] == [(2, False), (3, True), (4, False)]


async def test_reader_hears_only_what_it_asked_for() -> None:
    """Kinds and symbols choose."""
    reader = Subscription(kinds=[Kind.QUOTES], symbols=["BTC/USDT"])
    reader.put(event(PRINTS, trade("1", 0)))
    reader.put(event(Stream(Kind.QUOTES, "ETH/USDT"), quote("1", symbol="ETH/USDT")))
    reader.put(event(BTC, quote("1")))
    reader.end()
    assert [e.stream async for e in reader] == [BTC]


async def test_reader_that_waits_is_woken_by_the_first_event() -> None:
    """And one whose patience ends gets None."""
    reader = Subscription()
    waiting = asyncio.create_task(reader.get())
    await asyncio.sleep(0)
    reader.put(event(BTC, quote("1")))
    assert (await waiting) is not None
    assert await reader.get(0.01) is None


def test_queue_without_room_is_refused() -> None:
    """The bound must be at least one."""
    with pytest.raises(BadInput, match="at least 1, was 0"):
        Subscription(size=0)
