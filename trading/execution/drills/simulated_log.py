"""An order log in memory that can be copied between two operations and put back: what a dead process left.

Tables and statements are the real ones. What differs from a file: one connection for all (so no lock is
waited for), and nothing is forced to a disk. What is durable is modelled by what was committed: a copy is
only ever taken between two transactions.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from trading.store.order_log.database import Database
from trading.store.order_log.group_commit import run_together
from trading.store.order_log.prepared import Prepared, Row
from trading.store.order_log.schema import metadata


class MemoryDatabase(Database):
    """The order log's database on one SQLite connection in memory; `on_commit` is told of every commit."""

    def __init__(self) -> None:
        self.on_commit: Callable[[], None] = lambda: None
        self.raw = sqlite3.connect(":memory:", check_same_thread=False, cached_statements=512)
        self.raw.isolation_level = None  # `_begin` says BEGIN, not the driver
        self._url = sa.make_url("sqlite://")
        self._local = threading.local()
        self.engine = sa.create_engine("sqlite://", creator=lambda: self.raw, poolclass=sa.pool.StaticPool)
        sa.event.listen(self.engine, "begin", _begin)
        self._keep()
        metadata.create_all(self.engine)
        self.raw.execute("PRAGMA foreign_keys=ON")
        self._reader = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give the one connection: nobody else writes meanwhile, so what it reads is one snapshot."""
        shared = self._shared()
        yield self._reader if shared is None else shared

    def rows(self, statement: Prepared, **values: Any) -> list[Row]:
        """Read by the one connection."""
        return statement.read(self.engine.dialect, self.raw, values)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection whose work is committed at the end of the block."""
        is_own = self._shared() is None
        with super().write() as connection:
            yield connection
        if is_own:
            self.on_commit()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Put all that is written in the block into one transaction."""
        with super().together():
            yield
        self.on_commit()

    def copy(self) -> bytes:
        """Return all that is committed."""
        assert not self.raw.in_transaction, "a copy in the middle of a transaction is of nothing durable"
        return self.raw.serialize()

    def put(self, content: bytes) -> None:
        """Put a copy in the place of what is there."""
        if self.raw.in_transaction:  # of a process that died in the middle of it
            self.raw.rollback()
        self.raw.deserialize(content)

    def close(self) -> None:
        """Keep the connection: the next process begins on it."""


class OneCommitPerTurn:
    """Group commit without its thread: what the tasks of one turn of the loop write is one commit.

    The same code writes it (`run_together`), and the order of commits is the same in every run.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    async def do[T](self, work: Callable[[], T], *, within_s: float = 0.0) -> T:
        """Return what `work` returned, once it is committed. Nothing waits: simulated time stands still."""
        del within_s
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((work, future))
        return await future

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        outcomes = run_together(self._database, [work for work, _ in batch])
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if outcome.error is None:
                future.set_result(outcome.value)
            else:
                future.set_exception(outcome.error)


def _begin(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.connection.dbapi_connection.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]
