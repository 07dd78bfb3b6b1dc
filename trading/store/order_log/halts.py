"""Halts: what people ordered to stop, for the fleet, one user or one symbol, until a person lifts it.

Kept in SQL alone, so that neither a restart nor an empty Redis lifts one. What each kind means for orders:
`trading.risk.halts`.
"""

from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import BadInput, MissingData
from trading.market.lineage import digest
from trading.store.order_log.database import Database
from trading.store.order_log.outbox import Outbox
from trading.store.order_log.prepared import Prepared
from trading.store.order_log.records import Event
from trading.store.order_log.schema_fleet import halts as _TABLE  # noqa: N812 - a table, as everywhere here

OPERATOR = "operator"
_COUNTS = Prepared(
    sa.select(sa.func.count().label("placed"), sa.func.count(_TABLE.c.lifted_wall_ms).label("lifted"))
)


class HaltKind(StrEnum):
    """How much stops; each kind includes the one before it."""

    STOP_ENTRIES = "stop_entries"
    FREEZE = "freeze"
    FLATTEN = "flatten"


class HaltScope(StrEnum):
    """For whom."""

    FLEET = "fleet"
    USER = "user"
    SYMBOL = "symbol"


@dataclass(frozen=True, slots=True)
class Halt:
    """One order to stop. `subject` is a user id or a symbol, None for the fleet; times are wall ms.

    `lifted_wall_ms` is None while it holds.
    """

    halt_id: str
    kind: HaltKind
    scope: HaltScope
    subject: str | None
    placed_by: str
    why: str
    at_wall_ms: int
    lifted_by: str | None = None
    lifted_why: str | None = None
    lifted_wall_ms: int | None = None

    def covers(self, user_id: str, symbol: str) -> bool:
        """Whether it holds for this user's orders in this symbol."""
        if self.scope is HaltScope.USER:
            return self.subject == user_id
        return self.scope is HaltScope.FLEET or self.subject == symbol

    def in_words(self) -> str:
        """Return one sentence for people."""
        whom = "the fleet" if self.subject is None else f"{self.scope.value} {self.subject}"
        return f"{self.kind.value} of {whom} by {self.placed_by}: {self.why}"


class Halts:
    """The table; at most one halt of a kind and subject holds at a time."""

    def __init__(self, database: Database, wall: Clock, outbox: Outbox) -> None:
        self._database = database
        self._wall = wall
        self._outbox = outbox

    def place(self, kind: HaltKind, subject: tuple[HaltScope, str | None], *, by: str, why: str) -> Halt:
        """Write a halt down, with one message to the operator; one that holds already is returned as is.

        Parameters
        ----------
        kind : HaltKind
            How much stops.
        subject : pair of HaltScope and str or None
            For whom; the name is None for the fleet and for nobody else.

        Raises
        ------
        BadInput
            If nobody or no reason is named, or scope and subject do not fit.
        """
        scope, name = subject
        _named(by, why)
        if (scope is HaltScope.FLEET) != (name is None):
            raise BadInput(f"a halt of scope {scope.value} cannot have the subject {name!r}")
        with self._database.write() as connection:
            same = _TABLE.c.subject.is_(None) if name is None else _TABLE.c.subject == name
            query = sa.select(_TABLE).where(
                _TABLE.c.kind == kind.value,
                _TABLE.c.scope == scope.value,
                same,
                _TABLE.c.lifted_wall_ms.is_(None),
            )
            row = connection.execute(query).mappings().first()
            if row is not None:
                return _halt(row)
            at = self._wall.now_ms()
            count = connection.scalar(sa.select(sa.func.count()).select_from(_TABLE))
            halt_id = f"halt-{digest(kind.value, scope.value, name or '', str(at), str(count))}"
            placed = Halt(halt_id, kind, scope, name, by, why, at)
            connection.execute(_TABLE.insert(), _row(placed))
            self._outbox.add(connection, _event("halt_placed", placed, placed.in_words()))
        return placed

    def lift(self, halt_id: str, *, by: str, why: str) -> Halt:
        """End a halt; its record stays.

        Raises
        ------
        BadInput
            If nobody or no reason is named.
        MissingData
            If no halt of that id holds; the message names those that do.
        """
        _named(by, why)
        with self._database.write() as connection:
            is_held = (_TABLE.c.halt_id == halt_id, _TABLE.c.lifted_wall_ms.is_(None))
            change = {"lifted_by": by, "lifted_why": why, "lifted_wall_ms": self._wall.now_ms()}
            ended = connection.execute(_TABLE.update().where(*is_held).values(**change)).rowcount
            if ended == 1:
                row = (
                    connection.execute(sa.select(_TABLE).where(_TABLE.c.halt_id == halt_id)).mappings().one()
                )
                lifted = _halt(row)
                text = f"{lifted.in_words()} — lifted by {by}: {why}"
                self._outbox.add(connection, _event("halt_lifted", lifted, text))
                return lifted
        known = ", ".join(halt.halt_id for halt in self.active()) or "none does"
        raise MissingData(f"no halt {halt_id!r} holds; those that hold: {known}")

    def active(self) -> list[Halt]:
        """Return the halts that hold now, oldest first."""
        return self._read(_TABLE.c.lifted_wall_ms.is_(None))

    def version(self) -> tuple[int, int]:
        """Return what is another pair after any change: rows are only added, and lifted once."""
        found = self._database.rows(_COUNTS)[0]
        return int(found["placed"]), int(found["lifted"])

    def all(self) -> list[Halt]:
        """Return every halt there ever was, oldest first."""
        return self._read(sa.true())

    def freezes(self) -> list[Halt]:
        """Return every freeze that was lifted, oldest first: what was decided before its end is void."""
        return self._read(
            sa.and_(_TABLE.c.kind == HaltKind.FREEZE.value, _TABLE.c.lifted_wall_ms.is_not(None))
        )

    def _read(self, which: sa.ColumnElement[bool]) -> list[Halt]:
        query = sa.select(_TABLE).where(which).order_by(_TABLE.c.at_wall_ms, _TABLE.c.halt_id)
        with self._database.read() as connection:
            return [_halt(row) for row in connection.execute(query).mappings()]


def _named(by: str, why: str) -> None:
    if not by.strip():
        raise BadInput("a halt must say who: by was empty")
    if not why.strip():
        raise BadInput("a halt must say why: why was empty")


def _row(halt: Halt) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(halt, name) for name in Halt.__dataclass_fields__}
    return values | {"kind": halt.kind.value, "scope": halt.scope.value}


def _halt(row: sa.RowMapping) -> Halt:
    values = {name: row[name] for name in Halt.__dataclass_fields__}
    return Halt(**values | {"kind": HaltKind(row["kind"]), "scope": HaltScope(row["scope"])})


def _event(kind: str, halt: Halt, text: str) -> Event:
    at_ms = halt.at_wall_ms if halt.lifted_wall_ms is None else halt.lifted_wall_ms
    payload: dict[str, object] = {"text": text, "halt_id": halt.halt_id}
    return Event(f"{kind}:{halt.halt_id}", OPERATOR, kind, payload, at_ms)
