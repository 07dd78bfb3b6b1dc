"""A position that the venue does not cover any more is a shortage, also where a booked trade says why."""

import pytest

from tests.trading.execution.fake_venue import D
from tests.trading.execution.test_reconcile import A, agrees, by_hand, checked, holding, outside
from trading.execution.differences import Kind
from trading.market.orders import Side
from trading.store.order_log.entries import External


@pytest.mark.parametrize("share", [1, 2])
async def test_our_coins_sold_by_hand_are_a_shortage_until_they_are_bought_back(tmp_path, share):
    """The sale is booked as the user's own; that our position is short of as much freezes its symbol."""
    world, engine = await holding(tmp_path)
    gone = engine.desk.log.ledger.open_trades()[0].held / share
    by_hand(world, Side.SELL, str(gone))
    assert await checked(world, engine) == [Kind.SHORTAGE.value]
    assert outside(engine, "AAA") == {External.MANUAL_TRADE: -gone}
    (freeze,) = engine.desk.log.reconciliations.frozen()
    assert (freeze.symbol, freeze.subject, D(freeze.amount)) == (A, "AAA", -gone)
    assert engine.desk.fleet.refusal("u1", A, world.batch().signal_set_id).rule == "account_frozen"
    assert agrees(world, engine)
    by_hand(world, Side.BUY, str(gone))
    await checked(world, engine)
    assert engine.desk.log.reconciliations.frozen() == []
    assert outside(engine, "AAA") == {External.MANUAL_TRADE: D(0)}
    assert engine.desk.log.breaks() == []


async def test_our_residue_sold_by_hand_is_no_shortage(tmp_path):
    """Dust was written off: a user who sells all they see takes it along, and nothing is frozen."""
    world, engine = await holding(tmp_path)
    (trade,) = engine.desk.log.ledger.open_trades()
    write_off = engine.desk.log.ledger.write_off
    assert write_off(trade.trade_id, value_quote=D(1), reason="residue", at_ms=world.clock.now_ms())
    by_hand(world, Side.SELL, str(trade.held))
    assert Kind.SHORTAGE.value not in await checked(world, engine)
    assert engine.desk.log.reconciliations.frozen() == []
