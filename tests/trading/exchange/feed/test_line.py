"""A connection that is kept up: lost, dead, refused or unconfirmed, it comes back or says why not."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from tests.trading.exchange.feed.fakes import BTC, PRINTS, QUICK, START, FakeSource, quote, until
from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.events import Kind, Stream, Value
from trading.exchange.feed.line import Line
from trading.market.errors import BadInput

ETH = Stream(Kind.QUOTES, "ETH/USDT")


class Listener:
    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def pushed(self, stream: Stream, values: Sequence[Value], at: datetime) -> None:
        self.told.append(("pushed", stream))

    def up(self, streams: Iterable[Stream]) -> None:
        self.told.append(("up", frozenset(streams)))

    def down(self, streams: Iterable[Stream], reason: str) -> None:
        self.told.append(("down", reason))

    def garbled(self, reason: str) -> None:
        self.told.append(("garbled", reason))

    def count(self, what: str) -> int:
        return sum(name == what for name, _ in self.told)

    def reasons(self) -> list[object]:
        return [what for name, what in self.told if name == "down"]


@pytest.fixture
def venue() -> FakeSource:
    return FakeSource()


@pytest.fixture
def owner() -> Listener:
    return Listener()


@pytest.fixture
async def line(venue: FakeSource, owner: Listener) -> AsyncIterator[Line]:
    made = Line(venue, owner, bounds=QUICK)
    await made.add([BTC, ETH])
    yield made
    await made.close()


async def test_lost_connection_comes_back_with_all_its_streams(
    line: Line, venue: FakeSource, owner: Listener
) -> None:
    """Cut by the venue: told, opened again, every stream asked for again."""
    line.start()
    await until(lambda: owner.count("up"))
    venue.live[0].drop("closed (code 1006)")
    await until(lambda: owner.count("up") == 2)
    assert owner.told[0] == ("up", frozenset({BTC, ETH}))
    assert "closed (code 1006)" in owner.reasons()[0]
    assert venue.live[0].streams == {BTC, ETH}
    assert line.connects == 2


async def test_last_word_of_an_old_connection_does_not_end_the_new_one(
    line: Line, venue: FakeSource, owner: Listener
) -> None:
    """Closing takes time; what the old connection still says is nobody's business."""
    line.start()
    await until(lambda: owner.count("up"))
    old = venue.live[0]
    line.restart("for the test")
    await until(lambda: owner.count("up") == 2)
    old.sink.ended("late")
    old.sink.pushed(BTC, [quote("1")], START)
    await asyncio.sleep(0.3)
    assert line.connects == 2
    assert owner.count("pushed") == 0


async def test_silently_dead_connection_is_given_up(venue: FakeSource, owner: Listener) -> None:
    """No frame, not even a pong, for longer than the bound: another connection is opened."""
    line = Line(venue, owner, bounds=replace(QUICK, connection_s=0.3))
    await line.add([BTC])
    line.start()
    await until(lambda: owner.count("up"))
    venue.live[0].is_ponging = False
    await until(lambda: line.connects == 2)
    assert "not even the answer to a ping" in str(owner.reasons()[0])
    await line.close()


async def test_subscription_nobody_answers_ends_the_connection(
    line: Line, venue: FakeSource, owner: Listener
) -> None:
    """A venue that takes the request and says nothing is tried anew."""
    venue.is_confirming = False
    line.start()
    await until(lambda: owner.count("down"))
    assert "was not accepted within" in str(owner.reasons()[0])
    venue.is_confirming = True
    await until(lambda: owner.count("up"))


async def test_one_refused_stream_does_not_cost_the_others_their_connection(
    line: Line, venue: FakeSource, owner: Listener
) -> None:
    """A delisted pair is refused; the rest goes on over the same connection."""
    venue.blocked = {ETH}
    line.start()
    await until(lambda: owner.count("down"))
    assert owner.reasons() == ["Blocked!"]
    await asyncio.sleep(3 * QUICK.confirm_s)
    assert line.connects == 1
    venue.live[0].push(BTC, quote("1"))
    assert owner.told[-1] == ("pushed", BTC)


async def test_stream_that_speaks_counts_as_accepted(line: Line, venue: FakeSource, owner: Listener) -> None:
    """The answer to a subscription may be lost; data prove it."""
    venue.is_confirming = False
    line.start()
    await until(lambda: venue.connections and venue.live[0].streams)
    venue.live[0].push(BTC, quote("1"))
    assert owner.told == [("up", frozenset({BTC})), ("pushed", BTC)]


async def test_venue_that_is_down_is_tried_until_it_is_back(
    line: Line, venue: FakeSource, owner: Listener
) -> None:
    """Every failed attempt is told."""
    venue.is_up = False
    line.start()
    await until(lambda: venue.attempts >= 3)
    assert owner.count("up") == 0
    assert "keeps the door shut" in str(owner.reasons()[0])
    venue.is_up = True
    await until(lambda: owner.count("up"))


async def test_streams_come_and_go_while_connected(line: Line, venue: FakeSource, owner: Listener) -> None:
    """Added ones are subscribed at once, removed ones are silent."""
    line.start()
    await until(lambda: owner.count("up"))
    await line.add([PRINTS])
    await until(lambda: owner.count("up") == 2)
    connection = venue.live[0]
    await line.remove([BTC])
    assert connection.streams == {ETH, PRINTS}
    line.pushed(BTC, [quote("1")], START)
    assert owner.count("pushed") == 0


def test_backoff_doubles_to_its_bound_and_is_spread() -> None:
    """0.5, 1, 2 ... 30 s at most; a thousand connections lost at once come back over half of that time."""
    bounds, rng = Bounds(), random.Random(7)
    for attempt, full in ((0, 0.5), (1, 1.0), (3, 4.0), (6, 30.0), (1000, 30.0)):
        waits = [bounds.backoff(attempt, rng) for _ in range(1000)]
        assert full / 2 <= min(waits) < full * 0.55
        assert full * 0.95 < max(waits) <= full


def test_bound_of_zero_is_refused() -> None:
    """A patience of nothing would reconnect for ever."""
    with pytest.raises(BadInput, match="echo_s must be above 0, was 0"):
        Bounds(echo_s=0)
