"""Turning a file to WAL while others hold it: waited for, and in the end refused as SQLite refused it."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest

from trading.store.wal import turn_to_wal


def _opened(path, **options):
    return closing(sqlite3.connect(path, isolation_level=None, **options))


def test_a_held_file_is_waited_for(tmp_path):
    """SQLite itself fails at once, however long its own time-out: that is what is mended here."""
    path = tmp_path / "a.db"
    with _opened(path, check_same_thread=False) as holder, _opened(path, timeout=60) as other:
        holder.execute("CREATE TABLE t (a)")
        holder.execute("BEGIN EXCLUSIVE")
        waiting = Event()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: (waiting.wait(), holder.execute("COMMIT")))
            waiting.set()
            turn_to_wal(other, 30)
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_held_for_longer_is_refused_with_sqlite_s_own_words(tmp_path):
    """The caller names the file; the cause stays what it was."""
    path = tmp_path / "a.db"
    with _opened(path) as holder, _opened(path, timeout=0) as other:
        holder.execute("CREATE TABLE t (a)")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            turn_to_wal(other, 0.05)


def test_what_is_no_database_is_not_tried_again(tmp_path):
    """Only BUSY is worth another try."""
    path = tmp_path / "a.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    with _opened(path) as database, pytest.raises(sqlite3.DatabaseError, match="not a database"):
        turn_to_wal(database, 3_600)


def test_many_that_open_and_close_at_once_all_get_in(tmp_path):
    """The last one out takes the log away while the next one comes in."""
    path = tmp_path / "a.db"

    def once(_n: int) -> str:
        with _opened(path, timeout=60) as database:
            turn_to_wal(database, 60)
            database.execute("CREATE TABLE IF NOT EXISTS t (a)")
            database.execute("INSERT INTO t VALUES (1)")
            return database.execute("PRAGMA journal_mode").fetchone()[0]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(once, range(200))) == {"wal"}
