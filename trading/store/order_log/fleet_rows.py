"""What the caps of the fleet are made of: open trades and entries of all users; and a series."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from trading.store.order_log import schema
from trading.store.order_log.prepared import Prepared, given, one_of
from trading.store.order_log.records import PENDING, ZERO, IntentStatus, Leg
from trading.store.order_log.schema_fleet import fleet_results

_NEVER = (IntentStatus.VOID.value, IntentStatus.REJECTED.value)
_OUT = {*(status.value for status in PENDING), IntentStatus.LOST.value}
_T, _I = schema.trades.c, schema.intents.c
_CAPITAL = Prepared(sa.select(schema.users.c.capital))
_HELD = Prepared(
    sa.select(
        _T.user_id, _T.symbol, _T.signal_set_id, _T.signal_id,
        _T.bought, _T.bought_cost, _T.base_fees, _T.sold, _T.dust,
    ).where(_T.is_closed.is_(False))
)  # fmt: skip
_ENTRIES = Prepared(
    sa.select(
        _I.coid, _I.user_id, _I.symbol, _I.signal_set_id, _I.signal_id,
        _I.reserved, _I.filled_cost, _I.status, _I.created_ms,
    ).where(
        one_of(_I.leg, [Leg.OPEN.value]),
        sa.or_(
            one_of(_I.status, _OUT),
            sa.and_(_I.created_ms > given("since_ms"), sa.not_(one_of(_I.status, _NEVER))),
        ),
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """One open trade: what its holding cost, in quote units."""

    user_id: str
    symbol: str
    signal_set_id: str
    signal_id: str
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: what it may still spend (0 once terminal) and what it spent, in quote units.

    A LOST entry is out, too: it may turn up.
    """

    coid: str
    user_id: str
    symbol: str
    signal_set_id: str
    signal_id: str
    cost: Decimal
    spent: Decimal
    is_out: bool
    is_recent: bool


def capital(connection: sa.Connection) -> Decimal:
    """Return the capital of all users together."""
    return sum((row["capital"] for row in _CAPITAL.rows(connection)), ZERO)


def holdings(connection: sa.Connection) -> list[Held]:
    """Return every open trade."""
    return [
        Held(
            row["user_id"],
            row["symbol"],
            row["signal_set_id"],
            row["signal_id"],
            row["bought_cost"]
            * (row["bought"] - row["base_fees"] - row["sold"] - row["dust"])
            / row["bought"],
        )
        for row in _HELD.rows(connection)
    ]


def entries(connection: sa.Connection, *, since_ms: int) -> list[Entry]:
    """Return entries that are out, and those planned since the market time `since_ms` that were sent."""
    return [
        Entry(
            row["coid"],
            row["user_id"],
            row["symbol"],
            row["signal_set_id"],
            row["signal_id"],
            max(row["reserved"] - row["filled_cost"], ZERO) if row["status"] in _OUT else ZERO,
            row["filled_cost"],
            row["status"] in _OUT,
            row["created_ms"] > since_ms,
        )
        for row in _ENTRIES.rows(connection, since_ms=since_ms)
    ]


def traits(connection: sa.Connection, sets: Iterable[str]) -> dict[tuple[str, str], tuple[int, str]]:
    """Return (set, signal) -> (cluster, features as JSON) of every signal of `sets`."""
    d = schema.decisions
    query = sa.select(d.c.signal_set_id, d.c.signal_id, d.c.cluster, d.c.features)
    rows = connection.execute(query.where(d.c.signal_set_id.in_(sorted(sets))))
    return {(row.signal_set_id, row.signal_id): (row.cluster, row.features) for row in rows}


@dataclass(frozen=True, slots=True)
class Closed:
    """One finished round trip: what it cost and made, in quote units."""

    user_id: str
    symbol: str
    signal_set_id: str
    closed_ms: int
    cost: Decimal
    pnl: Decimal
    exit_reason: str | None


def closed(connection: sa.Connection, *, since_ms: int) -> list[Closed]:
    """Return round trips that ended after the market time `since_ms`, oldest first."""
    t = schema.trades
    query = (
        sa.select(t)
        .where(t.c.is_closed.is_(True), t.c.closed_ms > since_ms)
        .order_by(t.c.closed_ms, t.c.trade_id)
    )
    return [
        Closed(
            user_id=row["user_id"],
            symbol=row["symbol"],
            signal_set_id=row["signal_set_id"],
            closed_ms=row["closed_ms"],
            cost=row["bought_cost"],
            pnl=row["pnl_quote"],
            exit_reason=row["exit_reason"],
        )
        for row in connection.execute(query).mappings()
    ]


def realised(connection: sa.Connection) -> Decimal:
    """Return the sum of `pnl_quote` of all trades; a gauge: summed as floats by the database."""
    total = connection.scalar(sa.select(sa.func.sum(sa.cast(schema.trades.c.pnl_quote, sa.Float))))
    return Decimal(repr(float(total or 0.0)))


def held_by_symbol(connection: sa.Connection) -> dict[str, tuple[Decimal, Decimal]]:
    """Return symbol -> (base units held, what they cost) of all open trades; summed as floats, a gauge."""
    t = schema.trades
    bought, spent = (sa.cast(column, sa.Float) for column in (t.c.bought, t.c.bought_cost))
    gone = (sa.cast(column, sa.Float) for column in (t.c.base_fees, t.c.sold, t.c.dust))
    held = bought - sum(gone, sa.literal(0.0))
    query = sa.select(t.c.symbol, sa.func.sum(held), sa.func.sum(held / bought * spent))
    rows = connection.execute(query.where(t.c.is_closed.is_(False)).group_by(t.c.symbol))
    return {str(symbol): (_exact(units), _exact(cost)) for symbol, units, cost in rows}


def _exact(total: Any) -> Decimal:
    return Decimal(repr(round(float(total), 9)))


def newest_result(connection: sa.Connection) -> Decimal | None:
    """Return the result of the newest market minute that is kept, None if there is none."""
    table = fleet_results
    query = sa.select(table.c.pnl_quote).order_by(table.c.minute_ms.desc()).limit(1)
    return connection.execute(query).scalar()


def note_result(connection: sa.Connection, minute_ms: int, pnl: Decimal, *, keep_since_ms: int) -> None:
    """Keep the fleet's result of a market minute, the newest look of it, and forget those before."""
    table = fleet_results
    done = connection.execute(table.update().where(table.c.minute_ms == minute_ms).values(pnl_quote=pnl))
    if done.rowcount == 0:
        connection.execute(table.insert(), {"minute_ms": minute_ms, "pnl_quote": pnl})
    connection.execute(table.delete().where(table.c.minute_ms < keep_since_ms))


def highest_result(connection: sa.Connection, since_ms: int) -> Decimal | None:
    """Return the highest result kept since a market time, None if there is none."""
    table = fleet_results
    query = sa.select(table.c.pnl_quote).where(table.c.minute_ms > since_ms)
    found: list[Decimal] = list(connection.scalars(query))
    return max(found, default=None)
