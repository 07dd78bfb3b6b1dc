"""The log as Polars frames for analysis: Float64 and UTC times, one query each. Read only.

Exact decimals stay in the log; these copies are for the trade pool, dbt and people.
"""

from collections.abc import Callable
from typing import Any

import polars as pl
import sqlalchemy as sa

from trading.market.frames import UTC_MS
from trading.store.order_log import schema
from trading.store.order_log.columns import (
    CLOSED_TRADES,
    DECISIONS,
    FILLS,
    INTENTS,
    OPEN_TRADES,
    SIGNAL_SETS,
    SKIPS,
    USERS,
    Type,
)
from trading.store.order_log.database import Database


def closed_trades(database: Database) -> pl.DataFrame:
    """Return finished round trips, oldest close first."""
    table = schema.trades
    rows = _rows(database, sa.select(table).where(table.c.is_closed).order_by(table.c.closed_ms))
    return _frame(rows, CLOSED_TRADES, _closed)


def open_trades(database: Database) -> pl.DataFrame:
    """Return round trips that still hold something."""
    table = schema.trades
    rows = _rows(database, sa.select(table).where(~table.c.is_closed).order_by(table.c.opened_ms))
    return _frame(rows, OPEN_TRADES, _open)


def decisions(database: Database) -> pl.DataFrame:
    """Return one row per signal of every set."""
    table = schema.decisions
    query = sa.select(table).order_by(table.c.created_ms, table.c.signal_set_id, table.c.signal_id)
    return _frame(
        _rows(database, query),
        DECISIONS,
        lambda row: {"bar_time": row["bar_ms"], "created_at": row["created_ms"]},
    )


def intents(database: Database) -> pl.DataFrame:
    """Return every intended order, oldest first."""
    table = schema.intents
    query = sa.select(table).order_by(table.c.created_wall_ms, table.c.coid)
    return _frame(_rows(database, query), INTENTS, lambda row: {"created_at": row["created_ms"]})


def fills(database: Database) -> pl.DataFrame:
    """Return every booked execution, oldest first."""
    table = schema.fills
    query = sa.select(table).order_by(table.c.at_ms, table.c.user_id, table.c.order_id, table.c.fill_id)
    return _frame(_rows(database, query), FILLS, lambda row: {"at": row["at_ms"]})


def skips(database: Database) -> pl.DataFrame:
    """Return every signal that a user did not follow, with rule and reason."""
    table = schema.skips
    query = sa.select(table).order_by(table.c.at_ms, table.c.user_id, table.c.signal_id)
    return _frame(_rows(database, query), SKIPS, lambda row: {"at": row["at_ms"]})


def signal_sets(database: Database) -> pl.DataFrame:
    """Return one row per signal set, oldest first."""
    table, parts = schema.signal_sets, schema.decisions
    count = sa.select(sa.func.count()).where(parts.c.signal_set_id == table.c.signal_set_id).scalar_subquery()
    query = sa.select(table, count.label("signals")).order_by(table.c.created_ms, table.c.signal_set_id)
    return _frame(
        _rows(database, query),
        SIGNAL_SETS,
        lambda row: {
            "bar_time": row["bar_ms"],
            "created_at": row["created_ms"],
            "expires_at": row["expires_ms"],
        },
    )


def users(database: Database) -> pl.DataFrame:
    """Return one row per user with what came of following the signals."""
    rows = _rows(database, sa.select(schema.users).order_by(schema.users.c.user_id))
    frame = _frame(rows, {name: dtype for name, dtype in USERS.items() if name in schema.users.c}, _same)
    sent = intents(database).filter(pl.col("status").is_in(["NEW", "VOID"]).not_())
    finished = closed_trades(database)
    counts = (
        (sent, [pl.len().alias("orders"), (pl.col("filled") > 0).sum().alias("filled_orders")]),
        (fills(database), [pl.len().alias("fills")]),
        (open_trades(database), [pl.len().alias("open_trades")]),
        (
            finished,
            [
                pl.len().alias("closed_trades"),
                (pl.col("pnl_quote") > 0).sum().alias("winners"),
                pl.col("pnl_quote").sum(),
            ],
        ),
        (skips(database), [pl.len().alias("skips")]),
    )
    for part, figures in counts:
        frame = frame.join(part.group_by("user_id").agg(figures), on="user_id", how="left")
    filled = [name for name in USERS if name not in schema.users.c]
    frame = frame.with_columns(pl.col(filled).fill_null(0))
    return frame.select(pl.col(name).cast(dtype) for name, dtype in USERS.items()).sort("user_id")


def _rows(database: Database, query: sa.Select[Any]) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def _frame(
    rows: list[dict[str, Any]],
    columns: dict[str, Type],
    derive: Callable[[dict[str, Any]], dict[str, Any]],
) -> pl.DataFrame:
    data: dict[str, list[Any]] = {name: [] for name in columns}
    for row in rows:
        full = row | derive(row)
        for name in columns:
            data[name].append(full[name])
    series = []
    for name, dtype in columns.items():
        values = data[name]
        if dtype == pl.Float64:
            values = [None if value is None else float(value) for value in values]
        raw = pl.Int64 if dtype == UTC_MS else dtype
        series.append(pl.Series(name, values, dtype=raw).cast(dtype))
    return pl.DataFrame(series)


def _same(_row: dict[str, Any]) -> dict[str, Any]:
    return {}


def _closed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "open_at": row["opened_ms"],
        "close_at": row["closed_ms"],
        "amount": row["bought"],
        "open_price": row["bought_cost"] / row["bought"],
        "close_price": None if row["sold"] == 0 else row["sold_cost"] / row["sold"],
        "profit_ratio": row["pnl_quote"] / row["bought_cost"],
    }


def _open(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "open_at": row["opened_ms"],
        "held": row["bought"] - row["base_fees"] - row["sold"] - row["dust"],
        "open_price": row["bought_cost"] / row["bought"],
        "deadline": row["deadline_ms"],
    }
