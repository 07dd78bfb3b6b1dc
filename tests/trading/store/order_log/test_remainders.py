"""What an entry left is found, and followed by one order that the log lets be written; on both databases."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trading.store.order_log.rows import AT_MS, fill, intent, order
from trading.market.orders import OrderStatus, OrderType
from trading.store.order_log.records import IntentStatus, Leg
from trading.store.order_log.remainders import RESTED

NEXT = {"coid": "c2", "intent_id": "int-2", "attempt": 2, "amount": Decimal("1.5")}


def half_bought(log, *, amount: str = "0.5", **changes: object) -> None:
    """An entry of 2 that ended with 0.5 executed."""
    log.orders.plan_entries("u1", "set-1", [intent(**changes)], (), place=0, at_ms=5)
    log.orders.mark_sent("c1")
    log.orders.acknowledge("c1", "O1")
    ended = order("O1", "c1", OrderStatus.PARTIALLY_CANCELED, "2", amount)
    log.ledger.book("c1", ended, [fill("F1", amount=amount)], at_ms=AT_MS)


def test_what_is_left_is_found_until_it_is_meant_again(log_with_set):
    """1.5 of 2 left: found, also for a later look; not once a second attempt is written."""
    half_bought(log_with_set)
    (found,) = log_with_set.remainders.find(["set-1"], 3)
    assert (found.coid, found.amount - found.filled) == ("c1", Decimal("1.5"))
    assert log_with_set.remainders.find(["set-2"], 3) == []
    assert log_with_set.remainders.find(["set-1"], 1) == []  # it has had its one attempt
    assert log_with_set.remainders.plan(intent(**NEXT), after="c1")
    assert log_with_set.remainders.find(["set-1"], 3) == []
    assert log_with_set.breaks() == []


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({"amount": Decimal("1.501")}, "c1"),  # more than was left
        ({"attempt": 3}, "c1"),  # not the next
        ({}, "c0"),  # not after the last
    ],
)
def test_more_than_the_rest_is_never_written(log_with_set, changes, after):
    """Nothing is written of a plan that could buy more than the entry meant."""
    half_bought(log_with_set)
    assert not log_with_set.remainders.plan(intent(**(NEXT | changes)), after=after)
    assert len(log_with_set.orders.find()) == 1


def test_two_who_plan_the_same_rest_write_it_once(log_with_set):
    """The second finds that the attempt it follows is no longer the last."""
    half_bought(log_with_set)
    plans = [intent(**NEXT), intent(**(NEXT | {"coid": "c3", "intent_id": "int-3"}))]
    assert [log_with_set.remainders.plan(each, after="c1") for each in plans] == [True, False]


def test_nothing_follows_an_exit(log_with_set):
    """Once an exit was planned the position is being left, even if that exit came to nothing."""
    half_bought(log_with_set)
    exit_ = replace(
        intent(coid="x1", intent_id="int-x", amount=Decimal("0.5"), reserved=Decimal(0)), leg=Leg.CLOSE
    )
    assert log_with_set.orders.plan_close(exit_)
    log_with_set.orders.void("x1", "stale")
    assert not log_with_set.remainders.plan(intent(**NEXT), after="c1")


def test_an_order_in_doubt_is_followed_by_nothing(log_with_set):
    """While the first may still be at the venue there is no second, whatever its amount."""
    log_with_set.orders.plan_entries("u1", "set-1", [intent()], (), place=0, at_ms=5)
    for status in (IntentStatus.NEW, IntentStatus.SENT, IntentStatus.UNKNOWN):
        assert log_with_set.orders.get("c1").status is status
        assert not log_with_set.remainders.plan(intent(**NEXT), after="c1")
        log_with_set.orders.mark_sent("c1")
        if status is not IntentStatus.NEW:
            log_with_set.orders.doubt("c1", "silence")


def test_a_resting_entry_is_followed_only_if_its_time_was_over(log_with_set):
    """Cancelled by anybody else, it stays ended."""
    half_bought(log_with_set, type=OrderType.LIMIT)
    assert log_with_set.remainders.find(["set-1"], 3) == []


def test_the_reason_of_a_rest_outlives_its_end(log_with_set):
    """Noted while it is ACKED, before the cancel: the booking of an empty end keeps it."""
    log_with_set.orders.plan_entries("u1", "set-1", [intent(type=OrderType.LIMIT)], (), place=0, at_ms=5)
    log_with_set.orders.mark_sent("c1")
    log_with_set.orders.acknowledge("c1", "O1")
    log_with_set.remainders.rested("c1")
    log_with_set.ledger.book("c1", order("O1", "c1", OrderStatus.CANCELED, "2", "0"), [], at_ms=AT_MS)
    (found,) = log_with_set.remainders.find(["set-1"], 3)
    assert (found.reason, found.status) == (RESTED, IntentStatus.DONE)
