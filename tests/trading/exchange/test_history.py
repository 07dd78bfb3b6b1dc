"""Planning of candle pages: exactly what is missing, in pages the venue answers."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from trading.exchange.history import PAGE_BARS, Held, missing_pages
from trading.exchange.scan import Want
from trading.market.timeframes import TIMEFRAMES, timeframe, to_ms

BAR = timeframe("15m")
DAY_BARS = 96
START = 1_786_924_800_000  # 2026-08-17 00:00 UTC


def at(bars: int) -> int:
    return START + bars * BAR.ms


def plan(start: int, end: int, *, held=None, nothing_before=None, symbols=("A/USDT",), bar=BAR):
    return missing_pages(symbols, bar, start, end, held=held or {}, nothing_before=nothing_before or {})


def opens(wants: list[Want], bar=BAR) -> list[int]:
    return [want.since_ms + n * bar.ms for want in wants for n in range(want.limit)]


def test_an_empty_store_asks_for_the_window_in_pages_of_500():
    """1,100 bars are 500 + 500 + 100, oldest first."""
    assert plan(at(0), at(1100)) == [
        Want("A/USDT", since_ms=at(0), limit=500),
        Want("A/USDT", since_ms=at(500), limit=500),
        Want("A/USDT", since_ms=at(1000), limit=100),
    ]


def test_ten_days_and_today_are_three_pages_at_most():
    """10 days of 96 bars and 40 bars of today: exactly two pages; one bar more begins a third."""
    assert [want.limit for want in plan(at(0), at(10 * DAY_BARS + 40))] == [500, 500]
    assert [want.limit for want in plan(at(0), at(10 * DAY_BARS + 41))] == [500, 500, 1]


def test_nothing_is_asked_for_twice():
    """A full window plans no request."""
    assert plan(at(0), at(100), held={"A/USDT": Held(at(0), at(99))}) == []


def test_only_new_bars_are_asked_for_on_top_of_old_ones():
    """The bar after the last one stored, up to the end."""
    assert plan(at(0), at(104), held={"A/USDT": Held(at(0), at(99))}) == [
        Want("A/USDT", since_ms=at(100), limit=4)
    ]


def test_older_bars_are_fetched_in_front_of_stored_ones():
    """A window that moves back closes the gap in front, and only it."""
    assert plan(at(0), at(100), held={"A/USDT": Held(at(60), at(99))}) == [
        Want("A/USDT", since_ms=at(0), limit=60)
    ]


def test_both_sides_are_closed():
    """In front and behind."""
    wants = plan(at(0), at(100), held={"A/USDT": Held(at(20), at(79))})
    assert opens(wants) == [at(n) for n in [*range(20), *range(80, 100)]]


def test_a_young_listing_is_not_asked_for_days_before_it_existed():
    """Its first bar is known: the window begins there."""
    wants = plan(at(0), at(100), nothing_before={"A/USDT": at(90)})
    assert opens(wants) == [at(n) for n in range(90, 100)]
    held = {"A/USDT": Held(at(90), at(99))}
    assert plan(at(0), at(100), held=held, nothing_before={"A/USDT": at(90)}) == []


def test_a_listing_younger_than_the_window_asks_for_nothing():
    """Born after the window's end."""
    assert plan(at(0), at(100), nothing_before={"A/USDT": at(150)}) == []


def test_holes_inside_what_is_held_are_left_alone():
    """Between first and last bar a symbol without trades prints nothing; that is no reason to ask again."""
    assert plan(at(0), at(100), held={"A/USDT": Held(at(0), at(99))}) == []


def test_unaligned_window_asks_for_whole_bars_inside_it():
    """A start inside a bar begins with the next one; the bar that contains the end's last ms counts."""
    wants = plan(at(0) + 1, at(4) + 1)
    assert opens(wants) == [at(1), at(2), at(3), at(4)]


def test_an_empty_or_reversed_window_asks_for_nothing():
    """Now before the window's start (a partition of tomorrow): no request, no error."""
    assert plan(at(10), at(10)) == []
    assert plan(at(10), at(3)) == []


def test_symbols_keep_their_order():
    """The first symbol's pages come first: the caller sorts by importance."""
    wants = plan(at(0), at(600), symbols=("B/USDT", "A/USDT"))
    assert [want.symbol for want in wants] == ["B/USDT", "B/USDT", "A/USDT", "A/USDT"]


@given(
    name=st.sampled_from([name for name in TIMEFRAMES if name not in ("1w", "1M")]),
    start=st.integers(-10_000, 10_000),
    length=st.integers(-50, 3_000),
    span=st.none() | st.tuples(st.integers(0, 2_999), st.integers(0, 2_999)),
    born=st.none() | st.integers(-100, 3_100),
)
def test_wants_cover_exactly_what_is_missing(name, start, length, span, born):
    """Pages and what is held tile the window from the first bar on: no overlap, no hole, none above 500."""
    bar = TIMEFRAMES[name]
    begin, end = START + start * bar.ms, START + (start + length) * bar.ms
    window = set(range(begin, end, bar.ms))
    birth = None if born is None else begin + born * bar.ms
    exists = {moment for moment in window if birth is None or moment >= birth}
    held, stored = {}, set()
    if span is not None and exists:
        ordered = sorted(exists)
        low, high = sorted(min(place, len(ordered) - 1) for place in span)
        held = {"A/USDT": Held(ordered[low], ordered[high])}
        stored = set(ordered[low : high + 1])
    wants = plan(begin, end, held=held, nothing_before={} if birth is None else {"A/USDT": birth}, bar=bar)
    asked = opens(wants, bar)
    assert len(asked) == len(set(asked))
    assert set(asked) == exists - stored
    assert all(1 <= want.limit <= PAGE_BARS for want in wants)
    assert [want.since_ms for want in wants] == sorted(want.since_ms for want in wants)


@given(weeks=st.integers(1, 900), offset=st.integers(-3, 3))
def test_weekly_pages_begin_on_mondays(weeks, offset):
    """MEXC's weeks open on Monday, the epoch was a Thursday: the bar after the last one is asked for."""
    week = timeframe("1w")
    monday = week.floor_ms(START)
    held = {"A/USDT": Held(monday, monday + offset % 4 * week.ms)}
    last = held["A/USDT"].last_ms
    wants = plan(monday, last + (weeks + 1) * week.ms, held=held, bar=week)
    assert opens(wants, week) == [last + n * week.ms for n in range(1, weeks + 1)]


def test_monthly_pages_begin_on_the_first():
    """February has 28 days: after the bar of February comes March, not April."""
    month = timeframe("1M")
    february, march = (to_ms(datetime(2026, n, 1, tzinfo=UTC)) for n in (2, 3))
    end = to_ms(datetime(2026, 4, 1, tzinfo=UTC))
    wants = plan(february, end, held={"A/USDT": Held(february, february)}, bar=month)
    assert [want.since_ms for want in wants] == [march]
