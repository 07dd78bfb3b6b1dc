"""`sluice status`: is it trading, and if not, why. Reads lake, order log and heartbeat; writes nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.store.lake import Lake
    from trading.store.order_log import OrderLog

app = typer.Typer(help="Is it trading, and if not, why: ages, counts, open positions.")
SHOWN_TABLES = (
    "markets",
    "tickers",
    "ohlcv_days",
    "screened_symbols",
    "indicators",
    "signals",
    "backtest_results",
    "approved_symbols",
    "trade_pool",
    "signal_model",
)
# Whether a person's own orders can be trusted hangs on these.
UNCLEAR = ("UNKNOWN", "LOST")
NOT_TAKEN = ("VOID", "REJECTED")
# More users than this are a wall of lines; --json has all.
MAX_USERS = 20


@app.command()
def status(as_json: AsJson = False) -> None:
    """Print the state of the current world."""
    from resources.settings import load_settings
    from trading.store.lake import Lake

    settings = load_settings()
    found = report(settings, Lake(settings.lake_dir))
    if as_json:
        print_json(found)
    else:
        _print(found)


def report(settings: "Settings", lake: "Lake") -> dict[str, Any]:
    """Return what is known: verdict, tables, engine, exchange, cache, users, orders, problems."""
    from interfaces.cli import vitals
    from interfaces.cli.world import order_log

    found: dict[str, Any] = {
        "world": settings.world,
        "engine": vitals.engine(settings),
        "exchange": vitals.exchange(settings),
        "cache": vitals.cache(settings),
        "users": [],
        "open_trades": [],
        "closed_trades": 0,
        "orders": {},
        "orders_not_taken": {},
        "orders_unaccounted": 0,
        "signal_set": None,
        "halts": [],
        "stops_all": False,
        "new_strategies": [],
        "problems": [],
    }
    with order_log(settings) as log:
        if log is not None:
            found |= _trading(log)
    now = _market_now(found, lake)
    found["market_now"] = now
    found["tables"] = _tables(lake, now)
    if found["signal_set"] is not None and now is not None:
        found["signal_set"]["is_expired"] = now >= found["signal_set"]["expires_at"]
    found["verdict"] = _verdict(lake, found)
    return found


def _tables(lake: "Lake", now: datetime | None) -> list[dict[str, Any]]:
    # The newest look counts: content that did not change keeps its first version.
    newest = [
        (version, lake.looked_at(name) or version.created_at)
        for name in SHOWN_TABLES
        if (version := lake.latest(name)) is not None
    ]
    return [
        {
            "table": version.asset,
            "rows": version.rows,
            "as_of": at,
            "age_h": None if now is None else round((now - at).total_seconds() / 3600, 2),
            "version": version.version_id,
        }
        for version, at in newest
    ]


def _market_now(found: Mapping[str, Any], lake: "Lake") -> datetime | None:
    """Return the newest market time that anybody here knows of."""
    from trading.market.timeframes import from_ms

    told = [found["exchange"]["market_ms"], found["engine"].get("market_ms")]
    times = [from_ms(int(ms)) for ms in told if ms is not None]
    newest = [at for name in SHOWN_TABLES if (at := lake.looked_at(name)) is not None]
    return max([*times, *newest], default=None)


def _trading(log: "OrderLog") -> dict[str, Any]:
    import polars as pl

    intents, sets = log.intents(), log.signal_sets()
    counts = intents.group_by("status").len().sort("len", descending=True)
    not_taken = intents.filter(pl.col("status").is_in(NOT_TAKEN) & pl.col("reason").is_not_null())
    reasons = not_taken.group_by("reason").len().sort("len", "reason", descending=[True, False])
    open_trades = log.open_trades().select("user_id", "symbol", "held", "open_price", "open_at", "held_up")
    return {
        "users": log.user_summary().to_dicts(),
        "open_trades": open_trades.to_dicts(),
        "closed_trades": log.closed_trades().height,
        "orders": dict(counts.iter_rows()),
        "orders_not_taken": dict(reasons.iter_rows()),
        "orders_unaccounted": intents.filter(pl.col("status").is_in(UNCLEAR)).height,
        "signal_set": sets.row(-1, named=True) if sets.height else None,
        "halts": [halt.in_words() for halt in log.halts.active()],
        "stops_all": any(halt.subject is None for halt in log.halts.active()),
        "new_strategies": [
            f"{found.strategy_id} is {found.state}: {found.why}"
            for found in log.canaries.all()
            if found.state != "promoted"
        ],
        "problems": log.breaks(),
    }


def _verdict(lake: "Lake", found: Mapping[str, Any]) -> str:
    """Say in one sentence whether it trades, and if not, the first thing in the way."""
    from interfaces.cli.funnel import summary

    if not found["tables"]:
        return "nothing yet. Next: sluice run"
    runs, positions = found["engine"]["is_running"], len(found["open_trades"])
    if positions and not runs:
        return f"{positions} open positions and NO engine watches their exits. Next: sluice dev"
    if found["stops_all"] or positions:
        halted = f"no entries: {found['halts'][0]} (sluice halts)" if found["stops_all"] else "trading"
        return f"{halted}, {positions} open positions, {found['closed_trades']} closed trades."
    stages = summary(lake)
    dry = next((stage for stage in stages if stage["out"] == 0), None)
    if dry is not None:
        return f"not trading: nothing passed {dry['stage']} ({dry['main_reason']}). Next: sluice funnel"
    if not any(stage["stage"] == "approval" for stage in stages):
        return "not trading: no backtest has been judged yet. Next: sluice run"
    return _waiting(found, approved=stages[-1]["out"], runs=runs)


def _waiting(found: Mapping[str, Any], *, approved: int, runs: bool) -> str:
    """Say what approved symbols wait for."""
    standing = f"approved symbols: {approved}, closed trades: {found['closed_trades']}"
    if not found["users"]:
        return f"not trading: {standing}; nobody is there to trade. Next: sluice users --help"
    if all(user["is_paused"] for user in found["users"]):
        return f"not trading: {standing}; every user is paused. Next: sluice users --help"
    if not runs:
        return f"not trading: {standing}; no engine runs ({found['engine']['said']}). Next: sluice dev"
    batch = found["signal_set"]
    if batch is None:
        return f"waiting: {standing}; no signal has come yet."
    if batch.get("is_expired"):
        return f"waiting: {standing}; the newest signal set expired at {batch['expires_at']:%Y-%m-%d %H:%M}."
    return f"trading: {standing}; a signal set of {batch['signals']} is being offered."


def _print(found: Mapping[str, Any]) -> None:
    print(f"World {found['world']}: {found['verdict']}")
    for name in ("engine", "exchange", "cache"):
        print(f"  {name}: {found[name]['said']}")
    if found["orders"]:
        told = ", ".join(f"{count:,} {state.lower()}" for state, count in found["orders"].items())
        print(f"  orders: {told}")
    for reason, count in list(found["orders_not_taken"].items())[:3]:
        print(f"  {count:,} orders came to nothing: {reason[:200]!r}")
    for line in found["halts"]:
        print(f"  halt: {line}")
    for line in found["new_strategies"]:
        print(f"  strategy {line}")
    batch = found["signal_set"]
    if batch is not None:
        print(
            f"  newest signal set: {batch['signals']} signals of the bar {batch['bar_time']:%Y-%m-%d %H:%M}, "
            f"{batch['signal_set_id']}"
        )
    tables = [{name: row[name] for name in ("table", "rows", "as_of", "age_h")} for row in found["tables"]]
    print_table(tables, title="Newest tables (market time, UTC)", empty="none")
    columns = ["user_id", "mode", "is_paused", "orders", "fills", "open_trades", "closed_trades", "pnl_quote"]
    users = [{name: row[name] for name in columns} for row in found["users"][:MAX_USERS]]
    print_table(users, title="Users", empty="nobody trades here yet")
    if len(found["users"]) > MAX_USERS:
        print(f"… and {len(found['users']) - MAX_USERS:,} more; --json has all")
    print_table(found["open_trades"], title="Open positions", empty="none")
    for problem in found["problems"]:
        print(f"! {problem}")
