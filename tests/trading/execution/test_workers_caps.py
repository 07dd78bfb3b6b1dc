"""Two workers on one log: the fleet's caps hold over both, and each does its own users' work alone."""

import asyncio
from dataclasses import replace

import pytest

from tests.trading.execution.world import D, World
from trading.execution.settings import EngineSettings
from trading.execution.shift import Shift
from trading.risk.fleet import FleetRules
from trading.store.order_log.exit_states import ExitState
from trading.store.order_log.leases import LEASE_MS
from trading.store.order_log.records import Leg
from trading.store.order_log.shards import shard_of

USERS = 6
OFF = FleetRules(None, None, None, None, None, None, None, None)


def world_of(tmp_path, rules=OFF):
    return World(tmp_path, settings=EngineSettings(fleet=rules), users=USERS, symbols=("AAA/USDT",))


async def two(world):
    """Two engines that share the shards, each ready for its users."""
    engines = [await world.boot() for _ in "ab"]
    for name, engine in zip("ab", engines, strict=True):
        engine.desk.log.leases.join(name)
        engine.desk.log.scope.narrow(())
        engine.shift = Shift(engine.desk, engine.reconcile, engine.exits.reasons.memory)
    for _ in range(4):
        for engine in engines:
            await engine.shift.step()
    for engine in engines:
        assert engine.desk.mine()
        await engine.reconcile.step()
    return engines


async def test_each_worker_serves_its_own_users_and_all_are_served(tmp_path):
    """What one does not see the other does: nobody twice, nobody not at all."""
    world = world_of(tmp_path)
    a, b = await two(world)
    mine = [{user.user_id for user in engine.desk.mine()} for engine in (a, b)]
    assert mine[0] | mine[1] == {f"u{n}" for n in range(1, USERS + 1)}
    assert not mine[0] & mine[1]
    await a.step()
    assert {account for account, _ in world.venue.orders} == mine[0]
    await b.step()
    for _ in range(4):
        await asyncio.gather(a.step(), b.step())
        world.wall.advance(400)
    assert {trade.user_id for trade in a.desk.log.ledger.open_trades()} == mine[0]
    assert {trade.user_id for trade in b.desk.log.ledger.open_trades()} == mine[1]
    a.desk.log.scope.shards = None
    assert world.wrongs(a) == []


@pytest.mark.parametrize("is_asked", [True, False])
async def test_two_workers_at_once_do_not_both_take_the_last_of_a_cap(tmp_path, monkeypatch, is_asked):
    """Room for three entries of six. Both workers decide on the same room; the log lets no more than it hold.

    Without the question in the transaction they break the cap: that is what it is for.
    """
    # Capital 6 x the user's own; an entry takes about a tenth of one: three are a twentieth of all.
    world = world_of(tmp_path, replace(OFF, symbol_share=D("0.052")))
    a, b = await two(world)
    if not is_asked:
        monkeypatch.setattr("trading.store.order_log.takes.of_others", lambda *_: [])
    await asyncio.gather(a.intake.step(), b.intake.step())
    a.desk.log.scope.shards = None
    taken = sum(intent.reserved for intent in a.desk.log.orders.find(leg=Leg.OPEN))
    capital = sum(user.capital for user in a.desk.everybody())
    assert taken > 0
    assert (taken <= capital * D("0.052")) is is_asked


async def test_a_worker_that_stood_still_drops_its_work_and_the_other_takes_it(tmp_path):
    """Its lease ends by its own clock: it looks at nothing more. The other arms its users' exits."""
    world = world_of(tmp_path)
    a, b = await two(world)
    of_a = {user.user_id for user in a.desk.mine()}
    for _ in range(4):
        await a.step()
        world.wall.advance(400)
        await b.shift.step()
    world.set_prices("90")
    world.wall.advance(LEASE_MS)
    await a.shift.watch()
    assert a.desk.mine() == []
    await b.shift.step()
    assert {user.user_id for user in b.desk.mine()} > of_a
    await a.step()
    assert world.venue.requests[-1][1].side.value == "buy"
    for _ in range(6):
        await b.step()
        world.wall.advance(1000)
    b.desk.log.scope.shards = None
    assert {trade.user_id for trade in b.desk.log.ledger.all_trades() if trade.is_closed} >= of_a
    told = [event for event in b.desk.log.outbox.of_user("operator") if event.kind == "worker_silent"]
    assert len(told) == 1
    assert all(str(shard) in told[0].payload["text"] for shard in {shard_of(name) for name in of_a})
    assert world.wrongs(b) == []


async def test_two_steps_for_one_user_at_once_do_nothing_twice(tmp_path):
    """Every step of two processes at the same moment, unfenced: the log lets one entry and one exit out."""
    world = World(tmp_path, settings=EngineSettings(fleet=OFF), users=2, symbols=("AAA/USDT",))
    a, b = await world.boot(), await world.boot()
    for number in range(30):
        await asyncio.gather(a.step(), b.step())
        world.wall.advance(400)
        if number == 4:
            world.set_prices("112")
    assert len(a.desk.log.orders.find(leg=Leg.OPEN)) == 2
    assert len(a.desk.log.orders.find(leg=Leg.CLOSE)) == 2
    assert world.wrongs(a) == []


async def stalled(tmp_path):
    """A worker alone, with a position for each of two users and ready for both, stood still for 6 s."""
    world = World(tmp_path, settings=EngineSettings(fleet=OFF), users=2, symbols=("AAA/USDT",))
    engine = await world.boot()
    log = engine.desk.log
    log.leases.join("a")
    log.scope.narrow(())
    await engine.shift.step()
    for _ in range(8):
        await engine.step()
        world.wall.advance(400)
        await engine.shift.step()
    log.reconciliations.ask(["u1", "u2"])
    await engine.reconcile.step()
    world.wall.advance(1_000)
    await engine.reconcile.step()
    assert {trade.user_id for trade in log.ledger.open_trades()} == {"u1", "u2"}
    assert engine.reconcile.ready == {"u1", "u2"}
    world.wall.advance(LEASE_MS + 1_000)
    await engine.shift.watch()
    assert engine.desk.mine() == []
    assert engine.reconcile.ready == set()
    return world, engine, log.reconciliations.checks()


async def test_shards_that_come_back_with_their_token_owe_no_check(tmp_path):
    """Nobody raised a token, so nobody else sent: ready at once, no account is read, and exits go on."""
    world, engine, before = await stalled(tmp_path)
    await engine.shift.step()
    assert engine.reconcile.ready == {"u1", "u2"}
    assert await engine.reconcile.step() == 0
    assert engine.desk.log.reconciliations.checks() == before
    world.set_prices("90")
    for _ in range(6):
        await engine.step()
        world.wall.advance(400)
    assert engine.desk.log.ledger.count_open() == 0
    assert world.wrongs(engine) == []


@pytest.mark.parametrize("is_late", [False, True])
async def test_shards_that_somebody_else_served_meanwhile_have_their_accounts_read(tmp_path, is_late):
    """Another took every shard, traded and gave all back; the token has moved: nothing is taken for granted.

    Late: the renewal itself takes longer than a lease, so the shards are ours only with the renewal after it,
    whose token is the one just taken.
    """
    world, engine, before = await stalled(tmp_path)
    other = await world.boot()
    other.desk.log.leases.join("b")
    other.desk.log.scope.narrow(())
    await other.shift.step()
    assert len(other.desk.mine()) == 2
    await other.shift.end()
    if is_late:
        held = engine.desk.log.leases.held
        engine.desk.log.leases.held = frozenset
        await engine.shift.step()
        assert engine.desk.mine() == []
        engine.desk.log.leases.held = held
        world.wall.advance(1_000)
    await engine.shift.step()
    assert len(engine.desk.mine()) == 2
    assert engine.reconcile.ready == set()
    await engine.reconcile.step()
    after = engine.desk.log.reconciliations.checks()
    assert all(after[user].at_wall_ms > before[user].at_wall_ms for user in before)
    assert engine.reconcile.ready == {"u1", "u2"}


async def test_what_a_dead_worker_told_a_trade_is_known_to_who_takes_it_over(tmp_path):
    """B remembers A's trade as it was when it looked; then A told it to leave and fell silent."""
    world = world_of(tmp_path)
    a, b = await two(world)
    for _ in range(4):
        await asyncio.gather(a.step(), b.step())
        world.wall.advance(400)
    trade = a.desk.log.ledger.open_trades()[0]
    known = ExitState(trade.trade_id, trade.user_id, peak=D(101), seen_ms=world.clock.now_ms())
    a.desk.log.exits.raise_peaks([known])
    memory = b.exits.reasons.memory
    memory.doubt()
    assert memory.state(trade).exit_signal_id is None
    a.desk.log.exits.tell([replace(known, exit_signal_id="sig-1", exit_set_id="set-1", told_ms=1)])
    assert memory.state(trade).exit_signal_id is None
    world.wall.advance(LEASE_MS + 1)
    await b.shift.step()
    assert trade.trade_id in {mine.trade_id for mine in b.desk.log.ledger.open_trades()}
    assert memory.state(trade).exit_signal_id == "sig-1"
    assert trade.trade_id in memory.leaving
