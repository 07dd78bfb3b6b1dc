"""Tidying: what is worth rewriting, when, and that nothing is lost by it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trading.market.errors import BadInput, UnknownTimeframe
from trading.market.frames import CANDLES
from trading.store.candles import CandleStore
from trading.store.tidy import tidy

JANUARY = datetime(2025, 1, 30, tzinfo=UTC)
NOON = timedelta(hours=12)


def bar(symbol: str, opened: datetime, close: float = 1.0) -> pl.DataFrame:
    row = (symbol, opened, close, close, close, close, 1.0, close)
    return pl.DataFrame([row], schema=CANDLES, orient="row")


@pytest.fixture
def store(tmp_path: Path) -> CandleStore:
    """Hourly bars over a month's end, two files a day; one file of days."""
    found = CandleStore(tmp_path)
    for day in range(5):
        for symbol in ("A/USDT", "B/USDT"):
            found.append("1h", bar(symbol, JANUARY + timedelta(days=day) + NOON), tag="t")
    found.append("1d", bar("A/USDT", JANUARY), tag="t")
    return found


def done(found: pl.DataFrame) -> list[tuple]:
    return list(found.select("timeframe", "kind", "name", "files_before").iter_rows())


def test_growing_days_wait_closed_days_are_compacted_months_have_grace(store: CandleStore) -> None:
    """Each kind of work at its time; a second run right after finds nothing."""
    now = JANUARY + timedelta(days=3, hours=13)  # 2 February, 13:00
    before = store.read("1h")
    assert done(tidy(store, now)) == [
        ("1h", "day", day, 2) for day in ("2025-01-30", "2025-01-31", "2025-02-01")
    ]
    assert done(tidy(store, now)) == []
    assert done(tidy(store, now, max_files=1)) == [
        ("1h", "day", day, 2) for day in ("2025-02-02", "2025-02-03")
    ]
    later = datetime(2025, 2, 3, tzinfo=UTC)
    assert done(tidy(store, later)) == [("1h", "month", "2025-01", 2), ("1d", "month", "2025-01", 1)]
    assert done(tidy(store, later)) == []
    assert store.read("1h").equals(before)


def test_late_bars_bring_a_month_back(store: CandleStore) -> None:
    """A bar for a closed month is taken in by the next run; other timeframes are left alone if asked."""
    march = datetime(2025, 3, 10, tzinfo=UTC)
    told = []
    assert tidy(store, march, timeframes=("1h",), on_progress=lambda *seen: told.append(seen)).height == 2
    assert told == [(1, 2), (2, 2)]
    store.append("1h", bar("A/USDT", JANUARY, 5.0), tag="late")
    assert done(tidy(store, march, timeframes=("1h",))) == [("1h", "month", "2025-01", 1)]
    assert store.read("1h").filter(open_time=JANUARY)["close"].to_list() == [5.0]
    assert len(store.held("1d")[0].parts) == 1


def test_bounds_are_named(store: CandleStore) -> None:
    """A naive time, no file at all, negative grace, an unknown timeframe."""
    with pytest.raises(BadInput, match="aware"):
        tidy(store, datetime(2025, 3, 1))  # noqa: DTZ001 naive on purpose
    with pytest.raises(BadInput, match="at least 1"):
        tidy(store, JANUARY, max_files=0)
    with pytest.raises(BadInput, match="not negative"):
        tidy(store, JANUARY, grace=timedelta(days=-1))
    with pytest.raises(UnknownTimeframe):
        tidy(store, JANUARY, timeframes=("3m",))
