"""The order log's connection pool: read snapshots, and write transactions that are durable when they end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from trading.market.errors import StoreError
from trading.store.order_log.connections import open_engine, reading, worded
from trading.store.order_log.schema import HEAD
from trading.store.order_log.upgrade import revision_of, sqlite_path, upgrade


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
        with self.read() as connection:
            found = revision_of(connection)
        if found != HEAD:
            upgrade(url)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection whose work is committed, durably, when the block ends without an error.

        Raises
        ------
        StoreError
            If the database refuses (disk full, locked too long, damaged, gone): nothing was written then.
        """
        shared = self._shared()
        with worded(self._url):
            if shared is not None:
                with shared.begin_nested():
                    yield shared
                return
            with self.engine.begin() as connection:
                yield connection

    @contextmanager
    def together(self) -> Iterator[None]:
        """Put all that this thread writes in the block into one transaction, committed at its end.

        Each `write` is a savepoint in it then, and each `read` sees what was written before it in the block.
        """
        with worded(self._url), self.engine.begin() as connection:
            self._local.connection = connection
            try:
                yield
            finally:
                self._local.connection = None

    def _shared(self) -> sa.Connection | None:
        return getattr(self._local, "connection", None)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection that only reads, one consistent snapshot. StoreError if it cannot."""
        shared = self._shared()
        if shared is not None:
            yield shared
            return
        with worded(self._url), reading(self.engine) as connection:
            yield connection

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> int:
        """Insert the rows whose keys are not there yet; return how many were."""
        if not rows:
            return 0
        dialect = sqlite if self.engine.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(table).on_conflict_do_nothing()
        # Without the option SQLAlchemy knows no count on Postgres and says -1, which is true.
        counted = {"preserve_rowcount": True}
        if dialect is sqlite:  # whose driver counts over all rows of one statement
            return connection.execute(statement, rows, execution_options=counted).rowcount
        return sum(connection.execute(statement, row, execution_options=counted).rowcount for row in rows)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
