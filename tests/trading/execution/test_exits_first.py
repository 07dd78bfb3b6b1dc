"""Entries let exits go first, at the wire, before they stand in the limiter's line."""

import asyncio

from tests.trading.execution.fake_venue import FakeAccount
from tests.trading.execution.world import World
from trading.store.order_log.halts import HaltKind, HaltScope


async def test_entry_waits_while_exits_do_and_goes_after_them(tmp_path):
    """Nothing is submitted while exits wait; the entry leaves when they are through."""
    world = World(tmp_path, symbols=("AAA/USDT",))
    engine = await world.boot()
    is_waiting = [True]
    engine.wire.exits_wait = lambda: is_waiting[0]
    await engine.reconcile.step()
    taking_in = asyncio.create_task(engine.intake.step())
    await asyncio.sleep(0.2)
    assert world.venue.requests == []
    is_waiting[0] = False
    await taking_in
    assert len(world.venue.requests) == 1


async def test_first_look_below_a_stop_holds_entries_for_a_moment_only(tmp_path):
    """300 ms: an unconfirmed crossing must not hold up everybody's entries."""
    world = World(tmp_path, symbols=("AAA/USDT",))
    engine = await world.boot()
    for _ in range(4):
        await engine.step()
        world.wall.advance(400)
    (trade,) = engine.desk.log.ledger.open_trades()
    quotes = await engine.desk.public.quotes([trade.symbol])
    looks = engine.exits.looks
    assert not looks.confirms(trade, looks.observe(quotes[trade.symbol]))
    assert engine.exits.has_waiting()
    world.wall.advance(301)
    assert not engine.exits.has_waiting()


async def test_entry_in_the_limiters_line_steps_aside_for_an_exit_that_comes_to_be_due(tmp_path):
    """It got its turn while none was due; at the wire one is: it waits, unsent, and leaves afterwards."""
    world = World(tmp_path, symbols=("AAA/USDT",))
    engine = await world.boot()
    turns = iter([False, True, True, False, False])  # before the line, at the wire, while it waits, again
    asked = []

    def exits_wait():
        asked.append(len(world.venue.requests))
        return next(turns)

    engine.wire.exits_wait = exits_wait
    await engine.reconcile.step()
    await engine.intake.step()
    assert asked == [0, 0, 0, 0, 0]
    assert len(world.venue.requests) == 1


async def test_entries_wait_from_an_exits_being_due_until_it_is_on_the_wire(tmp_path, monkeypatch):
    """One that is due holds them though neither limiter nor gate is crowded; its answer holds nobody."""
    world = World(tmp_path, symbols=("AAA/USDT",))
    engine = await world.boot()
    for _ in range(4):
        await engine.step()
        world.wall.advance(400)
    exits, seen = engine.exits, []
    submit = FakeAccount.submit

    async def watched(self, request, *, before_wire):
        seen.append(exits.has_waiting())

        async def claim():
            await before_wire()
            seen.append(exits.has_waiting())

        return await submit(self, request, before_wire=claim)

    monkeypatch.setattr(FakeAccount, "submit", watched)
    engine.desk.log.halts.place(
        HaltKind.FLATTEN, (HaltScope.FLEET, None), by="test", why="an exit that needs no second look"
    )
    await exits.step()
    assert seen == [True, False]
    assert not exits.has_waiting()
