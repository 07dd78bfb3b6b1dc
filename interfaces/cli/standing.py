"""What of the order log and the lake answers "why is nothing trading?". Reads only."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trading.store.lake import Lake
    from trading.store.order_log import OrderLog

# Whether a person's own orders can be trusted hangs on these.
UNCLEAR = ("UNKNOWN", "LOST")
_DAY_MS = 86_400_000


def trading(log: "OrderLog", *, audit: bool) -> dict[str, Any]:
    """Return users, orders, positions, gates, what kept users out, workers and reconciliation."""
    from trading.market.timeframes import from_ms
    from trading.store.order_log import standing

    database, now_ms = log.database, _wall_ms()
    states, newest = standing.orders(database), standing.newest_set(database)
    users = standing.users(database)
    open_trades = log.open_trades().select("user_id", "symbol", "held", "open_price", "open_at", "held_up")
    halts = log.halts.active()
    strategies = [found for found in log.canaries.all() if found.state != "promoted"]
    since_ms = 0 if newest is None else newest["created_ms"] - _DAY_MS
    if newest is not None:
        times = {f"{name}_at": from_ms(newest[f"{name}_ms"]) for name in ("created", "expires")}
        newest |= times | {"bar_time": from_ms(newest["bar_ms"])}
    return {
        "users": users,
        "open_trades": open_trades.to_dicts(),
        "closed_trades": sum(user["closed_trades"] for user in users),
        "orders": states,
        "orders_not_taken": standing.not_taken(database),
        "orders_unaccounted": sum(states.get(name, 0) for name in UNCLEAR),
        "signal_set": newest,
        "halts": [halt.in_words() for halt in halts],
        "stops_all": any(halt.subject is None for halt in halts),
        "new_strategies": [f"{found.strategy_id} is {found.state}: {found.why}" for found in strategies],
        "gates": _gates(log, users),
        "blocking": [row | {"said": _said(row)} for row in standing.blocking(database, since_ms)],
        "reconciliation": standing.reconciliation(database, now_ms),
        "problems": log.breaks() if audit else None,
    } | standing.working(database, now_ms)


@dataclass(frozen=True, slots=True)
class _Pointer:
    """What `model_views.standing` asks of a registry, from its journal alone: loads no library."""

    journal: Any
    max_age: timedelta

    def is_expired(self, at: datetime) -> bool:
        now = self.journal.standing()
        return now.model_id is not None and now.since is not None and at - now.since > self.max_age


def model(models: Path, now: datetime | None) -> dict[str, Any]:
    """Return who is champion and who is watched by the folder `models`, in words too; loads no model."""
    from interfaces.cli.model_views import standing
    from trading.learning.journal import MAX_AGE, Journal

    return standing(_Pointer(Journal(models / "history.jsonl"), MAX_AGE), now or datetime.now(UTC))


def gates_of_research(lake: "Lake") -> list[dict[str, Any]]:
    """Return what held back entries of the newest bar before they became signals: news, regime, model."""
    import polars as pl

    newest = lake.latest("signals")
    if newest is None:
        return []
    rows = lake.read("signals", newest.version_id)
    if "is_candidate" not in rows.columns or rows.is_empty():
        return []
    last = rows.filter(pl.col("open_time") == pl.col("open_time").max())
    held = last.filter(pl.col("is_candidate") & ~pl.col("is_entry"))
    return (
        [_gate("signals", f"{held.height} candidates of the newest bar", held["reason"][0])]
        if held.height
        else []
    )


def _gates(log: "OrderLog", users: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every gate that keeps entries out now: people's, the engine's, the users' own."""
    from trading.store.order_log import standing

    market_ms = log.history.newest_ms() or 0
    gates = [_gate("halt", halt.subject or "everybody", halt.in_words()) for halt in log.halts.active()]
    gates += [
        _gate("suspended", symbol, found.reason) for symbol, found in sorted(log.suspensions.active().items())
    ]
    gates += [
        _gate("news", symbol, found.reason)
        for symbol, found in sorted(log.news_holds.active(market_ms).items())
    ]
    gates += [
        _gate("frozen account", f"{row['user_id']} {row['symbol'] or 'all symbols'}", row["reason"])
        for row in standing.reconciliation(log.database, _wall_ms())["frozen"]
    ]
    gates += [
        _gate("strategy", found.strategy_id, f"{found.state}: {found.why}")
        for found in log.canaries.all()
        if found.state != "promoted"
    ]
    paused = sum(bool(user["is_paused"]) for user in users)
    gates += (
        [_gate("paused", f"{paused} of {len(users)} users", "by the users, or for them")] if paused else []
    )
    for state, count in standing.keys(log.database).items():
        gates += [_gate("keys", f"{count} users", f"their key is {state}")] if state != "proven" else []
    return gates


def _gate(kind: str, whom: str, why: str) -> dict[str, Any]:
    return {"gate": kind, "whom": whom, "why": why}


def _said(row: dict[str, Any]) -> str:
    """Say a rule with its numbers: `max_positions 5 of 5`; in the log's words where it counts nothing."""
    if row["value"] is None or row["bound"] is None:
        return f"{row['rule']}: {row['reason']}"
    return f"{row['rule']} {row['value']:g} of {float(row['bound']):g}"


def _wall_ms() -> int:
    from trading.market.clock import SystemClock

    return SystemClock().now_ms()
