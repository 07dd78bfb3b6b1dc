"""Single steps of the order path, each with the trouble it is there for."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.trading.execution.fake_venue import D, Faults
from tests.trading.execution.world import SET_ID, World, signal
from trading.execution.settings import EngineSettings
from trading.execution.venue_audit import lost_and_doubled
from trading.market.orders import OrderStatus, OrderType, Side
from trading.store.order_log.records import IntentStatus, Leg
from trading.universe.jump_guard import JumpRules

ONE = ("AAA/USDT",)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    return World(tmp_path, symbols=ONE)


def make(tmp_path: Path, **changes: object) -> World:
    return World(tmp_path, **({"symbols": ONE} | changes))


async def steps(world: World, engine, count: int, *, wall_ms: int = 400, market_ms: int = 30_000) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(wall_ms)
        world.clock.advance(market_ms)


async def test_entry_is_sized_by_risk_and_capped_by_share(world):
    """10,000 capital, 1 % risk, 5 % stop: 2,000 by risk, but 10 % share caps at 1,000 -> 9.9 at limit 101."""
    engine = await world.boot()
    await engine.step()
    (intent,) = engine.desk.log.orders.find()
    assert intent.amount == D("9.9")
    assert intent.price == D(101)
    assert intent.type is OrderType.IOC
    # Worst case reserved: 9.9 x 101 with 0.1 % fee.
    assert intent.reserved == D("1000.8999")


async def test_unknown_outcome_is_never_sent_again(tmp_path):
    """No answer, not accepted: one submission in all, then LOST with an alert, later explained."""
    world = make(tmp_path, faults=Faults(timeout_before=frozenset({0})))
    engine = await world.boot()
    await steps(world, engine, 20)
    (intent,) = engine.desk.log.orders.find()
    assert intent.status is IntentStatus.LOST
    assert len(world.venue.requests) == 1
    assert "order_lost" in world.mailbox.kinds()


async def test_lost_entry_freezes_its_symbol_until_the_balance_explains_it(tmp_path):
    """While LOST the symbol is refused; 30 s after sending, with nothing held, it is open again."""
    world = make(tmp_path, faults=Faults(timeout_before=frozenset({0})))
    engine = await world.boot()
    await steps(world, engine, 20, market_ms=1000)
    log = engine.desk.log
    log.write_signal_set(world.batch(set_id="set-00000000000000aa-0000000000ab"))
    await engine.step()
    assert log.skips()["rule"].to_list() == ["frozen"]
    world.wall.advance(60_000)
    await steps(world, engine, 3, market_ms=1000)
    assert {intent.status for intent in log.orders.find()} == {IntentStatus.REJECTED}
    log.write_signal_set(world.batch(set_id="set-00000000000000aa-0000000000ac"))
    await steps(world, engine, 3, market_ms=1000)
    assert len(log.ledger.open_trades()) == 1


async def test_lost_entry_is_explained_beside_coins_of_the_users_own(tmp_path):
    """3 AAA were there before us; the venue has these 3 and no more: the LOST entry never executed."""
    world = make(tmp_path, faults=Faults(timeout_before=frozenset({0})))
    world.venue.deposit("u1", "AAA", "3")
    engine = await world.boot()
    await steps(world, engine, 20, market_ms=1000)
    assert {intent.status for intent in engine.desk.log.orders.find()} == {IntentStatus.LOST}
    world.wall.advance(60_000)
    await steps(world, engine, 3, market_ms=1000)
    assert {intent.status for intent in engine.desk.log.orders.find()} == {IntentStatus.REJECTED}
    assert engine.desk.log.ledger.entries.balances("u1")["other", "AAA"] == D(3)


@pytest.mark.parametrize(("locked", "status"), [("0", IntentStatus.REJECTED), ("999.9", IntentStatus.LOST)])
async def test_lost_limit_entry_is_explained_once_nothing_is_locked(tmp_path, locked, status):
    """It might rest where nobody sees it: while USDT are locked at the venue its case stays open."""
    settings = EngineSettings(lost_after_s=3.0, lost_looks=4, entry_type=OrderType.LIMIT)
    world = make(tmp_path, settings=settings, faults=Faults(timeout_before=frozenset({0})))
    world.venue.locked["u1", "USDT"] = D(locked)
    engine = await world.boot()
    await steps(world, engine, 20, market_ms=1000)
    world.wall.advance(60_000)
    await steps(world, engine, 3, market_ms=1000)
    assert {intent.status for intent in engine.desk.log.orders.find()} == {status}


async def test_lost_order_that_turns_up_is_taken_over_with_its_stop(tmp_path):
    """Accepted, hidden for longer than the search: LOST first, then found, booked and protected."""
    world = make(tmp_path, faults=Faults(timeout_after=frozenset({0}), hidden_looks=22))
    engine = await world.boot()
    await steps(world, engine, 14)
    (intent,) = engine.desk.log.orders.find()
    assert intent.status is IntentStatus.LOST
    for _ in range(30):
        world.wall.advance(30_000)
        await engine.step()
        if engine.desk.log.ledger.open_trades():
            break
    (trade,) = engine.desk.log.ledger.open_trades()
    assert trade.stop_price == D(95)
    assert "order_found" in world.mailbox.kinds()
    assert world.wrongs(engine) == []


async def test_lost_order_that_was_executed_is_never_explained_away(tmp_path):
    """Hidden for ever, but the coins are there: it stays LOST, because the balance speaks against it."""
    world = make(tmp_path, faults=Faults(timeout_after=frozenset({0}), hidden_looks=10_000))
    engine = await world.boot()
    await steps(world, engine, 60, wall_ms=5_000)
    (intent,) = engine.desk.log.orders.find()
    assert intent.status is IntentStatus.LOST
    verdict = await lost_and_doubled(engine.desk)
    assert verdict.doubled == []


async def test_refused_order_releases_its_reservation(world):
    """A definite refusal frees symbol and money at once and tells the user."""
    world.venue.balances["u1", "USDT"] = D(10_000)
    engine = await world.boot()
    world.venue.faults.limited = frozenset(range(10))
    await steps(world, engine, 5)
    statuses = [intent.status for intent in engine.desk.log.orders.find()]
    assert statuses == [IntentStatus.REJECTED] * 3  # a passing reason: three attempts, each its own id
    assert len({request.client_order_id for _, request in world.venue.requests}) == 3
    assert engine.desk.log.accounts.standing("u1", recent_since_ms=0).held == {}


async def test_expired_set_is_never_traded(world):
    """A set found after its market time is over leads to no order."""
    world.clock.advance(31 * 60_000)
    engine = await world.boot()
    await steps(world, engine, 3)
    assert engine.desk.log.orders.find() == []


async def test_intent_that_expires_while_waiting_is_void(world):
    """Written, never sent, found after the set expired: VOID, not late."""
    engine = await world.boot()
    quotes = await engine.desk.quotes(ONE)
    await engine.reconcile.step()
    user = engine.desk.users.get("u1")
    await engine.intake._entries.plan(user, engine.desk.log.get_signal_set(SET_ID), quotes, place=0)
    world.clock.advance(31 * 60_000)
    await steps(world, engine, 2)
    (intent,) = engine.desk.log.orders.find()
    assert intent.status is IntentStatus.VOID
    assert world.venue.requests == []


async def test_set_offered_twice_is_planned_once(world):
    """Intake may see the same set any number of times, also after a restart."""
    for _ in range(3):
        engine = await world.boot()
        await steps(world, engine, 3)
        engine.desk.log.close()
    assert len(world.venue.requests) == 1


async def test_stop_sells_below_the_stop_price(world):
    """Entry at 100 with a 5 % stop: 95.01 holds, 94.99 sells."""
    engine = await world.boot()
    await steps(world, engine, 4)
    world.set_prices("95.01")
    await steps(world, engine, 3)
    assert len(engine.desk.log.ledger.open_trades()) == 1
    world.set_prices("94.99")
    await steps(world, engine, 3)
    trade = engine.desk.log.closed_trades().row(0, named=True)
    assert trade["exit_reason"] == "stop_loss"
    # 9.9 x (94.99 - 100) less 0.1 % of 990 and of 940.401
    assert trade["pnl_quote"] == pytest.approx(-49.599 - 0.99 - 0.940401)


async def test_maximum_hold_sells_at_any_price(world):
    """Six hours of market time after the first fill the position is left."""
    engine = await world.boot()
    await steps(world, engine, 4)
    world.clock.advance(6 * 3600_000)
    await steps(world, engine, 3)
    assert engine.desk.log.closed_trades()["exit_reason"].to_list() == ["max_hold"]


async def test_exit_that_has_begun_goes_on_though_the_price_recovers(tmp_path):
    """A stop that sold half sells the rest, also above the stop again."""
    world = make(tmp_path)
    engine = await world.boot()
    await steps(world, engine, 4)
    world.faults.share = Decimal("0.5")
    world.set_prices("94")
    await steps(world, engine, 4)  # the first look doubts the print; one a second later sells
    world.set_prices("99")
    world.faults.share = Decimal(1)
    await steps(world, engine, 6)
    assert engine.desk.log.closed_trades()["exit_reason"].to_list() == ["stop_loss"]
    closes = engine.desk.log.orders.find(leg=Leg.CLOSE)
    assert sorted(intent.attempt for intent in closes) == [1, 2]
    assert sum(intent.filled for intent in closes) == D("9.9")


async def test_exit_without_an_answer_reads_the_balance_before_the_next_attempt(tmp_path):
    """The first exit was executed, its answer and its listing are missing: nothing is sold twice."""
    world = make(tmp_path)
    world.venue.deposit("u1", "AAA", "50")  # the user's own coins, no part of any position
    engine = await world.boot()
    await steps(world, engine, 4)
    world.faults.timeout_after = frozenset({1})
    world.faults.hidden_looks = 3
    world.set_prices("94")
    await steps(world, engine, 20)
    sold = [state.filled for state in world.venue.of("u1") if state.side is Side.SELL]
    assert sum(sold) == D("9.9")
    assert world.venue.balances["u1", "AAA"] == D(50)


async def test_position_that_was_taken_away_is_told_not_looped(world):
    """The coins are gone: an alert, no order above the free balance, no closed trade."""
    engine = await world.boot()
    await steps(world, engine, 4)
    world.venue.balances["u1", "AAA"] = D(0)
    world.set_prices("94")
    await steps(world, engine, 60)
    assert "exit_held_up" in world.mailbox.kinds()
    assert len(world.venue.requests) < 15
    assert engine.desk.log.open_trades()["held_up"][0] is not None


async def test_residue_goes_to_the_dust_account(tmp_path):
    """Base fees leave 4.945 of 4.95 sellable steps: the rest is dust, the trade is closed."""
    world = make(tmp_path, faults=Faults(fee_asset="base"))
    engine = await world.boot()
    await world.live(engine)
    (trade,) = engine.desk.log.ledger.all_trades()
    # 9.9 bought, 0.0099 fee: 9.8901 held, 9.890 sold, 0.0001 left.
    assert (trade.is_closed, trade.dust, trade.sold) == (True, D("0.0001"), D("9.890"))
    assert world.wrongs(engine) == []


async def test_resting_entry_is_cancelled_after_its_time(tmp_path):
    """A LIMIT entry that does not fill is cancelled after its market time; with 0 reprices that is all."""
    settings = EngineSettings(entry_type=OrderType.LIMIT, entry_timeout_market_s=120, entry_reprices=0)
    world = make(tmp_path, settings=settings)
    world.faults.share = Decimal(0)
    engine = await world.boot()
    await steps(world, engine, 8)
    (state,) = world.venue.of("u1")
    (intent,) = engine.desk.log.orders.find()
    assert state.status is OrderStatus.CANCELED
    assert intent.status is IntentStatus.DONE
    assert intent.reason == "rested for its time"


async def test_rest_of_an_entry_is_cancelled_before_the_exit(tmp_path):
    """A half-filled resting entry whose stop is hit: cancel the rest, then sell what was bought."""
    settings = EngineSettings(
        entry_type=OrderType.LIMIT, entry_timeout_market_s=10**6, jumps=JumpRules(confirm_after_s=0.0)
    )
    world = make(tmp_path, settings=settings)
    world.faults.share = Decimal("0.5")
    engine = await world.boot()
    await steps(world, engine, 4)
    world.faults.share = Decimal(1)
    world.set_prices("94")
    await steps(world, engine, 12)
    buy, sell = world.venue.of("u1")
    assert buy.status is OrderStatus.PARTIALLY_CANCELED
    assert sell.filled == buy.filled
    assert world.wrongs(engine) == []


async def test_users_are_served_in_an_order_drawn_per_set(tmp_path):
    """Nobody is always first: over eight sets at least three different users lead."""
    world = make(tmp_path, users=4)
    engine = await world.boot()
    leaders = set()
    for number in range(8):
        batch = replace(world.batch(), signal_set_id=f"set-00000000000000aa-{number:012x}")
        users = engine.desk.users.all()
        leaders.add(engine.intake._rotation(batch, users)[0][1].user_id)
    assert len(leaders) >= 3


@pytest.mark.parametrize(
    ("rule", "prepare"),
    [
        ("price_moved", lambda world, log: world.set_prices("101.01")),
        ("no_quote", lambda world, log: world.set_prices("0")),
        ("paused", lambda world, log: log.accounts.change("u1", is_paused=True)),
        ("user_list", lambda world, log: log.accounts.change("u1", blocked=["AAA/USDT"])),
        ("size", lambda world, log: world.venue.balances.update({("u1", "USDT"): D(4)})),
    ],
)
async def test_skipped_signal_keeps_rule_and_reason(world, rule, prepare):
    """Every signal a user does not follow has a countable rule and a sentence."""
    engine = await world.boot()
    prepare(world, engine.desk.log)
    await steps(world, engine, 2)
    skip = engine.desk.log.skips().row(0, named=True)
    assert skip["rule"] == rule
    assert len(skip["reason"]) > 10
    assert world.venue.requests == []


async def test_delisted_symbol_stops_nobody_else(tmp_path):
    """A signal in a pair that is not listed is skipped; the other one is traded."""
    world = make(tmp_path)
    engine = await world.boot()
    batch = world.batch(signal("GONE/USDT"), signal("AAA/USDT"), set_id="set-00000000000000aa-0000000000ad")
    engine.desk.log.write_signal_set(batch)
    await steps(world, engine, 3)
    assert engine.desk.log.skips().filter(rule="not_listed").height == 1
    assert len(world.venue.requests) == 1
