"""Sifting: sound bars pass untouched, each kind of bad one is set aside with its reason."""

import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.frames import CANDLES, QUARANTINE
from trading.market.timeframes import from_ms, to_ms
from trading.market.timeframes import timeframe as find
from trading.store.candle_checks import sift


def sound(count: int = 4, timeframe: str = "1m") -> pl.DataFrame:
    """Sound bars in order; open times from a Monday that is a month's first day."""
    opened, rows = datetime(2024, 1, 1, tzinfo=UTC), []
    for _ in range(count):
        rows.append(("A/USDT", opened, 2.0, 3.0, 1.0, 2.5, 0.0, 0.0))
        opened = from_ms(find(timeframe).next_ms(to_ms(opened)))
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


LATER = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("timeframe", ["1m", "5m", "4h", "1d", "1w", "1M"])
def test_sound_bars_pass_untouched_on_every_grid(timeframe: str) -> None:
    """Volume 0 is sound; so is any order."""
    bars = sound(timeframe=timeframe)
    for frame in (bars, bars.reverse()):
        kept, aside = sift(frame, timeframe, LATER)
        assert kept.equals(frame)
        assert aside.is_empty()
        assert aside.schema == pl.Schema(QUARANTINE)


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("not_a_number", {"volume": math.nan}),
        ("not_a_number", {"close": math.inf}),
        ("not_a_number", {"open": None}),
        ("non_positive_price", {"low": 0.0}),
        ("non_positive_price", {"open": -1.0}),
        ("high_below_low", {"high": 0.5}),
        ("outside_high_low", {"close": 3.5}),
        ("outside_high_low", {"open": 0.5}),
        ("negative_volume", {"quote_volume": -1.0}),
        ("off_grid", {"open_time": datetime(2024, 1, 1, 0, 1, 1, tzinfo=UTC)}),
        ("off_grid", {"open_time": None}),
        ("off_grid", {"symbol": None}),
        ("future", {"open_time": LATER + timedelta(minutes=1)}),
        ("duplicate", {"open_time": datetime(2024, 1, 1, tzinfo=UTC), "close": 2.7}),
    ],
)
def test_bad_bar_is_set_aside_with_its_reason_and_the_rest_goes_on(reason: str, change: dict) -> None:
    """One of four is bad: three pass, and the one is told with its values."""
    bars = sound()
    bad = pl.DataFrame([bars.row(1, named=True) | change], schema=CANDLES)
    kept, aside = sift(pl.concat([bars[:1], bad, bars[2:]]), "1m", LATER)
    assert kept.equals(pl.concat([bars[:1], bars[2:]]))
    assert aside["reason"].to_list() == [reason]
    assert aside.select("timeframe", "seen_at").row(0) == ("1m", LATER)
    assert aside["symbol"].to_list() == [bad["symbol"][0]]
    assert '"high":' in aside["raw"][0]


def test_bar_that_still_forms_is_neither_kept_nor_set_aside() -> None:
    """It closes later: closed exactly now is closed, a millisecond before is not."""
    bars = sound()
    end = bars["open_time"][-1] + timedelta(minutes=1)
    assert sift(bars, "1m", end)[0].height == 4
    kept, aside = sift(bars, "1m", end - timedelta(milliseconds=1))
    assert (kept.height, aside.height) == (3, 0)
    months = sound(2, "1M")
    assert sift(months, "1M", datetime(2024, 2, 29, 23, tzinfo=UTC))[0].height == 1


def test_weeks_open_on_mondays_and_months_on_the_first() -> None:
    """A Tuesday is off the grid of weeks, the second is off that of months."""
    tuesday = sound(1, "1d").with_columns(pl.col("open_time") + timedelta(days=1))
    for name in ("1w", "1M"):
        assert sift(tuesday, name, LATER)[1]["reason"].to_list() == ["off_grid"]
    assert sift(tuesday, "1d", LATER)[1].is_empty()
