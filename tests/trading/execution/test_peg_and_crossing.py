"""A coin off its peg stops entries of all; and no user's exit meets another's resting entry."""

from dataclasses import replace

import pytest

from tests.trading.execution.world import D, World
from trading.execution.settings import EngineSettings
from trading.market.orders import OrderStatus, OrderType, Side
from trading.store.order_log.records import IntentStatus, Leg

SYMBOL, PEG = "AAA/USDT", "USDC/USDT"


async def steps(world: World, engine, count: int) -> None:
    for _ in range(count):
        await engine.step()
        world.wall.advance(400)
        world.clock.advance(400)


async def test_off_the_peg_nobody_enters_through_a_restart_until_it_is_back(tmp_path):
    """Two looks at 0.95: skipped, told once, known to a new process; back at 1.00 it goes on."""
    world = World(tmp_path, symbols=(SYMBOL,))
    world.venue.list_pair(PEG, "0.95")
    engine = await world.boot()
    for _ in range(2):
        await engine.market.step()
    engine = await world.boot()
    await steps(world, engine, 2)
    assert world.venue.requests == []
    skip = engine.desk.log.skips().row(0, named=True)
    assert (skip["rule"], skip["value"], skip["bound"]) == ("depeg", 0.05, 0.02)
    assert world.mailbox.kinds().count("depeg") == 1
    world.venue.prices[PEG] = D(1)
    for _ in range(2):
        await engine.market.step()
    engine.desk.log.write_signal_set(
        replace(world.batch(), signal_set_id="set-00000000000000aa-0000000000f1")
    )
    await steps(world, engine, 3)
    assert [request.side for _, request in world.venue.requests] == [Side.BUY]


async def test_a_planned_entry_stays_when_the_peg_breaks_before_the_wire(tmp_path):
    """Judged again at the wire, not only when the signal came."""
    world = World(tmp_path, symbols=(SYMBOL,))
    world.venue.list_pair(PEG, "1")
    engine = await world.boot()
    await engine.reconcile.step()
    balances = engine.desk.account("u1").balances

    async def meanwhile():
        world.venue.prices[PEG] = D("0.9")
        for _ in range(2):
            await engine.market.step()
        return await balances()

    engine.desk.account("u1").balances = meanwhile
    await engine.intake.step()
    assert world.venue.requests == []


@pytest.fixture
async def resting(tmp_path):
    """u1 holds 9.9 bought at 100; u2's entry rests in the same symbol, its limit at 101."""
    world = World(tmp_path, symbols=(SYMBOL,), users=2, settings=EngineSettings(lost_looks=4))
    engine = await world.boot()
    await steps(world, engine, 3)
    trades = engine.desk.log.ledger.open_trades()
    assert len(trades) == 2
    engine.desk.settings = replace(world.settings, entry_type=OrderType.LIMIT)
    world.settings = engine.desk.settings
    return world


async def put_to_rest(world: World, price: str):
    """One LIMIT entry of u2 at `price`, in log and venue, not filled."""
    engine = await world.boot()
    (bought,) = [i for i in engine.desk.log.orders.find(leg=Leg.OPEN) if i.user_id == "u2"]
    entry = replace(
        bought, coid="r" * 26, intent_id="int-rest", trade_id="trd-rest", signal_set_id="set-rest", attempt=1,
        type=OrderType.LIMIT, price=D(price), amount=D(5), status=IntentStatus.NEW, order_id=None,
        filled=D(0), filled_cost=D(0),
    )  # fmt: skip
    with engine.desk.log.database.write() as connection:
        from trading.store.order_log.rows import intent_row
        from trading.store.order_log.schema import intents

        connection.execute(intents.insert(), intent_row(entry, world.wall.now_ms()))
    world.venue.faults.share = D(0)
    await engine.wire.send(engine.desk.log.orders.get(entry.coid))
    world.venue.faults.share = D(1)
    assert world.venue.of("u2")[-1].status is OrderStatus.OPEN
    return engine


async def test_an_exit_sells_above_another_user_s_resting_entry(resting):
    """Bid 94 by others, our own entry at 93.9: the exit's 0.5 % band ends at 93.53, so its limit is 93.91."""
    engine = await put_to_rest(resting, "93.9")
    resting.venue.prices[SYMBOL] = D(94)
    await steps(resting, engine, 4)
    sells = [request for _, request in resting.venue.requests if request.side is Side.SELL]
    assert sells
    assert all(request.price == D("93.91") for request in sells)


async def test_an_exit_waits_for_the_cancellation_when_the_best_bid_is_our_own(resting):
    """Our own entry is the best bid: it is cancelled first, then everything is sold. Never both at once."""
    engine = await put_to_rest(resting, "94")
    resting.venue.prices[SYMBOL] = D(94)
    order = len(resting.venue.requests)
    for _ in range(5):  # the second look at a fall of 6 % comes after a second
        await engine.exits.step()
        resting.wall.advance(400)
        resting.clock.advance(400)
    assert len(resting.venue.requests) == order
    assert engine.wire.unwanted == {"r" * 26}
    await steps(resting, engine, 8)
    assert [s.status for s in resting.venue.of("u2") if s.client_order_id == "r" * 26] == [
        OrderStatus.CANCELED
    ]
    assert engine.desk.log.closed_trades().height == 2


async def test_no_entry_that_may_rest_leaves_while_its_symbol_is_being_sold(resting):
    """An exit is out: the entry is void with rule crosses_exit."""
    engine = await put_to_rest(resting, "50")
    (trade,) = engine.desk.log.ledger.open_trades("u1")
    entry = next(i for i in engine.desk.log.orders.find(leg=Leg.OPEN) if i.coid == "r" * 26)
    selling = replace(entry, trade_id=trade.trade_id, leg=Leg.CLOSE, side=Side.SELL, type=OrderType.IOC,
                      coid="s" * 26, intent_id="int-s", user_id="u1")  # fmt: skip
    assert engine.desk.log.orders.plan_close(selling)
    assert engine.wire._crossing(entry).rule == "crosses_exit"
    assert engine.wire._crossing(replace(entry, symbol="BBB/USDT")) is None
    assert engine.wire._crossing(replace(entry, type=OrderType.IOC)) is None
