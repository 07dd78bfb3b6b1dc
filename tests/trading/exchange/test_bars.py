"""Kline rows: only closed bars that a market can have printed, and never a silent repair."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.exchange.bars import to_candles
from trading.market.errors import BadPayload
from trading.market.frames import CANDLES
from trading.market.timeframes import timeframe

RECORDED = Path("../shared/data/mexc/response_spot.json")
QUARTER = timeframe("15m")
T0 = 1_740_830_400_000  # 2025-03-01 12:00 UTC
FAR = T0 * 2


def bar(index: int = 0, **changes: Any) -> list[Any]:
    start = T0 + index * QUARTER.ms
    values = {
        "t": start,
        "o": "2",
        "h": "4",
        "l": "1",
        "c": "3",
        "v": "10",
        "e": start + QUARTER.ms,
        "q": "30",
    }
    return list((values | changes).values())


def candles(rows: Any, *, closed_by: int = FAR, **more: Any) -> tuple[pl.DataFrame, dict]:
    rejected: Counter[str] = Counter()
    frame = to_candles("A/USDT", rows, timeframe=QUARTER, closed_by_ms=closed_by, rejected=rejected, **more)
    assert frame.schema == CANDLES
    return frame, dict(rejected)


def test_good_rows_become_candles() -> None:
    """Strings become floats, ms become UTC times, the close time is dropped."""
    frame, rejected = candles([bar(0), bar(1)])
    assert frame.row(0)[2:] == (2.0, 4.0, 1.0, 3.0, 10.0, 30.0)
    assert frame["open_time"].dt.epoch("ms").to_list() == [T0, T0 + QUARTER.ms]
    assert rejected == {}
    assert candles([])[0].height == 0


def test_bar_is_closed_exactly_when_its_whole_length_has_passed() -> None:
    """The classic look-ahead: the last row MEXC sends is still forming."""
    rows = [bar(0), bar(1)]
    assert candles(rows, closed_by=T0 + 2 * QUARTER.ms)[0].height == 2
    frame, rejected = candles(rows, closed_by=T0 + 2 * QUARTER.ms - 1)
    assert frame.height == 1
    assert rejected == {"unfinished": 1}


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([None] * 8, "malformed"),
        (bar()[:5], "malformed"),
        ([], "malformed"),
        (None, "malformed"),
        ("x", "malformed"),
        (bar(o=None), "malformed"),
        (bar(c="abc"), "malformed"),
        (bar(c={}), "malformed"),
        (bar(h="NaN"), "not_a_number"),
        (bar(v="1e999"), "not_a_number"),
        (bar(t=10**18), "not_a_number"),
        (bar(o="0"), "non_positive_price"),
        (bar(l="-1"), "non_positive_price"),
        (bar(h="1", l="4"), "high_below_low"),
        (bar(c="5"), "outside_high_low"),
        (bar(o="0.5"), "outside_high_low"),
        (bar(v="-1"), "negative_volume"),
    ],
)
def test_bad_row_is_dropped_and_counted_and_the_rest_stays(bad: Any, reason: str) -> None:
    """Each fault has its reason; the good neighbours come through unchanged."""
    frame, rejected = candles([bar(-2), bad, bar(-1)])
    assert frame.height == 2
    assert rejected == {reason: 1}


def test_numbers_instead_of_strings_are_read_too() -> None:
    """A venue that changes its mind about quotes changes nothing for us; digits are not lost."""
    frame, rejected = candles([bar(o=2, h=4.5, l=1, c=3, v=10, q=30), bar(1, c="1.23456789012345678")])
    assert frame["high"].to_list() == [4.5, 4.0]
    assert frame["close"].to_list() == [3.0, 1.23456789012345678]
    assert rejected == {}


@given(st.lists(st.decimals(min_value="0.00000001", max_value="9999999", places=8), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_prices_are_the_nearest_floats(prices: list[Any]) -> None:
    """Both ways of reading give what Python's float() gives, to the last bit."""
    rows = [bar(n, o=str(p), h=str(p), l=str(p), c=str(p)) for n, p in enumerate(prices)]
    assert candles(rows)[0]["close"].to_list() == [float(price) for price in prices]
    assert candles([[], *rows])[0]["close"].to_list() == [float(price) for price in prices]


def test_zero_volume_bar_is_a_bar() -> None:
    """Nobody traded: the bar is flat and stays."""
    frame, rejected = candles([bar(v="0", q="0")])
    assert (frame.height, rejected) == (1, {})


def opens(frame: pl.DataFrame) -> list[int]:
    return [(at - T0) // QUARTER.ms for at in frame["open_time"].dt.epoch("ms")]


def test_of_equal_times_the_row_sent_last_stands() -> None:
    """A venue that sends a bar twice corrects it; the earlier copy is set aside."""
    frame, rejected = candles([bar(0), bar(1), bar(2), bar(1, c="2.5")])
    assert opens(frame) == [0, 1, 2]
    assert frame["close"].to_list() == [3.0, 2.5, 3.0]
    assert rejected == {"duplicate": 1}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([0, 2, 1, 3], [0, 1, 3]),  # of two that contradict each other, one falls
        ([5, 0, 1, 2, 3], [0, 1, 2, 3]),  # a stray first row does not cost the others
        ([0, 1, 2, 9, 3, 4], [0, 1, 2, 3, 4]),
        ([4, 3, 2, 1, 0], [0, 1, 2, 3, 4]),  # newest first throughout is only turned round
    ],
)
def test_fewest_rows_out_of_order_fall(sent: list[int], kept: list[int]) -> None:
    """What contradicts the order of the rest is set aside, and the gap asked for again."""
    frame, rejected = candles([bar(index) for index in sent])
    assert opens(frame) == kept
    fallen = len(sent) - len(kept)
    assert rejected == ({"out_of_order": fallen} if fallen else {})


def test_bars_outside_the_window_are_not_smuggled_in() -> None:
    """A venue that ignores startTime or endTime gives nothing more than was asked for."""
    frame, rejected = candles([bar(i) for i in range(5)], window_ms=(T0 + QUARTER.ms, T0 + 3 * QUARTER.ms))
    assert frame["open_time"].dt.epoch("ms").to_list() == [T0 + QUARTER.ms, T0 + 2 * QUARTER.ms]
    assert rejected == {"outside_window": 3}


@pytest.mark.parametrize("body", [{}, {"code": 0}, None, "rows", 7])
def test_body_that_is_no_list_is_a_bad_payload(body: Any) -> None:
    """Nothing to save in it."""
    with pytest.raises(BadPayload, match="expected a list of rows"):
        candles(body)


def test_month_ends_with_its_calendar_month() -> None:
    """February 2025 has 28 days: its bar is closed on March 1st, 30 days after its open would be too late."""
    month = timeframe("1M")
    february, march = 1_738_368_000_000, 1_740_787_200_000
    rows = [bar(t=february), bar(t=march)]
    kept = to_candles("A/USDT", rows, timeframe=month, closed_by_ms=march, rejected=Counter())
    assert kept["open_time"].dt.epoch("ms").to_list() == [february]
    odd = to_candles("A/USDT", [bar(t=2**52)], timeframe=month, closed_by_ms=FAR, rejected=Counter())
    assert odd.height == 0


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1", "2", T0]),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=40,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(junk | st.lists(junk, min_size=7, max_size=9), max_size=6))
def test_no_garbage_crashes_or_comes_through(rows: list[Any]) -> None:
    """Whatever the list holds, what comes out is believable and sorted."""
    frame, _ = candles(rows)
    for record in frame.iter_rows(named=True):
        prices = [record[name] for name in ("open", "high", "low", "close")]
        assert all(math.isfinite(price) and price > 0 for price in prices)
        assert record["high"] == max(prices)
        assert record["low"] == min(prices)
    assert frame["open_time"].is_sorted()
    assert frame["open_time"].is_unique().all()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_truncated_body_gives_no_bar_of_nulls(tail: bytes) -> None:
    """ccxt turns `[[1,"2"` into rows of None; here it does not even parse, or the row falls out."""
    whole = orjson.dumps([bar(0), bar(1)])
    try:
        rows = orjson.loads(whole[:40] + tail)
    except orjson.JSONDecodeError:
        return
    if isinstance(rows, list):
        assert candles(rows)[0].null_count().sum_horizontal().item() == 0


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC payloads are not on this machine")
def test_recorded_answer_equals_what_ccxt_makes_of_it() -> None:
    """The same OHLCV as ccxt's parse_ohlcvs of the recorded klines, plus the quote volume it drops."""
    from ccxt.async_support import mexc

    (case,) = json.loads(RECORDED.read_text())["methods"]["fetchOHLCV"]
    frame = to_candles(
        "BTC/USDT", case["http"], timeframe=timeframe("1h"), closed_by_ms=FAR, rejected=Counter()
    )
    ours = [
        [
            int(row["open_time"].timestamp() * 1000),
            *(row[name] for name in ("open", "high", "low", "close", "volume")),
        ]
        for row in frame.iter_rows(named=True)
    ]
    assert ours == mexc().parse_ohlcvs(case["http"], None, "1h") == case["parsed"]
    assert frame["quote_volume"].to_list() == [3633995.45]
