"""What private streams tell of an order is booked where it adds up; everything else is asked for."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

from tests.trading.execution.fake_venue import D, Faults
from tests.trading.execution.world import START, World
from trading.exchange.feed.events import Event, Kind, Origin, Stream
from trading.execution import account_streams, live
from trading.execution.account_streams import AccountStreams, Outcomes
from trading.execution.follow import Follow
from trading.execution.settings import EngineSettings
from trading.market.errors import StoreError, Unreachable
from trading.market.orders import OrderType
from trading.store.order_log.records import IntentStatus

AAA = "AAA/USDT"


@dataclass
class Streams:
    """Private streams that serve, or do not."""

    outcomes: Outcomes = field(default_factory=Outcomes)
    is_up: bool = True

    def is_streaming(self, _user_id: str) -> bool:
        return self.is_up


def tell(outcomes: Outcomes, value: object, kind: Kind) -> None:
    outcomes.take(Event(Stream(kind), Origin.STREAM, START, value))  # type: ignore[arg-type]


async def sent(tmp_path, **faults) -> tuple[World, object, Follow, Streams]:
    """A world whose one entry is acknowledged, filled and not looked at yet; requests are counted."""
    world = World(tmp_path, symbols=(AAA,), faults=Faults(**faults))
    engine = await world.boot()
    streams = Streams()
    follow = Follow(engine.desk, engine.wire, streams)  # type: ignore[arg-type]
    await engine.reconcile.step()
    await engine.intake.step()
    gateway = engine.desk.account("u1")
    follow.asked = []  # type: ignore[attr-defined]
    for name in ("order", "fills"):
        before = getattr(gateway, name)

        async def counted(*args, _before=before, _name=name, **options):
            follow.asked.append(_name)  # type: ignore[attr-defined]
            return await _before(*args, **options)

        setattr(gateway, name, counted)
    return world, engine, follow, streams


async def test_complete_story_is_booked_without_a_request(tmp_path):
    """State and both executions came: the entry is DONE, its trade open, and nobody was asked."""
    world, engine, follow, streams = await sent(tmp_path, parts=2)
    ((_, state),) = world.venue.orders
    for _, fill in world.venue.fills:
        tell(streams.outcomes, fill, Kind.FILLS)
    tell(streams.outcomes, state, Kind.ORDERS)
    assert streams.outcomes.news.is_set()
    await follow.step()
    (intent,) = engine.desk.log.orders.find()
    assert intent.status is IntentStatus.DONE
    assert intent.filled == D("9.9")
    assert follow.asked == []
    assert not engine.desk.log.breaks()


async def test_execution_that_did_not_come_is_asked_for(tmp_path):
    """One of two executions is missing: the stream books nothing; 2 s after sending REST tells all."""
    world, engine, follow, streams = await sent(tmp_path, parts=2)
    ((_, state),) = world.venue.orders
    tell(streams.outcomes, world.venue.fills[0][1], Kind.FILLS)
    tell(streams.outcomes, state, Kind.ORDERS)
    await follow.step()
    assert engine.desk.log.orders.find()[0].status is IntentStatus.ACKED
    assert follow.asked == []
    world.wall.advance(2_000)
    await follow.step()
    assert engine.desk.log.orders.find()[0].status is IntentStatus.DONE
    assert "fills" in follow.asked


async def test_stream_that_is_down_is_waited_for_by_nobody(tmp_path):
    """No stream: the order is asked about at once."""
    _, engine, follow, streams = await sent(tmp_path)
    streams.is_up = False
    await follow.step()
    assert engine.desk.log.orders.find()[0].status is IntentStatus.DONE
    assert follow.asked


async def test_executions_told_twice_or_by_both_ways_are_booked_once(tmp_path):
    """REST booked it; the stream tells the same trade ids later: nothing changes."""
    world, engine, follow, streams = await sent(tmp_path)
    streams.is_up = False
    await follow.step()
    for _, fill in world.venue.fills:
        tell(streams.outcomes, fill, Kind.FILLS)
        tell(streams.outcomes, fill, Kind.FILLS)
    tell(streams.outcomes, world.venue.orders[0][1], Kind.ORDERS)
    await follow.step()
    assert len(engine.desk.log.closed_trades()) == 0
    assert engine.desk.log.ledger.open_trades()[0].bought == D("9.9")
    assert not engine.desk.log.breaks()


async def test_unknown_outcome_is_settled_by_the_stream(tmp_path):
    """The answer was lost after the venue accepted: the stream's word names it by client id."""
    world, engine, follow, streams = await sent(tmp_path, timeout_after=frozenset({0}), hidden_looks=9)
    assert engine.desk.log.orders.find()[0].status is IntentStatus.UNKNOWN
    for _, fill in world.venue.fills:
        tell(streams.outcomes, fill, Kind.FILLS)
    tell(streams.outcomes, world.venue.orders[0][1], Kind.ORDERS)
    await follow.step()
    assert engine.desk.log.orders.find()[0].status is IntentStatus.DONE
    assert follow.asked == []


async def test_partial_fill_of_a_resting_entry_is_protected_at_once_and_not_doubled(tmp_path):
    """Half of a limit entry fills: its stop is armed; once crossed, the rest is cancelled, then all sold."""
    settings = EngineSettings(entry_type=OrderType.LIMIT, lost_after_s=3.0)
    world = World(tmp_path, symbols=(AAA,), faults=Faults(share=D("0.5")), settings=settings)
    engine = await world.boot()
    streams = Streams()
    follow = Follow(engine.desk, engine.wire, streams)  # type: ignore[arg-type]
    follow.booked = engine.exits.booked
    await engine.reconcile.step()
    await engine.intake.step()
    ((_, state),) = world.venue.orders
    tell(streams.outcomes, world.venue.fills[0][1], Kind.FILLS)
    tell(streams.outcomes, state, Kind.ORDERS)
    await follow.step()
    (trade,) = engine.exits.book.trades()
    assert trade.held == D("4.95")
    assert engine.desk.log.orders.find()[0].status is IntentStatus.ACKED
    streams.is_up = False
    world.faults.share = D(1)
    for price in ("98.5", "97", "95.6", "94.9", "94.8", "94.8", "94.8", "94.8", "94.8", "94.8"):
        world.set_prices(price)
        await engine.exits.step()
        await follow.step()
        world.wall.advance(1000)
        world.clock.advance(30_000)
    entry, *closes = sorted(engine.desk.log.orders.find(), key=lambda each: each.leg, reverse=True)
    assert (entry.status, entry.filled) == (IntentStatus.DONE, D("4.95"))
    assert sum(each.filled for each in closes) == D("4.95")
    assert not engine.desk.log.ledger.open_trades()
    assert not engine.desk.log.breaks()


class Reader:
    """A subscription in which nothing ever comes."""

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.Event().wait()


class Feeds:
    """Feeds of a venue that is away for the first `away` tries."""

    def __init__(self, away: int) -> None:
        self.away, self.tries, self.left = away, 0, []

    async def account(self, label, _key, _secret):
        self.tries += 1
        await asyncio.sleep(0)
        if self.tries <= self.away:
            raise Unreachable("nobody there")
        self.feed = SimpleNamespace(is_streaming=True, subscribe=lambda _kinds: Reader(), reconnects=0)
        return self.feed, label

    async def leave(self, label) -> None:
        self.left.append(label)

    async def close(self) -> None:
        return


async def test_account_opened_while_the_venue_is_away_streams_once_it_is_back(monkeypatch):
    """Refused twice: tried again, not polled for the rest of the process's life."""
    monkeypatch.setattr(account_streams, "RETRY_S", 0.0)
    feeds = Feeds(away=2)
    streams = AccountStreams(feeds, lambda *_: None, lambda _: ("k", "s"))  # type: ignore[arg-type, return-value]
    streams.open(SimpleNamespace(user_id="u1"))  # type: ignore[arg-type]
    for _ in range(30):
        await asyncio.sleep(0)
    assert streams.is_streaming("u1")
    assert feeds.tries == 3
    await streams.close()


async def test_stream_of_a_key_replaced_while_it_opened_is_given_back():
    """Two keys one after the other: the feed of the second is the account's, the first one's is left."""
    feeds = Feeds(away=0)
    streams = AccountStreams(feeds, lambda *_: None, lambda _: ("k", "s"))  # type: ignore[arg-type, return-value]
    user = SimpleNamespace(user_id="u1")
    streams.open(user)  # type: ignore[arg-type]
    await asyncio.sleep(0)  # it is being opened
    gateway = streams.open(user)  # type: ignore[arg-type]
    for _ in range(9):
        await asyncio.sleep(0)
    assert gateway.watched == "u1 #2"  # type: ignore[attr-defined]
    assert "u1 #1" in feeds.left
    await streams.close()


async def test_stream_that_came_back_is_named_once():
    """The first connection is none that came back; a second one is, until the next look."""
    feeds = Feeds(away=0)
    streams = AccountStreams(feeds, lambda *_: None, lambda _: ("k", "s"))  # type: ignore[arg-type, return-value]
    streams.open(SimpleNamespace(user_id="u1"))  # type: ignore[arg-type]
    for _ in range(9):
        await asyncio.sleep(0)
    assert streams.returned() == []
    feeds.feed.reconnects = 1
    assert streams.returned() == ["u1"]
    assert streams.returned() == []
    await streams.close()


async def test_stream_of_somebody_who_left_is_closed_at_once():
    """Also while it is being opened: nothing of a removed user stays connected until the engine ends."""
    feeds = Feeds(away=0)
    streams = AccountStreams(feeds, lambda *_: None, lambda _: ("k", "s"))  # type: ignore[arg-type, return-value]
    for user_id, wait_s in (("u1", 0.01), ("u2", 0)):
        streams.open(SimpleNamespace(user_id=user_id))  # type: ignore[arg-type]
        await asyncio.sleep(wait_s)
        streams.drop(user_id)
    await asyncio.sleep(0.01)
    assert feeds.left == ["u1 #1", "u2 #2"]
    assert streams.counts() == (0, 0)
    await streams.close()


async def test_public_feed_that_breaks_is_opened_again(monkeypatch):
    """Whatever the first feed dies of, a second one is listened to: quotes are not polled for good."""
    monkeypatch.setattr(live, "RETRY_S", 0.0)
    heard, closed = [], []

    async def listen(feed, _heard):
        heard.append(feed)
        if len(heard) == 1:
            raise KeyError("a symbol nobody knows")
        await asyncio.Event().wait()

    async def nothing():
        return

    async def public():
        return SimpleNamespace(open=nothing, close=lambda: _noted(closed))

    engine_feed = live.Live.__new__(live.Live)
    engine_feed._feeds = SimpleNamespace(public=public)  # type: ignore[assignment]
    engine_feed.prices = SimpleNamespace(listen=listen)  # type: ignore[assignment]
    running = asyncio.create_task(engine_feed.run(lambda _quote: None))
    for _ in range(30):
        await asyncio.sleep(0)
    assert (len(heard), len(closed)) == (2, 1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _noted(closed: list[bool]) -> None:
    closed.append(True)


async def test_sets_that_are_over_are_not_remembered(tmp_path):
    """A service that runs for months must not keep every set's users."""
    world = World(tmp_path, symbols=(AAA,))
    engine = await world.boot()
    for _ in range(3):
        await engine.step()
    assert len(engine.intake._done) == 1
    world.clock.advance(60 * 60_000)
    await engine.intake.step()
    assert engine.intake._done == {}


async def quicker(tmp_path, refusals: int) -> tuple[World, object]:
    """A world whose venue tells an order's end on the stream before it answers; some bookings are refused."""
    world = World(tmp_path, symbols=(AAA,))
    engine = await world.boot()
    streams = Streams()
    Follow(engine.desk, engine.wire, streams)  # type: ignore[arg-type]
    await engine.reconcile.step()
    gateway = engine.desk.account("u1")
    submit, book, refused = gateway.submit, engine.desk.log.ledger.book, []

    async def told_first(*args, **options):
        order_id = await submit(*args, **options)
        for _, fill in world.venue.fills:
            tell(streams.outcomes, fill, Kind.FILLS)
        tell(streams.outcomes, world.venue.orders[0][1], Kind.ORDERS)
        return order_id

    def may_refuse(*args, **options):
        if len(refused) < refusals:
            refused.append(args)
            raise StoreError("disk full")
        return book(*args, **options)

    acknowledge = engine.desk.log.orders.acknowledge
    engine.acknowledged = []  # type: ignore[attr-defined]

    def noted(coid, order_id):
        engine.acknowledged.append(coid)  # type: ignore[attr-defined]
        return acknowledge(coid, order_id)

    gateway.submit, engine.desk.log.ledger.book = told_first, may_refuse
    engine.desk.log.orders.acknowledge = noted
    await engine.intake.step()
    return world, engine


async def test_order_whose_end_was_told_before_the_answer_is_booked_with_its_acknowledgement(tmp_path):
    """SENT to DONE in one transaction: executed, with the venue's id, its trade open, nothing to repeat."""
    world, engine = await quicker(tmp_path, refusals=0)
    (intent,) = engine.desk.log.orders.find()
    assert (intent.status, intent.filled, intent.order_id) == (
        IntentStatus.DONE,
        D("9.9"),
        world.venue.orders[0][1].order_id,
    )
    assert engine.acknowledged == []
    assert len(engine.desk.log.ledger.open_trades()) == 1
    assert not engine.desk.log.breaks()


async def test_order_that_could_not_be_booked_with_its_answer_is_acknowledged_and_booked_later(tmp_path):
    """The log refuses the booking once: the answer is written down alone, and the next look books it."""
    world, engine = await quicker(tmp_path, refusals=1)
    (intent,) = engine.desk.log.orders.find()
    assert intent.status is IntentStatus.ACKED
    assert intent.order_id == world.venue.orders[0][1].order_id
    world.wall.advance(2_000)
    await engine.follow.step()
    assert engine.desk.log.orders.find()[0].status is IntentStatus.DONE
    assert not engine.desk.log.breaks()
