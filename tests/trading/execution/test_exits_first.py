"""Entries let exits go first, at the wire, before they stand in the limiter's line."""

import asyncio

from tests.trading.execution.world import World


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
