"""What screens list of the log, bounded: positions, orders, executions, money by mode. Reads only.

For people: sums of money are floats here. Paper and live money are never in one sum: every sum has its mode.
"""

from typing import Any

import sqlalchemy as sa

from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.records import PENDING, IntentStatus

_MONEY = sa.Double


def counts(database: Database) -> dict[str, Any]:
    """Return what a pulse shows: open positions and closed trades by mode, orders in flight, newest event."""
    t, i, o = schema.trades.c, schema.intents.c, schema.outbox.c
    trades = sa.select(t.mode, t.is_closed, sa.func.count().label("n")).group_by(t.mode, t.is_closed)
    flying = sa.select(sa.func.count()).where(i.status.in_(PENDING))
    with database.read() as connection:
        rows = [dict(row) for row in connection.execute(trades).mappings()]
        in_flight = connection.scalar(flying) or 0
        newest = connection.scalar(sa.select(sa.func.max(o.seq))) or 0
    return {
        "open": {row["mode"]: row["n"] for row in rows if not row["is_closed"]},
        "closed": {row["mode"]: row["n"] for row in rows if row["is_closed"]},
        "in_flight": in_flight,
        "event": newest,
    }


def totals(database: Database) -> dict[str, int]:
    """Return what the whole log holds: `open` and `closed` round trips, `sent` orders, `unclear` ones."""
    t, i = schema.trades.c, schema.intents.c
    ended = [status.value for status in IntentStatus if status.is_terminal]
    sent = sa.select(sa.func.count()).where(i.sent_wall_ms.is_not(None))
    with database.read() as connection:
        rows = connection.execute(sa.select(t.is_closed, sa.func.count()).group_by(t.is_closed)).all()
        trips: dict[bool, int] = {row[0]: row[1] for row in rows}
        return {
            "open": trips.get(False, 0),
            "closed": trips.get(True, 0),
            "sent": connection.scalar(sent) or 0,
            "unclear": connection.scalar(sent.where(i.status.not_in(ended))) or 0,
        }


def positions(database: Database, limit: int = 2_000, *, user_id: str | None = None) -> list[dict[str, Any]]:
    """Return open round trips, of one user if named, with their armed exits, newest first."""
    t = schema.trades.c
    held = _number(t.bought) - _number(t.sold) - _number(t.base_fees) - _number(t.dust)
    query = sa.select(
        t.trade_id, t.user_id, t.symbol, t.mode, t.opened_ms, held.label("held"),
        (_number(t.bought_cost) / sa.func.nullif(_number(t.bought), 0.0)).label("open_price"),
        _number(t.stop_price).label("stop_price"), _number(t.target_price).label("target_price"),
        t.deadline_ms, t.held_up, t.exits,
    ).where(t.is_closed.is_(False))  # fmt: skip
    if user_id is not None:
        query = query.where(t.user_id == user_id)
    return _rows(database, query.order_by(t.opened_ms.desc(), t.trade_id).limit(limit))


def orders(database: Database, limit: int = 200) -> list[dict[str, Any]]:
    """Return the newest orders: side, leg, amount, price, status and why."""
    i = schema.intents.c
    query = sa.select(
        i.coid, i.user_id, i.symbol, i.leg, i.side, i.type, _number(i.amount).label("amount"),
        _number(i.price).label("price"), _number(i.filled).label("filled"), i.status, i.reason,
        i.exit_reason, i.created_ms, i.created_wall_ms, i.sent_wall_ms, i.changed_wall_ms,
    ).order_by(i.changed_wall_ms.desc(), i.coid).limit(limit)  # fmt: skip
    return _rows(database, query)


def exposure(database: Database) -> list[dict[str, Any]]:
    """Return what is held by mode and symbol: users, positions, cost of what is held; most first."""
    t = schema.trades.c
    left = _number(t.bought) - _number(t.sold)
    cost = _number(t.bought_cost) * left / sa.func.nullif(_number(t.bought), 0.0)
    total = sa.func.sum(cost)
    query = (
        sa.select(
            t.mode, t.symbol, sa.func.count(sa.distinct(t.user_id)).label("users"),
            sa.func.count().label("positions"), total.label("cost_quote"),
        )
        .where(t.is_closed.is_(False))
        .group_by(t.mode, t.symbol)
        .order_by(t.mode, total.desc())
    )  # fmt: skip
    return _rows(database, query)


def money(database: Database) -> list[dict[str, Any]]:
    """Return one row per mode: users, capital, closed trades, winners, P&L and fees of closed trades."""
    t, u = schema.trades.c, schema.users.c
    pnl = _number(t.pnl_quote)
    made = sa.select(
        t.mode, sa.func.count().label("closed"), sa.func.sum(pnl).label("pnl_quote"),
        sa.func.sum(sa.case((pnl > 0, 1), else_=0)).label("winners"),
        sa.func.sum(_number(t.fees_quote)).label("fees_quote"),
    ).where(t.is_closed.is_(True)).group_by(t.mode)  # fmt: skip
    people = sa.select(
        u.mode, sa.func.count().label("users"), sa.func.sum(_number(u.capital)).label("capital")
    ).group_by(u.mode)
    empty: dict[str, Any] = {"users": 0, "capital": 0.0, "closed": 0, "pnl_quote": 0.0, "winners": 0}
    found: dict[str, dict[str, Any]] = {}
    for row in [*_rows(database, people), *_rows(database, made)]:
        found.setdefault(row["mode"], empty | {"fees_quote": 0.0}).update(row)
    return [found[mode] for mode in sorted(found)]


def closed(
    database: Database, *, symbol: str | None = None, user_id: str | None = None, limit: int = 500
) -> list[dict[str, Any]]:
    """Return finished round trips, newest first, of one symbol or user if named."""
    t = schema.trades.c
    query = sa.select(
        t.trade_id, t.user_id, t.symbol, t.mode, t.opened_ms, t.closed_ms, t.exit_reason,
        (_number(t.bought_cost) / sa.func.nullif(_number(t.bought), 0.0)).label("open_price"),
        (_number(t.sold_cost) / sa.func.nullif(_number(t.sold), 0.0)).label("close_price"),
        _number(t.pnl_quote).label("pnl_quote"),
        (_number(t.pnl_quote) / sa.func.nullif(_number(t.bought_cost), 0.0)).label("profit_ratio"),
    ).where(t.is_closed.is_(True))  # fmt: skip
    if symbol is not None:
        query = query.where(t.symbol == symbol)
    if user_id is not None:
        query = query.where(t.user_id == user_id)
    return _rows(database, query.order_by(t.closed_ms.desc(), t.trade_id).limit(limit))


def fills(database: Database, symbol: str, limit: int = 500) -> list[dict[str, Any]]:
    """Return the newest executions in one symbol by bar of market time: side, price, amount, user."""
    f = schema.fills.c
    query = sa.select(
        f.user_id, f.side, _number(f.price).label("price"), _number(f.amount).label("amount"), f.at_ms
    ).where(f.symbol == symbol)
    return _rows(database, query.order_by(f.at_ms.desc(), f.fill_id).limit(limit))


def _number(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(column, _MONEY)


def _rows(database: Database, query: sa.Select[Any]) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
