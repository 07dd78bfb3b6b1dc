"""Backups are whole or not there, taken while others write; what is put back is checked and frozen."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.trading.store.order_log.old_logs import make_old_log
from tests.trading.store.order_log.rows import intent
from trading.market.clock import ManualClock
from trading.market.errors import BadInput, MissingData, StoreError
from trading.store.order_log import OrderLog, backup
from trading.store.order_log.halts import HaltKind
from trading.store.order_log.records import IntentStatus
from trading.store.order_log.restores import TOKEN_STEP
from trading.store.order_log.schema import HEAD, metadata, trades
from trading.store.order_log.schema_shards import shards
from trading.store.order_log.shards import SHARDS
from trading.store.order_log.verify import verify_backup, verify_log


@pytest.fixture
def url(sqlite_url):
    """Restoring is for SQLite; what Postgres does is tested by name below."""
    return sqlite_url


def restored(url: str, found: backup.Backup) -> None:
    log = OrderLog(url, wall=ManualClock(9_000))
    log.restores.begin(found.backup_id, found.taken_wall_ms)
    log.close()


def rows(url: str) -> dict[str, int]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }
    engine.dispose()
    return found


def test_a_backup_holds_every_row_of_every_table(log_with_open_trade, url, tmp_path):
    """Also the tables of users and keys: the whole database is copied, and the copy verifies."""
    made = backup.back_up(url, tmp_path / "b1")
    assert rows(f"sqlite:///{tmp_path}/b1/orders.db") == rows(url)
    assert "user_keys" in rows(url)
    assert made.revision == HEAD
    verdict = verify_backup(tmp_path / "b1")
    assert (verdict.wrong, verdict.intents, verdict.fills, verdict.trades) == ([], 1, 1, 1)


def test_a_backup_is_one_moment_while_others_write(log_with_set, url, tmp_path):
    """Ten backups beside a writer that always writes two rows at once: never one without the other."""
    log, stop = log_with_set, threading.Event()
    before = rows(url)["cursors"]

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with log.database.write() as connection:
                for name in ("a", "b"):
                    row = {"name": f"{name}{number}", "value": "x"}
                    log.database.insert_new(connection, metadata.tables["cursors"], [row])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(10):
            backup.back_up(url, tmp_path / f"b{number}")
    finally:
        stop.set()
        writer.join()
    counts = [rows(f"sqlite:///{tmp_path}/b{number}/orders.db")["cursors"] for number in range(10)]
    assert all((count - before) % 2 == 0 for count in counts)
    assert counts == sorted(counts)
    assert counts[-1] > 0


def test_a_backup_is_never_written_over_and_never_of_nothing(log, url, tmp_path):
    """The second of a name, and one of a world without a log, are each one sentence."""
    backup.back_up(url, tmp_path / "b1")
    with pytest.raises(BadInput, match="never written over"):
        backup.back_up(url, tmp_path / "b1")
    with pytest.raises(MissingData, match="there is no order log"):
        backup.back_up(f"sqlite:///{tmp_path}/none.db", tmp_path / "b2")
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("damage", ["a bit", "cut short", "gone", "manifest", "newer"])
def test_a_damaged_backup_is_never_put_back(log_with_open_trade, url, tmp_path, damage):
    """Verified before anything is touched; the log that is there stays."""
    folder = tmp_path / "b1"
    backup.back_up(url, folder)
    file, manifest = folder / "orders.db", folder / "manifest.json"
    raw = bytearray(file.read_bytes())
    if damage == "a bit":
        raw[5000] ^= 1
        file.write_bytes(raw)
    elif damage == "cut short":
        file.write_bytes(raw[:-4096])
    elif damage == "gone":
        file.unlink()
    elif damage == "manifest":
        manifest.write_text("{")
    else:
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"revision": "9999"}))
    assert verify_backup(folder).wrong != []
    log_with_open_trade.close()
    with pytest.raises(StoreError):
        backup.put_back(folder, url, restored)
    assert rows(url)["restores"] == 0


def test_verify_finds_books_that_were_changed(log_with_open_trade, url):
    """A sum changed behind the ledger's back: the log is not whole."""
    with log_with_open_trade.database.write() as connection:
        connection.execute(trades.update().values(bought=Decimal(3)))
    assert any("bought is 3" in line for line in verify_log(url).wrong)


def test_verify_names_a_page_that_was_damaged(log_with_open_trade, url):
    """SQLite's own check is asked; a file that is no database is one sentence too."""
    log_with_open_trade.close()
    path = Path(url.removeprefix("sqlite:///"))
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(4096))
    assert verify_log(url).wrong != []
    path.write_bytes(b"no database " * 999)
    assert "file is not a database" in verify_log(url).wrong[0]


def test_a_restored_log_is_frozen_one_epoch_on_and_sends_nothing_it_calls_new(log_with_set, url, tmp_path):
    """NEW may have been sent since the backup: it becomes SENT. The sender's token jumps past every start."""
    log = log_with_set
    log.orders.plan_entries("u1", "set-1", [intent()], [], place=0, at_ms=5)
    log.leases.join("before")
    log.leases.step()
    made = backup.back_up(url, tmp_path / "b1", ManualClock(8_000))
    log.set_cursor("after", "the backup")
    log.close()
    kept = backup.put_back(tmp_path / "b1", url, restored, ManualClock(8_500))
    assert kept == Path(f"{url.removeprefix('sqlite:///')}.replaced-8500")
    again = OrderLog(url)
    assert again.orders.get("c1").status is IntentStatus.SENT
    (halt,) = again.halts.active()
    assert (halt.kind, halt.placed_by, halt.subject) == (HaltKind.FREEZE, "restore", None)
    assert made.backup_id in halt.why
    pending = again.restores.pending()
    assert (pending.epoch, pending.backup_id, pending.taken_wall_ms) == (1, made.backup_id, 8_000)
    again.leases.join("after")
    assert len(again.leases.step()) == SHARDS
    with again.database.read() as connection:
        tokens = set(connection.scalars(sa.select(shards.c.token)))
    assert tokens == {1 + TOKEN_STEP + 1}
    assert again.cursor("after") is None
    again.close()
    with sqlite3.connect(kept) as old:
        assert old.execute("SELECT value FROM cursors WHERE name = 'after'").fetchall() == [("the backup",)]
    assert verify_log(url).epoch == 1


def test_an_older_backup_is_upgraded_as_it_is_put_back(tmp_path, url):
    """A backup of a log from before revisions: restored at today's, with its fills."""
    make_old_log(url)
    backup.back_up(url, tmp_path / "b1")
    assert verify_backup(tmp_path / "b1").wrong == []
    backup.put_back(tmp_path / "b1", url, restored)
    assert (verify_log(url).revision, verify_log(url).wrong, verify_log(url).fills) == (HEAD, [], 2)


def test_a_log_that_is_open_elsewhere_is_not_replaced(log, url, tmp_path):
    """An engine that still reads or writes it: one sentence, nothing changed."""
    backup.back_up(url, tmp_path / "b1")
    with log.database.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM users").scalar()
        with pytest.raises(StoreError, match=r"open in another process|locked"):
            backup.put_back(tmp_path / "b1", url, restored)
    assert log.restores.epoch() == 0


def test_a_lost_or_damaged_log_is_replaced_too(log_with_open_trade, url, tmp_path):
    """What restoring is for: no file, or one that is no database; the damaged one is kept."""
    backup.back_up(url, tmp_path / "b1")
    log_with_open_trade.close()
    path = Path(url.removeprefix("sqlite:///"))
    path.write_bytes(b"no database " * 999)
    kept = backup.put_back(tmp_path / "b1", url, restored)
    assert kept.read_bytes().startswith(b"no database")
    assert verify_log(url).wrong == []
    path.unlink()
    assert backup.put_back(tmp_path / "b1", url, restored) is None
    assert verify_log(url).trades == 1


DIES = """
import os, sys
from pathlib import Path
from tests.trading.store.order_log.test_backup import restored
from trading.store.order_log import backup, sqlite_copy
what, url, folder, after = sys.argv[1:]
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "shutil.copyfile")
left = int(after)
def trace(event, arguments):
    global left
    if event in EVENTS and str(arguments[0]).startswith(os.path.dirname(folder)):
        left -= 1
        if left < 0:
            os._exit(9)
sys.addaudithook(trace)
if what == "backup":
    backup.back_up(url, Path(folder))
else:
    backup.put_back(Path(folder), url, restored)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["backup", "restore"])
def test_killed_at_any_moment_there_is_a_whole_one_or_none(log_with_open_trade, url, tmp_path, what):
    """Ended before a file operation, in turn: a backup verifies or is not there, the log is whole."""
    log_with_open_trade.close()
    backup.back_up(url, tmp_path / "b")
    original = Path(url.removeprefix("sqlite:///")).read_bytes()
    ended = []
    for after in range(0, 60, 2 if what == "backup" else 6):
        path = tmp_path / f"w{after}" / "orders.db"
        path.parent.mkdir()
        path.write_bytes(original)
        folder = tmp_path / f"n{after}" if what == "backup" else tmp_path / "b"
        arguments = [sys.executable, "-c", DIES, what, f"sqlite:///{path}", str(folder), str(after)]
        ended.append(subprocess.run(arguments, check=False).returncode)
        if what == "backup" and folder.exists():
            assert verify_backup(folder).wrong == []
        verdict = verify_log(f"sqlite:///{path}")
        assert verdict.wrong == []
        assert verdict.trades == 1
        shutil.rmtree(path.parent)
        if ended[-1] == 0:
            break
    assert ended[-1] == 0
    assert set(ended[:-1]) == {9}
    assert len(ended) > 2


def test_postgres_is_dumped_and_its_restore_is_said(request, tmp_path):
    """pg_dump writes a dump with its checksum; putting it back is a matter of Postgres's own tool."""
    if shutil.which("pg_dump") is None and backup._newest_pg_dump() is None:
        pytest.skip("no pg_dump on this machine")
    url = request.getfixturevalue("postgres_server").new_database()
    OrderLog(url).close()
    made = backup.back_up(url, tmp_path / "b1")
    assert (made.backend, made.file) == ("postgresql", "orders.dump")
    assert made.size > 1000
    assert verify_backup(tmp_path / "b1").wrong == []
    with pytest.raises(BadInput, match="pg_restore"):
        backup.put_back(tmp_path / "b1", url, restored)


def test_postgres_without_pg_dump_is_refused(request, tmp_path, monkeypatch):
    """One sentence, and no half a backup."""
    url = request.getfixturevalue("postgres_server").new_database()
    OrderLog(url).close()
    monkeypatch.setattr(backup.shutil, "which", lambda _name: None)
    monkeypatch.setattr(backup, "_newest_pg_dump", lambda: None)
    with pytest.raises(StoreError, match="needs its pg_dump"):
        backup.back_up(url, tmp_path / "b1")
    assert list(tmp_path.iterdir()) == []
