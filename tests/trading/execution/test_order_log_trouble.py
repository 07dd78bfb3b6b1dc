"""The log cannot be written: no order leaves, the operator is told, and what waited is done afterwards."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

from tests.trading.execution.world import World
from trading.market.errors import StoreError
from trading.market.orders import Side


@contextmanager
def full_disk(world: World) -> Iterator[None]:
    """No file may grow above the size of the write-ahead log now: what a full disk does to SQLite."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (world.folder / "orders.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def rounds(engine, world: World, count: int) -> None:
    """Let the engine try as its loops do: a step that fails is tried again."""
    for _ in range(count):
        for step in (engine.exits.step, engine.follow.step, engine.reconcile.step, engine.intake.step):
            await engine._guarded(step)
        world.wall.advance(400)


async def test_no_entry_leaves_that_could_not_be_written_down(tmp_path):
    """Full disk before the plan: nothing at the venue. Space again: the same set is traded."""
    world = World(tmp_path)
    engine = await world.boot()
    await engine.reconcile.step()
    engine.desk.log.set_cursor("a", "b")
    with full_disk(world):
        await rounds(engine, world, 3)
        assert world.venue.requests == []
        await engine.tell_of_the_log()
        await engine.tell_of_the_log()
    assert world.mailbox.kinds() == ["order_log_refused"]
    await world.live(engine)
    assert len(engine.desk.log.ledger.all_trades()) == len(world.symbols)
    assert world.wrongs(engine) == []
    engine.desk.log.close()


async def test_no_planned_entry_leaves_whose_sending_could_not_be_written_down(tmp_path):
    """Planned, then the disk is full: the order stays NEW, the wire stays silent, later it is sent once."""
    world = World(tmp_path)
    engine = await world.boot()
    send_new, engine.wire.send_new = engine.wire.send_new, _nothing
    engine.intake._send_planned = _nothing
    await engine.reconcile.step()
    await engine.intake.step()
    assert len(engine.desk.log.orders.find()) == 2
    with full_disk(world):
        for intent in engine.desk.log.orders.find():
            await engine.wire.send(intent)
        assert world.venue.requests == []
        assert "order log at" in str(engine.desk.trouble)
    engine.wire.send_new = send_new
    await world.live(engine)
    assert world.wrongs(engine) == []
    engine.desk.log.close()


async def test_a_stop_that_could_not_be_written_is_tried_until_it_can(tmp_path):
    """Below the stop on a full disk: no sale without its intent; with space again the next look sells."""
    world = World(tmp_path)
    engine = await world.boot()
    for _ in range(3):
        await engine.step()
        world.wall.advance(400)
    assert len(engine.desk.log.ledger.open_trades()) == 2
    world.set_prices("94")
    with full_disk(world):
        await rounds(engine, world, 12)
        assert all(request.side is Side.BUY for _, request in world.venue.requests)
    await rounds(engine, world, 20)
    assert engine.desk.log.ledger.open_trades() == []
    assert world.wrongs(engine) == []
    engine.desk.log.close()


async def test_an_answer_that_could_not_be_written_is_looked_up_later(tmp_path, monkeypatch):
    """The disk fills while it is at the venue: the log says SENT, `follow` finds out what became of it."""
    world = World(tmp_path)
    engine = await world.boot()
    await engine.reconcile.step()
    with monkeypatch.context() as patched:
        patched.setattr(engine.wire._orders, "acknowledge", _refuses)
        await engine.intake.step()
    assert len(world.venue.requests) == 2
    await world.live(engine)
    assert world.wrongs(engine) == []
    assert world.venue.submissions == 4  # two entries, two exits: none twice
    engine.desk.log.close()


async def _nothing(*_arguments: object) -> int:
    return 0


def _refuses(*_arguments: object) -> bool:
    raise StoreError("order log at x: database or disk is full")


async def test_a_log_locked_by_another_writer_sends_nothing_and_goes_on_after(tmp_path, monkeypatch):
    """SQL locked longer than the patience: StoreError, no order; free again: traded."""
    from trading.store.order_log import connections

    monkeypatch.setattr(connections, "BUSY_TIMEOUT_MS", 50)
    world = World(tmp_path)
    engine, other = await world.boot(), await world.boot()
    with other.desk.log.database.write() as connection:
        connection.exec_driver_sql("UPDATE users SET name = name")
        await rounds(engine, world, 2)
        assert world.venue.requests == []
        assert "locked" in str(engine.desk.trouble)
    await world.live(engine)
    assert world.wrongs(engine) == []
    for process in (engine, other):
        process.desk.log.close()
