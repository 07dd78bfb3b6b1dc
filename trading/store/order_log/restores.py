"""What a restored log is told before anybody may use it, and how far its replay from the venue has come.

A backup is older than the venue. Whatever it calls NEW may have been sent since, so it becomes SENT: looked
for, never sent again. Its fleet is frozen (`halts`): no entry until a person lifts it, and no signal set from
before that is ever traded. The shards' tokens jump, so that a process from before the restore sends nothing.
"""

from dataclasses import dataclass

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.halts import HaltKind, Halts, HaltScope
from trading.store.order_log.prepared import Prepared
from trading.store.order_log.records import IntentStatus
from trading.store.order_log.schema_restores import restores as _TABLE  # noqa: N812 - a table, as everywhere here
from trading.store.order_log.schema_shards import shards

# Further than a process can have come between the backup and the restore, one step per start.
TOKEN_STEP = 1_000_000


_PENDING = Prepared(sa.select(_TABLE).where(_TABLE.c.replayed_wall_ms.is_(None)).order_by(_TABLE.c.epoch))


@dataclass(frozen=True, slots=True)
class Restore:
    """One restore. `since_ms` is the market time of the last thing that the backup knows."""

    epoch: int
    backup_id: str
    taken_wall_ms: int
    since_ms: int
    restored_wall_ms: int
    replayed_wall_ms: int | None = None


class Restores:
    """The table, and the transaction that makes a copy a restored log."""

    def __init__(self, database: Database, wall: Clock, halts: Halts) -> None:
        self._database = database
        self._wall = wall
        self._halts = halts

    def begin(self, backup_id: str, taken_wall_ms: int) -> Restore:
        """Make this log a restored one, in one transaction; called before anybody else may open it."""
        with self._database.together():
            self._halts.place(
                HaltKind.FREEZE,
                (HaltScope.FLEET, None),
                by="restore",
                why=f"restored from backup {backup_id}: look at it, then `sluice lift`",
            )
            with self._database.write() as connection:
                return self._write(connection, backup_id, taken_wall_ms)

    def _write(self, connection: sa.Connection, backup_id: str, taken_wall_ms: int) -> Restore:
        now_ms = self._wall.now_ms()
        last = connection.scalar(sa.select(sa.func.max(_TABLE.c.epoch))) or 0
        found = Restore(last + 1, backup_id, taken_wall_ms, _last_known_ms(connection), now_ms)
        connection.execute(
            _TABLE.insert(), {name: getattr(found, name) for name in Restore.__dataclass_fields__}
        )
        intents = schema.intents
        sent = {"status": IntentStatus.SENT.value, "sent_wall_ms": now_ms, "changed_wall_ms": now_ms}
        connection.execute(intents.update().where(intents.c.status == IntentStatus.NEW.value).values(**sent))
        given_back = {"token": shards.c.token + TOKEN_STEP, "owner": None, "until_wall_ms": 0}
        connection.execute(shards.update().values(**given_back))
        return found

    def epoch(self) -> int:
        """Return how often this log was restored."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(sa.func.max(_TABLE.c.epoch))) or 0

    def pending(self) -> Restore | None:
        """Return the restore whose replay from the venue is not done, None if there is none."""
        found = self._database.rows(_PENDING)
        return Restore(**found[0]) if found else None

    def done(self) -> None:
        """Note that every account was read against the venue."""
        change = {"replayed_wall_ms": self._wall.now_ms()}
        with self._database.write() as connection:
            connection.execute(_TABLE.update().where(_TABLE.c.replayed_wall_ms.is_(None)).values(**change))


def _last_known_ms(connection: sa.Connection) -> int:
    columns = (
        schema.fills.c.at_ms,
        schema.intents.c.created_ms,
        schema.offers.c.at_ms,
        schema.signal_sets.c.created_ms,
    )
    return max(connection.scalar(sa.select(sa.func.max(column))) or 0 for column in columns)
