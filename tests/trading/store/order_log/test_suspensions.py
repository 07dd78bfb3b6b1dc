"""Symbols held back for review: one suspension at a time, kept for good, seen by every process."""

from decimal import Decimal

import pytest

from trading.market.clock import ManualClock
from trading.market.errors import BadInput
from trading.store.order_log import OrderLog
from trading.store.order_log.suspensions import Suspension

BEFORE, AFTER = Decimal("99.07"), Decimal("0.00005")


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path}/orders.db"


def found(symbol: str = "LUNA/USDT", **changes: object) -> Suspension:
    values: dict[str, object] = {
        "symbol": symbol,
        "source": "engine",
        "state": "unconfirmed",
        "reason": "one print so far",
        "at_ms": 1_000,
        "price_before": BEFORE,
        "price_after": AFTER,
    }
    return Suspension(**(values | changes))


def test_suspension_is_there_for_the_next_process(url):
    """Reason, exact prices and both times are read back from disk."""
    first = OrderLog(url, wall=ManualClock(7_000))
    assert first.suspensions.suspend(found()) is True
    first.close()
    second = OrderLog(url, wall=ManualClock(9_000))
    held = second.suspensions.active()["LUNA/USDT"]
    assert (held.price_before, held.price_after) == (BEFORE, AFTER)
    assert (held.at_ms, held.wall_ms, held.released_ms) == (1_000, 7_000, None)
    second.close()


def test_second_report_updates_what_is_known_and_starts_nothing(url):
    """The prices and the time of the first report stay."""
    log = OrderLog(url, wall=ManualClock(7_000))
    log.suspensions.suspend(found())
    again = found(state="confirmed", reason="a second look confirms it", at_ms=2_000)
    assert log.suspensions.suspend(again) is False
    (held,) = log.suspensions.all()
    assert (held.state, held.reason, held.at_ms) == ("confirmed", "a second look confirms it", 1_000)
    log.close()


def test_second_look_settles_only_what_is_suspended(url):
    """Nothing is noted on a symbol that is open."""
    log = OrderLog(url, wall=ManualClock(7_000))
    assert log.suspensions.settle("LUNA/USDT", "bad_print", "it was back at once") is False
    log.suspensions.suspend(found())
    assert log.suspensions.settle("LUNA/USDT", "bad_print", "it was back at once") is True
    assert log.suspensions.active()["LUNA/USDT"].state == "bad_print"
    log.close()


def test_release_says_why_and_a_later_jump_suspends_again(url):
    """Both suspensions stay in the record."""
    wall = ManualClock(7_000)
    log = OrderLog(url, wall=wall)
    log.suspensions.suspend(found())
    released = log.suspensions.release("LUNA/USDT", "relisted, understood", at_ms=8_000)
    assert (released.released_ms, released.release_reason) == (8_000, "relisted, understood")
    assert log.suspensions.active() == {}
    wall.advance(1_000)
    assert log.suspensions.suspend(found(at_ms=9_000)) is True
    assert [held.released_ms for held in log.suspensions.all()] == [8_000, None]
    log.close()


def test_release_of_what_is_not_suspended_names_what_is(url):
    """One sentence; and a release without a reason is none."""
    log = OrderLog(url, wall=ManualClock(7_000))
    with pytest.raises(BadInput, match="LUNA/USDT is not suspended; suspended now: none is"):
        log.suspensions.release("LUNA/USDT", "why not", at_ms=1)
    log.suspensions.suspend(found())
    with pytest.raises(BadInput, match="BTC/USDT is not suspended; suspended now: LUNA/USDT"):
        log.suspensions.release("BTC/USDT", "why not", at_ms=1)
    with pytest.raises(BadInput, match="must say why"):
        log.suspensions.release("LUNA/USDT", "  ", at_ms=1)
    log.close()
