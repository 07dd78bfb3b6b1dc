"""Orders claim fills; what does not come is asked for."""

from tests.trading.exchange.feed.fakes import fill, order
from trading.exchange.feed.backing import Backing
from trading.market.orders import OrderStatus


def test_order_backed_by_its_fills_claims_nothing() -> None:
    """In either order of arrival."""
    backing = Backing(5.0)
    backing.filled(fill("t1"))
    backing.claims(order("o1", OrderStatus.PARTIAL, "1"), 0.0)
    backing.claims(order("o1", OrderStatus.PARTIAL, "2"), 0.0)
    backing.filled(fill("t2"))
    assert backing.overdue(1e9) == []
    assert backing.due_s() is None


def test_missing_fill_is_asked_for_with_doubling_waits() -> None:
    """At 5 s, then 10 s later, 20 s later ..., until it comes."""
    backing = Backing(5.0)
    backing.claims(order("o1", OrderStatus.FILLED, "1"), 0.0)
    assert backing.overdue(4.9) == []
    assert backing.overdue(5.0) == ["BTC/USDT"]
    assert backing.overdue(14.9) == []
    assert backing.overdue(15.0) == ["BTC/USDT"]
    assert backing.symbols() == {"BTC/USDT"}
    backing.filled(fill("t1"))
    assert backing.overdue(1e9) == []
    assert backing.given_up == 0


def test_fill_that_never_comes_is_given_up_once() -> None:
    """An order that was partly filled before the feed began has fills nobody told here."""
    backing = Backing(5.0)
    backing.claims(order("o1", OrderStatus.PARTIAL, "1"), 0.0)
    asked = sum(bool(backing.overdue(1e4 * step)) for step in range(1, 20))
    assert (asked, backing.given_up) == (8, 1)
    backing.claims(order("o1", OrderStatus.CANCELED, "1"), 1e6)
    assert backing.due_s() is None
