"""Halts through the whole engine: entries stop at once, exits never do, and only a person ends one."""

from dataclasses import replace

import pytest

from tests.trading.execution.world import D, World
from trading.execution.settings import EngineSettings
from trading.market.errors import BadInput, MissingData
from trading.market.orders import OrderStatus, OrderType, Side
from trading.store.order_log.halts import HaltKind, HaltScope
from trading.store.order_log.records import IntentStatus, Leg

SYMBOL = "AAA/USDT"
FLEET = (HaltScope.FLEET, None)


@pytest.fixture
def world(tmp_path):
    """One symbol at 100; entries at 101 or less, a stop 5 % below, a target 10 % above what was paid."""
    return World(tmp_path, symbols=(SYMBOL,))


async def steps(world: World, engine, count: int) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(400)
        world.clock.advance(400)


def order(engine, kind=HaltKind.STOP_ENTRIES, subject=FLEET):
    return engine.desk.log.halts.place(kind, subject, by="anna", why="a drill")


def next_set(world: World, number: int):
    return replace(world.batch(), signal_set_id=f"set-00000000000000aa-{number:012x}")


@pytest.mark.parametrize("kind", list(HaltKind))
async def test_no_kind_of_halt_lets_an_entry_out_and_each_is_a_skip_with_its_reason(world, kind):
    """Placed before the set is offered: nothing is sent, the skip names who and why, the operator hears."""
    engine = await world.boot()
    order(engine, kind)
    await steps(world, engine, 3)
    assert world.venue.requests == []
    skip = engine.desk.log.skips().row(0, named=True)
    assert (skip["rule"], skip["reason"]) == ("halt", f"{kind.value} of the fleet by anna: a drill")
    assert world.mailbox.kinds() == ["halt_placed"]


async def test_a_halt_placed_after_planning_stops_the_order_at_the_wire(world):
    """The order waits for the limiter when the halt is committed: it is void, and a skip says why."""
    engine = await world.boot()
    gateway = engine.desk.account("u1")
    submit = type(gateway).submit

    async def late(self, request, *, before_wire=None):
        if request.side is Side.BUY:
            order(engine)
        return await submit(self, request, before_wire=before_wire)

    type(gateway).submit = late
    try:
        await steps(world, engine, 2)
    finally:
        type(gateway).submit = submit
    assert world.venue.requests == []
    (intent,) = engine.desk.log.orders.find()
    assert intent.status is IntentStatus.VOID
    assert engine.desk.log.skips()["rule"].to_list() == ["halt"]


@pytest.mark.parametrize("kind", [HaltKind.STOP_ENTRIES, HaltKind.FREEZE])
@pytest.mark.parametrize("price", ["112", "90"])
async def test_stop_and_freeze_leave_every_exit_alone(world, kind, price):
    """Held at 100: the target at 110 and the stop at 95 sell as ever, and not before."""
    engine = await world.boot()
    await steps(world, engine, 4)
    order(engine, kind)
    await steps(world, engine, 3)
    assert len(engine.desk.log.ledger.open_trades()) == 1
    world.set_prices(price)
    await steps(world, engine, 8)
    reason = "take_profit" if price == "112" else "stop_loss"
    assert engine.desk.log.closed_trades()["exit_reason"].to_list() == [reason]
    assert world.wrongs(engine) == []


async def test_a_restart_never_lifts_a_halt(world):
    """Placed in one process, refused in the next; lifted with name and reason, the next set is traded."""
    engine = await world.boot()
    halt = order(engine)
    again = await world.boot()
    await steps(world, again, 3)
    assert world.venue.requests == []
    again.desk.log.halts.lift(halt.halt_id, by="ben", why="the drill is over")
    again.desk.log.write_signal_set(next_set(world, 2))
    await steps(world, again, 3)
    assert [request.side for _, request in world.venue.requests] == [Side.BUY]


async def test_a_halt_of_one_user_or_symbol_stops_nobody_else(tmp_path):
    """Two users, two symbols: u1 is halted, and BBB is: only u2 in AAA buys."""
    world = World(tmp_path, users=2)
    engine = await world.boot()
    order(engine, subject=(HaltScope.USER, "u1"))
    order(engine, subject=(HaltScope.SYMBOL, "BBB/USDT"))
    await steps(world, engine, 3)
    assert [(who, request.symbol) for who, request in world.venue.requests] == [("u2", SYMBOL)]


async def test_a_resting_entry_is_cancelled(tmp_path):
    """A limit order rests; the halt comes; it is cancelled at the next look and nothing is left."""
    settings = EngineSettings(entry_type=OrderType.LIMIT, lost_looks=4)
    world = World(tmp_path, symbols=(SYMBOL,), settings=settings)
    world.venue.faults.share = D(0)
    engine = await world.boot()
    await steps(world, engine, 3)
    assert [state.status for state in world.venue.of("u1")] == [OrderStatus.OPEN]
    order(engine)
    await steps(world, engine, 8)
    assert [state.status for state in world.venue.of("u1")] == [OrderStatus.CANCELED]
    assert world.wrongs(engine) == []


async def test_after_a_freeze_older_sets_stay_void_and_accounts_are_read_again(world):
    """The set of before the lift has not expired; it is not traded. One made after the lift is."""
    engine = await world.boot()
    await engine.reconcile.step()
    halt = order(engine, HaltKind.FREEZE)
    await engine.intake.step()
    world.wall.advance(1000)
    engine.desk.log.write_signal_set(next_set(world, 2))
    engine.desk.log.halts.lift(halt.halt_id, by="ben", why="the log agrees")
    assert engine.reconcile.ready == {"u1"}
    await engine.intake.step()
    assert engine.reconcile.ready == set()
    world.wall.advance(1000)
    engine.desk.log.write_signal_set(next_set(world, 3))
    await steps(world, engine, 3)
    assert [request.side for _, request in world.venue.requests] == [Side.BUY]
    reasons = dict(engine.desk.log.skips().select("signal_set_id", "reason").iter_rows())
    assert "before the end of freeze" in reasons[next_set(world, 2).signal_set_id]


async def test_the_same_halt_twice_is_one_and_a_halt_without_name_or_reason_is_none(world):
    """Pressed twice in a panic: one row. Empty by or why: refused, in words."""
    halts = (await world.boot()).desk.log.halts
    first = halts.place(HaltKind.FREEZE, FLEET, by="anna", why="one")
    assert halts.place(HaltKind.FREEZE, FLEET, by="ben", why="two") == first
    with pytest.raises(BadInput, match="who"):
        halts.place(HaltKind.FREEZE, FLEET, by=" ", why="x")
    with pytest.raises(BadInput, match="why"):
        halts.lift(first.halt_id, by="ben", why="")
    with pytest.raises(BadInput, match="scope fleet"):
        halts.place(HaltKind.FREEZE, (HaltScope.FLEET, "u1"), by="anna", why="x")
    halts.lift(first.halt_id, by="ben", why="over")
    with pytest.raises(MissingData, match="none does"):
        halts.lift(first.halt_id, by="ben", why="over")
    assert [(halt.lifted_by, halt.lifted_why) for halt in halts.all()] == [("ben", "over")]


async def test_a_process_that_another_took_over_from_sends_nothing_more(world):
    """The hung engine wakes up: it may write down facts, but neither plans, voids nor sends."""
    hung = await world.boot()
    hung.desk.log.leases.join("engine 1")
    hung.desk.log.leases.step()
    await steps(world, hung, 4)
    world.set_prices("90")
    fresh = await world.boot()
    fresh.desk.log.leases.seize("flatten")
    await steps(world, hung, 5)
    assert hung.desk.log.leases.step() == frozenset()
    assert hung.desk.log.orders.find(leg=Leg.CLOSE) == []
    await steps(world, fresh, 6)
    assert fresh.desk.log.closed_trades().height == 1
    assert world.wrongs(fresh) == []
