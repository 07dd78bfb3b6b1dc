"""The ledger: executions booked once, and the round trips they add up to.

Everything that follows from an execution (the intent's executed quantity and status, the trade's sums,
the event for people and caches) is written in the transaction that books it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import MissingData
from trading.market.orders import Fill, OrderState, Side
from trading.market.timeframes import to_ms
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.entries import Entries
from trading.store.order_log.outbox import Outbox
from trading.store.order_log.positions import BookedFill, add_up, fee_in_quote
from trading.store.order_log.prepared import AnyRow, Prepared, Row, changed, given
from trading.store.order_log.records import ZERO, Event, Intent, IntentStatus, Leg, Trade
from trading.store.order_log.remainders import RESTED
from trading.store.order_log.round_trips import event, exit_levels, trade_values
from trading.store.order_log.rows import intent_of, intent_row, terms_text, trade_of
from trading.store.order_log.scope import Scope, of_shards

_AT_ONCE = 500  # values of one statement
_TRADES, _INTENTS, _FILLS = schema.trades, schema.intents, schema.fills
_INTENT = Prepared(sa.select(_INTENTS).where(_INTENTS.c.coid == given("coid")).with_for_update())
_FILLS_OF = Prepared(sa.select(_FILLS).where(_FILLS.c.trade_id == given("trade_id")))
_TRADE_READ = Prepared(sa.select(_TRADES).where(_TRADES.c.trade_id == given("trade_id")))
_TRADE = Prepared(sa.select(_TRADES).where(_TRADES.c.trade_id == given("trade_id")).with_for_update())
_MODE = Prepared(sa.select(schema.users.c.mode).where(schema.users.c.user_id == given("user_id")))
_OPEN_OF = Prepared(
    sa.select(_TRADES)
    .where(_TRADES.c.is_closed.is_(False), _TRADES.c.user_id == given("user_id"))
    .order_by(_TRADES.c.opened_ms, _TRADES.c.trade_id)
)
_NOTHING = dict.fromkeys(_TRADES.c.keys())  # a new row where nothing is said
_WHOLE, _VERSIONS = tuple(_TRADES.c.keys()), ("trade_id", "version")


@dataclass(frozen=True, slots=True)
class Booking:
    """What one booking changed: executions that were new, and the intent and trade after it."""

    new_fills: int
    intent: Intent
    trade: Trade | None


class Ledger:
    """Executions in, positions and round trips out."""

    def __init__(self, database: Database, wall: Clock, outbox: Outbox, scope: Scope | None = None) -> None:
        self._database = database
        self._wall = wall
        self._outbox = outbox
        self._scope = scope or Scope()
        self.entries = Entries(database)

    def book(
        self,
        coid: str,
        state: OrderState,
        fills: Sequence[Fill],
        *,
        at_ms: int,
        fee_prices: dict[str, Decimal] | None = None,
    ) -> Booking:
        """Book what the venue says of one order; booking the same again changes nothing.

        The intent is DONE only when the venue calls the order terminal *and* all it executed is booked;
        until then it stays ACKED. An execution of an intent in any status is accepted.
        """
        with self._database.write() as connection:
            return self.book_on(connection, coid, state, fills, at_ms=at_ms, fee_prices=fee_prices)

    def book_on(
        self,
        connection: sa.Connection,
        coid: str,
        state: OrderState,
        fills: Sequence[Fill],
        *,
        at_ms: int,
        fee_prices: dict[str, Decimal] | None = None,
    ) -> Booking:
        """Book inside the caller's transaction; see `book`."""
        intent = self._intent(connection, coid)
        rows = [self._fill_row(intent, fill, fee_prices or {}) for fill in fills]
        added = self._database.insert_new(connection, _FILLS, rows)
        self.entries.fills(connection, rows)
        of_trade = _FILLS_OF.rows(connection, trade_id=intent.trade_id)
        intent = self._settle_intent(connection, intent, state, of_trade)
        self.entries.reserve(connection, intent_row(intent, 0), at_ms)
        trade = self._project(connection, intent, of_trade, at_ms) if added else None
        return Booking(added, intent, trade)

    def _intent(self, connection: sa.Connection, coid: str) -> Intent:
        row = _INTENT.first(connection, coid=coid)
        if row is None:
            raise MissingData(f"no intent with client order id {coid!r} in the order log")
        return intent_of(row)

    def _fill_row(self, intent: Intent, fill: Fill, prices: dict[str, Decimal]) -> dict[str, Any]:
        return {
            "user_id": intent.user_id,
            "order_id": fill.order_id,
            "fill_id": fill.trade_id,
            "coid": intent.coid,
            "trade_id": intent.trade_id,
            "symbol": fill.symbol,
            "side": fill.side.value,
            "price": fill.price,
            "amount": fill.amount,
            "cost": fill.cost,
            "fee": fill.fee,
            "fee_asset": fill.fee_asset,
            "fee_quote": fee_in_quote(fill, prices),
            "is_maker": fill.is_maker,
            "at_ms": to_ms(fill.at),
            "booked_wall_ms": self._wall.now_ms(),
        }

    def _settle_intent(
        self, connection: sa.Connection, intent: Intent, state: OrderState, of_trade: Sequence[Row]
    ) -> Intent:
        rows = [row for row in of_trade if row["coid"] == intent.coid]
        filled = sum((row["amount"] for row in rows), ZERO)
        is_done = state.status.is_terminal and filled >= state.filled
        status = IntentStatus.DONE if is_done or intent.status is IntentStatus.DONE else IntentStatus.ACKED
        change: dict[str, Any] = {
            "status": status.value,
            "order_id": state.order_id,
            "filled": filled,
            "filled_cost": sum((row["cost"] for row in rows), ZERO),
        }
        if is_done and filled == 0 and intent.reason != RESTED:
            change["reason"] = f"{state.status.value}: nothing executed"
        written = change | {"changed_wall_ms": self._wall.now_ms()}
        _change(_INTENTS, "coid", tuple(written)).do(connection, written | {"of": intent.coid})
        return replace(intent, **change | {"status": status})

    # --- round trips ----------------------------------------------------------------------------

    def _project(self, connection: sa.Connection, intent: Intent, fills: Sequence[Row], at_ms: int) -> Trade:
        """Recompute the trade of `intent` from all its booked fills and say what became of it."""
        sums = add_up(intent.symbol, [booked(row) for row in fills])
        before = self._trade(connection, intent.trade_id)
        values = trade_values(sums, before)
        if intent.leg is Leg.CLOSE:
            values["exit_reason"] = intent.exit_reason
        if intent.leg is Leg.OPEN:
            values |= exit_levels(intent, sums)
        if before is None:
            row = self._identity(connection, intent) | values | {"version": 1}
            _insert(tuple(row)).do(connection, row)
            trade = trade_of(_NOTHING | row)
        else:
            values["version"] = before.version + 1
            _change(_TRADES, "trade_id", tuple(values)).do(connection, values | {"of": intent.trade_id})
            trade = replace(before, **values)
        if before is not None and before.dust != 0:
            table = schema.dust
            kept = table.update().where(table.c.trade_id == intent.trade_id).values(amount=values["dust"])
            connection.execute(kept)
        # What was never dust has no account of it to follow.
        self._follow(connection, trade, at_ms, had_dust=before is not None and before.dust != 0)
        self._outbox.add(connection, event(trade, at_ms))
        return trade

    def _follow(self, connection: sa.Connection, trade: Trade, at_ms: int, *, had_dust: bool = True) -> None:
        """Let the double-entry accounts follow what became of a trade."""
        if had_dust or trade.dust != 0:
            self.entries.dust(connection, trade.trade_id, at_ms)
        if trade.is_closed:
            self.entries.mark_high_water(connection, trade.user_id, at_ms)

    def _trade(self, connection: sa.Connection, trade_id: str) -> Trade | None:
        row = _TRADE.first(connection, trade_id=trade_id)
        return None if row is None else trade_of(row)

    def _identity(self, connection: sa.Connection, intent: Intent) -> dict[str, Any]:
        mode = _MODE.scalar(connection, user_id=intent.user_id)
        return {
            "trade_id": intent.trade_id,
            "user_id": intent.user_id,
            "signal_id": intent.signal_id,
            "approval_id": intent.approval_id,
            "signal_set_id": intent.signal_set_id,
            "symbol": intent.symbol,
            "mode": mode,
            "stop_loss": intent.stop_loss,
            "take_profit": intent.take_profit,
            "exits": terms_text(intent.exits),
            "stop_price": ZERO,
            "deadline_ms": 0,
        }

    def write_off(self, trade_id: str, *, value_quote: Decimal, reason: str, at_ms: int) -> bool:
        """Book what is still held to the dust account and close the trade; False if it was closed."""
        with self._database.write() as connection:
            trade = self._trade(connection, trade_id)
            if trade is None or trade.is_closed:
                return False
            row = {
                "trade_id": trade_id,
                "user_id": trade.user_id,
                "symbol": trade.symbol,
                "amount": trade.dust + trade.held,
                "value_quote": value_quote,
                "reason": reason,
                "at_ms": at_ms,
            }
            connection.execute(schema.dust.delete().where(schema.dust.c.trade_id == trade_id))
            connection.execute(schema.dust.insert(), row)
            change = {
                "dust": row["amount"],
                "is_closed": True,
                "closed_ms": at_ms,
                "exit_reason": trade.exit_reason or reason,
                "held_up": None,
                "version": trade.version + 1,
            }
            connection.execute(_TRADES.update().where(_TRADES.c.trade_id == trade_id).values(**change))
            closed = self._trade(connection, trade_id)
            assert closed is not None
            self._follow(connection, closed, at_ms)
            self._outbox.add(connection, event(closed, at_ms))
        return True

    def hold_up(self, trade_id: str, reason: str, at_ms: int) -> bool:
        """Note that the exit of a trade cannot go on by itself, with one alert per reason."""
        with self._database.write() as connection:
            trade = self._trade(connection, trade_id)
            if trade is None or trade.held_up == reason:
                return False
            change = {"held_up": reason}
            connection.execute(_TRADES.update().where(_TRADES.c.trade_id == trade_id).values(**change))
            payload: dict[str, object] = {"symbol": trade.symbol, "trade_id": trade_id, "reason": reason}
            event_id = f"exit_held_up:{trade_id}:{trade.version}:{reason}"
            self._outbox.add(connection, Event(event_id, trade.user_id, "exit_held_up", payload, at_ms))
        return True

    def open_trades(self, user_id: str | None = None) -> list[Trade]:
        """Return the trades of a user, or of all users in scope, that still hold something, oldest first."""
        if user_id is not None:
            return [trade_of(row) for row in self._database.rows(_OPEN_OF, user_id=user_id)]
        return [trade_of(row) for row in self._database.rows(_open(_WHOLE, self._scope.shards))]

    def with_terms(self) -> list[Trade]:
        """Return the open trades of users in scope that have more than stop, target and longest hold."""
        query = self._query(sa.and_(_TRADES.c.is_closed.is_(False), _TRADES.c.exits.is_not(None)))
        return self._read(self._scope.rows(query, _TRADES.c.user_id))

    def holders(self) -> dict[str, int]:
        """Return user id -> number of open trades, of users in scope."""
        query = sa.select(_TRADES.c.user_id, sa.func.count()).where(_TRADES.c.is_closed.is_(False))
        query = self._scope.rows(query.group_by(_TRADES.c.user_id), _TRADES.c.user_id)
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def count_open(self) -> int:
        """Return how many trades of users in scope still hold something."""
        return int(self._database.rows(_count(self._scope.shards))[0]["n"])

    def all_trades(self, user_id: str | None = None) -> list[Trade]:
        """Return every trade, oldest first."""
        return self._read(self._query(sa.true(), user_id))

    def open_versions(self) -> dict[str, int]:
        """Return trade id -> version of every trade of users in scope that is open, oldest first."""
        rows = self._database.rows(_open(_VERSIONS, self._scope.shards))
        return {row["trade_id"]: row["version"] for row in rows}

    def some(self, trade_ids: Sequence[str]) -> list[Trade]:
        """Return those of `trade_ids` under which something was executed, oldest first."""
        if len(trade_ids) == 1:
            return [trade_of(row) for row in self._database.rows(_TRADE_READ, trade_id=trade_ids[0])]
        found: list[Trade] = []
        for start in range(0, len(trade_ids), _AT_ONCE):
            found += self._read(self._query(_TRADES.c.trade_id.in_(trade_ids[start : start + _AT_ONCE])))
        return found

    def get(self, trade_id: str) -> Trade:
        """Return one trade.

        Raises
        ------
        MissingData
            If nothing was ever executed under that id.
        """
        found = self._read(self._query(_TRADES.c.trade_id == trade_id))
        if not found:
            raise MissingData(f"no trade {trade_id!r} in the order log")
        return found[0]

    def _query(self, condition: sa.ColumnElement[bool], user_id: str | None = None) -> sa.Select[Any]:
        query = sa.select(_TRADES).where(condition).order_by(_TRADES.c.opened_ms, _TRADES.c.trade_id)
        return query if user_id is None else query.where(_TRADES.c.user_id == user_id)

    def _read(self, query: sa.Select[Any]) -> list[Trade]:
        with self._database.read() as connection:
            return [trade_of(row) for row in connection.execute(query).mappings()]


@lru_cache(maxsize=16)
def _change(table: sa.Table, key: str, columns: tuple[str, ...]) -> Prepared:
    return Prepared(table.update().where(table.c[key] == given("of")).values(changed(table, columns)))


@lru_cache(maxsize=4)
def _insert(columns: tuple[str, ...]) -> Prepared:
    return Prepared(_TRADES.insert(), columns)


@lru_cache(maxsize=16)
def _open(columns: tuple[str, ...], shards: frozenset[int] | None) -> Prepared:
    query = sa.select(*(_TRADES.c[name] for name in columns)).where(_TRADES.c.is_closed.is_(False))
    query = of_shards(query, _TRADES.c.user_id, shards)
    return Prepared(query.order_by(_TRADES.c.opened_ms, _TRADES.c.trade_id))


@lru_cache(maxsize=8)
def _count(shards: frozenset[int] | None) -> Prepared:
    query = sa.select(sa.func.count().label("n")).where(_TRADES.c.is_closed.is_(False))
    return Prepared(of_shards(query, _TRADES.c.user_id, shards))


def booked(row: AnyRow) -> BookedFill:
    """Read the part of a row of `fills` that positions are made of."""
    return BookedFill(
        side=Side(row["side"]),
        amount=row["amount"],
        cost=row["cost"],
        fee=row["fee"],
        fee_asset=row["fee_asset"],
        fee_quote=row["fee_quote"],
        at_ms=row["at_ms"],
    )
