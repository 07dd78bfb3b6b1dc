"""Rows set aside: each with its reason and as it came; the quick look and the thorough one agree."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.exchange.bar_faults import REASONS, in_order, judge
from trading.exchange.bars import read_rows, to_candles
from trading.exchange.errors import Reply
from trading.exchange.kline_kernel import is_flawless
from trading.market.frames import QUARANTINE
from trading.market.timeframes import timeframe

QUARTER = timeframe("15m")
T0 = 1_740_830_400_000  # 2025-03-01 12:00 UTC, a Saturday
NOW = T0 + 10 * QUARTER.ms


def bar(index: float = 0, **changes: Any) -> list[Any]:
    start = int(T0 + index * QUARTER.ms)
    values = {"t": start, "o": "2", "h": "4", "l": "1", "c": "3", "v": "10", "e": start, "q": "30"}
    return list((values | changes).values())


def set_aside(rows: list[Any], *, as_bytes: bool, **more: Any) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    told: list[pl.DataFrame] = []
    given: Any = rows
    if as_bytes:
        given = read_rows(Reply(200, {}, orjson.dumps(rows), 0.0, 0.0), path="/klines")
    options: dict[str, Any] = {"timeframe": QUARTER, "closed_by_ms": NOW, "on_rejected": told.append} | more
    return to_candles("A/USDT", given, rejected=Counter(), **options), told


@pytest.mark.parametrize("as_bytes", [True, False])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (bar(0, l="0"), "non_positive_price"),
        (bar(0, h="1", l="4"), "high_below_low"),
        (bar(0, c="5"), "outside_high_low"),
        (bar(0.5), "off_grid"),
        (bar(11), "future"),
        (bar(-8), "outside_window"),
        (bar(-1), "duplicate"),
        (bar(1.5, o="0"), "non_positive_price"),  # the first that fits
        ([None] * 8, "malformed"),
        (bar(0, v="-1"), "negative_volume"),
        (bar(0, v="NaN"), "not_a_number"),
    ],
)
def test_row_is_set_aside_with_its_reason_as_it_came(bad: list[Any], reason: str, as_bytes: bool) -> None:
    """One row a fault: symbol, timeframe, time where it names one, reason, JSON, and when it was seen."""
    rows = [bar(-3), bar(-2), bar(-1), bad, bar(2)]
    if reason == "duplicate":  # the earlier copy falls
        rows[2] = bar(-1, q="31")
    frame, told = set_aside(rows, as_bytes=as_bytes, window_ms=(T0 - 7 * QUARTER.ms, NOW))
    (found,) = told
    assert found.schema == QUARANTINE
    assert frame.height == 4
    assert found["reason"].to_list() == [reason]
    assert orjson.loads(found["raw"].item()) == (rows[2] if reason == "duplicate" else bad)
    assert found["open_time"].dt.epoch("ms").to_list() == [bad[0]]
    assert found["seen_at"].item() == datetime.fromtimestamp(NOW / 1000, UTC)


@pytest.mark.parametrize("as_bytes", [True, False])
def test_flawless_page_and_forming_bar_tell_nobody(as_bytes: bool) -> None:
    """The unfinished last bar is what MEXC always sends; it is no fault."""
    frame, told = set_aside([bar(index) for index in range(10)], as_bytes=as_bytes)
    assert (frame.height, told) == (10, [])
    frame, told = set_aside([bar(index) for index in range(11)], as_bytes=as_bytes)
    assert (frame.height, told) == (10, [])


def test_bar_after_the_sure_time_but_before_now_is_unfinished_not_future() -> None:
    """The venue's time runs on between two looks at it: only what lies beyond our best guess is future."""
    rows = [bar(9), bar(10), bar(11), bar(14)]
    _, told = set_aside(rows, as_bytes=True, now_ms=NOW + 2 * QUARTER.ms)
    assert [frame["reason"].to_list() for frame in told] == [["future"]]


def test_raw_row_is_cut_and_never_fails() -> None:
    """A row of a megabyte becomes 300 characters, one that is no JSON a word about it."""
    _, told = set_aside([bar(0, c="x" * 1_000_000), bar(1, q={1, 2})], as_bytes=False)
    raws = told[0]["raw"].to_list()
    assert len(raws[0]) == 300
    assert raws[1] == "<list that is no JSON>"


def test_weeks_open_on_mondays_and_months_on_the_first() -> None:
    """Neither lies on a multiple of its length since 1970."""
    monday, first = 1_740_355_200_000, 1_738_368_000_000  # 24 and 1 February 2025
    for name, good in (("1w", monday), ("1M", first)):
        rows = [bar(t=good), bar(t=good + 86_400_000)]
        frame, told = set_aside(rows, as_bytes=True, timeframe=timeframe(name), closed_by_ms=T0 * 2)
        assert frame["open_time"].dt.epoch("ms").to_list() == [good]
        assert told[0]["reason"].to_list() == ["off_grid"]


prices = st.sampled_from([1.0, 2.0, 3.0, 0.0, -1.0, np.nan, np.inf])
numbers = st.tuples(
    st.sampled_from([*(T0 + k * QUARTER.ms for k in range(-2, 5)), T0 + 1, np.nan, -1e300]),
    *[prices] * 4,
    *[st.sampled_from([0.0, 5.0, -1.0, np.nan, np.inf])] * 2,
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(numbers | st.integers(-1, 3).map(lambda k: (T0 + k * QUARTER.ms, 2, 3, 1, 2, 5, 5)), max_size=5)
)
def test_quick_look_passes_exactly_the_pages_without_fault(rows: list[tuple[float, ...]]) -> None:
    """The compiled check and the thorough one are two ways of saying the same."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 7).T
    window = (T0 - QUARTER.ms, T0 + 3 * QUARTER.ms)
    verdicts = judge(
        table,
        np.zeros(len(rows), np.bool_),
        timeframe=QUARTER,
        closed_by_ms=T0 + 4 * QUARTER.ms,
        now_ms=T0 + 4 * QUARTER.ms,
        window_ms=window,
    )
    standing = in_order(table[0], verdicts)
    is_clean = not verdicts.any() and standing.tolist() == list(range(len(rows)))
    assert is_flawless(table, window[0], window[1] - 1, QUARTER.ms, 0) is is_clean
    assert {REASONS[number] for number in verdicts} <= set(REASONS)
    assert np.diff(table[0][standing]).min(initial=1) > 0
