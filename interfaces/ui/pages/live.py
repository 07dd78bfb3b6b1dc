"""Live: what is held, what is under way, which exits are armed, who may not buy; and the way to stop it."""

import json
from collections.abc import Mapping
from typing import Any

from interfaces.cli import halting, vitals
from interfaces.ui import sections
from interfaces.ui.foreign import clean
from interfaces.ui.pages.standing import money_of
from interfaces.ui.sections import Section
from interfaces.ui.world import World
from trading.market.timeframes import from_ms

SHOWN_POSITIONS, SHOWN_ORDERS = 2_000, 200


def data(world: World, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return halts that hold, and the sections: signs, exposure, positions, orders, workers, streams."""
    del asked
    engine = vitals.engine(world.settings)
    with world.log() as log:
        if log is None:
            return {"halts": [], "sections": [sections.words("Live", ["No order log yet. Next: sluice run"])]}
        return {
            "halts": [_halt(row) for row in map(halting.row, log.halts.active())],
            "sections": [
                _signs(engine, log),
                *map(money_of, _screens().money(log.database)),
                _exposure(log),
                _positions(log, engine),
                _orders(log),
                _latency(log),
                _workers(log),
                *_streams(engine),
                _limiter(world),
                _past_halts(log),
            ],
        }


def _screens() -> Any:
    from trading.store.order_log import screens

    return screens


def _halt(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in ("halt_id", "kind", "scope", "subject", "placed_by", "at", "why")}
    return dict(clean(shown))


def _signs(engine: Mapping[str, Any], log: Any) -> Section:
    found = _screens().counts(log.database)
    opened = ", ".join(f"{count:,} {mode}" for mode, count in sorted(found["open"].items())) or "0"
    streams = engine.get("streams")
    boxes = [
        ("Engine", "running" if engine["is_running"] else "off", engine["said"]),
        ("Open positions", opened, "paper and live apart"),
        ("Orders in flight", f"{found['in_flight']:,}", "intended or sent, not final"),
        ("Accounts reconciled", f"{engine.get('reconciled', 0):,}", "of the leading worker"),
        ("Streams", "–" if not streams else f"{_count(streams)}", "of accounts and market"),
    ]
    return sections.figures("Now", boxes)


def _count(streams: Any) -> str:
    return f"{len(streams):,}" if isinstance(streams, list | dict) else str(streams)[:40]


def _exposure(log: Any) -> Section:
    columns = [
        ("mode", "Money", "mode"),
        ("symbol", "Symbol", "symbol"),
        ("users", "Users", "number"),
        ("positions", "Positions", "number"),
        ("cost_quote", "Cost of what is held", "money"),
    ]
    return sections.table(
        "Fleet exposure", columns, _screens().exposure(log.database), empty="Nothing is held."
    )


def _positions(log: Any, engine: Mapping[str, Any]) -> Section:
    rows = _screens().positions(log.database, SHOWN_POSITIONS)
    now_ms = engine.get("market_ms") or log.history.newest_ms() or 0
    armed = [
        row
        | {
            "opened": from_ms(row["opened_ms"]),
            "deadline": from_ms(row["deadline_ms"]),
            "left": round((row["deadline_ms"] - now_ms) / 60_000, 1),
            "armed": _armed(row),
        }
        for row in rows
    ]
    columns = [
        ("user_id", "User", "user"),
        ("symbol", "Symbol", "symbol"),
        ("mode", "Money", "mode"),
        ("held", "Held", "number"),
        ("open_price", "Paid", "price"),
        ("stop_price", "Stop", "price"),
        ("target_price", "Target", "price"),
        ("left", "Minutes left", "number"),
        ("armed", "Exits armed", "text"),
        ("held_up", "Held up by", "text"),
        ("opened", "Opened", "time"),
    ]
    said = "" if engine["is_running"] or not rows else "No engine runs: nobody watches these exits."
    return sections.table("Open positions", columns, armed, empty="No position is open.", said=said)


def _armed(row: Mapping[str, Any]) -> str:
    exits = ["stop"] + (["target"] if row["target_price"] is not None else []) + ["deadline"]
    terms = json.loads(row["exits"]) if row["exits"] else {}
    if terms.get("trailing_stop") is not None:
        exits.append(f"trailing stop {float(terms['trailing_stop']):.2%}")
    if terms.get("ladder"):
        exits.append(f"ladder of {len(terms['ladder'])}")
    if terms.get("exit_source"):
        exits.append(f"signals of {terms['exit_source']}")
    return ", ".join(exits)


def _orders(log: Any) -> Section:
    rows = [
        row | {"created": from_ms(row["created_ms"]), "changed": from_ms(row["changed_wall_ms"])}
        for row in _screens().orders(log.database, SHOWN_ORDERS)
    ]
    columns = [
        ("changed", "Changed (wall)", "time"),
        ("user_id", "User", "user"),
        ("symbol", "Symbol", "symbol"),
        ("side", "Side", "text"),
        ("type", "Type", "text"),
        ("amount", "Amount", "number"),
        ("price", "Price", "price"),
        ("filled", "Executed", "number"),
        ("status", "Status", "tag"),
        ("reason", "Why", "text"),
        ("exit_reason", "Exit", "text"),
    ]
    return sections.table(
        f"Newest {SHOWN_ORDERS} orders", columns, rows, empty="No order yet.", name="orders"
    )


def _latency(log: Any) -> Section:
    rows = _screens().orders(log.database, SHOWN_ORDERS)
    waits = sorted(
        row["sent_wall_ms"] - row["created_wall_ms"] for row in rows if row["sent_wall_ms"] is not None
    )
    answers = sorted(
        row["changed_wall_ms"] - row["sent_wall_ms"]
        for row in rows
        if row["sent_wall_ms"] is not None and row["status"] == "DONE"
    )
    boxes = [
        ("Written to sent, median", _ms(waits, 0.5), f"{len(waits)} newest orders"),
        ("Written to sent, 95 %", _ms(waits, 0.95), "wall time, the limiter's queue included"),
        ("Sent to final, median", _ms(answers, 0.5), f"{len(answers)} orders that are done"),
        ("Sent to final, 95 %", _ms(answers, 0.95), "a resting order waits for its price"),
    ]
    return sections.figures("Latency of the newest orders", boxes)


def _ms(values: list[int], share: float) -> str:
    if not values:
        return "–"
    at = values[min(len(values) - 1, int(share * len(values)))]
    return f"{at:,} ms" if at < 10_000 else f"{at / 1000:,.1f} s"


def _workers(log: Any) -> Section:
    from trading.market.clock import SystemClock
    from trading.store.order_log import standing

    found = standing.working(log.database, SystemClock().now_ms())
    columns = [
        ("worker", "Worker", "text"),
        ("shards", "Shards", "number"),
        ("beat_age_s", "Beat ago", "age"),
    ]
    said = f"{found['shards_held']} shards are held by a worker that renews its lease."
    return sections.table(
        "Engine workers and shards", columns, found["workers"], said=said, empty="No worker."
    )


def _streams(engine: Mapping[str, Any]) -> list[Section]:
    streams = engine.get("streams")
    if isinstance(streams, dict):
        boxes = [
            (str(name).replace("_", " ").capitalize(), str(value), "") for name, value in streams.items()
        ]
        return [sections.figures("Streams", boxes)]
    return []


def _limiter(world: World) -> Section:
    files = sorted(world.settings.limiter_dir.glob("*")) if world.settings.limiter_dir.is_dir() else []
    boxes = [("Rate", f"{world.settings.exchange.rate_per_s:g} / s", "requests allowed by the settings")]
    boxes += [("Budgets on disk", f"{len(files)}", "shared by every process of this address")]
    return sections.figures("Limiter", boxes)


def _past_halts(log: Any) -> Section:
    rows = [halting.row(halt) for halt in reversed(log.halts.all())][:200]
    columns = [
        ("kind", "Kind", "tag"),
        ("scope", "Scope", "text"),
        ("subject", "Of", "text"),
        ("placed_by", "By", "text"),
        ("at", "At (wall)", "time"),
        ("why", "Why", "text"),
        ("lifted_by", "Lifted by", "text"),
        ("lifted_at", "Lifted", "time"),
        ("lifted_why", "Why lifted", "text"),
        ("halt_id", "Id", "text"),
    ]
    return sections.table(
        "Every halt there was", columns, rows, empty="Nothing was ever stopped.", name="halts"
    )
