"""News and orders, through the whole engine: no new entries, people told, a delisting left in time."""

from dataclasses import replace

import pytest

from tests.trading.execution.world import World
from trading.market.orders import Side
from trading.market.timeframes import DAY_MS, HOUR_MS, MINUTE_MS
from trading.store.order_log.news_holds import NewsHold
from trading.store.order_log.records import Leg

SYMBOL = "AAA/USDT"
NEXT_SET = "set-00000000000000aa-0000000000bb"


@pytest.fixture
def world(tmp_path):
    """One symbol at 100; entries at 101 or less, a stop 5 % below, a target 10 % above what was paid."""
    return World(tmp_path, symbols=(SYMBOL,))


async def steps(world: World, engine, count: int) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(400)
        world.clock.advance(400)


def hold(world: World, **changes: object) -> NewsHold:
    now_ms = world.clock.now_ms()
    made = NewsHold("hold-1", SYMBOL, "hack", "hack reported by wire: AAA hacked", now_ms, now_ms + DAY_MS)
    return replace(made, **changes)


async def holding(world: World):
    engine = await world.boot()
    await steps(world, engine, 6)
    assert len(engine.desk.log.ledger.open_trades()) == 1
    return engine


async def test_no_entry_while_news_holds_the_symbol_and_the_operator_hears_within_one_step(world):
    """One step after the hold is written: the set is skipped, the alert is delivered."""
    engine = await world.boot()
    engine.desk.log.news_holds.place([hold(world)], at_ms=world.clock.now_ms())
    await steps(world, engine, 1)
    assert world.mailbox.kinds().count("news_hold") == 1
    (message,) = [found for found in world.mailbox.messages.values() if found.kind == "news_hold"]
    assert (message.is_alert, message.user_id) == (True, "operator")
    assert "No new entries in AAA/USDT: hack reported by wire" in message.text
    await steps(world, engine, 5)
    assert world.venue.requests == []
    skip = engine.desk.log.skips().row(0, named=True)
    assert "closed by news" in skip["reason"]
    assert "AAA hacked" in skip["reason"]


async def test_entries_go_on_when_the_time_of_the_hold_is_over(world):
    """A day later, by the market's clock; no person is needed."""
    engine = await world.boot()
    until = world.clock.now_ms() + 1_000
    engine.desk.log.news_holds.place([hold(world, until_ms=until)], at_ms=world.clock.now_ms())
    await steps(world, engine, 4)
    engine.desk.log.write_signal_set(replace(world.batch(), signal_set_id=NEXT_SET))
    await steps(world, engine, 3)
    assert [request.side for _, request in world.venue.requests] == [Side.BUY]


async def test_who_holds_the_symbol_is_told_and_a_hack_alone_sells_nothing(world):
    """News opens and closes nothing by itself, except what must be out before trading ends."""
    engine = await holding(world)
    engine.desk.log.news_holds.place([hold(world)], at_ms=world.clock.now_ms())
    await steps(world, engine, 4)
    told = {found.user_id for found in world.mailbox.messages.values() if found.kind == "news_hold"}
    (trade,) = engine.desk.log.ledger.open_trades()
    assert told == {"operator", trade.user_id}
    assert engine.desk.log.orders.find(leg=Leg.CLOSE) == []


async def test_an_announced_delisting_is_left_before_its_time_and_not_long_before(world):
    """Trading ends in 30 hours: nothing for six, then out, a day before the end."""
    engine = await holding(world)
    now_ms = world.clock.now_ms()
    ends_ms = now_ms + 30 * HOUR_MS
    said = hold(world, event="delisting", ends_ms=ends_ms, until_ms=ends_ms + DAY_MS)
    engine.desk.log.news_holds.place([said], at_ms=now_ms)
    world.clock.advance(5 * HOUR_MS)
    await steps(world, engine, 2)
    trades = engine.desk.log.ledger.open_trades()
    assert len(trades) == 1
    assert trades[0].deadline_ms > world.clock.now_ms()
    world.clock.advance(ends_ms - DAY_MS - world.clock.now_ms() + MINUTE_MS)
    # The longest hold of the trade is six hours, and would end it too: the date comes first.
    await steps(world, engine, 4)
    assert engine.desk.log.closed_trades()["exit_reason"].to_list() == ["delisting"]
    assert world.clock.now_ms() < ends_ms
    assert world.wrongs(engine) == []


async def test_a_delisting_in_an_hour_is_left_at_once_and_by_the_next_process_too(world):
    """Less time than the lead; the engine dies before it sells, the next one sells."""
    engine = await holding(world)
    now_ms = world.clock.now_ms()
    said = hold(world, event="delisting", ends_ms=now_ms + HOUR_MS, until_ms=now_ms + DAY_MS)
    engine.desk.log.news_holds.place([said], at_ms=now_ms)
    again = await world.boot()
    await steps(world, again, 5)
    assert again.desk.log.closed_trades()["exit_reason"].to_list() == ["delisting"]
    assert world.wrongs(again) == []


async def test_a_released_delisting_sells_nothing(world):
    """A person said that it was a rumour."""
    engine = await holding(world)
    now_ms = world.clock.now_ms()
    said = hold(world, event="delisting", ends_ms=now_ms + HOUR_MS, until_ms=now_ms + DAY_MS)
    engine.desk.log.news_holds.place([said], at_ms=now_ms)
    engine.desk.log.news_holds.release(SYMBOL, "a rumour", at_ms=now_ms)
    await steps(world, engine, 5)
    assert len(engine.desk.log.ledger.open_trades()) == 1


async def test_announced_maintenance_stops_all_entries_for_its_window_and_ends_by_itself(world):
    """A hold of every symbol for an hour: skipped with the notice, told once; an hour later traded."""
    engine = await world.boot()
    now_ms = engine.desk.now_ms()
    hold = NewsHold("hold-m", "*", "maintenance", "maintenance of the exchange", now_ms, now_ms + 3_600_000)
    assert engine.desk.log.news_holds.place([hold], at_ms=now_ms) == 1
    assert engine.desk.log.news_holds.place([hold], at_ms=now_ms) == 0
    await engine.step()
    assert not engine.desk.log.orders.find()
    rules = engine.desk.log.skips()["rule"].to_list()
    assert set(rules) == {"suspended"}
    [message] = [m for m in world.mailbox.messages.values() if m.kind == "news_hold"]
    assert message.text.startswith("No new entries: maintenance")
    world.clock.advance(3_600_000)
    again = world.batch(set_id="set-00000000000000aa-0000000000ee")
    engine.desk.log.write_signal_set(again)
    await engine.step()
    assert engine.desk.log.orders.find()
