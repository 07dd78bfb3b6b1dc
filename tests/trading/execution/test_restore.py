"""A backup taken while the engine trades, put back after more was traded: 0 lost, 0 doubled."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.trading.execution.fake_venue import D, Faults, Killed, KillSwitch
from tests.trading.execution.world import World, signal
from trading.market.errors import BadInput
from trading.market.orders import Side
from trading.store.order_log import OrderLog, backup
from trading.store.order_log.records import IntentStatus, Leg


def put_back(world: World, folder: Path) -> None:
    def prepare(url: str, found: backup.Backup) -> None:
        log = OrderLog(url, wall=world.wall)
        log.restores.begin(found.backup_id, found.taken_wall_ms)
        log.close()

    backup.put_back(folder, world.url, prepare, world.wall)


async def trade_and_lose_the_log(world: World, folder: Path, *, backup_at: int, switch: KillSwitch) -> None:
    """Trade, take a backup on the way, go on until killed or done; then only the backup is left."""
    engine = await world.boot(switch)
    try:
        for number in range(12):
            if number == backup_at:
                backup.back_up(world.url, folder, world.wall)
            await engine.step()
            world.wall.advance(400)
            world.clock.advance(30_000)
            if number == 4:
                world.set_prices("112")
    except Killed:
        pass
    finally:
        engine.desk.log.close()
    with suppress(BadInput):  # killed before its turn came; else it is there
        backup.back_up(world.url, folder, world.wall)


async def recover(world: World):
    """Start on the restored log, let it replay, lift the freeze as a person does, and let it end its work."""
    engine = await world.boot()
    for _ in range(60):
        await engine.step()
        world.wall.advance(400)
        world.clock.advance(30_000)
        if engine.desk.log.restores.pending() is None:
            break
    for halt in engine.desk.log.halts.active():
        engine.desk.log.halts.lift(halt.halt_id, by="test", why="looked at")
    await world.live(engine, steps=120)
    return engine


FAULTS = {
    "none": Faults(),
    "no answers": Faults(timeout_after=frozenset({0, 2})),
    "in parts, fee in base": Faults(parts=2, fee_asset="base", repeat_fills=True),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("backup_at", range(6))
async def test_an_older_backup_loses_and_doubles_nothing(tmp_path, name, backup_at):
    """Whatever was traded since the backup, entries and exits: found at the venue, booked once, sold once."""
    (tmp_path / "w").mkdir()
    world = World(tmp_path / "w", faults=FAULTS[name])
    await trade_and_lose_the_log(world, tmp_path / "b", backup_at=backup_at, switch=KillSwitch())
    before = len(world.venue.orders)
    assert before >= 2
    put_back(world, tmp_path / "b")
    engine = await recover(world)
    assert world.wrongs(engine) == []
    assert engine.is_idle()
    engine.desk.log.close()


@pytest.mark.parametrize("killed_at", range(6, 40, 3))
async def test_killed_after_the_backup_and_restored_nothing_is_lost_or_doubled(tmp_path, killed_at):
    """The engine dies at some operation after the backup, orders in flight; then the log is lost."""
    (tmp_path / "w").mkdir()
    world = World(tmp_path / "w", faults=Faults(timeout_after=frozenset({1})))
    await trade_and_lose_the_log(world, tmp_path / "b", backup_at=1, switch=KillSwitch(at=killed_at))
    put_back(world, tmp_path / "b")
    engine = await recover(world)
    assert world.wrongs(engine) == []
    engine.desk.log.close()


async def test_a_restored_log_enters_nothing_until_a_person_lifts_it(tmp_path):
    """Backup before the set was planned: frozen, it is not traded; lifted, it is void."""
    (tmp_path / "w").mkdir()
    world = World(tmp_path / "w")
    backup.back_up(world.url, tmp_path / "b", world.wall)
    put_back(world, tmp_path / "b")
    world.wall.advance(1_000)
    engine = await world.boot()
    for _ in range(3):
        await engine.step()
    assert world.venue.requests == []
    assert engine.desk.log.restores.pending() is None
    (halt,) = engine.desk.log.halts.active()
    engine.desk.log.halts.lift(halt.halt_id, by="test", why="looked at")
    await world.live(engine)
    assert world.venue.requests == []
    log = engine.desk.log
    world.set_prices("100")
    world.wall.advance(1_000)
    log.write_signal_set(world.batch(set_id="set-00000000000000ab-0000000000ab"))
    await world.live(engine)
    assert len(log.ledger.all_trades()) == 2
    log.close()


async def test_an_exit_waits_until_its_account_was_replayed(tmp_path):
    """The backup holds a position that was sold since: the restored engine sells nothing a second time."""
    (tmp_path / "w").mkdir()
    world = World(tmp_path / "w")
    await trade_and_lose_the_log(world, tmp_path / "b", backup_at=3, switch=KillSwitch())
    sold = [request for _, request in world.venue.requests if request.side is Side.SELL]
    assert len(sold) == 2
    # The user has coins of their own: without the replay a sale would find a free balance.
    for symbol in world.symbols:
        world.venue.deposit("u1", symbol.split("/")[0], "500")
    put_back(world, tmp_path / "b")
    engine = await world.boot()
    assert len(engine.desk.log.ledger.open_trades()) == 2
    world.set_prices("90")
    await engine.exits.step()
    assert len([r for _, r in world.venue.requests if r.side is Side.SELL]) == 2
    await engine.step()
    assert engine.desk.log.ledger.open_trades() == []
    for _ in range(5):
        await engine.step()
    assert len([r for _, r in world.venue.requests if r.side is Side.SELL]) == 2
    engine.desk.log.close()


async def test_a_position_whose_set_was_lost_gets_a_stop(tmp_path):
    """Set, plan and fill are all younger than the backup: the position is adopted and stops out at 5 %."""
    (tmp_path / "w").mkdir()
    world = World(tmp_path / "w")
    backup.back_up(world.url, tmp_path / "b", world.wall)
    engine = await world.boot()
    other = "set-00000000000000ab-0000000000ab"
    engine.desk.log.write_signal_set(world.batch(signal("AAA/USDT", stop_loss=D("0.03")), set_id=other))
    for _ in range(3):
        await engine.step()
        world.wall.advance(400)
    engine.desk.log.close()
    put_back(world, tmp_path / "b")
    again = await world.boot()
    await again.step()
    log = again.desk.log
    found = {trade.symbol: trade for trade in log.ledger.open_trades()}
    assert found["BBB/USDT"].signal_set_id == world.batch().signal_set_id
    orphans = [i for i in log.orders.find(leg=Leg.OPEN) if i.signal_set_id.startswith("restored-1-")]
    own = world.batch().signal_set_id
    assert {i.signal_set_id for i in log.orders.find(leg=Leg.OPEN)} <= {
        own,
        *(i.signal_set_id for i in orphans),
    }
    assert all(i.status is IntentStatus.DONE for i in log.orders.find(leg=Leg.OPEN))
    world.set_prices("94.9")
    for _ in range(6):
        await again.step()
        world.wall.advance(1_200)
        world.clock.advance(1_200)
    assert log.ledger.open_trades() == []
    assert world.wrongs(again) == []
    log.close()
