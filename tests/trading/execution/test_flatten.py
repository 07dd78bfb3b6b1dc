"""`sluice flatten` without an engine: sold once, in slices, from every point at which it can be killed."""

import pytest

from tests.trading.execution.fake_venue import D, FakePublic, Killed, KillSwitch
from tests.trading.execution.world import World
from trading.execution.flatten import Flatten
from trading.execution.settings import EngineSettings
from trading.market.orders import OrderStatus, OrderType, Side
from trading.store.order_log.halts import HaltKind, HaltScope
from trading.store.order_log.records import Leg

FLEET = (HaltScope.FLEET, None)


async def until_flat(world: World, work: Flatten, most: int) -> None:
    for _ in range(most):
        await steps(world, work, 1)
        if work.watch() == 0:
            return


async def steps(world: World, process, count: int) -> None:
    for _ in range(count):
        await process.step()
        world.wall.advance(400)
        world.clock.advance(400)


async def holding(tmp_path, **changes) -> World:
    """Two users hold two symbols, bought at 100 by an engine that is dead now."""
    world = World(tmp_path, users=2, **changes)
    engine = await world.boot()
    await steps(world, engine, 5)
    assert len(engine.desk.log.ledger.open_trades()) == 4
    engine.desk.log.close()
    return world


async def flatten(world: World, switch: KillSwitch | None = None, subject=FLEET) -> Flatten:
    """A process that has only the log and the venue: no engine, no channel, no stream."""
    desk = (await world.boot(switch)).desk
    desk.log.halts.place(HaltKind.FLATTEN, subject, by="anna", why="a drill")
    return Flatten(desk)


def sold_twice(world: World) -> list[str]:
    """Accounts that sold more than they bought: base balances would be below zero."""
    return [f"{key}" for key, amount in world.venue.balances.items() if amount < 0]


async def test_everything_is_sold_without_an_engine(tmp_path):
    """Four positions at 100, none at stop or target: all sold, reason flatten, log and venue agree."""
    world = await holding(tmp_path)
    work = await flatten(world)
    report = await work.run(for_seconds=20)
    assert (report.positions, report.sold, report.left, report.unclear) == (4, 4, [], [])
    assert report.is_flat
    after = await world.boot()
    assert after.desk.log.closed_trades()["exit_reason"].unique().to_list() == ["flatten"]
    assert report.proceeds == sum(fill.cost for _, fill in world.venue.fills if fill.side is Side.SELL)
    assert world.wrongs(after) == []


async def test_one_user_or_one_symbol_is_sold_and_nobody_else(tmp_path):
    """User u1: two positions go, two stay with their stops."""
    world = await holding(tmp_path)
    work = await flatten(world, subject=(HaltScope.USER, "u1"))
    report = await work.run(for_seconds=20)
    assert (report.positions, report.sold) == (2, 2)
    after = await world.boot()
    assert {trade.user_id for trade in after.desk.log.ledger.open_trades()} == {"u2"}


@pytest.mark.parametrize("late", [False, True])
async def test_killed_at_any_point_and_started_again_it_sells_everything_once(tmp_path, late):
    """Before every commit and at both ends of every call, with answers that come and answers that do not."""
    first, at = True, 0
    while first:
        folder = tmp_path / f"{late}-{at}"
        folder.mkdir()
        world = await holding(folder)
        bought = world.venue.submissions
        if late:
            world.venue.faults.timeout_after = frozenset({bought + 1})
            world.venue.faults.timeout_before = frozenset({bought})
        switch = KillSwitch(at)
        first = False
        try:
            work = await flatten(world, switch)
            await until_flat(world, work, 25)
        except Killed:
            first = True
        work = await flatten(world)
        await until_flat(world, work, 60)
        after = await world.boot()
        assert after.desk.log.ledger.open_trades() == [], at
        assert world.wrongs(after) == [], at
        assert sold_twice(world) == [], at
        at += 1 if at < 12 else 7
    assert at > 30


async def test_an_engine_that_starts_goes_on_with_a_flatten_that_died(tmp_path):
    """The halt is in the log before the first order: the next engine sells, and buys nothing."""
    world = await holding(tmp_path)
    desk = (await world.boot()).desk
    desk.log.halts.place(HaltKind.FLATTEN, FLEET, by="anna", why="a drill")
    engine = await world.boot()
    await steps(world, engine, 8)
    assert engine.desk.log.closed_trades()["exit_reason"].to_list() == ["flatten"] * 4
    assert world.wrongs(engine) == []


async def test_users_together_sell_no_more_at_once_than_the_best_bid_takes(tmp_path, monkeypatch):
    """20 stand at the bid; two users hold about 20 each: each look sells at most 20 of a symbol in all."""
    world = await holding(tmp_path)
    held = sum(amount for (_, asset), amount in world.venue.balances.items() if asset == "AAA")
    assert held > 15
    quotes = FakePublic.quotes

    async def thin(self, symbols):
        from dataclasses import replace

        return {name: replace(q, bid_amount=D(4)) for name, q in (await quotes(self, symbols)).items()}

    monkeypatch.setattr(FakePublic, "quotes", thin)
    work = await flatten(world)
    before = len(world.venue.fills)
    most = D(0)
    for _ in range(40):
        seen = len(world.venue.fills)
        await steps(world, work, 1)
        sold = [fill.amount for _, fill in world.venue.fills[seen:] if fill.symbol == "AAA/USDT"]
        most = max(most, sum(sold, D(0)))
    assert len(world.venue.fills) > before + 8
    assert D(0) < most <= D("4.2")  # the least sale (0.06) may come on top
    assert work.positions() == []


async def test_entries_that_never_left_are_void_and_resting_ones_cancelled(tmp_path):
    """A limit entry rests at the venue when the flatten comes: cancelled, and nothing is bought after."""
    settings = EngineSettings(entry_type=OrderType.LIMIT, lost_looks=4)
    world = World(tmp_path, symbols=("AAA/USDT",), settings=settings)
    world.venue.faults.share = D(0)
    engine = await world.boot()
    await steps(world, engine, 2)
    assert [state.status for state in world.venue.of("u1")] == [OrderStatus.OPEN]
    work = await flatten(world)
    await steps(world, work, 4)
    report = await work.run(for_seconds=1)
    assert [state.status for state in world.venue.of("u1")] == [OrderStatus.CANCELED]
    assert (report.positions, report.is_flat) == (0, True)
    assert engine.desk.log.orders.find(leg=Leg.CLOSE) == []


async def test_what_cannot_be_sold_is_named_and_does_not_loop_for_ever(tmp_path):
    """No bid for AAA: the others are sold, the run ends in its time and says what is left."""
    world = await holding(tmp_path)
    world.venue.prices["AAA/USDT"] = D(0)
    work = await flatten(world)
    await steps(world, work, 8)
    report = await work.run(for_seconds=1)
    assert (report.positions, report.sold, report.is_flat) == (2, 0, False)
    assert len(report.left) == 2
    assert all("AAA/USDT" in line for line in report.left)


async def test_run_after_a_killed_one_asks_for_no_book(tmp_path):
    """What the dead run planned and did not send is void; and a flatten's slices need no depth."""
    world = await holding(tmp_path)
    work = await flatten(world, KillSwitch(at=6))
    with pytest.raises(Killed):
        await steps(world, work, 3)
    again = await flatten(world)
    assert again._desk.log.orders.find(leg=Leg.CLOSE)
    public, asked = again._desk.public, []
    before = public.order_book

    async def count(symbol, **options):
        asked.append(symbol)
        return await before(symbol, **options)

    public.order_book = count
    await until_flat(world, again, 20)
    assert again.watch() == 0
    assert asked == []
