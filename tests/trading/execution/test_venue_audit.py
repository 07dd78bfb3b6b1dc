"""The audit must be able to say no: each kind of wrong, planted at the venue, is found."""

from dataclasses import replace
from pathlib import Path

from tests.trading.execution.fake_venue import D
from tests.trading.execution.world import World
from trading.execution.venue_audit import lost_and_doubled


async def finished(tmp_path: Path) -> tuple[World, object]:
    world = World(tmp_path, symbols=("AAA/USDT",))
    engine = await world.boot()
    await world.live(engine)
    return world, engine


async def test_clean_run_has_nothing_lost_or_doubled(tmp_path):
    """Two orders at the venue, both in the log."""
    _, engine = await finished(tmp_path)
    verdict = await lost_and_doubled(engine.desk)
    assert (verdict.accounts, verdict.orders) == (1, 2)
    assert (verdict.lost, verdict.doubled, verdict.ledger_breaks) == ([], [], [])


async def test_same_client_id_accepted_twice_is_doubled(tmp_path):
    """A venue that does not de-duplicate executed the same intent twice."""
    world, engine = await finished(tmp_path)
    account, state = world.venue.orders[0]
    world.venue.orders.append((account, replace(state, order_id="C99")))
    world.venue.looks["C99"] = 0
    verdict = await lost_and_doubled(engine.desk)
    assert len(verdict.doubled) == 1
    assert "19.8" in verdict.doubled[0]


async def test_order_of_unknown_origin_is_lost_on_an_exclusive_account(tmp_path):
    """Nobody else trades here, so an order that the log does not know is one that was lost."""
    world, engine = await finished(tmp_path)
    account, state = world.venue.orders[0]
    world.venue.orders.append((account, replace(state, order_id="C98", client_order_id="by hand")))
    world.venue.looks["C98"] = 0
    assert len((await lost_and_doubled(engine.desk)).lost) == 1
    assert (await lost_and_doubled(engine.desk, is_exclusive=False)).lost == []
    world.venue.orders[-1] = (account, replace(state, order_id="C98", client_order_id="x" * 26))
    assert len((await lost_and_doubled(engine.desk, is_exclusive=False)).lost) == 1


async def test_execution_that_the_log_does_not_hold_is_lost(tmp_path):
    """The venue executed more than was booked."""
    world, engine = await finished(tmp_path)
    account, state = world.venue.orders[1]
    world.venue.orders[1] = (account, replace(state, filled=state.filled - D(1)))
    assert len((await lost_and_doubled(engine.desk)).lost) == 1
