"""Quarantine: kept once, counted, found again, safe from several processes."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trading.market.errors import BadInput, UnknownTimeframe
from trading.market.frames import QUARANTINE
from trading.store.quarantine import Quarantine

AT = datetime(2025, 3, 1, 23, 59, tzinfo=UTC)


def rows(*found: tuple, timeframe: str = "1m", seen: datetime = AT) -> pl.DataFrame:
    return pl.DataFrame(
        [(symbol, timeframe, opened, reason, raw, seen) for symbol, opened, reason, raw in found],
        schema=QUARANTINE,
        orient="row",
    )


FUTURE = ("A/USDT", AT + timedelta(days=1), "future", "[1,2]")
NO_TIME = (
    "../x'日本",
    None,
    "malformed",
    '{"a":\n"\ud83d\ude00"}'.encode("utf-16", "surrogatepass").decode("utf-16"),
)


def test_same_bad_row_is_kept_once_with_its_first_sighting(tmp_path: Path) -> None:
    """Seen again by the same object, by another one, and after midnight: one row."""
    bad = Quarantine(tmp_path)
    assert bad.add(rows(FUTURE, NO_TIME, FUTURE)).height == 2
    assert bad.add(rows(FUTURE, seen=AT + timedelta(hours=2))).height == 0
    assert Quarantine(tmp_path).add(rows(NO_TIME, seen=AT + timedelta(days=3))).height == 0
    assert bad.add(rows(FUTURE, timeframe="5m")).height == 1
    assert bad.add(rows()).height == 0
    found = Quarantine(tmp_path).read()
    assert found.schema == pl.Schema(QUARANTINE)
    assert found["seen_at"].to_list() == [AT] * 3
    assert set(found["symbol"]) == {"A/USDT", NO_TIME[0]}
    assert found.filter(symbol=NO_TIME[0])["raw"].item() == NO_TIME[3]
    assert list(bad.counts().iter_rows()) == [
        ("1m", "future", 1),
        ("1m", "malformed", 1),
        ("5m", "future", 1),
    ]


def test_rows_are_found_by_symbol_timeframe_and_time(tmp_path: Path) -> None:
    """`start` is inside, `end` is not; a row without a time is only found without times."""
    bad = Quarantine(tmp_path)
    bad.add(rows(*((("A/USDT", AT + timedelta(minutes=n), "off_grid", str(n))) for n in range(5)), NO_TIME))
    assert bad.read(start=AT + timedelta(minutes=1), end=AT + timedelta(minutes=3))["raw"].to_list() == [
        "1",
        "2",
    ]
    assert bad.read(symbols=[NO_TIME[0]])["reason"].to_list() == ["malformed"]
    assert bad.read(symbols=[NO_TIME[0]], start=AT).is_empty()
    assert bad.read(timeframe="5m").is_empty()
    assert bad.read(symbols=[]).is_empty()
    with pytest.raises(UnknownTimeframe):
        bad.read(timeframe="3m")
    with pytest.raises(BadInput, match="missing: reason"):
        bad.add(rows(FUTURE).drop("reason"))


def test_empty_quarantine_has_its_columns(tmp_path: Path) -> None:
    """Nothing was set aside yet: no rows, no folder."""
    assert Quarantine(tmp_path).read().schema == pl.Schema(QUARANTINE)
    assert Quarantine(tmp_path).counts().columns == ["timeframe", "reason", "rows"]
    assert list(tmp_path.iterdir()) == []


def add_some(root: Path, first: int) -> None:
    bad = Quarantine(root)
    for number in range(first, first + 60):
        bad.add(rows(("A/USDT", AT + timedelta(minutes=number), "future", "x" * 300)))


def test_processes_that_add_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """Three processes whose rows overlap by half."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_some, args=(tmp_path, 30 * number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert Quarantine(tmp_path).read().height == 120
    assert Quarantine(tmp_path).counts()["rows"].to_list() == [120]
