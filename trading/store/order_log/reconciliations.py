"""What checks of accounts against the venue found: freezes, each account's last check, cursors of its trades.

A freeze ends when a check finds venue and log in agreement again, or by a person; a restart finds it here.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import BadInput, MissingData
from trading.market.lineage import digest
from trading.store.order_log.database import Database
from trading.store.order_log.halts import OPERATOR
from trading.store.order_log.outbox import Outbox
from trading.store.order_log.prepared import Prepared
from trading.store.order_log.records import Event
from trading.store.order_log.schema import fills
from trading.store.order_log.schema_reconcile import account_checks, freezes, trade_cursors

BY_ITSELF = "reconciliation"
_RESTORE = "restore "  # no symbol: the cursor of a replay

_FROZEN = Prepared(
    sa.select(freezes)
    .where(freezes.c.lifted_wall_ms.is_(None))
    .order_by(freezes.c.at_wall_ms, freezes.c.freeze_id)
)
_ASKED = Prepared(sa.select(account_checks.c.user_id).where(account_checks.c.asked_wall_ms.is_not(None)))


@dataclass(frozen=True, slots=True)
class Freeze:
    """One difference that nobody could explain. `symbol` None = the whole account; times wall ms unless said.

    `lifted_wall_ms` is None while it holds.
    """

    freeze_id: str
    user_id: str
    symbol: str | None
    kind: str
    subject: str
    amount: str
    reason: str
    at_ms: int
    at_wall_ms: int
    lifted_wall_ms: int | None = None
    lifted_by: str | None = None
    lifted_why: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Return what it is about, whatever the amount."""
        return self.kind, self.subject


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A difference to freeze."""

    symbol: str | None
    kind: str
    subject: str
    amount: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """What one check of one account came to.

    `at_ms` is the market time up to which all is explained, None = not by this check; `is_whole` whether the
    balances could be judged (False: orders were out).
    """

    user_id: str
    cause: str
    outcome: str
    began_wall_ms: int
    at_ms: int | None
    weight: int
    differences: Sequence[Mapping[str, Any]] = ()
    error: str | None = None
    at_wall_ms: int = 0
    asked_wall_ms: int | None = None
    is_whole: bool = True


class Reconciliations:
    """The tables."""

    def __init__(self, database: Database, wall: Clock, outbox: Outbox) -> None:
        self._database = database
        self._wall = wall
        self._outbox = outbox

    # --- freezes --------------------------------------------------------------------------------

    def settle(self, user_id: str, found: Sequence[Unexplained], *, at_ms: int, is_whole: bool) -> None:
        """Freeze what is new of `found`; lift by itself what a whole check did not find any more.

        One that a person lifted is not placed again while its amount stays the same.
        """
        with self._database.write() as connection:
            rows = connection.execute(sa.select(freezes).where(freezes.c.user_id == user_id)).mappings()
            known = [Freeze(**row) for row in rows]
            held = {one.key: one for one in known if one.lifted_wall_ms is None}
            looked_at = {(*one.key, one.amount) for one in known if one.lifted_by not in (None, BY_ITSELF)}
            for one in found:
                key = (one.kind, one.subject)
                if key not in held and (*key, format(one.amount, "f")) not in looked_at:
                    self._place(connection, user_id, one, at_ms, len(known))
            if is_whole:
                gone = set(held) - {(one.kind, one.subject) for one in found}
                for key in sorted(gone):
                    self._lift(connection, held[key], BY_ITSELF, "venue and log agree again")

    def lift(self, freeze_id: str, *, by: str, why: str) -> Freeze:
        """End a freeze: a person has looked. MissingData if none of that id holds, BadInput if by nobody."""
        if not by.strip() or not why.strip():
            raise BadInput("lifting a freeze needs who and why; one was empty")
        with self._database.write() as connection:
            query = sa.select(freezes).where(
                freezes.c.freeze_id == freeze_id, freezes.c.lifted_wall_ms.is_(None)
            )
            row = connection.execute(query).mappings().first()
            if row is not None:
                self._lift(connection, Freeze(**row), by, why)
                return Freeze(**row)
        names = ", ".join(one.freeze_id for one in self.frozen()) or "none does"
        raise MissingData(f"no freeze {freeze_id!r} holds; those that hold: {names}")

    def frozen(self) -> list[Freeze]:
        """Return the freezes that hold, oldest first."""
        return [Freeze(**row) for row in self._database.rows(_FROZEN)]

    def accepted(self, user_id: str) -> set[tuple[str, str, str]]:
        """Return (kind, subject, amount) of what a person looked at and let go."""
        query = sa.select(freezes).where(
            freezes.c.user_id == user_id, freezes.c.lifted_by.is_not(None), freezes.c.lifted_by != BY_ITSELF
        )
        with self._database.read() as connection:
            found = [Freeze(**row) for row in connection.execute(query).mappings()]
        return {(*one.key, one.amount) for one in found}

    def _place(
        self, connection: sa.Connection, user_id: str, one: Unexplained, at_ms: int, number: int
    ) -> None:
        wall_ms = self._wall.now_ms()
        name = digest(user_id, one.kind, one.subject, format(one.amount, "f"), str(wall_ms), str(number))
        freeze = Freeze(
            f"freeze-{name}", user_id, one.symbol, one.kind, one.subject,
            format(one.amount, "f"), one.reason, at_ms, wall_ms,
        )  # fmt: skip
        row = {field: getattr(freeze, field) for field in Freeze.__dataclass_fields__}
        connection.execute(freezes.insert(), row)
        self._tell(connection, "account_frozen", freeze, freeze.reason)

    def _lift(self, connection: sa.Connection, freeze: Freeze, by: str, why: str) -> None:
        change = {"lifted_wall_ms": self._wall.now_ms(), "lifted_by": by, "lifted_why": why}
        mine = freezes.c.freeze_id == freeze.freeze_id
        connection.execute(freezes.update().where(mine).values(**change))
        self._tell(connection, "account_unfrozen", freeze, f"{freeze.reason} — lifted by {by}: {why}")

    def _tell(self, connection: sa.Connection, kind: str, freeze: Freeze, text: str) -> None:
        payload: dict[str, object] = {
            "freeze_id": freeze.freeze_id,
            "what": freeze.symbol or "any symbol",
            "text": text,
        }
        told = (freeze.user_id, OPERATOR)
        for user_id, more in zip(told, ({}, {"user_id": freeze.user_id}), strict=True):
            event_id = f"{kind}:{freeze.freeze_id}:{'user' if not more else OPERATOR}"
            self._outbox.add(connection, Event(event_id, user_id, kind, payload | more, freeze.at_ms))

    # --- checks ---------------------------------------------------------------------------------

    def note(self, check: Check, cursors: Mapping[str, int] | None = None) -> None:
        """Keep what a check came to, and how far trades were read. What was asked for before it is done."""
        table, mine = account_checks, account_checks.c.user_id == check.user_id
        row = {
            "user_id": check.user_id, "cause": check.cause, "outcome": check.outcome,
            "began_wall_ms": check.began_wall_ms, "at_wall_ms": self._wall.now_ms(), "weight": check.weight,
            "differences": json.dumps(list(check.differences), default=str), "error": check.error,
        }  # fmt: skip
        if check.at_ms is not None:
            row["at_ms"] = check.at_ms
        with self._database.write() as connection:
            if not self._database.insert_new(connection, table, [row]):
                connection.execute(table.update().where(mine).values(**row))
            is_answered = (mine, table.c.asked_wall_ms <= check.began_wall_ms)
            if check.error is None:
                connection.execute(table.update().where(*is_answered).values(asked_wall_ms=None))
            for symbol, at_ms in (cursors or {}).items():
                self._move_cursor(connection, check.user_id, symbol, at_ms)

    def ask(self, user_ids: Iterable[str]) -> int:
        """Ask for a check of these accounts as soon as possible; return the wall time it was asked at."""
        table, wall_ms = account_checks, self._wall.now_ms()
        with self._database.write() as connection:
            for user_id in user_ids:
                row = {"user_id": user_id, "asked_wall_ms": wall_ms}
                if not self._database.insert_new(connection, table, [row]):
                    mine = table.c.user_id == user_id
                    connection.execute(table.update().where(mine).values(asked_wall_ms=wall_ms))
        return wall_ms

    def asked(self) -> set[str]:
        """Return the users whose accounts somebody wants checked."""
        return {row["user_id"] for row in self._database.rows(_ASKED)}

    def checks(self) -> dict[str, Check]:
        """Return the last check of every account that was ever checked or asked for."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(account_checks)).mappings().all()
        return {row["user_id"]: _check(row) for row in rows}

    def whole_ms(self, user_id: str) -> int | None:
        """Return the market time up to which an account's balances were explained; None = never."""
        query = sa.select(account_checks.c.at_ms).where(account_checks.c.user_id == user_id)
        with self._database.read() as connection:
            return connection.scalar(query)

    # --- what is booked ---------------------------------------------------------------------------

    def booked_ids(self, user_id: str, symbol: str) -> set[tuple[str, str]]:
        """Return (order id, execution id) of all that is booked of one user in one symbol."""
        query = sa.select(fills.c.order_id, fills.c.fill_id)
        query = query.where(fills.c.user_id == user_id, fills.c.symbol == symbol)
        with self._database.read() as connection:
            return {(row.order_id, row.fill_id) for row in connection.execute(query)}

    def extent(self, user_id: str) -> tuple[int, int | None]:
        """Return how many executions of one user are booked, and when (wall ms) the last one was."""
        query = sa.select(sa.func.count(), sa.func.max(fills.c.booked_wall_ms))
        with self._database.read() as connection:
            row = connection.execute(query.where(fills.c.user_id == user_id)).one()
        return int(row[0]), row[1]

    # --- cursors --------------------------------------------------------------------------------

    def cursors(self, user_id: str) -> dict[str, int]:
        """Return symbol -> market time up to which the account's trades were read."""
        query = sa.select(trade_cursors).where(trade_cursors.c.user_id == user_id)
        with self._database.read() as connection:
            return {row.symbol: row.at_ms for row in connection.execute(query)}

    def note_replayed(self, user_id: str, epoch: int) -> None:
        """Keep that an account was read against the venue after a restore."""
        with self._database.write() as connection:
            self._move_cursor(connection, user_id, f"{_RESTORE}{epoch}", self._wall.now_ms())

    def replayed(self, epoch: int) -> set[str]:
        """Return the users whose accounts were read since that restore."""
        query = sa.select(trade_cursors.c.user_id).where(trade_cursors.c.symbol == f"{_RESTORE}{epoch}")
        with self._database.read() as connection:
            return set(connection.scalars(query))

    def _move_cursor(self, connection: sa.Connection, user_id: str, symbol: str, at_ms: int) -> None:
        table = trade_cursors
        row = {"user_id": user_id, "symbol": symbol, "at_ms": at_ms}
        if not self._database.insert_new(connection, table, [row]):
            mine = (table.c.user_id == user_id, table.c.symbol == symbol, table.c.at_ms < at_ms)
            connection.execute(table.update().where(*mine).values(at_ms=at_ms))


def _check(row: sa.RowMapping) -> Check:
    return Check(
        user_id=row["user_id"], cause=row["cause"] or "never", outcome=row["outcome"] or "never",
        began_wall_ms=row["began_wall_ms"] or 0, at_ms=row["at_ms"], weight=row["weight"] or 0,
        differences=json.loads(row["differences"] or "[]"), error=row["error"],
        at_wall_ms=row["at_wall_ms"] or 0, asked_wall_ms=row["asked_wall_ms"],
    )  # fmt: skip
