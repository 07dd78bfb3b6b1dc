"""Closed months by symbol: every bar once in every interleaving, after any stop, and late bars win."""

import shutil
import threading
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trading.market.errors import BadInput, StoreError
from trading.market.frames import CANDLES
from trading.market.lineage import content_hash
from trading.market.timeframes import to_ms
from trading.store.candles import CandleStore
from trading.store.holdings import holdings
from trading.store.months import current, plan
from trading.store.parts import KEY
from trading.store.rewrite import is_settled, rewriting

START = datetime(2025, 1, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)


def bars(symbol: str, start: datetime, count: int, *, close: float = 1.0) -> pl.DataFrame:
    return pl.DataFrame(
        [(symbol, start + i * HOUR, close, close, close, close, 10.0, 10.0 * close) for i in range(count)],
        schema=CANDLES,
        orient="row",
    )


def filled(root: Path, days: int = 4) -> CandleStore:
    """A store whose days lie on both sides of a month's end, some in several files."""
    store = CandleStore(root)
    for name in ("A/USDT", "B/USDT", "C/USDT"):
        store.append("1h", bars(name, START, 24 * days), tag="base")
    store.append("1h", bars("B/USDT", START + 30 * HOUR, 3, close=2.0), tag="mend")
    return store


def folder(root: Path) -> Path:
    return root / "candles" / "timeframe=1h"


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(folder(root))) for path in folder(root).rglob("*.parquet"))


def test_rewritten_month_reads_the_same_by_every_way(tmp_path: Path) -> None:
    """Read, scan, tail, newest bars, dates, day states and versions do not tell the layouts apart."""
    store, plain = filled(tmp_path / "a"), filled(tmp_path / "b")
    assert store.rewrite_month("1h", "2025-02")[-1].startswith("deleted 2025-02-03")
    assert [name.split("/")[0] for name in files(tmp_path / "a")] == ["date=2025-01-31"] * 3 + [
        "month=2025-02"
    ]
    until = START + timedelta(days=4)
    for ask in (
        lambda s: s.read("1h"),
        lambda s: s.read("1h", symbols=["B/USDT"], start=START + 29 * HOUR, end=START + 35 * HOUR),
        lambda s: s.read("1h", symbols=["nobody"]),
        lambda s: s.read("1h", start=START - 9 * HOUR, end=START),
        lambda s: s.scan("1h", start=START + 30 * HOUR).sort(KEY).collect(),
        lambda s: s.last_bars("1h", 40, until=until),
        lambda s: s.times("1h", symbols=["A/USDT", "C/USDT"]),
        lambda s: next(s.states("1h", "2025-02-01")),
    ):
        assert ask(store).equals(ask(plain))
        assert ask(store).schema == ask(plain).schema
    assert store.last_open("1h") == plain.last_open("1h")
    assert store.dates("1h") == plain.dates("1h") == ["2025-01-31", "2025-02-01", "2025-02-02", "2025-02-03"]
    for day in store.dates("1h"):
        ids = [one.version("1h", day, at=until).version_id for one in (store, plain)]
        assert ids[0] == ids[1]


def test_second_rewrite_has_nothing_to_do(tmp_path: Path) -> None:
    """A settled month is left alone, and so is one that nobody filled."""
    store = filled(tmp_path)
    store.rewrite_month("1h", "2025-02")
    before = files(tmp_path)
    assert store.rewrite_month("1h", "2025-02") == []
    assert store.rewrite_month("1h", "2024-02") == []
    assert store.rewrite_month("15m", "2025-02") == []
    assert files(tmp_path) == before
    assert is_settled(holdings(folder(tmp_path))[-1])
    with pytest.raises(BadInput, match="YYYY-MM"):
        store.rewrite_month("1h", "2025-13")
    with pytest.raises(BadInput, match="YYYY-MM"):
        store.rewrite_month("1h", "../2025-02")


def test_late_bar_wins_over_the_month_and_the_next_rewrite_takes_it_in(tmp_path: Path) -> None:
    """A correction and a bar of a new day go to day files; a new generation then holds both."""
    store = filled(tmp_path)
    store.rewrite_month("1h", "2025-02")
    noon = datetime(2025, 2, 1, 12, tzinfo=UTC)
    store.append("1h", bars("A/USDT", noon, 1, close=7.0), tag="late")
    store.append("1h", bars("D/USDT", datetime(2025, 2, 20, tzinfo=UTC), 2), tag="late")
    expected = store.read("1h")
    assert expected.height == 3 * 96 + 2
    assert not expected.select(KEY).is_duplicated().any()
    assert expected.filter(symbol="A/USDT", open_time=noon)["close"].item() == 7.0
    states = list(store.states("1h", "2025-02-01"))
    assert [state.filter(symbol="A/USDT", open_time=noon)["close"].item() for state in states] == [7.0, 1.0]
    store.compact("1h", "2025-02-01")
    assert store.read("1h").equals(expected)
    assert "retired by-symbol-00000001" in store.rewrite_month("1h", "2025-02")
    assert store.read("1h").equals(expected)
    assert store.dates("1h")[-1] == "2025-02-20"
    generation = current(folder(tmp_path) / "month=2025-02")
    assert generation is not None
    assert generation.number == 2
    assert [path.name for path in folder(tmp_path).glob("date=*")] == ["date=2025-01-31"]


@pytest.mark.parametrize("is_second", [False, True])
def test_stop_after_any_step_loses_and_doubles_nothing(tmp_path: Path, is_second: bool) -> None:
    """Readers see the same bars at every step; late bars that come then win; the next run finishes."""

    def world(root: Path) -> CandleStore:
        store = filled(root)
        if is_second:
            store.rewrite_month("1h", "2025-02")
            store.append("1h", bars("A/USDT", datetime(2025, 2, 2, 5, tzinfo=UTC), 2, close=6.0), tag="late")
            store.append("1h", bars("A/USDT", datetime(2025, 2, 2, 6, tzinfo=UTC), 2, close=7.0), tag="late")
        return store

    total = len(world(tmp_path / "all").rewrite_month("1h", "2025-02"))
    assert total > 5
    for steps in range(total + 1):
        root = tmp_path / str(steps)
        store = world(root)
        before = store.read("1h")
        run = rewriting(folder(root), root / "candles" / ".incoming", "2025-02")
        list(islice(run, steps))
        run.close()  # what the operating system does to a killed process: the lock goes, files stay
        assert store.read("1h").equals(before)
        assert by_rank_alone(root).equals(before)
        late = bars("B/USDT", datetime(2025, 2, 2, 7, tzinfo=UTC), 1, close=9.0)
        store.append("1h", late, tag="meanwhile")
        after = pl.concat([before.join(late, on=KEY, how="anti"), late]).sort(KEY)
        assert store.read("1h").equals(after)
        assert by_rank_alone(root).equals(after)
        store.rewrite_month("1h", "2025-02")
        assert store.read("1h").equals(after)
        assert [name.split("/")[0] for name in files(root)][-1] == "month=2025-02"
        assert not any("date=2025-02" in name for name in files(root))


def by_rank_alone(root: Path) -> pl.DataFrame:
    """Read as who knows no index: the newest generation, then day files by name; the last one counts."""
    found = sorted(folder(root).glob("month=*/by-symbol-*/*.parquet"))
    newest = [
        path for path in found if path.parent == max(p.parent for p in found if p.parts[-3] == path.parts[-3])
    ]
    parts = sorted(folder(root).glob("date=*/part-*.parquet"))
    frames = [pl.read_parquet(path, hive_partitioning=False) for path in [*newest, *parts]]
    return pl.concat(frames).unique(KEY, keep="last", maintain_order=True).sort(KEY)


def test_unfinished_generation_is_never_read_and_goes_in_time(tmp_path: Path) -> None:
    """What a killed rewrite left lies where nobody looks; after an hour the next one removes it."""
    import os

    store = filled(tmp_path)
    run = rewriting(folder(tmp_path), tmp_path / "candles" / ".incoming", "2025-02")
    while not next(run).startswith("wrote"):
        pass
    run.close()
    (left,) = (tmp_path / "candles" / ".incoming").glob("month-*")
    assert len(files(tmp_path)) == len([name for name in files(tmp_path) if name.startswith("date=")])
    os.utime(left, (0, 0))
    store.rewrite_month("1h", "2025-02")
    assert not left.exists()


def test_damaged_index_is_told_and_not_taken_for_an_empty_month(tmp_path: Path) -> None:
    """Missing bars would look like gaps; an error with the month's name does not."""
    store = filled(tmp_path)
    store.rewrite_month("1h", "2025-02")
    (index,) = folder(tmp_path).rglob("index.json")
    index.write_text("{")
    with pytest.raises(StoreError, match="month=2025-02"):
        store.read("1h")


def test_buckets_hold_neighbours_and_every_symbol_once() -> None:
    """Cut where the bars before a symbol pass a multiple of the bound; a symbol is never cut in two."""
    counts = pl.DataFrame({"symbol": list("DACB"), "len": [1, 5, 3, 4]})
    assert plan(counts, 6) == [("A", "B"), ("C", "C"), ("D", "D")]
    assert plan(counts, 9) == [("A", "B"), ("C", "D")]
    assert plan(counts, 100) == [("A", "D")]
    assert plan(counts, 1) == [(name, name) for name in "ABCD"]
    assert plan(counts.clear(), 6) == []


def test_one_symbol_is_read_from_one_bucket(tmp_path: Path) -> None:
    """Whatever a symbol is called, the index finds its bucket; it never becomes a path."""
    names = ["../x", "A/USDT", "", "日本/USDT", "a'; drop", "\U0001f600/USDT", "é/USDT", "Z"]
    store = CandleStore(tmp_path)
    store.append("1h", pl.concat([bars(name, START, 30) for name in names]), tag="a")
    store.rewrite_month("1h", "2025-02")
    for name in names:
        assert store.read("1h", symbols=[name]).height == 30
    assert {path.parent.name for path in folder(tmp_path).glob("month=*/*")} == {"month=2025-02"}


def test_readers_see_every_bar_while_months_are_rewritten(tmp_path: Path) -> None:
    """Threads that read while another appends, compacts and rewrites: no bar missed, doubled or stale."""
    store = CandleStore(tmp_path)
    month = datetime(2025, 2, 1, tzinfo=UTC)
    store.append("1h", bars("BASE/USDT", month, 72), tag="base")
    written, stop, problems, reads = [0], threading.Event(), [], [0]

    def look(reader: CandleStore) -> None:
        least = written[0]
        frame = reader.read("1h")
        reads[0] += 1
        doubled = frame.select(KEY).is_duplicated().any()
        if frame.height != 72 or doubled or frame["close"].max() < least:
            problems.append((frame.height, doubled, frame["close"].max(), least))
        if reader.dates("1h") != ["2025-02-01", "2025-02-02", "2025-02-03"]:
            problems.append(reader.dates("1h"))

    def read() -> None:
        try:
            while not stop.is_set():
                look(CandleStore(tmp_path))
        except Exception as error:  # any failure of a reader is the finding
            problems.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, 25):
            change(store, number)
            written[0] = number
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert problems == []
    assert reads[0] > 5


def change(store: CandleStore, number: int) -> None:
    late = datetime(2025, 2, 1, tzinfo=UTC) + timedelta(hours=7 * number % 72)
    store.append("1h", bars("BASE/USDT", late, 1, close=float(number)), tag="x")
    if number % 3 == 0:
        store.compact("1h", str(late.date()))
    if number % 2:
        store.rewrite_month("1h", "2025-02")


steps = st.lists(
    st.one_of(
        st.lists(
            st.tuples(st.sampled_from("ABC"), st.integers(0, 80), st.integers(1, 9)), min_size=1, max_size=8
        ),
        st.sampled_from(["compact", "rewrite"]),
        st.integers(1, 9),  # a rewrite that is stopped after so many steps
    ),
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_any_mix_of_writes_and_rewrites_hashes_like_one_write(tmp_path: Path, history: list) -> None:
    """Order, splits, compactions, rewrites and stopped rewrites leave no trace in the content."""
    root, once = tmp_path / "many", tmp_path / "once"
    shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(once, ignore_errors=True)
    store, model = CandleStore(root), {}
    for step in history:
        if isinstance(step, list):
            frames = [bars(name, START + slot * HOUR, 1, close=float(close)) for name, slot, close in step]
            store.append("1h", pl.concat(frames), tag="t")
            model |= {(name, slot): frame for (name, slot, _), frame in zip(step, frames, strict=True)}
        elif step == "compact":
            for day in store.dates("1h"):
                store.compact("1h", day)
        elif folder(root).is_dir():
            for month in ("2025-01", "2025-02"):
                run = rewriting(folder(root), root / "candles" / ".incoming", month)
                list(run if step == "rewrite" else islice(run, step))
                run.close()
    if not model:
        assert store.read("1h").is_empty()
        return
    plain = CandleStore(once)
    plain.append("1h", pl.concat(model.values()), tag="t")
    assert content_hash(store.read("1h")) == content_hash(plain.read("1h"))
    assert store.dates("1h") == plain.dates("1h")
    assert store.last_open("1h") == {
        name: max(to_ms(START + slot * HOUR) for other, slot in model if other == name) for name, _ in model
    }


def test_row_groups_of_a_month_are_small_so_that_its_newest_bars_cost_little(tmp_path: Path) -> None:
    """8,640 bars of one symbol are six groups of 1,440: a tail reads one of them, not all bars."""
    store = CandleStore(tmp_path)
    minutes = pl.datetime_range(
        START.replace(day=1), interval="1m", end=START.replace(day=7), closed="left", eager=True
    ).head(8_640)
    frame = pl.DataFrame({"open_time": minutes.cast(pl.Datetime("ms", "UTC"))}).with_columns(
        symbol=pl.lit("A/USDT"), **{name: pl.lit(1.0) for name in list(CANDLES)[2:]}
    )
    store.append("1m", frame.select(list(CANDLES)), tag="base")
    store.rewrite_month("1m", "2025-01")
    (path,) = (tmp_path / "candles" / "timeframe=1m").rglob("bucket-*.parquet")
    groups = duckdb.sql(f"select distinct row_group_id, row_group_num_rows from parquet_metadata('{path}')")
    assert sorted(rows for _, rows in groups.fetchall()) == [1440] * 6
