"""Executions are booked once, positions are what they add up to, by hand and against plain arithmetic."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.store.order_log.rows import AT, AT_MS, fill, intent, order
from trading.market.clock import ManualClock
from trading.market.orders import OrderStatus, Side
from trading.store.order_log import OrderLog
from trading.store.order_log.positions import BookedFill, add_up
from trading.store.order_log.records import IntentStatus, Leg

D = Decimal


def planned(log, **changes):
    log.orders.plan_entries("u1", "set-1", [intent(**changes)], [], place=0, at_ms=5)
    log.orders.mark_sent("c1")
    return log


def test_booking_the_same_fill_twice_books_it_once(log_with_open_trade):
    """Trade ids are the inbox's key: a repeated page of fills changes nothing, tells nobody."""
    log = log_with_open_trade
    before = log.ledger.get("trd-1")
    again = log.ledger.book(
        "c1", order("O1", "c1", OrderStatus.FILLED, "2", "2"), [fill("f1", amount="2")] * 2, at_ms=9
    )
    assert again.new_fills == 0
    assert log.ledger.get("trd-1") == before
    assert [event.kind for event in log.outbox.waiting()] == ["trade_opened"]


def test_intent_is_done_only_when_all_executions_are_booked(log_with_set):
    """Terminal at the venue with 2 executed and 1 listed: ACKED; with the second listed: DONE."""
    log = planned(log_with_set)
    state = order("O1", "c1", OrderStatus.FILLED, "2", "2")
    assert log.ledger.book("c1", state, [fill("f1")], at_ms=6).intent.status is IntentStatus.ACKED
    assert log.ledger.book("c1", state, [fill("f1"), fill("f2")], at_ms=7).intent.status is IntentStatus.DONE


def test_older_status_does_not_reopen_a_done_intent(log_with_open_trade):
    """A late answer that says PARTIAL changes neither status nor executed quantity."""
    log = log_with_open_trade
    stale = order("O1", "c1", OrderStatus.PARTIAL, "2", "1")
    done = log.ledger.book("c1", stale, [], at_ms=9).intent
    assert (done.status, done.filled) == (IntentStatus.DONE, D(2))


@pytest.mark.parametrize("status", ["LOST", "REJECTED", "VOID", "UNKNOWN"])
def test_late_fill_is_accepted_in_every_status(log_with_set, status):
    """What was executed was executed, whatever we thought of the order."""
    log = log_with_set
    lost = replace(intent(), status=IntentStatus(status))
    log.orders.plan_entries("u1", "set-1", [lost], [], place=0, at_ms=5)
    log.ledger.book("c1", order("O1", "c1", OrderStatus.FILLED, "2", "2"), [fill("f1", amount="2")], at_ms=6)
    assert log.ledger.get("trd-1").held == 2
    assert log.breaks() == []


def test_exits_arm_from_the_average_entry(log_with_set):
    """1 at 100 and 1 at 102 -> entry 101; stop 5 % below, target 10 % above, deadline from the first."""
    log = planned(log_with_set)
    fills = [fill("f1"), fill("f2", price="102", at=AT + timedelta(seconds=9))]
    log.ledger.book("c1", order("O1", "c1", OrderStatus.FILLED, "2", "2"), fills, at_ms=6)
    trade = log.ledger.get("trd-1")
    assert (trade.stop_price, trade.target_price) == (D("95.95"), D("111.1"))
    assert trade.deadline_ms == AT_MS + 3_600_000


@pytest.mark.parametrize(
    ("asset", "fee_price", "held", "pnl", "fees"),
    [
        # 2 bought at 100, sold at 110; fee 0.1 on the way in. Quote: 20 - 0.1.
        ("USDT", None, "2", "19.9", "0.1"),
        # 0.1 AAA of fee: 1.9 held and sold: 209 - 200; the fee is worth 10.
        ("AAA", None, "1.9", "9", "10"),
        # 0.1 MX at 3: 20 - 0.3.
        ("MX", "3", "2", "19.7", "0.3"),
        # 0.1 MX without a price: counted, not guessed.
        ("MX", None, "2", "20", "0"),
    ],
)
def test_fee_is_taken_where_it_was_really_taken(log_with_set, asset, fee_price, held, pnl, fees):
    """Base fees shrink the position, quote fees the proceeds, others are priced or counted as unpriced."""
    log = planned(log_with_set)
    prices = {} if fee_price is None else {"MX": D(fee_price)}
    bought = [fill("f1", amount="2", fee="0.1", fee_asset=asset)]
    state = order("O1", "c1", OrderStatus.FILLED, "2", "2")
    trade = log.ledger.book("c1", state, bought, at_ms=6, fee_prices=prices).trade
    assert trade is not None
    assert trade.held == D(held)
    close = replace(intent(), coid="x1", intent_id="int-x", leg=Leg.CLOSE, exit_reason="take_profit")
    log.orders.plan_close(close)
    sold = [fill("f2", "O2", side="sell", amount=held, price="110")]
    log.ledger.book("x1", order("O2", "x1", OrderStatus.FILLED, held, held, side="sell"), sold, at_ms=9)
    done = log.ledger.get("trd-1")
    assert (done.is_closed, done.pnl_quote, done.fees_quote) == (True, D(pnl), D(fees))
    assert done.fees_unpriced == int(asset == "MX" and fee_price is None)
    assert log.breaks() == []


def test_dust_closes_the_trade_once(log_with_open_trade):
    """Written off once, visible in the dust account's row, held by nobody after."""
    log = log_with_open_trade
    assert log.ledger.write_off("trd-1", value_quote=D("0.01"), reason="too small", at_ms=9)
    assert not log.ledger.write_off("trd-1", value_quote=D("0.01"), reason="too small", at_ms=9)
    trade = log.ledger.get("trd-1")
    assert (trade.is_closed, trade.dust, trade.held) == (True, D(2), D(0))


def test_audit_names_a_ledger_that_was_tampered_with(log_with_open_trade):
    """The check can fail: a sum changed behind the ledger's back is a break."""
    from trading.store.order_log.schema import trades

    log = log_with_open_trade
    with log.database.write() as connection:
        connection.execute(trades.update().values(bought=D(3)))
    assert any("bought is 3, its fills say 2" in line for line in log.breaks())


def test_reservation_shrinks_with_what_is_spent(log_with_set):
    """202.202 reserved, 100 spent: 102.202 still reserved beside a position worth 100."""
    log = planned(log_with_set)
    assert log.accounts.standing("u1", recent_since_ms=0).held == {"AAA/USDT": D("202.202")}
    log.ledger.book("c1", order("O1", "c1", OrderStatus.PARTIAL, "2", "1"), [fill("f1")], at_ms=6)
    assert log.accounts.standing("u1", recent_since_ms=0).held == {"AAA/USDT": D("202.202")}
    log.ledger.book("c1", order("O1", "c1", OrderStatus.PARTIALLY_CANCELED, "2", "1"), [], at_ms=7)
    assert log.accounts.standing("u1", recent_since_ms=0).held == {"AAA/USDT": D(100)}


MONEY = st.decimals("0.00000001", "1000000", places=8)


@given(st.lists(st.tuples(st.sampled_from(Side), MONEY, MONEY, MONEY), min_size=1, max_size=20))
def test_sums_equal_plain_arithmetic(rows):
    """held and P&L of any list of fills with quote fees, against sums written independently."""
    fills = [
        BookedFill(side, amount, amount * price, fee, "USDT", fee, 1) for side, amount, price, fee in rows
    ]
    sums = add_up("AAA/USDT", fills)
    signed = sum((amount if side is Side.BUY else -amount for side, amount, _, _ in rows), D(0))
    cash = sum(
        (-amount * price if side is Side.BUY else amount * price for side, amount, price, _ in rows), D(0)
    )
    fees = sum((fee for *_, fee in rows), D(0))
    assert sums.held == signed
    assert abs(sums.pnl_quote - (cash - fees)) < D("1e-9")


@settings(max_examples=15, deadline=None)
@given(pages=st.lists(st.lists(st.integers(0, 5), max_size=6), min_size=1, max_size=6))
def test_any_repetition_and_order_of_pages_gives_one_ledger(tmp_path_factory, pages):
    """Six fills shown in whatever pages, twice or out of order: each counts once."""
    url = f"sqlite:///{tmp_path_factory.mktemp('log')}/orders.db"
    log = OrderLog(url, wall=ManualClock(1))
    from tests.trading.store.order_log.conftest import add_user, make_set

    add_user(log)
    log.write_signal_set(make_set(set_id="set-1"))
    planned(log, amount=D(6))
    seen: set[int] = set()
    for page in pages:
        seen |= set(page)
        state = order("O1", "c1", OrderStatus.PARTIAL, "6", str(len(seen)))
        log.ledger.book("c1", state, [fill(f"f{number}") for number in page], at_ms=6)
    held = sum((trade.held for trade in log.ledger.open_trades()), D(0))
    assert held == len(seen)
    assert log.breaks() == []
    log.close()
