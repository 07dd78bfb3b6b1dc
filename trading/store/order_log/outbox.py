"""The outbox: what happened, written in the transaction that made it happen, delivered afterwards.

Delivery is at least once; `event_id` is a function of what happened, so a repeat is the same event.
"""

import json
from typing import Any, Literal

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.records import Event
from trading.store.order_log.scope import Scope

Reader = Literal["delivered", "cached"]  # the message channel, and the users' cache


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
        mark = schema.outbox.c[f"{reader}_wall_ms"]
        query = self._scope.rows(sa.select(schema.outbox).where(mark.is_(None)), schema.outbox.c.user_id)
        query = query.order_by(schema.outbox.c.seq).limit(limit)
        with self._database.read() as connection:
            return [_event(row) for row in connection.execute(query).mappings()]

    def mark(self, events: list[Event], reader: Reader = "delivered") -> None:
        """Note that `reader` has had these events."""
        if not events:
            return
        table = schema.outbox
        keys = [event.event_id for event in events]
        change = {f"{reader}_wall_ms": self._wall.now_ms()}
        with self._database.write() as connection:
            connection.execute(table.update().where(table.c.event_id.in_(keys)).values(**change))

    def of_user(self, user_id: str) -> list[Event]:
        """Return every event of one user, oldest first."""
        table = schema.outbox
        query = sa.select(table).where(table.c.user_id == user_id).order_by(table.c.seq)
        with self._database.read() as connection:
            return [_event(row) for row in connection.execute(query).mappings()]


def _row(event: Event) -> dict[str, Any]:
    return {
        "event_id": event.event_id,
        "user_id": event.user_id,
        "kind": event.kind,
        "payload": json.dumps(event.payload, sort_keys=True, default=str),
        "at_ms": event.at_ms,
    }


def _event(row: sa.RowMapping) -> Event:
    return Event(
        event_id=row["event_id"],
        user_id=row["user_id"],
        kind=row["kind"],
        payload=json.loads(row["payload"]),
        at_ms=row["at_ms"],
        seq=row["seq"],
    )
