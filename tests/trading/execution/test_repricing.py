"""What an entry left unexecuted is meant again: once, for the rest alone, and only while it may be."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trading.execution.fake_venue import D, Faults
from tests.trading.execution.world import World, signal
from trading.execution.settings import EngineSettings
from trading.market.errors import BadInput
from trading.market.orders import OrderStatus, OrderType
from trading.store.order_log.records import Intent, IntentStatus, Leg
from trading.users.directory import Directory
from trading.users.gates import CLOSE_ALL

ONE = ("AAA/USDT",)
CALM = EngineSettings(entry_reprice_after_market_s=60)


def make(tmp_path, share: str, **changes: object) -> World:
    settings = replace(CALM, **changes)  # type: ignore[arg-type]  # fields of the settings
    return World(tmp_path, symbols=ONE, settings=settings, faults=Faults(share=Decimal(share)))


async def steps(world: World, engine, count: int) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(1_100)
        world.clock.advance(30_000)


def entries(engine) -> list[Intent]:
    return sorted(engine.desk.log.orders.find(leg=Leg.OPEN), key=lambda intent: intent.attempt)


async def test_rest_of_an_entry_is_bought_by_a_second_attempt(tmp_path):
    """A thin book fills 4 of 10 (9.9 wanted): 3.96 first, the 5.94 left in the second order."""
    world = make(tmp_path, "0.4")
    engine = await world.boot()
    await steps(world, engine, 1)
    world.faults.share = D(1)
    await steps(world, engine, 5)
    first, second = entries(engine)
    assert (first.filled, second.amount, second.filled) == (D("3.96"), D("5.94"), D("5.94"))
    assert (first.trade_id, second.attempt) == (second.trade_id, 2)
    (trade,) = engine.desk.log.ledger.open_trades()
    assert trade.bought == D("9.9")
    assert world.wrongs(engine) == []


async def test_attempts_are_bounded(tmp_path):
    """A book that gives nothing is asked three times, by default, and no fourth."""
    world = make(tmp_path, "0")
    engine = await world.boot()
    await steps(world, engine, 20)
    assert [intent.attempt for intent in entries(engine)] == [1, 2, 3]
    assert all(intent.status is IntentStatus.DONE for intent in entries(engine))


async def test_nothing_is_bought_above_the_limit_of_the_set(tmp_path):
    """Ask 103, limit 101: nothing is sent while it stays there; back at 100 the rest is bought."""
    world = make(tmp_path, "0")
    engine = await world.boot()
    await steps(world, engine, 1)
    world.faults.share = D(1)
    world.set_prices("103")
    await steps(world, engine, 8)
    assert len(entries(engine)) == 1
    world.set_prices("100")
    await steps(world, engine, 8)
    assert [intent.filled for intent in entries(engine)] == [D(0), D("9.9")]


async def test_nothing_follows_after_the_set_has_expired(tmp_path):
    """The set lives for 30 minutes; an entry unfilled by then stays so."""
    world = make(tmp_path, "0", entry_reprice_after_market_s=31 * 60)
    engine = await world.boot()
    await steps(world, engine, 1)
    world.faults.share = D(1)
    await steps(world, engine, 80)
    assert len(entries(engine)) == 1


async def test_what_a_user_closes_is_not_bought_again(tmp_path):
    """Unfilled, then close all, then calm again: the user said no, for this entry."""
    world = make(tmp_path, "0")
    engine = await world.boot()
    await steps(world, engine, 1)
    engine.desk.log.wishes.ask("u1", CLOSE_ALL)
    world.faults.share = D(1)
    await steps(world, engine, 10)
    assert len(entries(engine)) == 1
    assert engine.desk.log.ledger.all_trades() == []


async def test_position_that_is_being_left_grows_no_more(tmp_path):
    """Half bought, stopped out before the second attempt is due: none comes."""
    world = make(tmp_path, "0.5", entry_reprice_after_market_s=600)
    engine = await world.boot()
    await steps(world, engine, 2)
    world.faults.share = D(1)
    world.set_prices("94")
    await steps(world, engine, 4)
    world.set_prices("100")
    await steps(world, engine, 25)
    assert len(entries(engine)) == 1
    (trade,) = engine.desk.log.ledger.all_trades()
    assert trade.is_closed
    assert world.wrongs(engine) == []


async def test_resting_entry_is_priced_again_only_after_its_cancellation(tmp_path):
    """LIMIT: rests 120 s, cancelled, then again; at no moment are two of them live."""
    world = make(tmp_path, "0.5", entry_type=OrderType.LIMIT, entry_timeout_market_s=120)
    engine = await world.boot()
    for _ in range(12):
        await steps(world, engine, 1)
        live = [state for state in world.venue.of("u1") if not state.status.is_terminal]
        assert len(live) <= 1
    first, second, *_ = entries(engine)
    states = world.venue.of("u1")
    assert states[0].status is OrderStatus.PARTIALLY_CANCELED
    assert second.amount == first.amount - first.filled
    assert first.reason == "rested for its time"


async def test_resting_entry_that_somebody_ended_stays_ended(tmp_path):
    """A resting order cancelled at the exchange by its owner's hand is not put back."""
    world = make(tmp_path, "0", entry_type=OrderType.LIMIT, entry_timeout_market_s=10**6)
    engine = await world.boot()
    await steps(world, engine, 2)
    (state,) = world.venue.of("u1")
    await engine.desk.account("u1").cancel("AAA/USDT", order_id=state.order_id)
    await steps(world, engine, 10)
    assert len(entries(engine)) == 1


async def test_entry_at_the_bid_goes_up_to_the_limit_at_last(tmp_path):
    """Joins the bid of 100 (at most the limit of 101), again at a bid of 100.50, at last at 101."""
    world = make(
        tmp_path, "0", entry_type=OrderType.LIMIT, entry_timeout_market_s=60, entry_at_bid=True,
        entry_reprice_after_market_s=0,
    )  # fmt: skip
    engine = await world.boot()
    await steps(world, engine, 1)
    world.set_prices("100.50")
    await steps(world, engine, 20)
    prices = [intent.price for intent in entries(engine)]
    quote = (await engine.desk.quotes(["AAA/USDT"]))["AAA/USDT"]
    assert prices[0] is not None
    assert prices[0] <= D(100)
    assert prices[1:] == [min(D(101), engine.desk.market("AAA/USDT").price_down(quote.bid)), D(101)]


async def test_log_refuses_a_remainder_that_would_double(tmp_path):
    """Asked for more than the first attempt left, or twice, or while one is live, the log writes nothing."""
    world = make(tmp_path, "0.4", entry_reprices=0)
    engine = await world.boot()
    await steps(world, engine, 2)
    (first,) = entries(engine)
    again = replace(
        first, coid="b" * 26, intent_id="second", attempt=2, amount=D("5.94"), status=IntentStatus.NEW,
        filled=D(0), filled_cost=D(0), order_id=None,
    )  # fmt: skip
    plan = engine.desk.log.remainders.plan
    assert not plan(replace(again, amount=D("5.941")), after=first.coid)
    assert plan(again, after=first.coid)
    third = replace(again, coid="c" * 26, intent_id="third", attempt=3)
    assert not plan(again, after=first.coid)
    assert not plan(third, after=again.coid)  # the second is not over
    assert not plan(third, after=first.coid)  # nor is the first the last


@pytest.mark.parametrize("name", ["entry_reprices", "entry_reprice_after_market_s"])
def test_bounds_are_named(name):
    """A negative number is refused by its name."""
    with pytest.raises(BadInput, match=f"{name} must not be negative, was -1"):
        EngineSettings(**{name: -1})


async def test_rest_is_not_bought_beside_another_position_of_its_symbol(tmp_path):
    """The next set has bought the pair meanwhile: the first set's unfilled entry is not bought besides."""
    world = make(tmp_path, "0", entry_reprice_after_market_s=300)
    engine = await world.boot()
    await steps(world, engine, 1)
    world.faults.share = D(1)
    engine.desk.log.write_signal_set(world.batch(set_id="set-00000000000000aa-0000000000ab"))
    await steps(world, engine, 20)
    assert len(engine.desk.log.ledger.open_trades()) == 1
    assert sorted(len({one.signal_set_id}) for one in entries(engine)) == [1, 1]
    assert [intent.attempt for intent in entries(engine)] == [1, 1]


async def test_rest_counts_against_the_users_positions(tmp_path):
    """One place: the pair that did not fill waits, and the other pair of the next set has taken it."""
    world = World(
        tmp_path, settings=replace(CALM, entry_reprice_after_market_s=300), faults=Faults(share=D(0))
    )
    engine = await world.boot()
    Directory(engine.desk.log).change("u1", max_positions=1)
    await steps(world, engine, 1)
    (first,) = entries(engine)
    other = next(symbol for symbol in world.symbols if symbol != first.symbol)
    world.faults.share = D(1)
    engine.desk.log.write_signal_set(world.batch(signal(other), set_id="set-00000000000000aa-0000000000ab"))
    await steps(world, engine, 20)
    assert [trade.symbol for trade in engine.desk.log.ledger.open_trades()] == [other]
