"""The book of owed echoes."""

from trading.exchange.feed.echo import Echoes


def test_order_that_was_told_of_is_owed_nothing() -> None:
    """Before or after its acknowledgement."""
    echoes = Echoes()
    echoes.heard("early")
    echoes.acknowledged("early", 0.0)
    echoes.acknowledged("late", 0.0)
    echoes.heard("late")
    assert echoes.overdue(100.0, 5.0) == []
    assert echoes.due_s(5.0) is None


def test_overdue_order_is_named_once() -> None:
    """At its bound, not before; and then no more."""
    echoes = Echoes()
    echoes.acknowledged("o1", 10.0)
    echoes.acknowledged("o2", 12.0)
    assert echoes.due_s(5.0) == 15.0
    assert echoes.overdue(14.9, 5.0) == []
    assert echoes.overdue(15.0, 5.0) == ["o1"]
    assert echoes.overdue(15.0, 5.0) == []
    echoes.forgive()
    assert echoes.overdue(100.0, 5.0) == []
