"""Which bars a pass over instruments reads: the newest ones, and everything after a backfill."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.frames import CANDLES
from trading.market.timeframes import timeframe
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.universe.evidence import EXAMINED, bars_to_examine, days_now

START = datetime(2025, 3, 1, tzinfo=UTC)
AT = START + timedelta(days=4)
HOUR = timeframe("1h")


def candles(day: int, days: int) -> pl.DataFrame:
    opens = [START + timedelta(days=day, hours=hour) for hour in range(24 * days)]
    return pl.DataFrame({"open_time": opens}).select(
        symbol=pl.lit("AAA/USDT"), open_time="open_time", open=pl.lit(1.0), high=pl.lit(1.0), low=pl.lit(1.0),
        close=pl.lit(1.0), volume=pl.lit(1.0), quote_volume=pl.lit(1.0),
    ).cast(dict(CANDLES))  # fmt: skip


def record(lake: Lake, store: CandleStore) -> None:
    """What the asset of candles records: each day with the id of what it holds."""
    held = store.times("1h").group_by(pl.col("open_time").dt.date().cast(pl.String)).len()
    rows = [("1h", date, str(bars)) for date, bars in held.iter_rows()]
    days = pl.DataFrame(rows, schema=["timeframe", "date", "version_id"], orient="row")
    lake.publish("ohlcv_days", days, key=["timeframe", "date"], at=AT)


def examined(lake: Lake, store: CandleStore) -> int:
    """One pass: how many bars it read."""
    seen = sum(frame.height for frame in bars_to_examine(lake, store, HOUR, newest=24, at=AT))
    lake.publish(EXAMINED, days_now(lake, HOUR), key=["timeframe", "date"], at=AT)
    return seen


@pytest.fixture
def world(tmp_path):
    lake, store = Lake(tmp_path), CandleStore(tmp_path)
    store.append("1h", candles(3, 1), tag="a")
    record(lake, store)
    return lake, store


def test_a_usual_pass_reads_the_newest_bars_only(world):
    """24 bars of the last day, the first time and every time."""
    assert [examined(*world), examined(*world)] == [24, 24]


def test_older_days_are_read_once_after_they_came(world):
    """Three days are backfilled: the next pass reads all 96 bars, the one after it 24 again."""
    lake, store = world
    examined(lake, store)
    store.append("1h", candles(0, 3), tag="b")
    record(lake, store)
    assert [examined(lake, store), examined(lake, store)] == [96, 24]


def test_without_any_bar_there_is_one_empty_frame(tmp_path):
    """The first pass of a world."""
    (frame,) = bars_to_examine(Lake(tmp_path), CandleStore(tmp_path), HOUR, newest=24, at=AT)
    assert frame.is_empty()


def test_a_pass_that_dies_before_it_is_done_looks_again(world):
    """The days are noted last: bars that came and were read, but not written down, are read again."""
    lake, store = world
    examined(lake, store)
    store.append("1h", candles(0, 3), tag="b")
    record(lake, store)
    died = [sum(frame.height for frame in bars_to_examine(lake, store, HOUR, newest=24, at=AT))]
    assert [*died, examined(lake, store), examined(lake, store)] == [96, 96, 24]
