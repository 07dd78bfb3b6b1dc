"""What users' screens show, read in one piece: open positions and last closed trades, with their version.

The version is that of the newest event that the snapshot knows of: an event after it is newer than all of it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.records import Trade
from trading.store.order_log.rows import trade_of
from trading.store.order_log.schema_restores import restores

_IDENTITY = "log_identity"


@dataclass(slots=True)
class Snapshot:
    """One user's open trades, and closed ones with the number of their closing event, oldest first."""

    user_id: str
    version: int
    positions: list[Trade] = field(default_factory=list)
    closed: list[tuple[Trade, int]] = field(default_factory=list)


class Snapshots:
    """Reads for a rebuild of the users' cache."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def life(self) -> str:
        """Return what tells this log, in this life of it, from any other: made once, renewed by a restore."""
        table = schema.cursors
        with self._database.write() as connection:
            row = {"name": _IDENTITY, "value": uuid.uuid4().hex}
            self._database.insert_new(connection, table, [row])
            name = connection.scalar(sa.select(table.c.value).where(table.c.name == _IDENTITY))
            epoch = connection.scalar(sa.select(sa.func.max(restores.c.epoch))) or 0
        return f"{name}:{epoch}"

    def of(self, user_ids: Sequence[str], *, last: int) -> list[Snapshot]:
        """Return one snapshot per user with at most `last` closed trades each; all of one moment."""
        trades, outbox = schema.trades, schema.outbox
        mine = trades.c.user_id.in_(user_ids)
        place = sa.func.row_number().over(
            partition_by=trades.c.user_id, order_by=(trades.c.closed_ms.desc(), trades.c.trade_id)
        )
        newest = sa.select(trades, place.label("place")).where(mine, trades.c.is_closed).subquery()
        events = sa.select(outbox.c.seq, outbox.c.event_id).where(
            outbox.c.kind == "trade_closed", outbox.c.user_id.in_(user_ids)
        )
        with self._database.read() as connection:
            version = connection.scalar(sa.select(sa.func.max(outbox.c.seq))) or 0
            found = {user_id: Snapshot(user_id, version) for user_id in user_ids}
            numbers = {row.event_id.split(":")[1]: row.seq for row in connection.execute(events)}
            is_open = sa.select(trades).where(mine, trades.c.is_closed.is_(False))
            for row in connection.execute(is_open).mappings():
                found[row["user_id"]].positions.append(trade_of(row))
            closed = sa.select(newest).where(newest.c.place <= last).order_by(newest.c.place.desc())
            for row in connection.execute(closed).mappings():
                if row["trade_id"] in numbers:
                    found[row["user_id"]].closed.append((trade_of(row), numbers[row["trade_id"]]))
        return list(found.values())
