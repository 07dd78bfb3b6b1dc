"""Statuses only move forwards, each move is one durable transaction, and nobody can send twice."""

from dataclasses import replace

import pytest

from tests.trading.store.order_log.rows import fill, intent, order
from trading.market.errors import BadInput, MissingData
from trading.market.orders import OrderStatus
from trading.store.order_log import OrderLog
from trading.store.order_log.records import Event, IntentStatus, Leg, Skip


def plan(log, *intents, skips=()):
    return log.orders.plan_entries("u1", "set-1", intents, skips, place=0, at_ms=5)


def test_only_one_caller_may_send(log_with_set):
    """mark_sent says yes exactly once, whoever asks."""
    plan(log_with_set, intent())
    assert [log_with_set.orders.mark_sent("c1") for _ in range(3)] == [True, False, False]


def test_what_was_committed_is_there_after_a_reopen(log_with_set, url):
    """A second process sees SENT: the restart knows that the outcome is open."""
    plan(log_with_set, intent())
    log_with_set.orders.mark_sent("c1")
    again = OrderLog(url)
    assert again.orders.get("c1").status is IntentStatus.SENT
    assert again.orders.get("c1").amount == intent().amount
    again.close()


def test_a_set_is_planned_once_per_user(log_with_set):
    """The second plan of the same set writes nothing, skips included."""
    skip = Skip("set-1", "sig-9", "u1", "X/USDT", "size", "too small to be sold again")
    assert plan(log_with_set, intent(), skips=[skip])
    assert not plan(log_with_set, intent(coid="c2", intent_id="int-2"), skips=[])
    assert [item.coid for item in log_with_set.orders.find()] == ["c1"]
    assert log_with_set.skips()["rule"].to_list() == ["size"]


def test_plan_is_all_or_nothing(log_with_set):
    """A duplicate id in the middle of a plan leaves no trace of the plan."""
    with pytest.raises(Exception, match=r"(?i)unique"):
        plan(log_with_set, intent(), intent())
    assert log_with_set.orders.find() == []
    assert plan(log_with_set, intent())


@pytest.mark.parametrize(
    ("start", "move", "allowed"),
    [
        ("NEW", "void", True),
        ("SENT", "void", False),
        ("SENT", "reject", True),
        ("UNKNOWN", "reject", False),
        ("ACKED", "reject", False),
        ("SENT", "doubt", True),
        ("ACKED", "doubt", False),
        ("LOST", "doubt", False),
        ("UNKNOWN", "lose", True),
        ("DONE", "lose", False),
        ("REJECTED", "lose", False),
        ("LOST", "acknowledge", True),
        ("DONE", "acknowledge", False),
        ("VOID", "mark_sent", False),
        ("REJECTED", "mark_sent", False),
        ("LOST", "explain", True),
        ("UNKNOWN", "explain", False),
    ],
)
def test_status_moves_only_where_it_may(log_with_set, start, move, allowed):
    """The table of docs/explanation/order-path.md."""
    plan(log_with_set, replace(intent(), status=IntentStatus(start)))
    event = Event("lost:c1", "u1", "order_lost", {"symbol": "AAA/USDT", "reason": ""}, 5)
    calls = {
        "void": lambda: log_with_set.orders.void("c1", "late"),
        "reject": lambda: log_with_set.orders.reject("c1", "no"),
        "doubt": lambda: log_with_set.orders.doubt("c1", "silence"),
        "lose": lambda: log_with_set.orders.lose("c1", "gone", event=event),
        "acknowledge": lambda: log_with_set.orders.acknowledge("c1", "O1"),
        "mark_sent": lambda: log_with_set.orders.mark_sent("c1"),
        "explain": lambda: log_with_set.orders.explain("c1", "nothing held"),
    }
    assert calls[move]() is allowed
    assert (log_with_set.orders.get("c1").status.value != start) is allowed


def test_one_exit_at_a_time(log_with_open_trade):
    """While an exit is out no second one is written; after it ended the next attempt is."""
    log = log_with_open_trade
    close = replace(intent(), coid="x1", intent_id="int-x1", leg=Leg.CLOSE, exit_reason="stop_loss")
    other = replace(close, coid="x2", intent_id="int-x2", attempt=2)
    assert log.orders.plan_close(close)
    assert not log.orders.plan_close(other)
    log.orders.void("x1", "restart")
    assert log.orders.plan_close(other)


def test_no_exit_of_a_closed_trade(log_with_open_trade):
    """A closed trade takes no exit order."""
    log = log_with_open_trade
    close = replace(intent(), coid="x1", intent_id="int-x1", leg=Leg.CLOSE, exit_reason="stop_loss")
    log.orders.plan_close(close)
    sold = [fill("f9", "O9", side="sell", amount="2", price="110")]
    log.ledger.book("x1", order("O9", "x1", OrderStatus.FILLED, "2", "2", side="sell"), sold, at_ms=9)
    assert log.ledger.open_trades() == []
    assert not log.orders.plan_close(replace(close, coid="x2", intent_id="int-x2", attempt=2))


def test_next_attempt_needs_a_proven_refusal(log_with_set):
    """plan_again after REJECTED only: an unknown outcome is never followed by another entry."""
    log = log_with_set
    plan(log, intent())
    again = replace(intent(), coid="c2", intent_id="int-2", attempt=2)
    log.orders.mark_sent("c1")
    log.orders.doubt("c1", "silence")
    assert not log.orders.plan_again(again, after="c1")
    assert log.orders.lookup("c2") is None


def test_unknown_ids_are_named(log):
    """Asking for what is not there says what was asked for."""
    with pytest.raises(MissingData, match="nope"):
        log.orders.get("nope")
    with pytest.raises(BadInput, match="u1"):
        log.accounts.add(log.accounts.rows()[0] | {"name": "again"})
