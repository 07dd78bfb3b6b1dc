"""What stands where: counted from files, holes and quarantine, each against numbers worked out by hand."""

from datetime import timedelta

import polars as pl
import pytest

from tests.trading.ohlcv.venue import BAR, DAY, NOON, TODAY, World
from trading.market.frames import GAPS
from trading.ohlcv.days import record_days, recorded_days
from trading.ohlcv.status import (
    gap_counts,
    history_status,
    open_gap_share,
    quarantine_share,
    said_range,
    stored_range,
    stored_timeframes,
)

HOUR = timedelta(hours=1)
START = TODAY - 2 * DAY


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def record(world: World, *timeframes: str):
    return record_days(world.shelf, timeframes or ("15m",), START, TODAY + DAY, at=world.now, run_id="run-1")


async def test_an_empty_world_has_nothing_to_say(world):
    """No row, no range, no share of anything; nothing is made on disk by looking."""
    shelf = world.shelf
    assert history_status(shelf, now=NOON) == []
    assert (stored_timeframes(shelf), stored_range(shelf), said_range(shelf)) == ([], (None, None), "")
    assert (open_gap_share(shelf), quarantine_share(shelf)) == (0.0, 0.0)
    assert list(world.folder.iterdir()) == []


async def test_a_row_says_what_is_stored(world):
    """Two symbols over two days and twelve hours, one bar set aside, one hole confirmed."""
    world.venue.bad["A/USDT"] = START + HOUR
    await world.backfill(START)
    await world.repair(START)
    (row,) = history_status(world.shelf, now=NOON)
    assert (row["timeframe"], row["symbols"], row["bars"], row["days"]) == ("15m", 2, 2 * 240 - 1, 3)
    assert (row["first"], row["last"]) == (START, NOON.replace(minute=0) - BAR.delta)
    # The newest bar closed at noon; it is three minutes past.
    assert row["newest_age_s"] == 180
    assert (row["gaps_open"], row["gaps_confirmed"], row["quarantined"]) == (0, 1, {"high_below_low": 1})
    files = list((world.folder / "candles").rglob("*.parquet"))
    assert (row["files"], row["bytes"]) == (len(files), sum(path.stat().st_size for path in files))
    assert said_range(world.shelf) == "2026-08-15 to 2026-08-17"


async def test_shares_are_of_all_that_came(world):
    """One bar missing beside 239 on record for one symbol; one set aside beside the same."""
    world.venue.bad["A/USDT"] = START + HOUR
    await world.backfill(START, symbols=("A/USDT",))
    record(world)
    assert quarantine_share(world.shelf) == pytest.approx(1 / 240)
    hole = ("A/USDT", "15m", START + HOUR, START + HOUR + BAR.delta, 1, "open", NOON, None)
    world.shelf.gaps.record(pl.DataFrame([hole], schema=GAPS, orient="row"))
    assert open_gap_share(world.shelf) == pytest.approx(1 / 240)
    assert gap_counts(world.shelf).rows() == [("15m", "open", 1, 1)]


async def test_a_record_of_a_day_that_has_gone_goes_too(world):
    """The file of the oldest day is deleted: what does not exist is no input of anything."""
    await world.backfill(START)
    record(world)
    for path in (world.folder / "candles").rglob(f"date={START:%Y-%m-%d}/*.parquet"):
        path.unlink()
    version, _ = record(world)
    assert recorded_days(world.shelf)["date"].to_list() == ["2026-08-16", "2026-08-17"]
    assert len(version.inputs) == 2


async def test_days_outside_the_window_keep_their_record_and_new_ones_get_one(world):
    """A pass over today looks at today; days that nobody recorded are recorded all the same."""
    await world.backfill(START)
    _, fresh = record_days(world.shelf, ["15m"], TODAY, TODAY + DAY, at=NOON, run_id="run-1")
    assert fresh.height == 3
    _, fresh = record_days(world.shelf, ["15m"], TODAY, TODAY + DAY, at=NOON, run_id="run-2")
    assert fresh["date"].to_list() == ["2026-08-17"]


async def test_holes_that_no_repair_has_looked_at_are_counted(world):
    """Four bars lost from a file: missing at once; after the venue says it has none, they are confirmed."""
    await world.backfill(START)
    (row,) = history_status(world.shelf, now=NOON)
    assert row["bars_missing"] == 0
    world.lose("A/USDT", START + HOUR, START + 2 * HOUR)
    (row,) = history_status(world.shelf, now=NOON)
    assert (row["bars_missing"], row["gaps_open"]) == (4, 0)
    world.venue.silent["A/USDT"] = (START + HOUR, START + 2 * HOUR)
    await world.repair(START)
    (row,) = history_status(world.shelf, now=NOON)
    assert (row["bars_missing"], row["gaps_confirmed"]) == (0, 1)
