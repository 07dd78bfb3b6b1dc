"""Orders that the exchange refuses, sets that come late or twice, a clock that is off, a user who leaves."""

import asyncio
from decimal import Decimal

from tests.trading.execution.bad_input.stand import ANN, BOB, NUMBERS, Stand
from trading.store.order_log.news_holds import OPERATOR
from trading.users.directory import Directory
from trading.users.gates import LEAVE

D = Decimal
SEND = "POST order"


async def test_an_entry_without_the_money_is_told_once_and_reserves_nothing(stand: Stand):
    """Spent elsewhere between plan and order (30004), twice: two refusals, one message, nothing held."""
    stand.strike("error", SEND, status=400, code=30004, key=stand.key(ANN))
    symbol = stand.symbols[0]
    for _ in range(2):
        set_id = await stand.offer(symbol)
        await stand.until(lambda s=set_id: ANN in stand.log.sets.offered_to(s), "offered")
    await stand.until(lambda: len(stand.refused(ANN)) == 2, "both refused")
    await stand.rounds(2)
    [message] = stand.messages(ANN)
    assert "refused the purchase" in message.text
    assert "free balance does not pay" in message.text
    assert stand.held(BOB, symbol)
    assert stand.log.ledger.entries.balances(ANN).get(("reserved", "USDT"), 0) == 0
    await stand.is_sound()


async def test_coins_taken_away_by_the_user_are_told_and_never_sold_beyond_the_balance(stand: Stand):
    """Ann withdrew her coins: her exit sells nothing, tells her once, loops for nobody."""
    symbol = stand.symbols[0]
    await stand.both_hold(symbol)
    wallets = stand.venue.exchange.accounts.known[stand.key(ANN)].wallets
    wallets[symbol.split("/")[0]].free = 0
    stand.log.wishes.ask(ANN, "close_all")
    await stand.bob_trades_on(sells=symbol)
    await stand.until(lambda: stand.messages(ANN, "exit_held_up"), "told")
    await stand.rounds(6)
    assert stand.held(ANN, symbol)
    assert len(stand.messages(ANN, "exit_held_up")) == 1
    assert len(stand.messages(ANN, "order_rejected")) <= 1


async def test_a_price_band_refuses_the_entry_in_words_and_the_exit_comes_inside_it(stand: Stand):
    """A band of 0.4 %: an entry limit 1 % away is refused; the exit goes on with its limit at the bid."""
    symbol = stand.symbols[0]
    await stand.both_hold(symbol)
    stand.strike("price_band", key=stand.key(ANN), settings={"share": 0.004})
    await stand.bob_trades_on()
    await stand.until(lambda: stand.refused(ANN), "her entry is refused")
    await stand.rounds(2)
    [message] = stand.messages(ANN)
    assert "outside the band" in message.text
    stand.log.wishes.ask(ANN, "close_all")
    await stand.until(lambda: not stand.held(ANN, symbol), "her exit sells inside the band")
    await stand.is_sound()


async def test_a_closed_order_type_refuses_the_entry_in_words_and_the_exit_takes_another(stand: Stand):
    """30019 for two orders: the entry is not repeated, the exit's next attempt is a plain limit order."""
    symbol = stand.symbols[0]
    await stand.both_hold(symbol)
    stand.strike("error", SEND, status=400, code=30019, key=stand.key(ANN), max_hits=2)
    await stand.bob_trades_on()
    await stand.until(lambda: stand.refused(ANN), "her entry is refused")
    stand.log.wishes.ask(ANN, "close_all")
    await stand.until(lambda: not stand.held(ANN, symbol), "her exit sells")
    messages = stand.messages(ANN, "order_rejected")
    assert all("no orders of this type" in message.text for message in messages)
    assert len(messages) == 2  # the purchase of one symbol, the sale of another
    await stand.is_sound()


async def test_an_order_below_the_minimum_is_skipped_and_one_the_exchange_calls_so_is_told(stand: Stand):
    """Ann's capital bears 0.60 USDT a position, the minimum is 1: skipped by `size`, no order, no message."""
    Directory(stand.log).change(ANN, capital=D(6))
    set_id = await stand.bob_trades_on()
    [(rule, reason)] = stand.skips(ANN, set_id)
    assert rule == "size"
    assert "below the minimum order" in reason
    assert not stand.log.orders.find(user_id=ANN)
    Directory(stand.log).change(ANN, capital=D(1000))
    stand.strike("error", SEND, status=400, code=30002, key=stand.key(ANN))
    await stand.bob_trades_on()
    await stand.until(lambda: stand.messages(ANN), "told")
    assert "below the exchange's minimum" in stand.messages(ANN)[0].text
    await stand.is_sound()


async def test_an_expired_set_is_traded_by_nobody_and_the_operator_hears_once(stand: Stand):
    """It expires while Ann's account cannot be read: Bob traded in time, she never does; one message."""
    stand.strike("error", "GET account", status=503, code=503, key=stand.key(ANN))
    set_id = await stand.offer(stand.symbols[0], minutes=1)
    await stand.until(lambda: stand.held(BOB, stand.symbols[0]), "bob trades")
    assert ANN not in stand.log.sets.offered_to(set_id)
    stand.venue.exchange.clock.set_speed(600)
    await asyncio.sleep(0.2)  # two market minutes
    stand.venue.exchange.clock.set_speed(1)
    stand.calm()
    await stand.rounds(4)
    assert not stand.log.orders.find(user_id=ANN)
    [message] = stand.messages(OPERATOR)
    assert message.kind == "signal_set_expired"
    assert "before 1 users were served" in message.text
    await stand.bob_trades_on()


async def test_a_set_that_comes_twice_is_traded_once(stand: Stand):
    """Written again under its id, and offered again after a restart of the planning: one entry each."""
    symbol = stand.symbols[0]
    await stand.both_hold(symbol)
    [set_id] = stand.log.sets.live(stand.desk.now_ms())
    assert stand.log.write_signal_set(stand.log.get_signal_set(set_id)) is False
    stand.engine.intake._done.clear()
    await stand.rounds(4)
    assert [len(stand.sent(symbol, user)) for user in NUMBERS] == [1, 1]
    await stand.is_sound()


async def test_a_clock_that_is_off_sends_nothing_tells_the_operator_once_and_goes_on_when_set(stand: Stand):
    """A minute wrong: no entry and no exit is signed, nothing is lost; set again, both users trade."""
    symbol = stand.symbols[0]
    await stand.both_hold(symbol)
    clock = stand.pool.clock
    right, clock._system = clock._system, lambda: clock.now_ms() / 1000 - 60
    clock._max_drift_s = 5.0
    stand.log.wishes.ask(ANN, "close_all")
    await stand.offer(stand.symbols[1])
    await stand.rounds(6)
    assert stand.held(ANN, symbol)
    assert not stand.trades(BOB, stand.symbols[1])
    [message] = stand.messages(OPERATOR)
    assert message.kind == "clock_skew"
    assert "60.0 s" in message.text
    assert [m for user in NUMBERS for m in stand.messages(user) if "clock" in m.text] == []
    clock._max_drift_s, clock._system = None, right
    await stand.until(lambda: not stand.held(ANN, symbol), "her exit sells")
    await stand.until(lambda: stand.held(BOB, stand.symbols[1]), "bob enters")
    await stand.is_sound()


async def test_a_user_removed_with_open_positions_is_sold_out_first_and_nobody_else_is(
    stand: Stand, tmp_path
):
    """Leaving: her position is sold, then she is gone and told so; Bob keeps his and trades on."""
    symbol = stand.symbols[0]
    await stand.both_hold(symbol)
    stand.engine.requests._exports = tmp_path / "exports"
    Directory(stand.log).pause(ANN)
    stand.log.wishes.ask(ANN, LEAVE)
    stand.log.wishes.ask(ANN, "close_all")
    await stand.until(lambda: [u.user_id for u in stand.desk.users.all()] == [BOB], "she is gone")
    assert stand.held(BOB, symbol)
    assert list((tmp_path / "exports").iterdir())
    await stand.bob_trades_on()
    assert stand.log.breaks() == []
