"""The outbox: what happened, written in the transaction that made it happen, delivered afterwards.

Delivery is at least once; `event_id` is a function of what happened, so a repeat is the same event.
"""

import json
from functools import lru_cache
from typing import Any, Literal, get_args

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.prepared import AnyRow, Prepared, given
from trading.store.order_log.records import Event
from trading.store.order_log.scope import Scope, of_shards

Reader = Literal["delivered", "cached"]  # the message channel, and the users' cache
READERS: tuple[Reader, ...] = get_args(Reader)


class Outbox:
    """Events waiting for their readers."""

    def __init__(self, database: Database, wall: Clock, scope: Scope | None = None) -> None:
        self._database = database
        self._wall = wall
        self._scope = scope or Scope()

    def add(self, connection: sa.Connection, event: Event) -> None:
        """Write an event inside the caller's transaction; a known `event_id` is left as it is."""
        self._database.insert_new(connection, schema.outbox, [_row(event)])

    def post(self, event: Event) -> None:
        """Write an event in a transaction of its own."""
        with self._database.write() as connection:
            self.add(connection, event)

    def waiting(self, reader: Reader = "delivered", limit: int = 100) -> list[Event]:
        """Return the oldest events of users in scope that `reader` has not had yet."""
        rows = self._database.rows(_waiting(reader, self._scope.shards), most=limit)
        return [event_of(row) for row in rows]

    def mark(self, events: list[Event], reader: Reader = "delivered") -> None:
        """Note that `reader` has had these events."""
        if not events:
            return
        now_ms = self._wall.now_ms()
        with self._database.write() as connection:
            _MARK[reader].each(connection, [{"of": event.event_id, "at_ms": now_ms} for event in events])

    def of_user(self, user_id: str) -> list[Event]:
        """Return every event of one user, oldest first."""
        table = schema.outbox
        query = sa.select(table).where(table.c.user_id == user_id).order_by(table.c.seq)
        with self._database.read() as connection:
            return [event_of(row) for row in connection.execute(query).mappings()]


def _row(event: Event) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "user_id": event.user_id,
        "kind": event.kind,
        "payload": json.dumps(event.payload, sort_keys=True, default=str),
        "at_ms": event.at_ms,
    }


@lru_cache(maxsize=8)
def _waiting(reader: Reader, shards: frozenset[int] | None) -> Prepared:
    table = schema.outbox
    query = sa.select(table).where(table.c[f"{reader}_wall_ms"].is_(None))
    query = of_shards(query, table.c.user_id, shards)
    return Prepared(query.order_by(table.c.seq).limit(given("most", sa.Integer)))


def _marking(reader: Reader) -> Prepared:
    table = schema.outbox
    change = {f"{reader}_wall_ms": given("at_ms", sa.BigInteger)}
    return Prepared(table.update().where(table.c.event_id == given("of")).values(change))


_MARK = {reader: _marking(reader) for reader in READERS}


def event_of(row: AnyRow) -> Event:
    """Return a row of the outbox as an event."""
    return Event(
        event_id=row["event_id"],
        user_id=row["user_id"],
        kind=row["kind"],
        payload=json.loads(row["payload"]),
        at_ms=row["at_ms"],
        seq=row["seq"],
    )
