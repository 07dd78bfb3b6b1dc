"""Impossible bars: each kind is found and counted, sound candles give zeros."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.frames import CANDLES, empty
from trading.store.candle_checks import impossible_bars

FIRST = datetime(2026, 8, 17, tzinfo=UTC)
BAR = timedelta(minutes=15)
BARS = 8
AS_OF = FIRST + BARS * BAR  # the last bar closes at this very moment


def sound() -> pl.DataFrame:
    rows = [
        (symbol, FIRST + n * BAR, 100.0 + n, 102.0 + n, 99.0 + n, 101.0 + n, 5.0, 500.0)
        for symbol in ("A/USDT", "B/USDT")
        for n in range(BARS)
    ]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


def spoilt(row: int, **values: object) -> pl.DataFrame:
    """Sound candles with one row changed."""
    frame = sound()
    return frame.with_row_index("row").with_columns(
        pl.when(pl.col("row") == row)
        .then(pl.lit(value, frame.schema[name]))
        .otherwise(pl.col(name))
        .alias(name)
        for name, value in values.items()
    )[frame.columns]


def test_sound_candles_give_zeros():
    """Every kind is named, none is found; a bar that has just closed is not from the future."""
    found = impossible_bars(sound(), "15m", AS_OF)
    assert set(found.values()) == {0}
    assert set(found) == {
        "future",
        "high_below_low",
        "outside_range",
        "not_positive",
        "negative_volume",
        "missing_value",
        "repeated",
    }


def test_no_candles_are_no_impossible_candles():
    """An empty table counts zeros rather than failing."""
    assert set(impossible_bars(empty(CANDLES), "15m", AS_OF).values()) == {0}


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("outside_range", {"open": 103.5}),  # above the high of 102
        ("outside_range", {"close": 98.9}),  # below the low of 99
        ("negative_volume", {"volume": -0.1}),
        ("missing_value", {"close": None}),
        ("missing_value", {"volume": None}),
        ("missing_value", {"quote_volume": None}),
    ],
)
def test_each_kind_is_found_where_it_stands_alone(kind, values):
    """One spoilt bar is one count, of its kind and of no other."""
    found = impossible_bars(spoilt(0, **values), "15m", AS_OF)
    assert {name: count for name, count in found.items() if count} == {kind: 1}


def test_high_below_low_is_found():
    """A bar upside down cannot hold its own body either."""
    found = impossible_bars(spoilt(0, high=99.0, low=102.0), "15m", AS_OF)
    assert found["high_below_low"] == 1
    assert found["outside_range"] == 1


@pytest.mark.parametrize("price", [0.0, -1.0])
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_prices_that_are_not_positive_are_found(column, price):
    """Zero is no price."""
    assert impossible_bars(spoilt(3, **{column: price}), "15m", AS_OF)["not_positive"] == 1


@pytest.mark.parametrize("column", ["open", "high", "low", "close", "volume", "quote_volume"])
def test_a_value_that_is_no_number_is_a_missing_value(column):
    """NaN passes every comparison in one direction; it must not pass here."""
    assert impossible_bars(spoilt(3, **{column: float("nan")}), "15m", AS_OF)["missing_value"] == 1


def test_a_bar_that_has_not_closed_is_from_the_future():
    """One millisecond before its close the last bar of both symbols is unfinished."""
    found = impossible_bars(sound(), "15m", AS_OF - timedelta(milliseconds=1))
    assert {name: count for name, count in found.items() if count} == {"future": 2}


def test_close_depends_on_the_bar_length():
    """As hourly bars the last four opens of both symbols close later than now."""
    assert impossible_bars(sound(), "1h", AS_OF)["future"] == 2 * 3


def test_a_bar_stored_twice_is_found():
    """The same symbol and open time, whatever the prices: both rows are counted."""
    twice = pl.concat([sound(), sound().head(1).with_columns(close=pl.lit(100.5))])
    found = impossible_bars(twice, "15m", AS_OF)
    assert {name: count for name, count in found.items() if count} == {"repeated": 2}
