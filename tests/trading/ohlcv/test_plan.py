"""Which pages are asked for: exactly what is missing, in the fewest pages the venue answers."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from trading.exchange.public import PAGE_BARS
from trading.market.timeframes import TIMEFRAMES, Timeframe, timeframe, to_ms
from trading.ohlcv.plan import Page, bar_window, missing_pages, pages_of
from trading.ohlcv.spans import Span, without

QUARTER = timeframe("15m")
START = 1_786_924_800_000  # 2026-08-17 00:00 UTC


def at(bars: int) -> int:
    return START + bars * QUARTER.ms


def shape(pages: list[Page]) -> list[tuple[str, int, int]]:
    """Symbol, first bar counted from START, bars."""
    return [(page.want.symbol, (page.want.since_ms - START) // QUARTER.ms, page.want.limit) for page in pages]


def opens(pages: list[Page], bar: Timeframe = QUARTER) -> list[int]:
    return [page.want.since_ms + n * bar.ms for page in pages for n in range(page.want.limit)]


def test_an_empty_ledger_asks_for_the_window_in_pages_of_500():
    """1,100 bars are 500 + 500 + 100, oldest first."""
    pages = missing_pages(["A/USDT"], QUARTER, (at(0), at(1100)), {})
    assert shape(pages) == [("A/USDT", 0, 500), ("A/USDT", 500, 500), ("A/USDT", 1000, 100)]
    assert [page.end_ms for page in pages] == [at(500), at(1000), at(1100)]


def test_ten_days_and_ten_hours_are_two_pages():
    """10 days of 96 bars and 40 bars of today: exactly two pages; one bar more begins a third."""
    assert [p.want.limit for p in missing_pages(["A"], QUARTER, (at(0), at(1000)), {})] == [500, 500]
    assert [p.want.limit for p in missing_pages(["A"], QUARTER, (at(0), at(1001)), {})] == [500, 500, 1]


def test_nothing_is_asked_for_twice():
    """A window that was answered plans no request, however it was split."""
    taken = {"A": [(at(0), at(40)), (at(40), at(100))]}
    assert missing_pages(["A"], QUARTER, (at(0), at(100)), taken) == []


def test_only_what_is_missing_on_both_sides():
    """In front of what is there and behind it."""
    pages = missing_pages(["A"], QUARTER, (at(0), at(1000)), {"A": [(at(20), at(980))]})
    assert shape(pages) == [("A", 0, 20), ("A", 980, 20)]


def test_many_small_holes_share_a_page():
    """Ten holes within 500 bars are one request, not ten; it ends with the last of them."""
    taken = {"A": [(at(10 * n + 1), at(10 * n + 10)) for n in range(10)] + [(at(100), at(400))]}
    assert shape(missing_pages(["A"], QUARTER, (at(0), at(400)), taken)) == [("A", 0, 91)]


def test_symbols_of_one_time_are_asked_together():
    """Time first, symbols in the order given: a batch of pages lies in the same few days."""
    pages = missing_pages(["B", "A"], QUARTER, (at(0), at(600)), {})
    assert shape(pages) == [("B", 0, 500), ("A", 0, 500), ("B", 500, 100), ("A", 500, 100)]


def test_a_symbol_named_twice_is_asked_once():
    """A list typed by hand may repeat itself."""
    assert len(missing_pages(["A", "A"], QUARTER, (at(0), at(10)), {})) == 1


def test_a_window_holds_whole_closed_bars():
    """A start inside a bar begins with the next one; a bar that is still open is not part of it."""
    assert bar_window(QUARTER, at(0) + 1, at(9), at(5) + 1) == (at(1), at(5))
    assert bar_window(QUARTER, at(0), at(4), at(9)) == (at(0), at(4))
    assert bar_window(QUARTER, at(7), at(9), at(5)) == (at(7), at(7))


def test_weeks_begin_on_mondays_and_months_on_the_first():
    """Neither is a multiple of its length since 1970."""
    wednesday = to_ms(datetime(2026, 1, 7, tzinfo=UTC))
    end = to_ms(datetime(2026, 4, 15, tzinfo=UTC))
    week, month = timeframe("1w"), timeframe("1M")
    assert bar_window(week, wednesday, end, end)[0] == to_ms(datetime(2026, 1, 12, tzinfo=UTC))
    window = bar_window(month, wednesday, end, end)
    assert window == tuple(to_ms(datetime(2026, n, 1, tzinfo=UTC)) for n in (2, 4))
    (page,) = pages_of("A", month, [window])
    assert (page.want.limit, page.end_ms) == (2, window[1])


@given(
    name=st.sampled_from([name for name in TIMEFRAMES if name != "1M"]),
    length=st.integers(0, 3_000),
    cuts=st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 1_200)), max_size=8),
)
def test_pages_cover_all_that_is_missing_and_no_two_overlap(name, length, cuts):
    """Every missing slot is asked exactly once, no page is above 500, none begins or ends on a taken slot."""
    bar = TIMEFRAMES[name]
    begin = bar.floor_ms(START)
    window: Span = (begin, begin + length * bar.ms)
    taken = [(begin + low * bar.ms, begin + (low + size) * bar.ms) for low, size in cuts]
    pages = missing_pages(["A"], bar, window, {"A": taken})
    asked = opens(pages, bar)
    missing = [moment for start, end in without(window, taken) for moment in range(start, end, bar.ms)]
    assert len(asked) == len(set(asked))
    assert set(missing) <= set(asked)
    assert all(1 <= page.want.limit <= PAGE_BARS for page in pages)
    assert {page.want.since_ms for page in pages} | {page.end_ms - bar.ms for page in pages} <= set(missing)
    assert all(page.end_ms == page.want.since_ms + page.want.limit * bar.ms for page in pages)


def test_a_window_before_1970_is_planned_like_any_other():
    """Whoever asks for it gets pages, never the claim that nothing is missing."""
    assert [page.want.limit for page in missing_pages(["A"], QUARTER, (-96 * QUARTER.ms, 0), {})] == [96]
