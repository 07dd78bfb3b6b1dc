"""The warehouse: built beside, published by rename, readable by everybody at once."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from trading.market.errors import MissingData, StoreError
from trading.market.frames import CANDLES
from trading.market.orders import SignalSet, TradeSignal
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.store.order_log import OrderLog
from trading.store.rewrite import rewriting
from trading.store.warehouse import CONFIG, build_warehouse, query

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def candles(symbol: str, count: int, close: float = 1.0, start: datetime = NOON) -> pl.DataFrame:
    rows = [
        (symbol, start + i * timedelta(minutes=15), close, close, close, close, 1.0, close)
        for i in range(count)
    ]
    return pl.DataFrame(rows, schema=CANDLES, orient="row")


def no_log(folder: Path) -> str:
    return f"sqlite:///{folder / 'none.db'}"


def test_newest_lake_tables_are_copied_and_candles_are_a_view(tmp_path: Path) -> None:
    """One table per asset in schema raw, the latest version of each; candles stay where they are."""
    lake, target = Lake(tmp_path / "lake"), tmp_path / "warehouse.duckdb"
    old = pl.DataFrame({"symbol": ["A/USDT"], "at": [NOON]})
    lake.publish("signals", old, key=["symbol"], at=NOON)
    lake.publish(
        "signals", pl.concat([old, old.with_columns(symbol=pl.lit("B'/USDT"))]), key=["symbol"], at=NOON
    )
    store = CandleStore(tmp_path / "lake")
    store.append("15m", candles("A/USDT", 60), tag="a")
    store.version("15m", "2025-03-01", at=NOON)
    assert build_warehouse(tmp_path / "lake", no_log(tmp_path), target) == {"signals": 2}
    assert query(target, "from raw.signals").equals(lake.read("signals"))
    assert query(target, "select count(*) as n from raw.candles")["n"].to_list() == [60]
    assert not (tmp_path / "none.db").exists()
    assert [path.name for path in tmp_path.iterdir() if "warehouse" in path.name] == ["warehouse.duckdb"]


def test_candle_view_shows_each_bar_once_and_new_bars_at_once(tmp_path: Path) -> None:
    """The later write stands, also after compaction; the view needs no rebuild for new days."""
    store, target = CandleStore(tmp_path / "lake"), tmp_path / "w.duckdb"
    store.append("15m", candles("A/USDT", 4), tag="z")
    store.append("15m", candles("A/USDT", 1, close=2.0), tag="a")
    store.append("1h", candles("A/USDT", 1, close=7.0), tag="a")
    build_warehouse(tmp_path / "lake", no_log(tmp_path), target)
    sql = "select close from raw.candles where timeframe = '15m' order by open_time"
    assert query(target, sql)["close"].to_list() == [2.0, 1.0, 1.0, 1.0]
    store.compact("15m", "2025-03-01")
    assert query(target, sql)["close"].to_list() == [2.0, 1.0, 1.0, 1.0]
    store.append("15m", candles("A/USDT", 1, close=3.0, start=NOON + timedelta(days=1)), tag="b")
    assert query(target, sql)["close"].to_list() == [2.0, 1.0, 1.0, 1.0, 3.0]
    assert query(target, "select distinct date::varchar as d from raw.candles order by d")["d"].to_list() == [
        "2025-03-01",
        "2025-03-02",
    ]


def test_empty_world_gives_a_warehouse_with_an_empty_view(tmp_path: Path) -> None:
    """Before the first candle the view exists, with its columns and no rows."""
    target = tmp_path / "w.duckdb"
    assert build_warehouse(tmp_path / "lake", no_log(tmp_path), target) == {}
    frame = query(target, "from raw.candles")
    assert frame.height == 0
    assert set(CANDLES) <= set(frame.columns)


def test_order_log_is_copied_with_its_own_names(tmp_path: Path) -> None:
    """The log's frames become tables; times stay UTC instants."""
    url = f"sqlite:///{tmp_path / 'orders.db'}"
    signal = TradeSignal("A/USDT", "sig-1", "app-1", Decimal("1.5"), Decimal("0.02"), None, 3600)
    batch = SignalSet(
        "set-1", NOON, NOON + timedelta(hours=1), NOON - timedelta(minutes=15), "15m", (signal,)
    )
    assert OrderLog(url).write_signal_set(batch)
    target = tmp_path / "w.duckdb"
    rows = build_warehouse(tmp_path / "lake", url, target)
    assert (rows["decisions"], rows["signal_sets"], rows["fills"], rows["closed_trades"]) == (1, 1, 0, 0)
    assert query(target, "select created_at from raw.signal_sets")["created_at"].to_list() == [NOON]


def test_lake_path_with_a_quote_and_a_relative_path_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths go into SQL quoted, and absolute: the view works from any directory."""
    monkeypatch.chdir(tmp_path)
    root = Path("it's a lake")
    CandleStore(root).append("15m", candles("A/USDT", 2), tag="a")
    Lake(root).publish("clusters", pl.DataFrame({"symbol": ["A"]}), key=["symbol"], at=NOON)
    build_warehouse(root, no_log(tmp_path), tmp_path / "w.duckdb")
    monkeypatch.chdir("/")
    assert query(tmp_path / "w.duckdb", "from raw.candles").height == 2
    assert query(tmp_path / "w.duckdb", "from raw.clusters").height == 1


def test_readers_go_on_while_a_new_file_is_published(tmp_path: Path) -> None:
    """An open reader keeps the old content, a new one gets the new, nobody gets an error."""
    lake, target = Lake(tmp_path / "lake"), tmp_path / "w.duckdb"
    publish(lake, 1)
    build_warehouse(lake.root, no_log(tmp_path), target)
    stop, seen, failures = threading.Event(), set(), []

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(query(target, "select max(round) as r, count(*) as n from raw.clusters").row(0))
            except Exception as error:  # any failure of a reader is the finding
                failures.append(error)

    with duckdb.connect(str(target), read_only=True) as held:
        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(2, 6):
            publish(lake, number)
            build_warehouse(lake.root, no_log(tmp_path), target)
        stop.set()
        for thread in threads:
            thread.join()
        assert held.execute("select max(round) from raw.clusters").fetchone() == (1,)
        assert query(target, "select max(round) as r from raw.clusters")["r"].to_list() == [5]
    assert failures == []
    assert seen <= {(number, 100) for number in range(1, 6)}


def publish(lake: Lake, number: int) -> None:
    frame = pl.DataFrame({"symbol": [f"S{i}" for i in range(100)], "round": [number] * 100})
    lake.publish("clusters", frame, key=["symbol"], at=NOON)


def test_reader_waits_for_a_writer_in_another_process(tmp_path: Path) -> None:
    """Somebody holds the file for writing: the query is tried again until the lock is free."""
    target = tmp_path / "w.duckdb"
    build_warehouse(tmp_path / "lake", no_log(tmp_path), target)
    script = (
        "import duckdb, sys, time; con = duckdb.connect(sys.argv[1]); print('held', flush=True);"
        "time.sleep(0.6); con.close()"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(duckdb.IOException):
        duckdb.connect(str(target), read_only=True)
    assert query(target, "select 1 as x")["x"].to_list() == [1]
    assert holder.wait(10) == 0


def test_file_is_written_in_the_format_of_1_5(tmp_path: Path) -> None:
    """The header's storage version is 68, which DuckDB 1.5 opens; a plain 2.0 file says otherwise."""
    target = tmp_path / "w.duckdb"
    build_warehouse(tmp_path / "lake", no_log(tmp_path), target)
    assert storage_version(target) == 68
    plain = tmp_path / "plain.duckdb"
    duckdb.connect(str(plain)).close()
    assert storage_version(plain) != 68
    assert CONFIG["autoload_known_extensions"] is False


def storage_version(path: Path) -> int:
    # Main header: 8 bytes checksum, "DUCK", then the version as a little-endian 64-bit number.
    head = path.read_bytes()[:20]
    assert head[8:12] == b"DUCK"
    return int.from_bytes(head[12:20], "little")


def test_failed_build_leaves_the_published_file_alone(tmp_path: Path) -> None:
    """A damaged table stops the build with a reason; readers keep what they had."""
    lake, target = Lake(tmp_path / "lake"), tmp_path / "w.duckdb"
    publish(lake, 1)
    build_warehouse(lake.root, no_log(tmp_path), target)
    lake.data_path("clusters").write_bytes(b"not parquet")
    with pytest.raises(StoreError, match="was not built"):
        build_warehouse(lake.root, no_log(tmp_path), target)
    assert query(target, "from raw.clusters").height == 100
    assert len(list(tmp_path.glob(".w.duckdb*"))) == 0


def test_bad_queries_are_named(tmp_path: Path) -> None:
    """No file, wrong SQL and attempts to write are three clear errors."""
    target = tmp_path / "w.duckdb"
    with pytest.raises(MissingData, match="materialise asset warehouse"):
        query(target, "select 1")
    build_warehouse(tmp_path / "lake", no_log(tmp_path), target)
    for sql in ("selec 1", "create table x (a int)", "drop view raw.candles"):
        with pytest.raises(StoreError, match="query failed"):
            query(target, sql)
    assert query(target, "select ?::int + ? as x", [1, 2])["x"].to_list() == [3]


def test_view_shows_each_bar_once_at_every_step_of_a_rewrite(tmp_path: Path) -> None:
    """A view made before the month was rewritten goes on: day files, both, the month, and late bars."""
    target, store = tmp_path / "w.duckdb", CandleStore(tmp_path / "lake")
    build_warehouse(tmp_path / "lake", no_log(tmp_path), target)
    assert query(target, "from raw.candles").is_empty()
    for close in (1.0, 2.0):
        store.append("15m", candles("A/USDT", 200).with_columns(close=pl.lit(close)), tag="a")
    folder, month = tmp_path / "lake" / "candles", f"{candles('A/USDT', 1)['open_time'][0]:%Y-%m}"
    asked = (
        "select symbol, open_time, close, date from raw.candles where timeframe = '15m' order by open_time"
    )
    expected = query(target, asked)
    assert expected.height == 200
    assert expected["close"].unique().to_list() == [2.0]
    assert expected["date"].to_list() == expected["open_time"].dt.date().to_list()
    for _ in rewriting(folder / "timeframe=15m", folder / ".incoming", month):
        assert query(target, asked).equals(expected)
    assert not list(folder.glob(f"timeframe=15m/date={month}*"))
    store.append("15m", candles("A/USDT", 1).with_columns(close=pl.lit(9.0)), tag="late")
    late = query(target, asked)
    assert late.height == 200
    assert late["close"][0] == 9.0
    for _ in rewriting(folder / "timeframe=15m", folder / ".incoming", month):
        assert query(target, asked).equals(late)
