"""Many files made few, and the proof that no bar changed."""

from datetime import UTC, datetime

import polars as pl
import pytest

from tests.trading.ohlcv.venue import DAY, World
from trading.market.lineage import content_hash
from trading.ohlcv.tidy import MONTHS, Tidied, tidy, wrong_months

LATER = datetime(2026, 9, 5, 12, 3, tzinfo=UTC)
FIRST = datetime(2026, 8, 30, tzinfo=UTC)


@pytest.fixture
async def world(tmp_path):
    """The end of August and the beginning of September, written in many passes."""
    world = World(tmp_path, now=LATER)
    for symbol in ("A/USDT", "B/USDT", "C/USDT"):
        await world.backfill(FIRST, LATER + DAY, symbols=(symbol,))
    return world


async def test_a_month_that_is_over_goes_by_symbol_and_its_days_go(world):
    """Same bars, fewer files; days of the running month become one file each, today's are left."""
    before = content_hash(world.shelf.candles.read("15m"))
    done = tidy(world.shelf, at=LATER)
    assert content_hash(world.shelf.candles.read("15m")) == before
    (month,) = done.months
    assert (month.timeframe, month.month, month.bars_before) == ("15m", "2026-08", 3 * 2 * 96)
    assert (month.files_before, month.files_after) == (6, 1)
    assert (month.bars_after, month.hash_after) == (month.bars_before, month.hash_before)
    assert done.days == tuple(f"15m 2026-09-0{day}" for day in range(1, 5))
    assert done.sentence == "tidied: 4 days into one file each, 1 months by symbol"


async def test_a_tidy_house_is_left_alone(world):
    """Twice is once; the table of months is then empty, with its columns."""
    tidy(world.shelf, at=LATER)
    again = tidy(world.shelf, at=LATER)
    assert again == Tidied()
    assert again.frame().columns == list(MONTHS)
    assert again.sentence == "tidied: nothing to merge"


async def test_only_named_bar_lengths_are_tidied(world):
    """Hours are not there; quarters were not asked for."""
    assert tidy(world.shelf, at=LATER, timeframes=["1h"]) == Tidied()


@pytest.mark.parametrize(
    ("bars_after", "hash_after", "is_wrong"),
    [(40, "a", False), (39, "a", True), (40, "b", True), (41, "b", False)],
)
def test_a_month_is_wrong_when_bars_were_lost_or_changed(bars_after, hash_after, is_wrong):
    """More bars than before came from elsewhere meanwhile."""
    row = ("15m", "2026-08", 9, 1, 40, bars_after, "a", hash_after)
    found = wrong_months(pl.DataFrame([row], schema=MONTHS, orient="row"))
    assert found.height == int(is_wrong)
