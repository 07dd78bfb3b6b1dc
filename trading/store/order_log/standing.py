"""Where a world stands, for `sluice status`: counts and sums by SQL, so that a thousand users cost little.

For people: sums of money are floats here. No trading decision reads these.
"""

from typing import Any

import sqlalchemy as sa

from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.schema_reconcile import account_checks, freezes
from trading.store.order_log.schema_shards import shards, workers
from trading.store.order_log.schema_users import user_keys

_NOT_SENT = ("NEW", "VOID")
_NOT_TAKEN = ("VOID", "REJECTED")


def users(database: Database) -> list[dict[str, Any]]:
    """Return one row per user: settings, and orders, fills, trades, P&L of closed ones, skips."""
    u, i, f, t, s = (
        table.c for table in (schema.users, schema.intents, schema.fills, schema.trades, schema.skips)
    )
    found = {
        row["user_id"]: dict(row) | dict.fromkeys(_COUNTED, 0) | {"pnl_quote": 0.0}
        for row in _rows(
            database, sa.select(u.user_id, u.name, u.mode, u.capital, u.is_paused).order_by(u.user_id)
        )
    }
    count, pnl = sa.func.count(), sa.func.sum(sa.cast(t.pnl_quote, sa.Double))
    queries = (
        sa.select(i.user_id, count.label("orders")).where(i.status.not_in(_NOT_SENT)).group_by(i.user_id),
        sa.select(f.user_id, count.label("fills")).group_by(f.user_id),
        sa.select(t.user_id, count.label("open_trades")).where(t.is_closed.is_(False)).group_by(t.user_id),
        sa.select(t.user_id, count.label("closed_trades"), pnl.label("pnl_quote"))
        .where(t.is_closed.is_(True))
        .group_by(t.user_id),
        sa.select(s.user_id, count.label("skips")).group_by(s.user_id),
    )
    for query in queries:
        for row in _rows(database, query):
            if row["user_id"] in found:
                found[row["user_id"]].update(row)
    return list(found.values())


_COUNTED = ("orders", "fills", "open_trades", "closed_trades", "skips")


def orders(database: Database) -> dict[str, int]:
    """Return intents by status, most first."""
    status, count = schema.intents.c.status, sa.func.count()
    rows = _rows(database, sa.select(status, count.label("n")).group_by(status).order_by(count.desc()))
    return {row["status"]: row["n"] for row in rows}


def not_taken(database: Database) -> dict[str, int]:
    """Return why orders came to nothing, most first."""
    i, count = schema.intents.c, sa.func.count()
    query = sa.select(i.reason, count.label("n")).where(i.status.in_(_NOT_TAKEN), i.reason.is_not(None))
    rows = _rows(database, query.group_by(i.reason).order_by(count.desc(), i.reason))
    return {row["reason"]: row["n"] for row in rows}


def newest_set(database: Database) -> dict[str, Any] | None:
    """Return the newest signal set of entries with its number of signals."""
    sets, parts = schema.signal_sets.c, schema.decisions.c
    signals = sa.select(sa.func.count()).where(parts.signal_set_id == sets.signal_set_id).scalar_subquery()
    query = sa.select(
        sets.signal_set_id,
        sets.timeframe,
        sets.bar_ms,
        sets.created_ms,
        sets.expires_ms,
        signals.label("signals"),
    )
    newest = query.order_by(sets.created_ms.desc(), sets.signal_set_id.desc()).limit(1)
    return next(iter(_rows(database, newest)), None)


def blocking(database: Database, since_ms: int) -> list[dict[str, Any]]:
    """Return what kept users out of the sets made since, by rule and numbers: most users first.

    `value` is the largest measured (a float); rows with the same bound are one.
    """
    s, sets = schema.skips.c, schema.signal_sets.c
    of = sa.select(sets.signal_set_id).where(sets.created_ms >= since_ms)
    people = sa.func.count(sa.distinct(s.user_id))
    query = sa.select(
        s.rule, people.label("users"), sa.func.count().label("times"),
        sa.func.max(sa.cast(s.value, sa.Double)).label("value"), s.bound,
        sa.func.min(s.reason).label("reason"),
    ).where(s.signal_set_id.in_(of)).group_by(s.rule, s.bound).order_by(people.desc(), s.rule)  # fmt: skip
    return _rows(database, query)


def keys(database: Database) -> dict[str, int]:
    """Return linked keys by state."""
    state = user_keys.c.state
    return {
        row["state"]: row["n"]
        for row in _rows(database, sa.select(state, sa.func.count().label("n")).group_by(state))
    }


def working(database: Database, now_wall_ms: int) -> dict[str, Any]:
    """Return the engine's workers and their shards; `unheld` are shards whose lease nobody renews."""
    held = [row for row in _rows(database, sa.select(shards)) if row["owner"] is not None]
    live = [row for row in held if row["until_wall_ms"] > now_wall_ms]
    rows = [
        {
            "worker": row["worker_id"],
            "beat_age_s": round((now_wall_ms - row["beat_wall_ms"]) / 1000, 1),
            "shards": sum(each["owner"] == row["worker_id"] for each in live),
        }
        for row in _rows(database, sa.select(workers).order_by(workers.c.started_wall_ms))
    ]
    return {"workers": rows, "shards_held": len(live)}


def reconciliation(database: Database, now_wall_ms: int) -> dict[str, Any]:
    """Return accounts by the outcome of their last check, the oldest check's age, and what is frozen."""
    checks = _rows(database, sa.select(account_checks.c.outcome, account_checks.c.at_wall_ms))
    done = [row for row in checks if row["outcome"] is not None]
    outcomes: dict[str, int] = {}
    for row in done:
        outcomes[row["outcome"]] = outcomes.get(row["outcome"], 0) + 1
    oldest = min((row["at_wall_ms"] for row in done if row["at_wall_ms"]), default=None)
    held = sa.select(freezes.c.user_id, freezes.c.symbol, freezes.c.reason).where(
        freezes.c.lifted_wall_ms.is_(None)
    )
    return {
        "outcomes": outcomes,
        "oldest_check_s": None if oldest is None else round((now_wall_ms - oldest) / 1000, 1),
        "frozen": _rows(database, held.order_by(freezes.c.at_wall_ms)),
    }


def _rows(database: Database, query: sa.Select[Any]) -> list[dict[str, Any]]:
    with database.read() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
