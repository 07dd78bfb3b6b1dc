"""The order log's connection pool: read snapshots, and write transactions that are durable when they end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from trading.market.errors import StoreError
from trading.store.order_log.connections import open_engine, reading, savepoint, worded
from trading.store.order_log.prepared import Prepared, Row, new_rows
from trading.store.order_log.schema import HEAD
from trading.store.order_log.upgrade import revision_of, sqlite_path, upgrade

_KEPT = 4  # connections of one kind; SQLAlchemy's pool has 15 in all


class Database:
    """The order log's engine; opening it makes the tables, or upgrades those of an older release.

    Parameters
    ----------
    url : str
        ``sqlite:///path`` or ``postgresql+psycopg://...``. Folders of a SQLite path are made.

    Raises
    ------
    StoreError
        If the database cannot be opened or was written by a newer release.
    """

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)
        self._local = threading.local()
        path = sqlite_path(self._url)
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(f"order log at {path}: its folder cannot be made: {error}") from error
        self.engine = open_engine(self._url)
        if self._url.get_backend_name() == "sqlite" and path is None:
            raise StoreError("the order log cannot live in memory: give a file, sqlite:///path")
        self._keep()
        with self.read() as connection:
            found = revision_of(connection)
        if found != HEAD:
            self.close()
            upgrade(url)

    def _keep(self) -> None:
        """Keep a few connections between two uses: one out of SQLAlchemy's pool costs more than a read.

        A list's `pop` and `append` are one step each, so threads share them without a lock.
        """
        self._writing: list[sa.Connection] = []
        self._reading: list[sa.Connection] = []
        self._drivers: list[Any] = []
        self._inserts: dict[tuple[str, tuple[str, ...]], Prepared] = {}
        self._errors: type[Exception] = self.engine.dialect.loaded_dbapi.Error

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection whose work is committed, durably, when the block ends without an error.

        Raises
        ------
        StoreError
            If the database refuses (disk full, locked too long, damaged, gone): nothing was written then.
        """
        shared = self._shared()
        if shared is None:
            with self._transaction() as connection:
                yield connection
            return
        with worded(self._url, self._errors), savepoint(shared, self._errors):
            yield shared

    @contextmanager
    def together(self) -> Iterator[None]:
        """Put all that this thread writes in the block into one transaction, committed at its end.

        Each `write` is a savepoint in it then, and each `read` sees what was written before it in the block.
        """
        with self._transaction() as connection:
            self._local.connection = connection
            try:
                yield
            finally:
                self._local.connection = None

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with worded(self._url, self._errors):
            connection = _taken(self._writing) or self.engine.connect()
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                connection.close()
                raise
            _give_back(self._writing, connection)

    def _shared(self) -> sa.Connection | None:
        return getattr(self._local, "connection", None)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection that only reads, one consistent snapshot. StoreError if it cannot."""
        shared = self._shared()
        if shared is not None:
            yield shared
            return
        with worded(self._url, self._errors):
            connection = _taken(self._reading) or reading(self.engine)
            try:
                yield connection
                connection.rollback()
            except BaseException:
                connection.close()
                raise
            _give_back(self._reading, connection)

    def rows(self, statement: Prepared, **values: Any) -> list[Row]:
        """Return the rows of one prepared statement that reads, as of now. StoreError if it cannot."""
        shared = self._shared()
        if shared is not None:
            return statement.rows(shared, **values)
        with worded(self._url, self._errors):
            driver = _taken(self._drivers) or self._driver()
            try:
                found = statement.read(self.engine.dialect, driver, values)
            except BaseException:
                driver.close()
                raise
            _give_back(self._drivers, driver)
        return found

    def _driver(self) -> Any:
        """Return a driver's connection of our own, where each statement is a transaction by itself."""
        taken = self.engine.raw_connection()
        driver = taken.driver_connection
        taken.detach()
        if self.engine.dialect.name != "sqlite":
            driver.autocommit = True  # type: ignore[union-attr]
        return driver

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> int:
        """Insert the rows whose keys are not there yet; return how many were. All name the same columns."""
        if not rows:
            return 0
        statement = self._insert(table, tuple(rows[0]))
        if connection.dialect.name == "sqlite":  # whose driver counts over all rows of one statement
            return statement.each(connection, rows)
        return sum(statement.do(connection, row) for row in rows)

    def _insert(self, table: sa.Table, keys: tuple[str, ...]) -> Prepared:
        found = self._inserts.get((table.name, keys))
        if found is None:
            found = self._inserts[table.name, keys] = new_rows(table, keys, self.engine.dialect.name)
        return found

    def close(self) -> None:
        """Close every connection."""
        for connection in (*self._writing, *self._reading):
            connection.close()
        for driver in self._drivers:
            driver.close()
        self._keep()
        self.engine.dispose()


def _taken[T](kept: list[T]) -> T | None:
    """Return a connection that is kept, None if there is none."""
    try:
        return kept.pop()
    except IndexError:
        return None


def _give_back(kept: list[Any], connection: Any) -> None:
    """Keep a connection, or let it go: what is kept is missing from the pool, for those who wait there."""
    if len(kept) < _KEPT:
        kept.append(connection)
    else:
        connection.close()
