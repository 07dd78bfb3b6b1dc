"""The double-entry ledger: sums to zero, follows every booking, and keeps what is not ours apart."""

from dataclasses import replace
from decimal import Decimal

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.store.order_log.conftest import add_user, make_set
from tests.trading.store.order_log.old_logs import make_old_log
from tests.trading.store.order_log.rows import fill, intent, order
from trading.market.clock import ManualClock
from trading.market.errors import BadInput
from trading.market.orders import OrderStatus
from trading.store.order_log import OrderLog
from trading.store.order_log.entries import External
from trading.store.order_log.records import Leg
from trading.store.order_log.schema_ledger import high_water, ledger_entries

D = Decimal


def sell(
    log, fill_id: str, amount: str, price: str, *, attempt: int = 1, fee: str = "0", asset: str = "USDT"
):
    coid, planned = f"x{attempt}", intent(amount=D(amount))
    close = replace(planned, coid=coid, intent_id=f"i{coid}", leg=Leg.CLOSE, attempt=attempt, exit_reason="s")
    assert log.orders.plan_close(replace(close, reserved=D(0)))
    state = order(f"O{coid}", coid, OrderStatus.FILLED, amount, amount, side="sell")
    sold = fill(fill_id, f"O{coid}", side="sell", amount=amount, price=price, fee=fee, fee_asset=asset)
    return log.ledger.book(coid, state, [sold], at_ms=9)


def test_an_entry_reserves_spends_and_releases(log_with_set):
    """202.202 reserved; 100 spent leaves 102.202; terminal leaves nothing. By hand."""
    log = log_with_set
    log.orders.plan_entries("u1", "set-1", [intent()], [], place=0, at_ms=5)
    assert log.ledger.entries.balances("u1")["reserved", "USDT"] == D("202.202")
    log.orders.mark_sent("c1")
    log.ledger.book("c1", order("O1", "c1", OrderStatus.PARTIAL, "2", "1"), [fill("f1")], at_ms=6)
    found = log.ledger.entries.balances("u1")
    assert (found["reserved", "USDT"], found["quote", "USDT"]) == (D("102.202"), D("-202.202"))
    assert (found["base", "AAA"], found["equity", "AAA"], found["equity", "USDT"]) == (D(1), D(-1), D(100))
    log.ledger.book("c1", order("O1", "c1", OrderStatus.PARTIALLY_CANCELED, "2", "1"), [], at_ms=7)
    found = log.ledger.entries.balances("u1")
    assert (found["reserved", "USDT"], found["quote", "USDT"]) == (D(0), D(-100))
    assert log.breaks() == []


@pytest.mark.parametrize("end", ["void", "reject", "lose and explain"])
def test_a_reservation_is_released_once_however_its_order_ends(log_with_set, end):
    """VOID, REJECTED, or LOST and explained; LOST alone keeps it."""
    from trading.store.order_log.records import Event

    log = log_with_set
    log.orders.plan_entries("u1", "set-1", [intent()], [], place=0, at_ms=5)
    if end == "void":
        log.orders.void("c1", "late")
    else:
        log.orders.mark_sent("c1")
        if end == "reject":
            log.orders.reject("c1", "no")
        else:
            log.orders.lose("c1", "gone", event=Event("lost:c1", "u1", "order_lost", {}, 5))
            assert log.ledger.entries.balances("u1")["reserved", "USDT"] == D("202.202")
            log.orders.explain("c1", "never executed")
    assert log.ledger.entries.balances("u1")["reserved", "USDT"] == 0
    assert log.breaks() == []


@pytest.mark.parametrize(
    ("asset", "source"), [("AAA", ("base", "AAA")), ("USDT", ("quote", "USDT")), ("MX", ("other", "MX"))]
)
def test_a_fee_leaves_the_asset_in_which_it_was_taken(log_with_set, asset, source):
    """0.1 of base, quote or a third coin: that account has 0.1 less, `fee` 0.1 more."""
    log = log_with_set
    log.orders.plan_entries("u1", "set-1", [intent(reserved=D(0))], [], place=0, at_ms=5)
    log.orders.mark_sent("c1")
    bought = [fill("f1", amount="2", fee="0.1", fee_asset=asset)]
    log.ledger.book("c1", order("O1", "c1", OrderStatus.FILLED, "2", "2"), bought, at_ms=6)
    found = log.ledger.entries.balances("u1")
    plain = {("base", "AAA"): D(2), ("quote", "USDT"): D(-200), ("other", "MX"): D(0)}
    assert found[source] == plain[source] - D("0.1")
    assert found["fee", asset] == D("0.1")
    assert log.breaks() == []


def test_what_is_not_ours_is_no_position_and_no_profit(log_with_open_trade):
    """500 AAA deposited beside 2 of ours: the position stays 2, P&L and high-water mark do not see it."""
    log, entries = log_with_open_trade, log_with_open_trade.ledger.entries
    assert entries.external("u1", "AAA", D(500), kind=External.DEPOSIT, ref="d1", at_ms=7)
    assert not entries.external("u1", "AAA", D(500), kind=External.DEPOSIT, ref="d1", at_ms=7)
    assert entries.external("u1", "USDT", D(-50), kind=External.WITHDRAWAL, ref="w1", at_ms=8)
    assert log.ledger.get("trd-1").held == 2
    assert entries.balances("u1")["base", "AAA"] == 2
    assert entries.balances("u1")["other", "AAA"] == 500
    sell(log, "f2", "2", "110")
    assert log.ledger.get("trd-1").pnl_quote == 20
    assert entries.high_water("u1") == 20
    assert log.breaks() == []
    with pytest.raises(BadInput, match="other than 0"):
        entries.external("u1", "AAA", D(0), kind=External.DEPOSIT, ref="d2", at_ms=7)


def test_what_the_venue_has_beyond_our_accounts_is_booked_as_external_once(log_with_open_trade):
    """Venue: 12 AAA, 9,800 USDT; ours 2 and -200: 10 AAA and 10,000 USDT are the user's own."""
    entries = log_with_open_trade.ledger.entries
    totals = {"AAA": D(12), "USDT": D(9800)}
    assert entries.observe("u1", totals, 7) == {"AAA": D(10), "USDT": D(10_000)}
    assert entries.observe("u1", totals, 8) == {}
    assert entries.observe("u1", {"AAA": D(5)}, 9) == {"AAA": D(-7)}
    assert entries.observe("u1", {"AAA": D(1)}, 10) == {}
    assert log_with_open_trade.breaks() == []


def test_high_water_mark_never_falls(log_with_set):
    """+20, then a loss: the mark stays at 20."""
    log = log_with_set
    log.orders.plan_entries("u1", "set-1", [intent(reserved=D(0))], [], place=0, at_ms=5)
    log.orders.mark_sent("c1")
    log.ledger.book("c1", order("O1", "c1", OrderStatus.FILLED, "2", "2"), [fill("f1", amount="2")], at_ms=6)
    sell(log, "f2", "2", "110")
    log.write_signal_set(make_set(set_id="set-2"))
    again = intent(coid="c9", intent_id="i9", trade_id="trd-9", signal_set_id="set-2", reserved=D(0))
    log.orders.plan_entries("u1", "set-2", [again], [], place=0, at_ms=15)
    log.orders.mark_sent("c9")
    log.ledger.book("c9", order("O9", "c9", OrderStatus.FILLED, "1", "1"), [fill("f9", "O9")], at_ms=16)
    log.ledger.write_off("trd-9", value_quote=D(0), reason="worthless", at_ms=17)
    assert log.ledger.entries.high_water("u1") == 20
    assert log.breaks() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE ledger_entries SET amount = '7' WHERE account = 'equity' AND asset = 'AAA'", "sum to 0"),
        ("DELETE FROM ledger_entries WHERE kind = 'fill'", "not booked as it was"),
        ("DELETE FROM fills", "of no execution"),
        ("UPDATE trades SET dust = '1'", "dust of trade"),
        ("UPDATE intents SET status = 'SENT', reserved = '900'", "reserves"),
    ],
)
def test_the_audit_finds_what_was_changed_behind_its_back(log_with_open_trade, change, words):
    """Each kind of check can fail."""
    assert log_with_open_trade.breaks() == []
    with log_with_open_trade.database.write() as connection:
        connection.exec_driver_sql(change)
    assert any(words in line for line in log_with_open_trade.breaks())


def test_an_old_log_s_books_are_made_from_what_it_holds(url):
    """The migration: 2 bought with 0.2 of fee, 1 sold with 0.11, and one entry of 303 still out. By hand."""
    make_old_log(url)
    log = OrderLog(url)
    found = log.ledger.entries.balances("u1")
    assert (found["base", "AAA"], found["fee", "USDT"], found["reserved", "USDT"]) == (
        D(1),
        D("0.31"),
        D(303),
    )
    assert found["quote", "USDT"] == D("-200") - D("0.2") + D(110) - D("0.11") - D(303)
    assert log.breaks() == []
    log.close()


AMOUNT = st.decimals("0.001", "9", places=3)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["sell", "deposit", "withdraw", "observe", "repeat"]),
        AMOUNT,
        st.decimals("0.5", "300", places=2),
        st.decimals("0", "0.0009", places=6),
        st.sampled_from(["AAA", "USDT", "MX"]),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, bought=AMOUNT, fee_asset=st.sampled_from(["AAA", "USDT", "MX"]))
def test_any_course_of_fills_fees_and_deposits_keeps_every_invariant(
    tmp_path_factory, steps, bought, fee_asset
):
    """Position = fills less base fees, whatever comes from outside; every transaction sums to zero."""
    log = OrderLog(f"sqlite:///{tmp_path_factory.mktemp('log')}/orders.db", wall=ManualClock(1))
    add_user(log)
    log.write_signal_set(make_set(set_id="set-1"))
    log.orders.plan_entries("u1", "set-1", [intent(amount=D(9))], [], place=0, at_ms=5)
    log.orders.mark_sent("c1")
    state = order("O1", "c1", OrderStatus.PARTIALLY_CANCELED, "9", str(bought))
    first = [fill("f0", amount=str(bought), fee="0.0005", fee_asset=fee_asset)]
    log.ledger.book("c1", state, first, at_ms=6)
    held = bought - (D("0.0005") if fee_asset == "AAA" else 0)
    attempt = outside = 0
    for number, (what, amount, price, fee, asset) in enumerate(steps):
        if what == "sell" and amount + fee < held:
            attempt += 1
            sell(log, f"s{attempt}", str(amount), str(price), attempt=attempt, fee=str(fee), asset=asset)
            held -= amount + (fee if asset == "AAA" else 0)
        elif what in ("deposit", "withdraw"):
            signed = amount if what == "deposit" else -amount
            kind = External.DEPOSIT if what == "deposit" else External.WITHDRAWAL
            log.ledger.entries.external("u1", asset, signed, kind=kind, ref=f"e{number}", at_ms=7)
            outside += 1
        elif what == "observe":
            log.ledger.entries.observe("u1", {asset: held + amount}, 8)
        elif what == "repeat":
            log.ledger.book("c1", state, first, at_ms=6)
    assert log.ledger.get("trd-1").held == held
    assert log.ledger.entries.balances("u1").get(("base", "AAA"), D(0)) == held
    assert log.breaks() == []
    with log.database.read() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(ledger_entries)) >= 4
        assert connection.scalar(sa.select(sa.func.count()).select_from(high_water)) in (0, 1)
    log.close()
