"""All users together stay within what the gate said that a symbol bears, also after a restart."""

from pathlib import Path

import pytest

from tests.trading.execution.fake_venue import D
from tests.trading.execution.world import World, signal
from trading.execution.desk import Desk
from trading.execution.shared_capacity import SharedCapacity

ONE = ("AAA/USDT",)
# Each user of 10,000 stakes 9.9 x 101 and a fee of 0.1 % on it: 1,000.8999 (test_order_path).
EACH = D("1000.8999")
SET = "set-00000000000000ee-000000000001"


def planned(desk: Desk) -> tuple[list[str], dict[str, str]]:
    """Who entered, and who did not by the rule of capacity: user -> reason."""
    entered = sorted(intent.user_id for intent in desk.log.orders.find() if intent.signal_set_id == SET)
    from trading.store.order_log import schema

    with desk.log.database.read() as connection:
        rows = connection.execute(schema.skips.select().where(schema.skips.c.rule == "capacity"))
        return entered, {row.user_id: row.reason for row in rows}


async def offered(world: World, capacity: str | None) -> Desk:
    engine = await world.boot()
    bears = None if capacity is None else D(capacity)
    engine.desk.log.write_signal_set(world.batch(signal(ONE[0], capacity_quote=bears), set_id=SET))
    # The world's own set of the same symbol would be taken first: it is over before this one is offered.
    for user in engine.desk.users.all():
        engine.desk.log.orders.plan_entries(user.user_id, _first(engine), [], [], place=0, at_ms=0)
    await engine.step()
    return engine.desk


def _first(engine) -> str:
    return next(name for name in engine.desk.log.sets.live(engine.desk.now_ms()) if name != SET)


@pytest.mark.parametrize(
    ("capacity", "users"), [(None, 4), ("4003.60", 4), ("4003.59", 3), ("2500", 2), ("1000.8", 0)]
)
async def test_entries_of_all_users_stop_at_the_capacity(tmp_path: Path, capacity, users) -> None:
    """Four users of 1,000.8999 each are 4,003.5996: a cent less and the last one finds no room."""
    desk = await offered(World(tmp_path, symbols=ONE, users=4), capacity)
    entered, refused = planned(desk)
    assert len(entered) == users
    assert len(refused) == 4 - users
    assert desk.log.orders.committed(SET) == ({ONE[0]: users * EACH} if users else {})
    for reason in refused.values():
        assert reason.startswith(f"AAA/USDT bears {D(capacity):.2f} of all users together")


async def test_after_a_restart_the_room_taken_before_is_known(tmp_path: Path) -> None:
    """The tally is read from the log: a fresh process lets in no second round."""
    desk = await offered(World(tmp_path, symbols=ONE, users=2), "2500")
    again = SharedCapacity(desk.log)
    told = signal(ONE[0], capacity_quote=D(2500))
    assert again.refusal(SET, told, EACH) == (
        "AAA/USDT bears 2500.00 of all users together, 2001.80 are taken, 1000.90 do not fit"
    )
    assert again.refusal(SET, told, D(400)) is None
    assert again.refusal("set-of-nobody", told, EACH) is None


async def test_only_so_many_sets_are_remembered(tmp_path: Path) -> None:
    """The tally of an old set is read anew when asked; memory does not grow with the sets of a year."""
    engine = await World(tmp_path, symbols=ONE).boot()
    shared, told = SharedCapacity(engine.desk.log), signal(ONE[0], capacity_quote=D(10))
    for number in range(100):
        assert shared.refusal(f"set-{number}", told, D(5)) is None
    assert len(shared._sets) == 16
