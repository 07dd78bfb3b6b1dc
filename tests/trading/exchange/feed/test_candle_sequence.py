"""Bars: closed once, complete, in order, and never closed from a push that may lack the last trades."""

from hypothesis import given
from hypothesis import strategies as st

from tests.trading.exchange.feed.fakes import MINUTE_MS, START_MS, candle
from trading.exchange.feed.candle_sequence import CandleSequence
from trading.exchange.feed.events import Candle
from trading.market.timeframes import timeframe, to_ms

BAR = timeframe("1m")


def sequence() -> CandleSequence:
    """Before minute 0: the bar of minute -1 counts as known."""
    return CandleSequence(BAR, START_MS - MINUTE_MS)


def at(minute: int) -> int:
    return START_MS + minute * MINUTE_MS


def test_forming_bar_is_told_as_forming_and_closed_by_the_venues_last_word() -> None:
    """Only a push sent at or after the bar's end closes it; it does so once."""
    bars = sequence()
    assert bars.pushed(candle(0, "100", 10)) == [candle(0, "100", 10)]
    last = candle(0, "101", 60, closed=True)
    assert bars.pushed(last) == [last]
    assert bars.pushed(last) == []
    assert bars.closed_ms == at(0)


def test_bar_whose_last_word_is_missing_is_asked_for_before_the_next_is_told() -> None:
    """The stream moved on to minute 1; minute 0 as last pushed may lack trades, so REST decides."""
    bars = sequence()
    bars.pushed(candle(0, "100", 50))
    assert bars.pushed(candle(1, "102", 61)) == []
    assert bars.wants_since_ms == at(0)
    truth = candle(0, "101", 60, closed=True)
    assert bars.answered([truth], until_ms=at(1) + 1000) == [truth, candle(1, "102", 61)]
    assert bars.wants_since_ms is None
    assert bars.guessed == 0


def test_last_push_stands_for_the_bar_when_rest_has_no_answer() -> None:
    """Better a bar that may lack its last second than none; it is counted."""
    bars = sequence()
    bars.pushed(candle(0, "100", 50))
    bars.pushed(candle(1, "102", 61))
    told = bars.unanswered()
    assert [(c.close, c.is_closed) for c in told] == [(100, True), (102, False)]
    assert bars.guessed == 1


def test_bars_missed_in_an_outage_come_from_rest_in_order() -> None:
    """Minutes 0 to 2 went by unseen; the push of minute 3 waits for them."""
    bars = sequence()
    missed = [candle(minute, "100", 60 * (minute + 1), closed=True) for minute in range(3)]
    assert bars.pushed(candle(3, "103", 181)) == []
    assert bars.answered(missed[::-1], until_ms=at(3) + 1000) == [*missed, candle(3, "103", 181)]


def test_minute_without_trades_is_passed_over_once_the_venue_cannot_have_it_any_more() -> None:
    """REST has no bar of minute 0 a whole bar after its end: there was none, and asking ends."""
    bars = sequence()
    assert bars.is_due(at(1))
    assert bars.answered([], until_ms=at(1) + 1000) == []
    assert bars.is_due(at(1) + 1000), "REST may only be late: asked again"
    assert bars.answered([], until_ms=at(2) + 1000) == []
    assert not bars.is_due(at(2) - 1)
    assert bars.pushed(candle(1, "100", 70)) == [candle(1, "100", 70)]


def test_stale_push_of_the_forming_bar_is_dropped() -> None:
    """Pushes may overtake each other; the forming bar never goes back."""
    bars = sequence()
    bars.pushed(candle(0, "100", 20))
    assert bars.pushed(candle(0, "99", 10)) == []


@given(
    heard=st.lists(st.booleans(), min_size=40, max_size=40),
    rest=st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_closed_bars_are_the_venues_whatever_the_stream_loses(heard: list[bool], rest: list[bool]) -> None:
    """Four pushes a minute, any of them lost; REST answers when asked or not. As long as REST answers in
    the end, every closed bar told is the venue's own, once, in order; forming ones never run behind."""
    bars = sequence()
    told: list[Candle] = []
    truth = [candle(minute, str(100 + minute), 60 * (minute + 1), closed=True) for minute in range(10)]
    for step in range(40):
        minute, quarter = divmod(step, 4)
        # The last quarter's push comes at the end of the bar: the venue's last word.
        push = (
            truth[minute] if quarter == 3 else candle(minute, f"{90 + quarter}", 60 * minute + 15 * quarter)
        )
        if heard[step]:
            told += bars.pushed(push)
        now_ms = START_MS + (step + 1) * 15_000
        if (bars.wants_since_ms is not None or bars.is_due(now_ms)) and rest[step]:
            since = bars.ask()
            known = [c for c in truth if to_ms(c.open_time) >= since and to_ms(c.at) <= now_ms]
            told += bars.answered(known, now_ms)
    since = bars.ask()
    told += bars.answered([c for c in truth if to_ms(c.open_time) >= since], at(10))
    closed = [c for c in told if c.is_closed]
    assert closed == truth
    assert bars.guessed == 0
    opens = [c.open_time for c in told]
    assert opens == sorted(opens)
