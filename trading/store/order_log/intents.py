"""Intents: every order is written here, durably, before it may touch the wire.

Each change of status is one transaction that names the statuses it may start from, so a late or
repeated step changes nothing and a status never moves backwards.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import MissingData
from trading.store.order_log import schema, takes
from trading.store.order_log.database import Database
from trading.store.order_log.entries import Entries
from trading.store.order_log.leases import Leases
from trading.store.order_log.outbox import Outbox
from trading.store.order_log.prepared import Prepared, changed, given, one_of
from trading.store.order_log.records import IN_FLIGHT, Event, Intent, IntentStatus, Leg, Skip
from trading.store.order_log.rows import intent_of, intent_row
from trading.store.order_log.scope import Scope, of_shards

_TABLE = schema.intents
_BY_COID = Prepared(sa.select(_TABLE).where(_TABLE.c.coid == given("coid")))


class Intents:
    """The write-ahead side of the order path."""

    def __init__(
        self,
        database: Database,
        wall: Clock,
        outbox: Outbox,
        leases: Leases | None = None,
        scope: Scope | None = None,
    ) -> None:
        self._database = database
        self._wall = wall
        self._outbox = outbox
        self.leases = leases or Leases(database, wall)
        self._scope = scope or Scope()
        self._entries = Entries(database)
        # Dates entries of the ledger that no fill or event dates: the market's time, once a desk is there.
        self.market_ms: Callable[[], int] = wall.now_ms

    # --- writing down ---------------------------------------------------------------------------

    def plan_entries(
        self,
        user_id: str,
        signal_set_id: str,
        intents: Sequence[Intent],
        skips: Sequence[Skip],
        *,
        place: int,
        at_ms: int,
        seen: int | None = None,
    ) -> bool:
        """Write what one user does with one set, all or nothing; False if that was decided before.

        The reservation is part of the intent row, so intent and reservation are one write. `seen` is the last
        take (`takes`) of other workers that was taken into account; None = no cap was asked.

        Raises
        ------
        OvertakenError
            If another worker took something since.
        """
        offer = {"signal_set_id": signal_set_id, "user_id": user_id, "place": place, "at_ms": at_ms}
        wall_ms = self._wall.now_ms()
        with self._database.write() as connection:
            if not self.leases.may_send(connection, user_id=user_id):
                return False
            if not self._database.insert_new(connection, schema.offers, [offer]):
                return False
            worker_id = self.leases.worker_id
            if intents and worker_id is not None and seen is not None:
                if takes.of_others(connection, seen, worker_id):
                    raise takes.OvertakenError
                takes.note(connection, intents, worker_id, self._wall)
            planned = [intent_row(intent, wall_ms) for intent in intents]
            if planned:
                _insert(tuple(planned[0])).each(connection, planned)
                self._entries.reserve_new(connection, planned, at_ms)
            rows = [_skip_row(skip, at_ms) for skip in skips]
            self._database.insert_new(connection, schema.skips, rows)
        return True

    def committed(self, signal_set_id: str) -> dict[str, Decimal]:
        """Return what entries of a set were planned to spend so far, by symbol, all users, in quote units.

        First attempts only: a later one of the same user stands in for the one that was rejected.
        """
        wanted = sa.select(_TABLE.c.symbol, _TABLE.c.reserved).where(
            _TABLE.c.signal_set_id == signal_set_id, _TABLE.c.leg == Leg.OPEN.value, _TABLE.c.attempt == 1
        )
        found: dict[str, Decimal] = {}
        with self._database.read() as connection:
            for row in connection.execute(wanted):
                found[row.symbol] = found.get(row.symbol, Decimal(0)) + row.reserved
        return found

    def plan_close(self, intent: Intent) -> bool:
        """Write one exit order; False if the trade is closed or another exit of it is still out."""
        trades = schema.trades
        with self._database.write() as connection:
            if not self.leases.may_send(connection, user_id=intent.user_id):
                return False
            query = sa.select(trades.c.is_closed).where(trades.c.trade_id == intent.trade_id)
            if connection.scalar(query.with_for_update()) is not False:
                return False
            if self._closing(connection, intent.trade_id):
                return False
            row = intent_row(intent, self._wall.now_ms())
            return self._database.insert_new(connection, _TABLE, [row]) == 1

    def plan_again(self, intent: Intent, *, after: str) -> bool:
        """Write another attempt at an entry; only after the attempt `after` was definitely REJECTED."""
        with self._database.write() as connection:
            query = sa.select(_TABLE.c.status).where(_TABLE.c.coid == after).with_for_update()
            if connection.scalar(query) != IntentStatus.REJECTED.value:
                return False
            row = intent_row(intent, self._wall.now_ms())
            is_new = self._database.insert_new(connection, _TABLE, [row]) == 1
            self._entries.reservation(connection, intent.coid, intent.created_ms)
        return is_new

    def adopt(self, intent: Intent) -> bool:
        """Write down, as SENT, an order of the venue that a restored log did not hold; False if it does.

        An order is adopted whoever sent it: it is at the venue.
        """
        wall_ms = self._wall.now_ms()
        row = intent_row(intent, wall_ms) | {"status": IntentStatus.SENT.value, "sent_wall_ms": wall_ms}
        with self._database.write() as connection:
            is_new = self._database.insert_new(connection, _TABLE, [row]) == 1
            self._entries.reservation(connection, intent.coid, intent.created_ms)
        return is_new

    def _closing(self, connection: sa.Connection, trade_id: str) -> int:
        statuses = [IntentStatus.NEW.value, *(status.value for status in IN_FLIGHT)]
        query = sa.select(sa.func.count()).where(
            _TABLE.c.trade_id == trade_id, _TABLE.c.leg == Leg.CLOSE.value, _TABLE.c.status.in_(statuses)
        )
        return connection.scalar(query) or 0

    # --- changes of status ----------------------------------------------------------------------

    def mark_sent(self, coid: str) -> bool:
        """NEW -> SENT. Only the caller that gets True may put the order on the wire, and only once.

        False, too, once another process holds the user's shard (`leases`).
        """
        return self._move(coid, (IntentStatus.NEW,), IntentStatus.SENT, sent_wall_ms=self._wall.now_ms())

    def acknowledge(self, coid: str, order_id: str) -> bool:
        """The venue has it under `order_id`; LOST ones may still turn up."""
        before = (IntentStatus.SENT, IntentStatus.UNKNOWN, IntentStatus.LOST)
        return self._move(coid, before, IntentStatus.ACKED, order_id=order_id)

    def doubt(self, coid: str, reason: str) -> bool:
        """SENT -> UNKNOWN: no usable answer came."""
        return self._move(coid, (IntentStatus.SENT,), IntentStatus.UNKNOWN, reason=reason)

    def reject(self, coid: str, reason: str, *, event: Event | None = None) -> bool:
        """SENT (or NEW, if it could not even be sent) -> REJECTED. Releases the reservation.

        Only on a definite refusal: nothing was accepted and nothing can be.
        """
        before = (IntentStatus.NEW, IntentStatus.SENT)
        return self._move(coid, before, IntentStatus.REJECTED, event=event, reason=reason)

    def void(self, coid: str, reason: str) -> bool:
        """NEW -> VOID: it was never on the wire and never will be. Releases the reservation."""
        return self._move(coid, (IntentStatus.NEW,), IntentStatus.VOID, reason=reason)

    def refuse(self, coid: str, skip: Skip, *, at_ms: int) -> bool:
        """NEW -> VOID with a row in `skips`: a rule said no at the last moment. Releases the reservation."""
        row = _skip_row(skip, at_ms)
        return self._move(coid, (IntentStatus.NEW,), IntentStatus.VOID, skip=row, reason=skip.reason)

    def lose(self, coid: str, reason: str, *, event: Event) -> bool:
        """In flight -> LOST, with an alert: looked for in vain, still accepted if it turns up."""
        before = IN_FLIGHT
        return self._move(coid, before, IntentStatus.LOST, event=event, reason=reason)

    def explain(self, coid: str, reason: str) -> bool:
        """LOST -> REJECTED, on evidence that it was never executed and no longer can be."""
        return self._move(coid, (IntentStatus.LOST,), IntentStatus.REJECTED, reason=reason)

    def _move(
        self,
        coid: str,
        before: Iterable[IntentStatus],
        after: IntentStatus,
        *,
        event: Event | None = None,
        skip: dict[str, Any] | None = None,
        **values: Any,
    ) -> bool:
        change = {"status": after.value, "changed_wall_ms": self._wall.now_ms()} | values
        statement = _move(tuple(status.value for status in before), tuple(change))
        with self._database.write() as connection:
            # What is known of an order may be written by anybody; whether it leaves, by one worker alone.
            is_fenced = after in (IntentStatus.SENT, IntentStatus.VOID)
            if is_fenced and not self.leases.may_send(connection, coid=coid):
                return False
            is_moved = statement.do(connection, change | {"of": coid}) == 1
            if is_moved and (after.is_terminal or before == (IntentStatus.LOST,)):
                at_ms = self.market_ms() if event is None else event.at_ms
                self._entries.reservation(connection, coid, at_ms)
            if is_moved and event is not None:
                self._outbox.add(connection, event)
            if is_moved and skip is not None:
                self._database.insert_new(connection, schema.skips, [skip])
        return is_moved

    # --- reading --------------------------------------------------------------------------------

    def lookup(self, coid: str) -> Intent | None:
        """Return the intent of a client order id, None if there is none."""
        found = self._database.rows(_BY_COID, coid=coid)
        return intent_of(found[0]) if found else None

    def get(self, coid: str) -> Intent:
        """Return one intent.

        Raises
        ------
        MissingData
            If there is none of that client order id.
        """
        intent = self.lookup(coid)
        if intent is None:
            raise MissingData(f"no intent with client order id {coid!r} in the order log")
        return intent

    def find(
        self,
        *,
        statuses: Iterable[IntentStatus] | None = None,
        user_id: str | None = None,
        trade_id: str | None = None,
        leg: Leg | None = None,
    ) -> list[Intent]:
        """Return the intents that meet every condition given, oldest first; exits before entries.

        Those of the users in scope, unless a user or a trade is named.
        """
        wanted = None if statuses is None else tuple(status.value for status in statuses)
        shards = self._scope.shards if user_id is None and trade_id is None else None
        query = _find(wanted, user_id is not None, trade_id is not None, leg, shards)
        return [intent_of(row) for row in self._database.rows(query, user_id=user_id, trade_id=trade_id)]

    def count(self, statuses: Iterable[IntentStatus]) -> int:
        """Return how many intents of users in scope have one of these statuses."""
        query = _count(tuple(status.value for status in statuses), self._scope.shards)
        return int(self._database.rows(query)[0]["n"])

    def symbols(self, statuses: Iterable[IntentStatus], leg: Leg) -> set[str]:
        """Return the symbols of intents of users in scope with one of these statuses."""
        query = _symbols(tuple(status.value for status in statuses), leg, self._scope.shards)
        return {row["symbol"] for row in self._database.rows(query)}

    def exits_of_open_trades(self) -> dict[str, list[Intent]]:
        """Return the exit orders of every open trade so far, by trade id, in order of attempt."""
        found: dict[str, list[Intent]] = {}
        for row in self._database.rows(_exits(self._scope.shards)):
            found.setdefault(row["trade_id"], []).append(intent_of(row))
        return found


@lru_cache(maxsize=4)
def _insert(columns: tuple[str, ...]) -> Prepared:
    return Prepared(_TABLE.insert(), columns)


@lru_cache(maxsize=64)
def _move(before: tuple[str, ...], columns: tuple[str, ...]) -> Prepared:
    these = (_TABLE.c.coid == given("of"), one_of(_TABLE.c.status, before))
    return Prepared(_TABLE.update().where(*these).values(changed(_TABLE, columns)))


@lru_cache(maxsize=64)
def _find(
    statuses: tuple[str, ...] | None,
    by_user: bool,
    by_trade: bool,
    leg: Leg | None,
    shards: frozenset[int] | None,
) -> Prepared:
    query = sa.select(_TABLE)
    if statuses is not None:
        query = query.where(one_of(_TABLE.c.status, statuses))
    if by_user:
        query = query.where(_TABLE.c.user_id == given("user_id"))
    if by_trade:
        query = query.where(_TABLE.c.trade_id == given("trade_id"))
    if leg is not None:
        query = query.where(one_of(_TABLE.c.leg, [leg.value]))
    query = of_shards(query, _TABLE.c.user_id, shards)
    return Prepared(query.order_by(_TABLE.c.leg, _TABLE.c.created_wall_ms, _TABLE.c.coid))


@lru_cache(maxsize=16)
def _count(statuses: tuple[str, ...], shards: frozenset[int] | None) -> Prepared:
    query = sa.select(sa.func.count().label("n")).where(one_of(_TABLE.c.status, statuses))
    return Prepared(of_shards(query, _TABLE.c.user_id, shards))


@lru_cache(maxsize=16)
def _symbols(statuses: tuple[str, ...], leg: Leg, shards: frozenset[int] | None) -> Prepared:
    these = (one_of(_TABLE.c.status, statuses), one_of(_TABLE.c.leg, [leg.value]))
    return Prepared(of_shards(sa.select(_TABLE.c.symbol).where(*these).distinct(), _TABLE.c.user_id, shards))


@lru_cache(maxsize=16)
def _exits(shards: frozenset[int] | None) -> Prepared:
    trades = schema.trades
    query = (
        sa.select(_TABLE)
        .join(trades, trades.c.trade_id == _TABLE.c.trade_id)
        .where(trades.c.is_closed.is_(False), _TABLE.c.leg == sa.literal_column(f"'{Leg.CLOSE.value}'"))
        .order_by(_TABLE.c.attempt)
    )
    return Prepared(of_shards(query, _TABLE.c.user_id, shards))


def _skip_row(skip: Skip, at_ms: int) -> dict[str, Any]:
    return {
        "signal_set_id": skip.signal_set_id,
        "signal_id": skip.signal_id,
        "user_id": skip.user_id,
        "symbol": skip.symbol,
        "rule": skip.rule,
        "reason": skip.reason,
        "value": skip.value,
        "bound": skip.bound,
        "at_ms": at_ms,
    }
