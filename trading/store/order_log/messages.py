"""The messages that wait for their recipients: kept before they are sent, one row per event and recipient.

A row is marked after the send, so a process that dies between the two sends one message again and loses none.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.outbox import event_of
from trading.store.order_log.records import Event
from trading.store.order_log.schema_messages import messages

WAITING, SENT, DROPPED = "waiting", "sent", "dropped"
NOBODY = "nobody"  # the recipient of an event that nobody hears of: its row says that it was looked at
_CURSOR, _FROM = "messages", "messages_from"
# A transaction that took a lower number may commit after one with a higher; looking again costs a key each.
_LOOK_BACK = 1_000
_MERGED = 100


@dataclass(frozen=True, slots=True)
class Queued:
    """One message to one recipient. Times are wall ms; `fingerprint` None = not an error."""

    event_id: str
    recipient: str
    user_id: str
    kind: str
    urgency: int
    text: str
    made_wall_ms: int
    due_wall_ms: int
    fingerprint: str | None = None
    attempts: int = 0
    seq: int = 0

    @classmethod
    def nobody(cls, event: Event, now_wall_ms: int) -> "Queued":
        """Return the row that says that an event was looked at and is told to nobody."""
        return cls(event.event_id, NOBODY, event.user_id, event.kind, 2, "", now_wall_ms, now_wall_ms)


class Messages:
    """The queue. Every method is one transaction."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall

    # --- in -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin with what happens from now on, where nothing was ever taken in: old events are old news."""
        with self._database.write() as connection:
            newest = int(connection.scalar(sa.select(sa.func.max(schema.outbox.c.seq))) or 0)
            rows = [{"name": name, "value": str(newest)} for name in (_FROM, _CURSOR)]
            self._database.insert_new(connection, schema.cursors, rows)

    def unseen(self, limit: int = 500) -> list[Event]:
        """Return events of the outbox of which no message was made yet, oldest first."""
        told = sa.select(messages.c.event_id).where(messages.c.event_id == schema.outbox.c.event_id)
        with self._database.read() as connection:
            since = max(_cursor(connection, _CURSOR) - _LOOK_BACK, _cursor(connection, _FROM))
            query = sa.select(schema.outbox).where(schema.outbox.c.seq > since, ~told.exists())
            rows = connection.execute(query.order_by(schema.outbox.c.seq).limit(limit)).mappings()
            return [event_of(row) for row in rows]

    def add(self, rows: Sequence[Queued], *, upto: int | None = None) -> int:
        """Keep messages and, with them, that events up to number `upto` were taken in.

        Returns how many were new: a known pair of event and recipient is left as it is.
        """
        values = [_row(row) for row in rows]
        with self._database.write() as connection:
            added = self._database.insert_new(connection, messages, values)
            if upto is not None:
                self._note(connection, upto)
        return added

    def _note(self, connection: sa.Connection, upto: int) -> None:
        table = schema.cursors
        if not self._database.insert_new(connection, table, [{"name": _CURSOR, "value": str(upto)}]):
            newest = str(max(upto, _cursor(connection, _CURSOR)))
            connection.execute(table.update().where(table.c.name == _CURSOR).values(value=newest))

    def last_of(self, recipient: str, fingerprint: str) -> int | None:
        """Return when the same error was last told or is to be told, wall ms; None if it never was."""
        query = sa.select(sa.func.max(messages.c.due_wall_ms)).where(
            messages.c.recipient == recipient,
            messages.c.fingerprint == fingerprint,
            messages.c.state != DROPPED,
        )
        with self._database.read() as connection:
            found: int | None = connection.scalar(query)
        return found

    # --- out ------------------------------------------------------------------------------------

    def next(self, now_wall_ms: int, *, but: Collection[str] = (), only: str | None = None) -> Queued | None:
        """Return the most urgent message that is due, the oldest of those; None if none is.

        Parameters
        ----------
        but : collection of str
            Recipients that may not be sent anything right now.
        only : str, optional
            Only this recipient.
        """
        which = [messages.c.state == WAITING, messages.c.due_wall_ms <= now_wall_ms]
        if but:
            which.append(messages.c.recipient.not_in(sorted(but)))
        if only is not None:
            which.append(messages.c.recipient == only)
        query = sa.select(messages).where(*which)
        query = query.order_by(messages.c.urgency, messages.c.due_wall_ms, messages.c.seq).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _queued(row)

    def ahead(self, now_wall_ms: int, *, but: Collection[str] = (), most: int = 10) -> list[Queued]:
        """Return what is due, in the order of `next`, one message for each of at most `most` recipients."""
        which = [messages.c.state == WAITING, messages.c.due_wall_ms <= now_wall_ms]
        if but:
            which.append(messages.c.recipient.not_in(sorted(but)))
        query = sa.select(messages).where(*which)
        query = query.order_by(messages.c.urgency, messages.c.due_wall_ms, messages.c.seq).limit(5 * most)
        found: dict[str, Queued] = {}
        with self._database.read() as connection:
            for row in connection.execute(query).mappings():
                if len(found) < most:
                    found.setdefault(row["recipient"], _queued(row))
        return list(found.values())

    def waiting_for(self, recipients: Collection[str], *, until_wall_ms: int) -> list[Queued]:
        """Return what waits for these recipients and is due until then, by age; at most 1,000."""
        query = sa.select(messages).where(
            messages.c.state == WAITING,
            messages.c.recipient.in_(sorted(recipients)),
            messages.c.due_wall_ms <= until_wall_ms,
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(messages.c.seq).limit(10 * _MERGED)).mappings()
            return [_queued(row) for row in rows]

    def companions(self, first: Queued, *, until_wall_ms: int) -> list[Queued]:
        """Return what else waits for the same recipient in the same class and is due until then, by age."""
        query = sa.select(messages).where(
            messages.c.state == WAITING,
            messages.c.recipient == first.recipient,
            messages.c.urgency == first.urgency,
            messages.c.due_wall_ms <= until_wall_ms,
            messages.c.seq != first.seq,
        )
        if first.fingerprint is not None:
            query = query.where(messages.c.fingerprint == first.fingerprint)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(messages.c.seq).limit(_MERGED)).mappings()
            return [_queued(row) for row in rows]

    def sent(self, which: Collection[int], result: str) -> None:
        """Note that the messages of these numbers went out, as one."""
        self._end(messages.c.seq.in_(sorted(which)), SENT, result)

    def dropped(self, which: Collection[int], why: str) -> None:
        """Note that they will not go out."""
        self._end(messages.c.seq.in_(sorted(which)), DROPPED, why)

    def drop_all(self, recipient: str, why: str) -> None:
        """Note that nothing that waits for this recipient will go out."""
        self._end(sa.and_(messages.c.recipient == recipient, messages.c.state == WAITING), DROPPED, why)

    def again(self, which: Collection[int], due_wall_ms: int) -> None:
        """Note a failed try: it goes out no sooner than then."""
        change = {"attempts": messages.c.attempts + 1, "due_wall_ms": due_wall_ms}
        with self._database.write() as connection:
            statement = messages.update().where(messages.c.seq.in_(sorted(which)))
            connection.execute(statement.values(**change))

    def _end(self, which: sa.ColumnElement[bool], state: str, result: str) -> None:
        change = {"state": state, "result": result[:200], "done_wall_ms": self._wall.now_ms()}
        with self._database.write() as connection:
            connection.execute(messages.update().where(which).values(**change))

    # --- looking --------------------------------------------------------------------------------

    def counts(self, event_id: str | None = None) -> dict[str, int]:
        """Return how many are in each state; of one event where it is named."""
        query = sa.select(messages.c.state, sa.func.count()).group_by(messages.c.state)
        if event_id is not None:
            query = query.where(messages.c.event_id == event_id)
        with self._database.read() as connection:
            found: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
        return {state: found.get(state, 0) for state in (WAITING, SENT, DROPPED)}

    def depth(self, now_wall_ms: int) -> dict[int, tuple[int, float]]:
        """Return how many are due in each class, and for how many seconds the oldest has been."""
        query = (
            sa.select(messages.c.urgency, sa.func.count(), sa.func.min(messages.c.due_wall_ms))
            .where(messages.c.state == WAITING, messages.c.due_wall_ms <= now_wall_ms)
            .group_by(messages.c.urgency)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        found: dict[int, tuple[int, float]] = {
            row[0]: (row[1], (now_wall_ms - row[2]) / 1000) for row in rows
        }
        return found


def _cursor(connection: sa.Connection, name: str) -> int:
    """Return a number kept as a cursor; 0 where none is."""
    return int(connection.scalar(sa.select(schema.cursors.c.value).where(schema.cursors.c.name == name)) or 0)


def _row(message: Queued) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(message, name) for name in Queued.__dataclass_fields__}
    del values["seq"]
    return values | {"state": DROPPED if message.recipient == NOBODY else WAITING}


def _queued(row: sa.RowMapping) -> Queued:
    return Queued(**{name: row[name] for name in Queued.__dataclass_fields__})
