"""What users made of signals, one row per signal and user it was offered to: for comparing, not for trading.

Float copies of exact numbers (as in `frames`); times are market milliseconds. Reads one snapshot.
"""

from typing import Any

import polars as pl
import sqlalchemy as sa

from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.records import Leg

Type = pl.DataType | type[pl.DataType]

_DECIDED: dict[str, Type] = {
    "signal_set_id": pl.String,
    "signal_id": pl.String,
    "approval_id": pl.String,
    "symbol": pl.String,
    "timeframe": pl.String,
    "bar_ms": pl.Int64,
    "expires_ms": pl.Int64,
}
_OFFERED: dict[str, Type] = {
    "signal_set_id": pl.String,
    "user_id": pl.String,
    "place": pl.Int64,
    "offered_ms": pl.Int64,
}
_SKIPPED: dict[str, Type] = {"signal_set_id": pl.String, "signal_id": pl.String, "user_id": pl.String,
                             "rule": pl.String, "skip_reason": pl.String}  # fmt: skip
_ORDERED: dict[str, Type] = {
    "signal_set_id": pl.String,
    "signal_id": pl.String,
    "user_id": pl.String,
    "trade_id": pl.String,
    "status": pl.String,
    "refusal": pl.String,
    "wanted": pl.Float64,
    "filled": pl.Float64,
    "limit_price": pl.Float64,
    "attempts": pl.Int64,
}
_TRADED: dict[str, Type] = {
    "trade_id": pl.String,
    "mode": pl.String,
    "is_closed": pl.Boolean,
    "open_price": pl.Float64,
    "close_price": pl.Float64,
    "bought_cost": pl.Float64,
    "pnl_quote": pl.Float64,
    "stop_price": pl.Float64,
    "target_price": pl.Float64,
    "deadline_ms": pl.Int64,
    "opened_ms": pl.Int64,
    "closed_ms": pl.Int64,
    "exit_reason": pl.String,
    "held_up": pl.String,
}
_FILLED: dict[str, Type] = {
    "trade_id": pl.String,
    "side": pl.String,
    "at_ms": pl.Int64,
    "last_ms": pl.Int64,
    "fills": pl.Int64,
    "orders": pl.Int64,
}


def followed(database: Database, *, since_ms: int = 0, until_ms: int = 2**52) -> pl.DataFrame:
    """Return one row per signal of a bar in [since, until) and user that it was offered to.

    Returns
    -------
    DataFrame
        The decision, `place` in the rotation, the skip (`rule`, `skip_reason`) or the entry order (`status`,
        `refusal`, `wanted`, `filled`, `attempts`), the round trip, and its executions (`bought_ms` and
        `sold_ms`: the first of each side; `sold_last_ms`; `buys`, `sales`: executions; `exits`: orders that
        sold). Null where there is none. Sorted by bar, signal, place.
    """
    with database.read() as connection:
        return _followed(connection, since_ms, until_ms)


def _followed(connection: sa.Connection, since_ms: int, until_ms: int) -> pl.DataFrame:
    sets, decisions = schema.signal_sets.c, schema.decisions.c
    inside = sa.and_(sets.bar_ms >= since_ms, sets.bar_ms < until_ms)
    of_day = sa.select(sets.signal_set_id).where(inside)
    decided = sa.select(
        decisions.signal_set_id, decisions.signal_id, decisions.approval_id, decisions.symbol,
        sets.timeframe, sets.bar_ms, sets.expires_ms,
    ).join(schema.signal_sets, sets.signal_set_id == decisions.signal_set_id).where(inside)  # fmt: skip
    offers, skips, intents = schema.offers.c, schema.skips.c, schema.intents.c
    offered = sa.select(offers.signal_set_id, offers.user_id, offers.place, offers.at_ms.label("offered_ms"))
    skipped = sa.select(
        skips.signal_set_id, skips.signal_id, skips.user_id, skips.rule, skips.reason.label("skip_reason")
    )
    ordered = sa.select(
        intents.signal_set_id, intents.signal_id, intents.user_id, intents.trade_id, intents.status,
        intents.reason.label("refusal"), intents.amount.label("wanted"), intents.filled,
        intents.price.label("limit_price"), intents.attempt.label("attempts"),
    ).where(intents.leg == Leg.OPEN.value)  # fmt: skip
    rows = _frame(connection, decided, _DECIDED)
    rows = rows.join(
        _frame(connection, offered.where(offers.signal_set_id.in_(of_day)), _OFFERED), on="signal_set_id"
    )
    key = ["signal_set_id", "signal_id", "user_id"]
    rows = rows.join(
        _frame(connection, skipped.where(skips.signal_set_id.in_(of_day)), _SKIPPED), on=key, how="left"
    )
    orders = _frame(connection, ordered.where(intents.signal_set_id.in_(of_day)), _ORDERED)
    # A further attempt is made only after a proven refusal: the last one says what became of the entry.
    orders = orders.sort("attempts").unique(key, keep="last", maintain_order=True)
    rows = rows.join(orders, on=key, how="left")
    rows = rows.join(_trades(connection, of_day), on="trade_id", how="left")
    fills = _fills(connection, of_day)
    bought = fills.filter(pl.col("side") == "buy").select("trade_id", bought_ms="at_ms", buys="fills")
    sold = fills.filter(pl.col("side") == "sell").select(
        "trade_id", sold_ms="at_ms", sold_last_ms="last_ms", sales="fills", exits="orders"
    )
    rows = rows.join(bought, on="trade_id", how="left").join(sold, on="trade_id", how="left")
    return rows.sort("bar_ms", "symbol", "signal_set_id", "place")


def _trades(connection: sa.Connection, of_day: sa.Select[Any]) -> pl.DataFrame:
    table = schema.trades.c
    query = sa.select(schema.trades).where(table.signal_set_id.in_(of_day))
    rows = [
        dict(row)
        | {
            "open_price": row["bought_cost"] / row["bought"],
            "close_price": None if row["sold"] == 0 else row["sold_cost"] / row["sold"],
        }
        for row in connection.execute(query).mappings()
    ]
    return _typed(rows, _TRADED)


def _fills(connection: sa.Connection, of_day: sa.Select[Any]) -> pl.DataFrame:
    fills, trades = schema.fills.c, schema.trades.c
    query = (
        sa.select(
            fills.trade_id, fills.side, sa.func.min(fills.at_ms).label("at_ms"),
            sa.func.max(fills.at_ms).label("last_ms"), sa.func.count().label("fills"),
            sa.func.count(sa.distinct(fills.order_id)).label("orders"),
        )
        .join(schema.trades, trades.trade_id == fills.trade_id)
        .where(trades.signal_set_id.in_(of_day))
        .group_by(fills.trade_id, fills.side)
    )  # fmt: skip
    return _frame(connection, query, _FILLED)


def _frame(connection: sa.Connection, query: sa.Select[Any], columns: dict[str, Type]) -> pl.DataFrame:
    return _typed([dict(row) for row in connection.execute(query).mappings()], columns)


def _typed(rows: list[dict[str, Any]], columns: dict[str, Type]) -> pl.DataFrame:
    data = {
        name: [
            None if row[name] is None else float(row[name]) if dtype == pl.Float64 else row[name]
            for row in rows
        ]
        for name, dtype in columns.items()
    }
    return pl.DataFrame({name: pl.Series(name, data[name], dtype=dtype) for name, dtype in columns.items()})
