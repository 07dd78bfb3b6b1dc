"""Protections through the engine: after a stop the next signal waits, for the user and for the fleet."""

from dataclasses import replace

import pytest

from tests.trading.execution.world import World, signal
from trading.execution.protections import fleet_trades
from trading.execution.settings import EngineSettings
from trading.market.timeframes import HOUR_MS
from trading.risk.guards import Guards
from trading.store.order_log.fleet_rows import Closed
from trading.store.order_log.records import Leg

COOL = Guards(cooldown_ms=HOUR_MS)
STOP = Guards(stop_window_ms=HOUR_MS, stop_trades=1, stop_ms=HOUR_MS)


async def steps(world: World, engine, count: int) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(600)
        world.clock.advance(400)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        (EngineSettings(guards=COOL), "protection_cooldown"),
        (EngineSettings(guards=STOP), "protection_stoploss_guard"),
        (EngineSettings(fleet_guards=STOP), "protection_stoploss_guard"),
    ],
)
async def test_after_a_stop_entries_wait_and_go_on_an_hour_later(tmp_path, settings, rule):
    """Bought at 100, stopped at 90: the next set is skipped and says by what, in a new process, too."""
    world = World(tmp_path, symbols=("AAA/USDT",), settings=settings)
    engine = await world.boot()
    await steps(world, engine, 4)
    world.set_prices("90")
    await steps(world, engine, 6)
    assert engine.desk.log.closed_trades().height == 1
    world.set_prices("100")
    engine = await world.boot()
    engine.desk.settings = settings
    engine.desk.log.suspensions.active = dict
    engine.desk.log.write_signal_set(
        replace(world.batch(), signal_set_id="set-00000000000000aa-0000000000e1")
    )
    await steps(world, engine, 4)
    skips = engine.desk.log.skips()
    assert skips["rule"].to_list() == [rule]
    assert 0 < skips["value"][0] <= 3600
    world.clock.advance(HOUR_MS)
    later = replace(world.batch(signal("AAA/USDT")), signal_set_id="set-00000000000000aa-0000000000e2")
    engine.desk.log.write_signal_set(later)
    await steps(world, engine, 3)
    assert len(engine.desk.log.orders.find(leg=Leg.OPEN)) == 2


def test_one_bad_signal_of_a_thousand_users_is_one_stop():
    """1,000 trades of one signal: one trade, profit over cost of all, a stop as most of them were."""
    closed = [Closed(f"u{n}", "A", "set-1", n, 100, -2, "stop_loss") for n in range(999)]
    closed.append(Closed("u999", "A", "set-1", 5000, 100, 998, "take_profit"))
    (one,) = fleet_trades(closed)
    assert (one.ended_ms, one.is_stop) == (5000, True)
    assert one.profit == pytest.approx((998 - 2 * 999) / 100_000)
