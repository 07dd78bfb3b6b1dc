"""One connection pool to the order log: durability, write transactions and the schema's version.

SQLite runs in WAL with ``synchronous=FULL``: a commit that returned survives a power cut. A write
transaction takes the write lock at its first statement (``BEGIN IMMEDIATE``), so that what it read is
still true when it writes. Postgres gets the same code through row locks (`for_update`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from trading.market.errors import StoreError
from trading.store.order_log.schema import VERSION, metadata, schema_version

BUSY_TIMEOUT_MS = 15_000
_READ = "sluice_read"


class Database:
    """The order log's engine; opening it creates the schema once.

    Parameters
    ----------
    url : str
        ``sqlite:///path`` or ``postgresql+driver://...``. Folders of a SQLite path are made.

    Raises
    ------
    StoreError
        If the database cannot be opened or holds a schema newer than this code.
    """

    def __init__(self, url: str) -> None:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
            Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
        self.engine = sa.create_engine(parsed)
        if parsed.get_backend_name() == "sqlite":
            sa.event.listen(self.engine, "connect", _set_pragmas)
            sa.event.listen(self.engine, "begin", _begin)
        try:
            self._create()
        except sa.exc.OperationalError as error:
            raise StoreError(
                f"order log at {parsed.render_as_string()} cannot be opened: {error.orig}"
            ) from error

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection whose work is committed, durably, when the block ends without an error."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection that only reads, one consistent snapshot."""
        with self.engine.connect().execution_options(**{_READ: True}) as connection:
            yield connection

    def insert_new(self, connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> int:
        """Insert the rows whose keys are not there yet; return how many were."""
        if not rows:
            return 0
        dialect = sqlite if self.engine.dialect.name == "sqlite" else postgresql
        statement = dialect.insert(table).on_conflict_do_nothing()
        return sum(connection.execute(statement, row).rowcount for row in rows)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _create(self) -> None:
        # A table that this version added is made in an older log; nothing that is there is changed.
        if set(sa.inspect(self.engine).get_table_names()) >= set(metadata.tables):
            with self.read() as connection:
                found = connection.scalar(sa.select(sa.func.max(schema_version.c.version)))
            if found == VERSION:
                return
        with self.write() as connection:
            metadata.create_all(connection)
            found = connection.scalar(sa.select(sa.func.max(schema_version.c.version)))
            if found is None:
                connection.execute(schema_version.insert().values(version=VERSION))
            elif found != VERSION:
                raise StoreError(f"order log has schema version {found}, this code knows {VERSION}")


def _set_pragmas(raw: Any, _record: object) -> None:
    # The driver's own implicit BEGIN would be a deferred one; `_begin` says which we want.
    raw.isolation_level = None
    cursor = raw.cursor()
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    is_read = connection.get_execution_options().get(_READ, False)
    connection.exec_driver_sql("BEGIN" if is_read else "BEGIN IMMEDIATE")
