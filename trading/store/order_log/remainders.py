"""What entries left unexecuted: found while their set lives, and meant again by one further order, once.

Nothing may be bought twice here, so everything that could is asked inside the transaction that writes the
further order: the one before has ended at the venue with all executions booked, no attempt of the entry is
open or in doubt, nobody has begun to leave the position, and all attempts together mean no more than the
first.
"""

from collections.abc import Collection

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.orders import OrderType
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.entries import Entries
from trading.store.order_log.leases import Leases
from trading.store.order_log.records import ZERO, Intent, IntentStatus, Leg
from trading.store.order_log.rows import intent_of, intent_row
from trading.store.order_log.schema_users import user_requests
from trading.store.order_log.scope import Scope

# Why a resting entry was cancelled: its time was over. Any other cancellation is meant to last.
RESTED = "rested for its time"
_I = schema.intents
_ENDED = [status.value for status in IntentStatus if status.is_terminal]


class Remainders:
    """Part of the order log; see `OrderLog`."""

    def __init__(self, database: Database, wall: Clock, leases: Leases, scope: Scope) -> None:
        self._database = database
        self._wall = wall
        self._leases = leases
        self._scope = scope
        self._entries = Entries(database)

    def find(self, signal_set_ids: Collection[str], most_attempts: int) -> list[Intent]:
        """Return the last attempts at entries of these sets that are DONE and executed less than they meant.

        Those of users in scope, oldest first. Not those of an entry that has had `most_attempts`, nor what
        somebody wanted to end: a resting order that was cancelled before its time.
        """
        later = _I.alias()
        has_later = sa.select(later.c.coid).where(
            later.c.trade_id == _I.c.trade_id,
            later.c.leg == Leg.OPEN.value,
            later.c.attempt > _I.c.attempt,
        )
        query = sa.select(_I).where(
            _I.c.signal_set_id.in_(list(signal_set_ids)),
            _I.c.leg == Leg.OPEN.value,
            _I.c.status == IntentStatus.DONE.value,
            _I.c.filled != _I.c.amount,
            _I.c.attempt < most_attempts,
            ~has_later.exists(),
            sa.or_(_I.c.type != OrderType.LIMIT.value, _I.c.reason == RESTED),
        )
        query = self._scope.rows(query.order_by(_I.c.created_wall_ms, _I.c.coid), _I.c.user_id)
        with self._database.read() as connection:
            found = [intent_of(row) for row in connection.execute(query).mappings()]
        return [intent for intent in found if intent.filled < intent.amount]

    def rested(self, coid: str) -> None:
        """Note that a resting entry's time is over; before it is cancelled."""
        change = _I.update().where(_I.c.coid == coid, _I.c.status == IntentStatus.ACKED.value)
        with self._database.write() as connection:
            connection.execute(change.values(reason=RESTED))

    def plan(self, intent: Intent, *, after: str) -> bool:
        """Write a further attempt at an entry, for what its attempt `after` left; False if it must not be.

        It must not, either, once the user has asked to sell something or to leave since the entry was meant.
        """
        with self._database.write() as connection:
            if not self._leases.may_send(connection, user_id=intent.user_id):
                return False
            if not self._has_room(connection, intent, after):
                return False
            row = intent_row(intent, self._wall.now_ms())
            is_new = self._database.insert_new(connection, _I, [row]) == 1
            self._entries.reservation(connection, intent.coid, intent.created_ms)
        return is_new

    def _has_room(self, connection: sa.Connection, intent: Intent, after: str) -> bool:
        columns = ("coid", "leg", "attempt", "status", "amount", "filled", "created_wall_ms")
        query = sa.select(*(_I.c[name] for name in columns))
        orders = connection.execute(query.where(_I.c.trade_id == intent.trade_id).with_for_update()).all()
        attempts = sorted((row for row in orders if row.leg == Leg.OPEN.value), key=lambda row: row.attempt)
        if len(attempts) < len(orders) or not attempts:
            return False  # an exit was planned: the position is being left, or has been
        last = attempts[-1]
        is_next = last.coid == after and intent.attempt == last.attempt + 1
        is_over = last.status == IntentStatus.DONE.value and all(row.status in _ENDED for row in attempts)
        closed = sa.select(schema.trades.c.is_closed).where(schema.trades.c.trade_id == intent.trade_id)
        if not is_next or not is_over or connection.scalar(closed):
            return False
        asked = user_requests.c
        since = (asked.user_id == intent.user_id, asked.asked_wall_ms >= attempts[0].created_wall_ms)
        if connection.scalar(sa.select(sa.func.count()).where(*since)):
            return False
        executed = sum((row.filled for row in attempts), ZERO)
        return bool(executed + intent.amount <= attempts[0].amount)
