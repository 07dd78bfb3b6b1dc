"""Bad prints, real moves and suspended symbols, through the whole engine on a venue in memory."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trading.execution.fake_venue import D, Faults
from tests.trading.execution.world import World
from trading.execution.settings import EngineSettings
from trading.market.orders import OrderStatus, OrderType, Side
from trading.store.order_log.records import IntentStatus, Leg
from trading.store.order_log.suspensions import Suspension

SYMBOL = "AAA/USDT"
NEXT_SET = "set-00000000000000aa-0000000000bb"


@pytest.fixture
def world(tmp_path):
    """One symbol at 100; entries at 101 or less, a stop 5 % below, a target 10 % above what was paid."""
    return World(tmp_path, symbols=(SYMBOL,))


async def steps(world: World, engine, count: int, *, wall_ms: int = 400) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(wall_ms)
        world.clock.advance(wall_ms)


async def holding(world: World):
    """Return an engine that has bought, and looked at the price since."""
    engine = await world.boot()
    await steps(world, engine, 6)
    (trade,) = engine.desk.log.ledger.open_trades()
    assert trade.open_price == 100
    return engine


def exits(engine) -> list:
    return engine.desk.log.orders.find(leg=Leg.CLOSE)


@pytest.mark.parametrize("bad", ["10", "1000", "0.01"])
async def test_one_bad_print_sells_nothing_and_suspends(world, bad):
    """A tenth or ten times the price for one look: nothing is sold, the symbol waits for a person."""
    engine = await holding(world)
    world.set_prices(bad)
    await steps(world, engine, 1)
    assert list(engine.desk.log.suspensions.active()) == [SYMBOL]  # at once, not only when it is understood
    world.set_prices("100")
    await steps(world, engine, 10)
    assert exits(engine) == []
    assert len(engine.desk.log.ledger.open_trades()) == 1
    found = engine.desk.log.suspensions.active()[SYMBOL]
    assert (found.state, found.price_before, found.price_after) == ("bad_print", D(100), D(bad))
    assert "a second look does not" in found.reason
    assert world.mailbox.kinds().count("symbol_suspended") == 1


async def test_real_move_sells_after_a_second_look_a_second_later(world):
    """Down 10 % for good: looks at 0, 0.4 and 0.8 s sell nothing, the one at 1.2 s does. No suspension."""
    engine = await holding(world)
    world.set_prices("90")
    await steps(world, engine, 3)
    assert exits(engine) == []
    await steps(world, engine, 8)
    (trade,) = engine.desk.log.ledger.all_trades()
    assert trade.is_closed
    assert engine.desk.log.closed_trades()["exit_reason"].to_list() == ["stop_loss"]
    assert engine.desk.log.suspensions.active() == {}
    assert world.wrongs(engine) == []


async def test_real_crash_sells_and_leaves_the_symbol_suspended(world):
    """Down 60 % for good: what is held is sold after a second; nobody enters until somebody has looked."""
    engine = await holding(world)
    world.set_prices("40")
    await steps(world, engine, 12)
    assert engine.desk.log.closed_trades()["exit_reason"].to_list() == ["stop_loss"]
    assert engine.desk.log.suspensions.active()[SYMBOL].state == "confirmed"
    assert world.wrongs(engine) == []


async def test_small_moves_sell_at_once(world):
    """Within two per cent a minute nothing is doubted: a stop reached in small steps fires with its print."""
    engine = await holding(world)
    for price in ("98.5", "97", "95.6"):
        world.set_prices(price)
        await steps(world, engine, 1)
    assert exits(engine) == []
    world.set_prices("94.9")
    await steps(world, engine, 1)
    assert len(exits(engine)) == 1


async def test_restarted_process_doubts_its_first_print_too(world):
    """A process that has seen no price compares with what was paid: its first look sells nothing."""
    await holding(world)
    world.set_prices("10")
    engine = await world.boot()
    await steps(world, engine, 1)
    world.set_prices("100")
    await steps(world, engine, 6)
    assert exits(engine) == []
    assert SYMBOL in engine.desk.log.suspensions.active()


async def test_suspension_outlives_the_process_and_ends_with_a_release(world):
    """No entry while it holds, in this process or the next; after the release entries go on."""
    engine = await world.boot()
    engine.desk.log.suspensions.suspend(Suspension(SYMBOL, "scan", "unconfirmed", "looked odd", 1))
    await steps(world, engine, 3)
    again = await world.boot()
    await steps(world, again, 3)
    assert world.venue.requests == []
    skip = again.desk.log.skips().row(0, named=True)
    assert (skip["rule"], "looked odd" in skip["reason"]) == ("suspended", True)

    again.desk.log.suspensions.release(SYMBOL, "a split, understood", at_ms=2)
    again.desk.log.write_signal_set(replace(world.batch(), signal_set_id=NEXT_SET))
    await steps(world, again, 3)
    assert [request.side for _, request in world.venue.requests] == [Side.BUY]


async def test_price_far_from_what_the_signal_saw_is_never_entered(world):
    """The signal's limit was 101, the venue says 20: suspended before anybody buys the bargain."""
    world.set_prices("20")
    engine = await world.boot()
    await steps(world, engine, 3)
    assert world.venue.requests == []
    assert engine.desk.log.skips()["rule"].to_list() == ["suspended"]


async def test_entry_that_was_planned_before_the_suspension_never_leaves(tmp_path):
    """A refused first try is written down to be tried again; suspended meanwhile, it is void."""
    world = World(tmp_path, symbols=(SYMBOL,), faults=Faults(limited=frozenset({0})))
    engine = await world.boot()
    await engine.step()
    first, second = sorted(engine.desk.log.orders.find(), key=lambda intent: intent.attempt)
    assert (first.status, second.status) == (IntentStatus.REJECTED, IntentStatus.NEW)
    engine.desk.log.suspensions.suspend(Suspension(SYMBOL, "scan", "unconfirmed", "looked odd", 1))
    await steps(world, engine, 4)
    assert len(world.venue.requests) == 1
    void = engine.desk.log.orders.get(second.coid)
    assert void.status is IntentStatus.VOID
    assert "suspended for review" in (void.reason or "")


async def test_resting_entry_of_a_suspended_symbol_is_cancelled(tmp_path):
    """What rests in the book would be a new entry the moment it fills."""
    settings = EngineSettings(entry_type=OrderType.LIMIT, entry_timeout_market_s=10**6)
    world = World(tmp_path, symbols=(SYMBOL,), settings=settings, faults=Faults(share=Decimal(0)))
    engine = await world.boot()
    await steps(world, engine, 4)
    (resting,) = world.venue.of("u1")
    assert resting.status is OrderStatus.OPEN
    engine.desk.log.suspensions.suspend(Suspension(SYMBOL, "scan", "unconfirmed", "looked odd", 1))
    await steps(world, engine, 8)
    (gone,) = world.venue.of("u1")
    assert gone.status is OrderStatus.CANCELED
    assert engine.desk.log.ledger.open_trades() == []


NAMES = tuple(f"S{number:02}/USDT" for number in range(39))


async def surveyed(tmp_path, jumped: int) -> tuple[World, object, int]:
    """Forty symbols (MX included) looked at twice, 5 s apart; `jumped` of them fall to a tenth in between."""
    world = World(tmp_path, symbols=NAMES)
    engine = await world.boot()
    assert await engine.market.step() == 40
    for symbol in NAMES[:jumped]:
        world.venue.prices[symbol] = D(10)
    world.clock.advance(5_000)
    world.wall.advance(5_000)
    return world, engine, await engine.market.step()


async def test_jump_of_a_symbol_that_nobody_holds_suspends_it_at_the_next_look(tmp_path):
    """Two of forty fall to a tenth within five seconds: both wait for a person, the other 38 do not."""
    world, engine, judged = await surveyed(tmp_path, 2)
    assert judged == 40
    assert sorted(engine.desk.log.suspensions.active()) == list(NAMES[:2])
    await engine.courier.step()
    assert world.mailbox.kinds().count("symbol_suspended") == 2


async def test_look_in_which_everything_jumps_suspends_nobody(tmp_path):
    """Three of forty are more than a twentieth: the look is wrong, and the operator hears of it once."""
    world, engine, judged = await surveyed(tmp_path, 3)
    assert (judged, engine.desk.log.suspensions.active()) == (0, {})
    assert await engine.market.step() == 0
    await engine.courier.step()
    assert world.mailbox.kinds() == ["look_not_believed"]
    for symbol in NAMES:
        world.venue.prices[symbol] = D(100)
    assert await engine.market.step() == 40
    assert engine.desk.log.suspensions.active() == {}
