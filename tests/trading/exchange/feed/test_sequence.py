"""Quotes and prints: each told once, in order."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.trading.exchange.feed.fakes import START_MS, quote, trade
from trading.exchange.feed.events import Origin
from trading.exchange.feed.sequence import QuoteSequence, TradeSequence
from trading.market.timeframes import to_ms


def test_quote_older_than_the_last_is_no_news() -> None:
    """A quote that was overtaken on its way must not bring an old price back."""
    sequence = QuoteSequence()
    assert sequence.offer(quote("100", at_s=2)) is not None
    assert sequence.offer(quote("99", at_s=1)) is None
    assert sequence.last == quote("100", at_s=2)


def test_quote_that_changed_nothing_is_told_once() -> None:
    """The same prices and amounts again, later, are no news; another amount is."""
    sequence = QuoteSequence()
    assert sequence.offer(quote("100", at_s=1)) is not None
    assert sequence.offer(quote("100", at_s=2)) is None
    assert sequence.offer(quote("101", at_s=2)) is not None


def test_equal_prints_of_one_millisecond_are_told_as_often_as_they_happened() -> None:
    """Two equal prints are two trades; a poll that repeats them adds none, one with a third adds one."""
    sequence = TradeSequence()
    twice = [trade("100", 5), trade("100", 5)]
    assert len(sequence.offer(twice, Origin.STREAM)) == 2
    assert sequence.offer(twice, Origin.POLL) == []
    assert sequence.offer([*twice, trade("100", 5)], Origin.POLL) == [trade("100", 5)]


def test_late_print_is_told_and_counted() -> None:
    """A print that comes after a younger one is not lost."""
    sequence = TradeSequence()
    sequence.offer([trade("100", 10)], Origin.STREAM)
    assert sequence.offer([trade("99", 5)], Origin.STREAM) == [trade("99", 5)]
    assert sequence.late == 1


tapes = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["100", "101"])), max_size=30).map(
    lambda rows: [trade(price, at) for at, price in sorted(rows)]
)


@given(tape=tapes, cuts=st.lists(st.integers(0, 30), min_size=2, max_size=2), polls=st.integers(1, 3))
def test_every_print_is_told_exactly_once_across_an_outage(tape: list, cuts: list[int], polls: int) -> None:
    """Stream, outage with polls from the last told time on, stream again: the tape, once, in order."""
    first, second = sorted(min(cut, len(tape)) for cut in cuts)
    # A push holds all prints of its millisecond, so an outage begins and ends between milliseconds.
    while 0 < first < len(tape) and tape[first].at == tape[first - 1].at:
        first -= 1
    while second < len(tape) and second > 0 and tape[second].at == tape[second - 1].at:
        second += 1
    second = max(first, second)
    sequence = TradeSequence()
    told = sequence.offer(tape[:first], Origin.STREAM)
    for step in range(1, polls + 1):
        known = tape[: first + (second - first) * step // polls]
        since = sequence.last_ms if sequence.last_ms is not None else START_MS
        told += sequence.offer([t for t in known if to_ms(t.at) >= since], Origin.POLL)
    told += sequence.offer(tape[second:], Origin.STREAM)
    assert Counter(told) == Counter(tape)
    assert [t.at for t in told] == sorted(t.at for t in told)
