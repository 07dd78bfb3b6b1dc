"""Our higher bars against the venue's: equal ones agree, one changed value is found and named."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.aggregate import aggregate
from trading.market.frames import CANDLES
from trading.market.timeframes import from_ms, timeframe
from trading.ohlcv.agreement import agreement, stored_agreement
from trading.ohlcv.shelf import Shelf

START = datetime(2026, 8, 17, tzinfo=UTC)
AT = START + timedelta(hours=2)


def minutes(symbol: str, count: int = 120) -> pl.DataFrame:
    """A price that climbs by a tenth a minute."""
    rows = [
        (
            symbol,
            START + timedelta(minutes=n),
            100 + n / 10,
            101 + n / 10,
            99 + n / 10,
            100.5 + n / 10,
            1.1,
            110.3,
        )
        for n in range(count)
    ]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


@pytest.fixture
def shelf(tmp_path):
    found = Shelf.at(tmp_path)
    both = pl.concat([minutes("A/USDT"), minutes("B/USDT")])
    found.candles.append("1m", both, tag="test")
    found.candles.append("15m", aggregate(both, "15m"), tag="test")
    return found


def test_equal_bars_agree(shelf):
    """Two symbols of two hours: sixteen quarters, none differs."""
    (row,) = stored_agreement(shelf, at=AT).rows(named=True)
    assert (row["timeframe"], row["against"], row["symbols"], row["bars"]) == ("15m", "stored", 2, 16)
    assert (row["differing"], row["worst"], row["example"]) == (0, 0.0, None)


def test_a_changed_close_is_found_and_named(shelf):
    """One percent in one bar of sixteen."""
    bar = aggregate(minutes("B/USDT"), "15m").slice(3, 1)
    shelf.candles.append("15m", bar.with_columns(pl.col("high") / 0.99), tag="wrong")
    (row,) = stored_agreement(shelf, at=AT).rows(named=True)
    assert row["differing"] == 1
    assert row["worst"] == pytest.approx(0.01)
    assert row["example"] == "B/USDT 2026-08-17 00:45 high"


def test_a_quarter_whose_minutes_are_not_whole_is_not_compared(shelf):
    """A minute is missing on our side: a hole is another check's finding."""
    short = Shelf.at(shelf.lake.root / "short")
    short.candles.append("1m", minutes("A/USDT").filter(pl.col("open_time") != START), tag="test")
    short.candles.append("15m", aggregate(minutes("A/USDT"), "15m"), tag="test")
    assert stored_agreement(short, at=AT)["bars"].to_list() == [7]


def test_hours_that_were_never_fetched_are_no_disagreement(shelf):
    """The venue's bars of one symbol are stored from the second hour on only."""
    hours = aggregate(minutes("A/USDT"), "1h").slice(1, 1)
    shelf.candles.append("1h", hours, tag="test")
    found = stored_agreement(shelf, at=AT).filter(timeframe="1h")
    assert found.select("symbols", "bars", "differing").rows() == [(1, 1, 0)]


class Venue:
    """Gives the quarters that its minutes make, and nothing else."""

    async def candles(self, symbol, name, *, since_ms, limit, on_rejected=None):
        bars = aggregate(minutes(symbol), name)
        return bars.filter(pl.col("open_time") >= from_ms(since_ms)).head(limit)


async def test_without_longer_bars_the_venue_is_asked_and_the_answer_is_on_record(tmp_path):
    """A few symbols, one request each."""
    shelf = Shelf.at(tmp_path)
    shelf.candles.append("1m", minutes("A/USDT"), tag="test")
    found = await agreement(Venue(), shelf, timeframe("15m"), at=AT)  # type: ignore[arg-type]  # the part that is used
    assert found.select("against", "bars", "differing").rows() == [("asked", 8, 0)]
    assert shelf.lake.read("candle_agreement").equals(found)


async def test_without_minutes_there_is_nothing_to_compare(tmp_path):
    """Nothing is asked, nothing is published."""
    shelf = Shelf.at(tmp_path)
    assert (await agreement(Venue(), shelf, timeframe("15m"), at=AT)).is_empty()  # type: ignore[arg-type]  # as above
    assert shelf.lake.latest("candle_agreement") is None
