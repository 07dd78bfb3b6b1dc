"""Symbols closed by news: written once with their alerts, in force for their time, kept for good."""

import pytest

from trading.market.clock import ManualClock
from trading.market.errors import BadInput
from trading.store.order_log import OrderLog
from trading.store.order_log.news_holds import NewsHold


@pytest.fixture
def log(url):
    log = OrderLog(url, wall=ManualClock(7_000))
    yield log
    log.close()


def hold(name="h1", **changes: object) -> NewsHold:
    values: dict[str, object] = {"hold_id": name, "symbol": "LUNA/USDT", "event": "hack", "reason": "hacked"}
    return NewsHold(**(values | {"since_ms": 1_000, "until_ms": 2_000} | changes))


def test_a_hold_is_in_force_for_its_time_and_there_for_the_next_process(log, url):
    """From its first millisecond to the last before its end."""
    assert log.news_holds.place([hold()], at_ms=1_000) == 1
    other = OrderLog(url)
    for at_ms, symbols in ((999, []), (1_000, ["LUNA/USDT"]), (1_999, ["LUNA/USDT"]), (2_000, [])):
        assert list(other.news_holds.active(at_ms)) == symbols
    other.close()


def test_a_story_handed_over_at_every_pass_is_one_hold_and_one_alert(log):
    """The pipeline derives holds anew each time; the operator hears once."""
    for at_ms in (1_000, 1_500):
        log.news_holds.place([hold(), hold()], at_ms=at_ms)
    assert len(log.news_holds.all()) == 1
    (event,) = log.outbox.waiting()
    assert (event.user_id, event.kind, event.at_ms) == ("operator", "news_hold", 1_000)
    assert "ends" not in event.payload


def test_hold_and_alert_are_written_together_or_not_at_all(log, monkeypatch):
    """A crash between the two leaves nothing, so the next pass does both."""

    def crash(*_):
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(log.outbox, "add", crash)
        with pytest.raises(OSError, match="power cut"):
            log.news_holds.place([hold()], at_ms=1_000)
    assert (log.news_holds.all(), log.outbox.waiting()) == ([], [])
    assert log.news_holds.place([hold()], at_ms=1_000) == 1
    assert len(log.outbox.waiting()) == 1


def test_the_hold_that_ends_trading_first_speaks_for_its_symbol(log):
    """A dated delisting is not hidden by a later hack, nor by a later date."""
    dated, later = hold("h2", ends_ms=1_700), hold("h3", ends_ms=1_900)
    log.news_holds.place([hold("h0"), later, dated, hold("h4", since_ms=1_200)], at_ms=1_200)
    assert log.news_holds.active(1_300)["LUNA/USDT"].hold_id == "h2"


def test_only_symbols_near_their_end_are_left(log):
    """Within the lead, at the end and after it; never without a date."""
    log.news_holds.place([hold("h1", ends_ms=1_700), hold("h2", symbol="BTC/USDT")], at_ms=1_000)
    for at_ms, symbols in (
        (1_199, []),
        (1_200, ["LUNA/USDT"]),
        (1_700, ["LUNA/USDT"]),
        (1_999, ["LUNA/USDT"]),
    ):
        assert list(log.news_holds.leaving(at_ms, 500)) == symbols


def test_a_released_symbol_stays_released_when_its_story_comes_again(log):
    """A person has the last word; the record keeps why."""
    log.news_holds.place([hold(ends_ms=1_700)], at_ms=1_000)
    with pytest.raises(BadInput, match="held now: LUNA/USDT"):
        log.news_holds.release("BTC/USDT", "why", at_ms=1_100)
    with pytest.raises(BadInput, match="must say why"):
        log.news_holds.release("LUNA/USDT", " ", at_ms=1_100)
    assert log.news_holds.release("LUNA/USDT", "a rumour", at_ms=1_100) == 1
    assert log.news_holds.place([hold(ends_ms=1_700)], at_ms=1_200) == 0
    assert log.news_holds.active(1_300) == {}
    assert log.news_holds.leaving(1_650, 500) == {}
    assert log.news_holds.all()[0].release_reason == "a rumour"


def test_another_end_of_trading_moves_the_hold_and_is_told_once(log):
    """The notice was edited; a pass that says the same again says nothing."""
    first = hold(event="delisting", ends_ms=1_700)
    later = hold(event="delisting", ends_ms=2_500, until_ms=9_000, reason="postponed")
    assert log.news_holds.place([first], at_ms=1_000) == 1
    assert [log.news_holds.place([later], at_ms=1_100) for _ in range(2)] == [1, 0]
    (held,) = log.news_holds.all()
    assert (held.ends_ms, held.until_ms, held.reason, held.since_ms) == (2_500, 9_000, "postponed", 1_000)
    assert log.news_holds.leaving(1_750, 50) == {}
    assert [event.at_ms for event in log.outbox.waiting()] == [1_000, 1_100]


def test_an_end_that_is_said_later_is_set_and_one_no_longer_said_stays(log):
    """First "will be delisted", then the date, then the date is dropped from the page."""
    undated, dated = hold(event="delisting"), hold(event="delisting", ends_ms=1_700)
    for said in (undated, dated, undated):
        log.news_holds.place([said], at_ms=1_000)
    (held,) = log.news_holds.all()
    assert held.ends_ms == 1_700


def test_a_released_hold_is_moved_by_no_edit(log):
    """A person has the last word."""
    log.news_holds.place([hold(ends_ms=1_700)], at_ms=1_000)
    log.news_holds.release("LUNA/USDT", "a rumour", at_ms=1_100)
    assert log.news_holds.place([hold(ends_ms=1_900)], at_ms=1_200) == 0
    assert log.news_holds.active(1_300) == {}
    assert log.news_holds.all()[0].ends_ms == 1_700
