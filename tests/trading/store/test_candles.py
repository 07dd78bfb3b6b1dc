"""Candles: appended per day, last write wins, compaction never loses or doubles a bar."""

import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trading.market.errors import BadInput, MissingData, UnknownTimeframe
from trading.market.frames import CANDLES
from trading.market.timeframes import to_ms
from trading.store import parts
from trading.store.candles import CandleStore
from trading.store.lake import Lake

MIDNIGHT = datetime(2025, 3, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def bars(
    symbol: str, start: datetime, count: int, *, close: float = 1.0, step: timedelta = QUARTER
) -> pl.DataFrame:
    return pl.DataFrame(
        [(symbol, start + i * step, close, close, close, close, 10.0, 10.0 * close) for i in range(count)],
        schema=CANDLES,
        orient="row",
    )


def test_appended_bars_read_back_sorted(tmp_path: Path) -> None:
    """Rows per date are told; reading gives them back by symbol and time."""
    store = CandleStore(tmp_path)
    frame = pl.concat([bars("B/USDT", MIDNIGHT, 100), bars("A/USDT", MIDNIGHT, 4)])
    assert store.append("15m", frame.reverse(), tag="run1") == {"2025-03-01": 100, "2025-03-02": 4}
    assert store.read("15m").equals(frame.sort("symbol", "open_time"))
    assert store.dates("15m") == ["2025-03-01", "2025-03-02"]
    assert store.dates("1h") == []


def test_later_write_of_a_bar_wins(tmp_path: Path) -> None:
    """A correction replaces the bar, within one frame and across files, before and after compaction."""
    store = CandleStore(tmp_path)
    store.append(
        "15m", pl.concat([bars("A/USDT", MIDNIGHT, 2), bars("A/USDT", MIDNIGHT, 1, close=2.0)]), tag="a"
    )
    assert store.read("15m")["close"].to_list() == [2.0, 1.0]
    store.append("15m", bars("A/USDT", MIDNIGHT, 1, close=3.0), tag="a")
    assert store.read("15m")["close"].to_list() == [3.0, 1.0]
    store.compact("15m", "2025-03-01")
    assert store.read("15m")["close"].to_list() == [3.0, 1.0]
    store.append("15m", bars("A/USDT", MIDNIGHT, 1, close=4.0), tag="a")
    assert store.read("15m")["close"].to_list() == [4.0, 1.0]
    store.compact("15m", "2025-03-01")
    store.compact("15m", "2025-03-01")
    assert store.read("15m")["close"].to_list() == [4.0, 1.0]
    assert len(day_files(tmp_path)) == 1


def day_files(root: Path) -> list[Path]:
    return sorted((root / "candles").rglob("part-*.parquet"))


def test_write_that_lands_during_a_compaction_survives(tmp_path: Path) -> None:
    """The merged file ranks just after its newest input, so a bar written meanwhile stays the later one."""
    store = CandleStore(tmp_path)
    for close in (1.0, 2.0):
        store.append("15m", bars("A/USDT", MIDNIGHT, 1, close=close), tag="a")
    folder = tmp_path / "candles" / "timeframe=15m" / "date=2025-03-01"
    inputs = parts.list_parts(folder)
    merged = parts.merged(inputs).collect()
    store.append("15m", bars("A/USDT", MIDNIGHT, 1, close=9.0), tag="late")
    parts.replace_parts(folder, inputs, parts.write_temporary(tmp_path / "candles" / ".incoming", merged))
    assert store.read("15m")["close"].to_list() == [9.0]


@pytest.mark.parametrize("crash", ["before_rename", "after_rename", "one_deleted", "all_deleted"])
def test_crash_at_any_step_of_a_compaction_loses_nothing(tmp_path: Path, crash: str) -> None:
    """Whatever the step, readers see the same rows and the next compaction leaves one file."""
    store = CandleStore(tmp_path)
    for close in (1.0, 2.0, 3.0):
        store.append(
            "15m",
            pl.concat([bars("A/USDT", MIDNIGHT, 1, close=close), bars(f"S{close}/X", MIDNIGHT, 2)]),
            tag="a",
        )
    before = store.read("15m")
    folder = tmp_path / "candles" / "timeframe=15m" / "date=2025-03-01"
    inputs = parts.list_parts(folder)
    kept = [(path, path.read_bytes()) for path in inputs]
    temporary = parts.write_temporary(
        tmp_path / "candles" / ".incoming", parts.merged(inputs).sort(parts.KEY).collect()
    )
    if crash != "before_rename":
        parts.replace_parts(folder, inputs, temporary)
    survivors = {"after_rename": kept, "one_deleted": kept[1:]}.get(crash, [])
    for path, content in survivors:
        path.write_bytes(content)
    assert store.read("15m").equals(before)
    store.compact("15m", "2025-03-01")
    assert store.read("15m").equals(before)
    assert len(day_files(tmp_path)) == 1


def test_half_written_file_is_never_read(tmp_path: Path) -> None:
    """Temporary files live outside the day folders under names that no reader matches."""
    store = CandleStore(tmp_path)
    store.append("15m", bars("A/USDT", MIDNIGHT, 3), tag="a")
    (tmp_path / "candles" / ".incoming" / "part-crashed").write_bytes(b"half")
    (day_files(tmp_path)[0].parent / ".part-00000009-0000-x.parquet").write_bytes(b"half")
    assert store.read("15m").height == 3
    store.compact("15m", "2025-03-01")
    assert store.read("15m").height == 3


def test_symbols_stay_row_values_whatever_they_look_like(tmp_path: Path) -> None:
    """Slashes, dots, quotes, unicode and NUL never reach a path."""
    names = ["../../etc/passwd", "A/USDT", "", "a'; drop table x;--", "日本/USDT", "{x}:y", "a\0b", "." * 300]
    store = CandleStore(tmp_path / "lake")
    store.append("15m", pl.concat([bars(name, MIDNIGHT, 1) for name in names]), tag="odd")
    assert set(store.read("15m")["symbol"]) == set(names)
    assert set(store.last_open("15m")) == set(names)
    assert store.read("15m", symbols=["a'; drop table x;--"]).height == 1
    assert [path.name for path in tmp_path.iterdir()] == ["lake"]
    assert len(day_files(tmp_path / "lake")) == 1


def test_scan_is_bounded_by_time_and_symbol(tmp_path: Path) -> None:
    """`start` is inside, `end` is outside; over one-file and many-file days alike."""
    store = CandleStore(tmp_path)
    store.append("15m", pl.concat([bars("A/USDT", MIDNIGHT, 192), bars("B/USDT", MIDNIGHT, 192)]), tag="a")
    store.append("15m", bars("A/USDT", MIDNIGHT, 8, close=2.0), tag="b")
    got = store.read(
        "15m", start=MIDNIGHT + QUARTER, end=MIDNIGHT + timedelta(days=1, minutes=15), symbols=["A/USDT"]
    )
    assert got["open_time"].min() == MIDNIGHT + QUARTER
    assert got["open_time"].max() == MIDNIGHT + timedelta(days=1)
    assert got.height == 96
    assert got["close"].sum() == 7 * 2.0 + 89


def test_last_bars_are_closed_at_until_and_never_older_than_asked(tmp_path: Path) -> None:
    """No look-ahead: a bar counts once its whole length has passed; a stale symbol gives no old rows."""
    store = CandleStore(tmp_path)
    store.append("15m", pl.concat([bars("A/USDT", MIDNIGHT, 100), bars("OLD/USDT", MIDNIGHT, 5)]), tag="a")
    at = MIDNIGHT + 50 * QUARTER
    exact = store.last_bars("15m", 3, until=at)
    assert exact["open_time"].to_list() == [at - 3 * QUARTER, at - 2 * QUARTER, at - QUARTER]
    just_before = store.last_bars("15m", 3, until=at - timedelta(milliseconds=1))
    assert just_before["open_time"].max() == at - 2 * QUARTER
    assert just_before.height == 3
    assert store.last_bars("15m", 60, until=at, symbols=["OLD/USDT"]).height == 5
    with pytest.raises(BadInput, match="at least 1, was 0"):
        store.last_bars("15m", 0, until=at)


def test_last_bars_of_months_follow_the_calendar(tmp_path: Path) -> None:
    """A month is not 30 days: February's bar is closed on the first of March, March's is not on the 31st."""
    store = CandleStore(tmp_path)
    months = [datetime(2025, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    store.append("1M", pl.concat([bars("A/USDT", month, 1) for month in months]), tag="a")
    assert (
        store.last_bars("1M", 2, until=datetime(2025, 3, 31, 23, tzinfo=UTC))["open_time"].to_list()
        == months[:2]
    )
    assert (
        store.last_bars("1M", 2, until=datetime(2025, 4, 1, tzinfo=UTC))["open_time"].to_list() == months[1:]
    )


def test_last_open_is_the_newest_bar_of_each_symbol(tmp_path: Path) -> None:
    """In milliseconds; an empty store knows nothing."""
    store = CandleStore(tmp_path)
    assert store.last_open("15m") == {}
    store.append("15m", pl.concat([bars("A/USDT", MIDNIGHT, 100), bars("B/USDT", MIDNIGHT, 2)]), tag="a")
    assert store.last_open("15m") == {
        "A/USDT": to_ms(MIDNIGHT + 99 * QUARTER),
        "B/USDT": to_ms(MIDNIGHT + QUARTER),
    }


def test_version_of_a_day_is_its_content_not_its_files(tmp_path: Path) -> None:
    """Split, order and compaction leave the id alone; one changed price does not."""
    one, many = CandleStore(tmp_path / "one"), CandleStore(tmp_path / "many")
    frame = pl.concat([bars("A/USDT", MIDNIGHT, 20), bars("B/USDT", MIDNIGHT, 20)])
    one.append("15m", frame, tag="a")
    for part in (frame[30:], frame[:10], frame[5:35]):
        many.append("15m", part, tag="b")
    first = one.version("15m", "2025-03-01", at=MIDNIGHT)
    assert many.version("15m", "2025-03-01", at=MIDNIGHT).version_id == first.version_id
    many.compact("15m", "2025-03-01")
    assert many.version("15m", "2025-03-01", at=MIDNIGHT).version_id == first.version_id
    many.append("15m", bars("A/USDT", MIDNIGHT, 1, close=5.0), tag="c")
    assert many.version("15m", "2025-03-01", at=MIDNIGHT).version_id != first.version_id
    lake = Lake(tmp_path / "one")
    assert lake.version(first.version_id) == lake.latest("ohlcv") == first
    assert lake.latest("ohlcv", partition="15m/2025-03-01") == first
    assert not list((tmp_path / "one" / "tables").rglob("*.parquet"))
    with pytest.raises(MissingData, match="record without rows"):
        lake.read("ohlcv")


def test_bad_input_is_refused_by_name(tmp_path: Path) -> None:
    """Unknown timeframe, odd date, unsafe tag, null key: one sentence each, nothing written."""
    store = CandleStore(tmp_path)
    good = bars("A/USDT", MIDNIGHT, 1)
    with pytest.raises(UnknownTimeframe):
        store.append("3m", good, tag="a")
    for tag in ("", "../x", "a/b", "x" * 81, "a b"):
        with pytest.raises(BadInput, match="tag must match"):
            store.append("15m", good, tag=tag)
    with pytest.raises(BadInput, match="null"):
        store.append("15m", good.with_columns(symbol=pl.lit(None, dtype=pl.String)), tag="a")
    with pytest.raises(BadInput, match="missing: open"):
        store.append("15m", good.drop("open"), tag="a")
    for day in ("2025-02-30", "../2025-03-01", "20250301", ""):
        with pytest.raises(BadInput, match="YYYY-MM-DD"):
            store.compact("15m", day)
    with pytest.raises(MissingData, match="materialise ohlcv"):
        store.version("15m", "2025-03-01", at=MIDNIGHT)
    assert store.append("15m", good.clear(), tag="a") == {}
    assert day_files(tmp_path) == []


def test_months_and_minutes_do_not_share_a_folder(tmp_path: Path) -> None:
    """1m and 1M differ only in case, which some file systems ignore."""
    store = CandleStore(tmp_path)
    store.append("1m", bars("A/USDT", MIDNIGHT, 3, step=timedelta(minutes=1)), tag="a")
    store.append("1M", bars("A/USDT", MIDNIGHT, 1), tag="a")
    folders = {path.name.lower() for path in (tmp_path / "candles").glob("timeframe=*")}
    assert len(folders) == 2
    assert store.read("1m").height == 3


def test_readers_see_every_bar_while_days_are_compacted(tmp_path: Path) -> None:
    """Appending, compacting and reading at once: no reader misses a bar, sees one twice, or fails."""
    store = CandleStore(tmp_path)
    store.append("15m", bars("BASE/USDT", MIDNIGHT, 96), tag="base")
    stop, problems, reads = threading.Event(), [], [0]

    def read() -> None:
        reader = CandleStore(tmp_path)
        while not stop.is_set():
            frame = reader.read("15m")
            reads[0] += 1
            base = frame.filter(pl.col("symbol") == "BASE/USDT").height
            if base != 96 or frame.select(parts.KEY).is_duplicated().any():
                problems.append((base, frame.height))

    def fail_loudly() -> None:
        try:
            read()
        except Exception as error:  # any failure of a reader is the finding
            problems.append(error)

    threads = [threading.Thread(target=fail_loudly) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(25):
            store.append("15m", bars(f"S{number}/USDT", MIDNIGHT, 4), tag="x")
            if number % 2:
                store.compact("15m", "2025-03-01")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert problems == []
    assert reads[0] > 5
    assert store.read("15m").height == 96 + 25 * 4


writes = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 130), st.integers(1, 9)), max_size=6),
        st.booleans(),
    ),
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes)
def test_any_mix_of_writes_and_compactions_equals_a_dict(tmp_path: Path, history: list) -> None:
    """The store is a map from (symbol, open time) to a bar, whatever the order of writes and compactions."""
    root = tmp_path / "property"
    shutil.rmtree(root, ignore_errors=True)
    store, model = CandleStore(root), {}
    for batch, compacts in history:
        if batch:
            frame = pl.concat(
                [bars(name, MIDNIGHT + slot * QUARTER, 1, close=float(close)) for name, slot, close in batch]
            )
            store.append("15m", frame, tag="t")
        for name, slot, close in batch:
            model[(name, MIDNIGHT + slot * QUARTER)] = float(close)
        if compacts:
            for day in store.dates("15m"):
                store.compact("15m", day)
    got = {(row["symbol"], row["open_time"]): row["close"] for row in store.read("15m").iter_rows(named=True)}
    assert got == model
