"""How connections to the order log are made: durability, locks and snapshots of SQLite and Postgres.

SQLite runs in WAL with ``synchronous=FULL``: a commit that returned survives a power cut. A write transaction
takes the write lock at its first statement (``BEGIN IMMEDIATE``), so that what it read is still true when it
writes. On Postgres a write transaction takes one advisory lock of the log instead, which gives the same rule
(one writer at a time, so no code here needs to know of serialisation failures), and a read is one
``REPEATABLE READ`` snapshot.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa

from trading.market.errors import StoreError
from trading.store.wal import turn_to_wal

BUSY_TIMEOUT_MS = 15_000
CHECKPOINT_PAGES = 4_000
UPGRADE_TIMEOUT_MS = 600_000  # who waits for another process's upgrade waits for all of it
_READ = "sluice_read"
_WRITE_LOCK = 0x51_1CE_001  # any constant that nobody else uses as an advisory lock of this database


def open_engine(url: sa.URL) -> sa.Engine:
    """Return an engine whose transactions are durable and, if they write, one at a time.

    Raises
    ------
    StoreError
        If the driver of `url` is not installed.
    """
    engine = _engine(url)
    if _is_sqlite(url):
        sa.event.listen(engine, "connect", _set_pragmas)
        sa.event.listen(engine, "begin", _begin)
    else:
        sa.event.listen(engine, "begin", _begin_on_postgres)
    return engine


def reading(engine: sa.Engine) -> sa.Connection:
    """Return a connection that only reads, in one snapshot."""
    options: dict[str, Any] = {_READ: True}
    if engine.dialect.name != "sqlite":
        options["isolation_level"] = "REPEATABLE READ"
    return engine.connect().execution_options(**options)


@contextmanager
def connect_for_upgrade(url: sa.URL, *, is_read: bool) -> Iterator[sa.Connection]:
    """Give a connection of its own in one transaction that nobody else writes beside; committed at the end.

    Foreign keys of SQLite are off in it, since some changes of a table need that; the caller checks them.

    Raises
    ------
    StoreError
        If the log cannot be opened, locked or changed.
    """
    engine = _engine(url, poolclass=sa.pool.NullPool)
    if _is_sqlite(url):
        sa.event.listen(engine, "connect", _set_upgrade_pragmas)
        sa.event.listen(engine, "begin", _begin)
    try:
        options = {_READ: is_read}
        with worded(url), engine.connect().execution_options(**options) as connection, connection.begin():
            if not is_read and not _is_sqlite(url):
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
            yield connection
    finally:
        engine.dispose()


@contextmanager
def worded(url: sa.URL, driver: type[Exception] | tuple[()] = ()) -> Iterator[None]:
    """Turn what a driver says of a database into one sentence that names it, without its password.

    `driver` is its own class of errors, where its connections are used without SQLAlchemy.
    """
    try:
        yield
    except sa.exc.IntegrityError:
        raise  # a rule of ours was broken: no trouble of the database
    except sa.exc.DBAPIError as error:
        raise StoreError(f"order log at {url.render_as_string()}: {_one_line(error.orig)}") from error
    except driver as error:
        raise StoreError(f"order log at {url.render_as_string()}: {_one_line(error)}") from error


@contextmanager
def savepoint(connection: sa.Connection, errors: type[Exception]) -> Iterator[None]:
    """Undo what the block wrote if it fails, and nothing else of the transaction.

    Said to the driver: SQLAlchemy's own nested transaction costs more than what is written in it.
    """
    raw: Any = connection.connection.dbapi_connection
    raw.execute("SAVEPOINT one_write")
    try:
        yield
    except BaseException:
        with suppress(errors):  # where the whole transaction is gone, so is this
            raw.execute("ROLLBACK TO SAVEPOINT one_write")
            raw.execute("RELEASE SAVEPOINT one_write")
        raise
    raw.execute("RELEASE SAVEPOINT one_write")


def _one_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _engine(url: sa.URL, **options: Any) -> sa.Engine:
    try:
        return sa.create_engine(url, **options)
    except ModuleNotFoundError as error:
        raise StoreError(
            f"the order log's URL needs the driver {error.name!r}: "
            "uv pip install --require-hashes -r requirements-postgres.lock, and postgresql+psycopg://…"
        ) from error


def _is_sqlite(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _set_pragmas(raw: Any, _record: object) -> None:
    _pragmas(raw, BUSY_TIMEOUT_MS, foreign_keys="ON")


def _set_upgrade_pragmas(raw: Any, _record: object) -> None:
    _pragmas(raw, UPGRADE_TIMEOUT_MS, foreign_keys="OFF")


def _pragmas(raw: Any, timeout_ms: int, *, foreign_keys: str) -> None:
    # The driver's own implicit BEGIN would be a deferred one; `_begin` says which we want.
    raw.isolation_level = None
    turn_to_wal(raw, timeout_ms / 1000)
    cursor = raw.cursor()
    for pragma in (
        f"busy_timeout={timeout_ms}",
        "synchronous=FULL",
        # Pages that every commit changes are copied into the file once in 16 MB of log instead of once in 4.
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        f"foreign_keys={foreign_keys}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    is_read = connection.get_execution_options().get(_READ, False)
    raw: Any = connection.connection.dbapi_connection
    raw.execute("BEGIN" if is_read else "BEGIN IMMEDIATE")


def _begin_on_postgres(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get(_READ, False):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {BUSY_TIMEOUT_MS}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITE_LOCK})")
