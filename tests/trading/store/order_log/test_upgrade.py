"""Older logs become today's: in one transaction, once, after a copy, to exactly the tables of `schema`."""

import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tests.trading.store.order_log.old_logs import NEWER_TABLES, make_old_log
from trading.market.errors import StoreError
from trading.store.order_log import OrderLog, upgrade
from trading.store.order_log.connections import connect_for_upgrade
from trading.store.order_log.schema import HEAD, metadata


def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    return ScriptDirectory.from_config(config)


def differences(url: str) -> list[object]:
    """What Alembic would still change to get from the log at `url` to `schema.metadata`."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, metadata)
    engine.dispose()
    return found


def old_sqlite(tmp_path: Path, **options: tuple[str, ...]) -> str:
    url = f"sqlite:///{tmp_path}/orders.db"
    make_old_log(url, **options)
    return url


def test_revisions_are_one_line_from_the_baseline_to_head():
    """One base, one head, `schema.HEAD` is it, and the numbers grow by one."""
    found = [script.revision for script in scripts().walk_revisions()][::-1]
    assert found == [f"{number:04}" for number in range(1, len(found) + 1)]
    assert scripts().get_current_head() == HEAD


@pytest.mark.parametrize("start", ["empty", "baseline", "before the baseline"])
def test_every_path_ends_at_exactly_the_schema(url, start):
    """Made new, or from any older log: Alembic finds nothing to change and the ledger holds."""
    if start != "empty":
        make_old_log(url, without=NEWER_TABLES if start == "before the baseline" else ())
    log = OrderLog(url)
    assert differences(url) == []
    assert upgrade.status(url).is_current
    assert log.breaks() == []
    assert len(log.fills()) == (0 if start == "empty" else 2)
    log.close()


def test_the_comparison_sees_a_difference(url):
    """The check above can fail: a column that nobody declared is found."""
    OrderLog(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE users ADD COLUMN stray TEXT")
    engine.dispose()
    assert differences(url) != []


@pytest.mark.parametrize("steps", range(1, int(HEAD)))
def test_a_log_at_any_revision_between_goes_on_to_head(url, steps):
    """Stopped at each revision, then opened by this release."""
    from alembic import command

    make_old_log(url)
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    with connect_for_upgrade(sa.make_url(url), is_read=False) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, f"{steps:04}")
    assert upgrade.status(url).found == f"{steps:04}"
    assert upgrade.upgrade(url).found == f"{steps:04}"
    assert differences(url) == []


@pytest.mark.parametrize("is_old", [False, True])
def test_a_row_of_the_bot_s_audit_cannot_be_changed_or_removed(tmp_path, is_old):
    """By nobody's SQL, in a new log and an upgraded one; only who it was may be made nobody."""
    url = f"sqlite:///{tmp_path}/orders.db"
    if is_old:
        make_old_log(url)
    OrderLog(url).close()
    with sqlite3.connect(tmp_path / "orders.db") as file:
        file.execute("INSERT INTO bot_audit VALUES (1, 5, 7, 42, 'u1', '/stop', '', 'done')")
        file.execute("UPDATE bot_audit SET user_id = 'left-1', telegram_id = 0")
        for change in ("UPDATE bot_audit SET outcome = 'refused'", "DELETE FROM bot_audit"):
            with pytest.raises(sqlite3.IntegrityError, match="never changed"):
                file.execute(change)
        assert file.execute("SELECT user_id, outcome FROM bot_audit").fetchall() == [("left-1", "done")]


def test_a_copy_of_the_file_is_kept_as_it_was(tmp_path):
    """The copy opens by itself, has no revision and every row."""
    url = old_sqlite(tmp_path)
    done = upgrade.upgrade(url)
    assert done.found == upgrade.BEFORE_REVISIONS
    assert done.copy == tmp_path / "orders.db.at-0000"
    with sqlite3.connect(done.copy) as copy:
        assert copy.execute("SELECT count(*) FROM fills").fetchone() == (2,)
        tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "alembic_version" not in tables
    assert not list(tmp_path.glob("*.part"))


def test_many_processes_open_an_old_log_and_one_upgrades_it(url):
    """Eight at once: one finds the old revision, the others wait and find today's."""
    make_old_log(url)
    with ThreadPoolExecutor(8) as pool:
        found = [done.found for done in pool.map(upgrade.upgrade, [url] * 8)]
    assert sorted(found) == ["0000", *[HEAD] * 7]
    assert differences(url) == []


def test_a_second_process_waits_for_the_upgrade_of_the_first(url):
    """While the first holds the log the other stands still; it opens the log when the first is done."""
    make_old_log(url)
    code = "import sys; from trading.store.order_log import OrderLog; OrderLog(sys.argv[1]).close()"
    with connect_for_upgrade(sa.make_url(url), is_read=False) as connection:
        other = subprocess.Popen([sys.executable, "-c", code, url])
        time.sleep(2.0)
        assert other.poll() is None
        assert upgrade.revision_of(connection) == upgrade.BEFORE_REVISIONS
    assert other.wait(60) == 0
    assert upgrade.status(url).is_current


DIES = """
import os, sys
from trading.store.order_log import upgrade
run = upgrade._run
def dies(connection):
    run(connection)
    os._exit(9)
upgrade._run = dies
upgrade.upgrade(sys.argv[1])
"""


def test_killed_in_an_upgrade_the_log_is_as_it_was(url):
    """All statements executed, no commit: the old log is there, and the next start upgrades it."""
    make_old_log(url)
    assert subprocess.run([sys.executable, "-c", DIES, url], check=False).returncode == 9
    assert upgrade.status(url).found == upgrade.BEFORE_REVISIONS
    OrderLog(url).close()
    assert differences(url) == []


def test_an_older_release_refuses_an_upgraded_log(url):
    """Releases from before migrations look for `schema_version` 1 and find another."""
    make_old_log(url)
    OrderLog(url).close()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT max(version) FROM schema_version").scalar() == 2
    engine.dispose()


def test_status_makes_no_file(tmp_path):
    """Asking where a log stands that is not there leaves it so."""
    found = upgrade.status(f"sqlite:///{tmp_path}/none/orders.db")
    assert (found.found, found.is_current) == (None, False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_one_sentence(tmp_path):
    """Opening and asking both name the file and say what is wrong."""
    (tmp_path / "orders.db").write_bytes(b"this is no database at all, " * 200)
    for look in (OrderLog, upgrade.status):
        with pytest.raises(StoreError, match=r"orders\.db: file is not a database"):
            look(f"sqlite:///{tmp_path}/orders.db")


def test_a_url_without_its_driver_says_what_to_install():
    """One sentence with the command."""
    with pytest.raises(StoreError, match=r"requirements-postgres\.lock"):
        OrderLog("postgresql+pg8000://nobody@127.0.0.1/none")
