"""Symbols that change in the middle of a trade: delisted, halted, re-denominated."""

from decimal import Decimal

import pytest

from tests.trading.execution.bad_input.stand import ANN, BOB, NUMBERS, Stand
from trading.store.order_log.news_holds import OPERATOR

D = Decimal


async def test_a_symbol_halted_mid_trade_is_told_at_once_and_sold_when_it_resumes(stand: Stand):
    """Both hold it, an exit is due: nothing sells, each is told once; others trade; resumed, it sells."""
    symbol = stand.symbols[0]
    await stand.both_hold(symbol)
    stand.pull("halt", symbol)
    assert await stand.engine.listing.step() == 1
    assert await stand.engine.listing.step() == 0
    stand.log.wishes.ask(ANN, "close_all")
    await stand.bob_trades_on()
    await stand.rounds(5)
    for user in NUMBERS:
        assert stand.held(user, symbol)
        assert len(stand.messages(user, "listing")) == 1
    assert "stopped its trading" in stand.messages(ANN, "listing")[0].text
    assert len(stand.messages(ANN, "order_rejected")) <= 1
    stand.pull("resume", symbol)
    await stand.engine.listing.step()
    await stand.until(lambda: not stand.held(ANN, symbol), "her exit sells")
    assert stand.held(BOB, symbol)
    assert "can be traded again" in stand.messages(BOB, "listing")[1].text
    await stand.is_sound()


async def test_a_symbol_delisted_mid_trade_keeps_the_position_and_stops_nobody_else(stand: Stand):
    """Status 3 in the listing: holders and operator hear of it once, tries thin out, Bob trades on."""
    symbol = stand.symbols[0]
    await stand.both_hold(symbol)
    stand.pull("delist", symbol)
    await stand.engine.listing.step()
    stand.log.wishes.ask(ANN, "close_all")
    set_id = await stand.bob_trades_on()
    await stand.rounds(5)
    assert stand.held(ANN, symbol)
    for user in (*NUMBERS, OPERATOR):
        [message] = stand.messages(user, "listing")
        assert "delisted" in message.text
    assert len(stand.messages(ANN, "exit_held_up")) <= 1
    assert stand.skips(ANN, set_id)  # she is closing; the engine serves her all the same
    assert len(stand.messages(ANN, "order_rejected")) <= 1
    await stand.is_sound()


@pytest.mark.parametrize("ratio", [1000.0, 0.001, pytest.param(10.0, marks=pytest.mark.slow)])
async def test_a_re_denominated_holding_is_converted_and_nothing_is_sold(stand: Stand, ratio: float):
    """1,000 old coins for one (or the reverse): amounts, price and stop follow, no order leaves, no loss."""
    symbol = stand.symbols[2]
    await stand.both_hold(symbol)
    before = {user: stand.held(user, symbol) for user in NUMBERS}
    orders = len(stand.sent(symbol))
    await stand.rounds(2)
    stand.pull("relist", symbol, ratio=ratio, convert_balances=True)
    for user in NUMBERS:
        await stand.until(lambda u=user: stand.messages(u, "redenominated"), f"{user} is converted")
    await stand.rounds(5)
    for user in NUMBERS:
        old, new = before[user], stand.held(user, symbol)
        assert old is not None
        assert new is not None
        assert new.trade_id != old.trade_id
        assert new.held == old.held / D(str(ratio))
        assert new.bought_cost == old.bought_cost
        assert float(new.stop_price / old.stop_price) == pytest.approx(ratio, rel=1e-9)
        assert (new.opened_ms, new.deadline_ms) == (old.opened_ms, old.deadline_ms)
        closed = stand.log.ledger.get(old.trade_id)
        assert closed.exit_reason == "redenominated"
        assert abs(closed.pnl_quote + closed.fees_quote) < D("1e-12")
        assert len(stand.messages(user, "redenominated")) == 1
    assert len(stand.sent(symbol)) == orders
    await stand.bob_trades_on()
    await stand.is_sound()


async def test_a_converted_holding_is_sold_in_its_new_units(stand: Stand):
    """Released after the re-denomination, a close-all sells all new coins, once, at no great loss."""
    symbol = stand.symbols[2]
    await stand.both_hold(symbol)
    await stand.rounds(2)
    stand.pull("relist", symbol, ratio=0.001, convert_balances=True, price_decimals=8)
    await stand.until(lambda: stand.messages(ANN, "redenominated"), "converted")
    await stand.engine.listing.step()
    stand.log.wishes.ask(ANN, "close_all")
    await stand.until(lambda: not stand.held(ANN, symbol), "sold")
    [_, sold] = stand.trades(ANN, symbol)
    assert sold.exit_reason == "close_all"
    assert sold.pnl_quote > -sold.bought_cost * D("0.02")
    await stand.is_sound()


async def test_coins_that_vanish_with_a_jump_are_not_sold_until_somebody_has_looked(stand: Stand):
    """Another coin under the old name: most coins gone, the price tenfold. Held until a person looks."""
    symbol = stand.symbols[2]
    await stand.both_hold(symbol)
    await stand.rounds(2)
    base = symbol.split("/")[0]
    for user in NUMBERS:
        wallet = stand.venue.exchange.accounts.known[stand.key(user)].wallets[base]
        wallet.free = wallet.free * 37 // 100
    stand.pull("relist", symbol, ratio=10.0)
    await stand.until(lambda: stand.messages(ANN, "units_unclear"), "told")
    stand.log.wishes.ask(ANN, "close_all")
    await stand.bob_trades_on()
    assert stand.held(ANN, symbol)
    assert len(stand.sent(symbol)) == 2  # the entries
    assert [len(stand.messages(user, "units_unclear")) for user in (ANN, BOB, OPERATOR)] == [1, 1, 1]


async def test_a_real_jump_with_the_coins_still_there_sells_as_ever(stand: Stand):
    """Down to a tenth and every coin still there: the stop sells."""
    symbol = stand.symbols[2]
    await stand.both_hold(symbol)
    await stand.rounds(2)
    stand.pull("relist", symbol, ratio=0.1)
    for user in NUMBERS:
        await stand.until(lambda u=user: not stand.held(u, symbol), f"{user} is out")
        assert stand.trades(user, symbol)[0].exit_reason == "stop_loss"
    await stand.is_sound()
