"""The process around the order path: loops, stop, stream, outbox, cache, lock, heartbeat."""

import asyncio
import json
from decimal import Decimal

import pytest

from tests.trading.execution.world import SET_ID, World
from trading.execution.courier import Courier
from trading.execution.engine import Engine
from trading.execution.heartbeat import Heartbeat, only_engine, working
from trading.execution.pace import Pace
from trading.execution.reconcile import Reconcile
from trading.execution.settings import EngineSettings
from trading.market.clock import ManualClock
from trading.market.errors import BadInput, StoreError, Unreachable
from trading.market.orders import OrderRequest, OrderStatus, OrderType, Side
from trading.store.order_log.records import Leg
from trading.universe.jump_guard import JumpRules

# The manual wall clock of these tests stands still: a second look confirms a jump at once.
QUICK = EngineSettings(
    intake_s=5.0, watch_s=0.02, follow_s=0.02, courier_s=0.02, jumps=JumpRules(confirm_after_s=0.0)
)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path, symbols=("AAA/USDT",), settings=QUICK)


async def test_loops_trade_until_nothing_is_left_to_do(world, tmp_path):
    """`until_idle` ends by itself once the position is closed, and the heartbeat says stopped."""
    first = await world.boot()
    engine = Engine(first.desk, world.mailbox, heartbeat=Heartbeat(tmp_path / "engine.json"))

    async def market_moves() -> None:
        while not engine.desk.log.ledger.open_trades():  # noqa: ASYNC110 the log has no event to wait for
            await asyncio.sleep(0.02)
        world.set_prices("111")

    async with asyncio.timeout(20):
        await asyncio.gather(engine.run(asyncio.Event(), until_idle=True), market_moves())
    assert world.wrongs(engine) == []
    assert engine.desk.log.closed_trades()["exit_reason"].to_list() == ["take_profit"]
    assert json.loads((tmp_path / "engine.json").read_text())["state"] == "stopped"


async def test_failing_step_does_not_end_the_loops(world):
    """A venue that fails to answer quotes for a while delays, and kills nothing."""
    engine = await world.boot()
    fine, failures = engine.desk.public.quotes, []

    async def quotes(symbols):
        if len(failures) < 3:
            failures.append(1)
            raise Unreachable("venue is down")
        return await fine(symbols)

    engine.desk.public.quotes = quotes
    stop = asyncio.Event()
    task = asyncio.create_task(Engine(engine.desk, world.mailbox).run(stop))
    async with asyncio.timeout(30):
        while not engine.desk.log.ledger.open_trades():  # noqa: ASYNC110 the log has no event to wait for
            await asyncio.sleep(0.05)
    stop.set()
    await task
    assert len(failures) == 3


class Stream:
    """A stream that gives each entry until it is acknowledged."""

    def __init__(self, *ids: str) -> None:
        self.waiting = {f"{number}-0": name for number, name in enumerate(ids)}

    async def read(self, wait_s: float) -> list[tuple[str, str]]:
        if not self.waiting:
            await asyncio.sleep(wait_s)
        return list(self.waiting.items())

    async def ack(self, entry_id: str) -> None:
        self.waiting.pop(entry_id, None)


async def test_stream_wakes_the_engine_and_every_entry_is_acknowledged(world):
    """Known, unknown and repeated ids are all acknowledged; only a live set is news."""
    engine = await world.boot()
    stream, woken = Stream(SET_ID, "set-unknown", SET_ID), []
    assert await engine.intake.listen(stream, 0.01, lambda: woken.append(len(stream.waiting))) is True
    assert stream.waiting == {}
    assert woken == [3]  # once, before anything was acknowledged: orders do not wait for that
    world.clock.advance(31 * 60_000)
    assert await engine.intake.listen(Stream(SET_ID), 0.01, lambda: woken.append(0)) is False
    assert woken == [3]


async def test_time_is_asked_for_only_before_a_set_is_called_expired(world):
    """A live set wakes the engine without a round trip; one that seems expired is asked about first."""
    engine = await world.boot()
    asked = []

    async def sync():
        asked.append(world.clock.now_ms())

    engine.desk.public.sync_clock = sync
    assert await engine.intake.listen(Stream(SET_ID), 0.01, lambda: None) is True
    assert asked == []
    world.clock.advance(31 * 60_000)
    assert await engine.intake.listen(Stream(SET_ID), 0.01, lambda: None) is False
    assert len(asked) == 1


async def test_message_that_could_not_be_delivered_is_delivered_later(world):
    """The outbox keeps what the channel refused, and what came before it is not repeated."""
    engine = await world.boot()
    for _ in range(3):
        await engine.step()

    class Broken:
        async def deliver(self, message):
            raise OSError("no network")

    world.set_prices("111")
    await engine.exits.step()
    world.wall.advance(1100)  # the second look that confirms the jump
    await engine.exits.step()
    await engine.follow.step()
    with pytest.raises(OSError, match="no network"):
        await Courier(engine.desk, Broken()).step()
    before = len(world.mailbox.messages)
    await engine.courier.step()
    assert len(world.mailbox.messages) == before + 1


class Cache:
    """Keeps the newest version per trade; down when told so. Its users are all there from the start."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[int, bool]] = {}
        self.is_down = False
        self.sign = ""

    def _asked(self) -> None:
        if self.is_down:
            raise StoreError("user cache cannot be written: ConnectionError")

    async def is_lit(self, sign):
        self._asked()
        return sign == self.sign

    async def light(self, sign):
        self._asked()
        self.sign = sign

    async def marks(self, user_ids):
        return dict.fromkeys(user_ids, self.sign)

    async def apply(self, trade, version):
        self._asked()
        assert version > self.seen.get(trade.trade_id, (0, False))[0]
        self.seen[trade.trade_id] = (version, trade.is_closed)


async def test_cache_catches_up_after_it_was_down(world):
    """The cache is no truth: trading and messages go on without it, it gets everything later."""
    engine = await world.boot()
    cache = Cache()
    engine.courier = Courier(engine.desk, world.mailbox, cache)
    cache.is_down = True
    await world.live(engine)
    assert cache.seen == {}
    assert "trade_closed" in world.mailbox.kinds()
    cache.is_down = False
    world.wall.advance(60_000)  # it is asked ever more rarely while it is away
    await engine.courier.step()
    assert [closed for _, closed in cache.seen.values()] == [True]
    await engine.courier.step()  # ... and the word that it is back
    assert engine.desk.log.outbox.waiting("cached") == []


async def test_entries_wait_for_reconciliation_and_exits_do_not(world):
    """An account that cannot be read opens nothing, and its stop still fires."""
    first = await world.boot()
    for _ in range(4):
        await first.step()
    first.desk.log.close()
    engine = await world.boot()
    engine.desk.log.write_signal_set(world.batch(set_id="set-00000000000000aa-0000000000ab"))

    async def down(*_args, **_kwargs):
        raise Unreachable("account is down")

    account = engine.desk.account("u1")
    account.orders_since = account.open_orders = down
    world.set_prices("94")
    for _ in range(3):
        await engine.step()
    assert engine.reconcile.ready == set()
    assert [intent.leg for intent in engine.desk.log.orders.find()] == [Leg.CLOSE, Leg.OPEN]
    assert engine.desk.log.closed_trades().height == 1


async def test_foreign_order_is_reported_and_left_alone(world):
    """An order that nobody here placed is found at the start and not touched."""
    engine = await world.boot()
    for _ in range(4):
        await engine.step()
    request = OrderRequest("AAA/USDT", Side.BUY, OrderType.IOC, "by-hand", Decimal(1), Decimal(101))
    world.venue.replace_order(world.venue.accept("u1", request), status=OrderStatus.PARTIAL)
    reconcile = Reconcile(engine.desk)
    assert await reconcile.step() == 0
    assert reconcile.findings["foreign_order"] == 1
    assert len(engine.desk.log.orders.find()) == 1


def test_workers_share_the_lock_of_a_log_and_a_restore_needs_it_alone(tmp_path):
    """The lock is held by the process and gone with it."""
    path = tmp_path / "engine.lock"
    with working(path), working(path), pytest.raises(StoreError, match="another engine"), only_engine(path):
        pass
    with only_engine(path), pytest.raises(StoreError, match="a restore or a flatten"), working(path):
        pass
    with working(path):
        pass


def test_pace_doubles_up_to_its_limit():
    """First pause 1 s, then 2, 4, never above 5; forgotten, it is due at once."""
    wall = ManualClock(0)
    pace = Pace(wall, 1.0, 5.0)
    pauses = []
    for _ in range(5):
        pace.put_off("x")
        start = wall.at_ms
        while not pace.is_due("x"):
            wall.advance(100)
        pauses.append((wall.at_ms - start) / 1000)
    assert pauses == [1, 2, 4, 5, 5]
    pace.put_off("x")
    pace.forget("x")
    assert pace.is_due("x")
    assert pace.tries("x") == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entry_type": OrderType.MARKET}, "entry_type"),
        ({"exit_bands": ()}, "exit_bands"),
        ({"watch_s": 0.0}, "watch_s"),
    ],
)
def test_settings_out_of_bounds_are_named(changes, words):
    """A bad knob is refused when it is turned."""
    with pytest.raises(BadInput, match=words):
        EngineSettings(**changes)
