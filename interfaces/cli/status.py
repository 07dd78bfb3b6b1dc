"""`sluice status`: is it trading, and if not, why. Reads lake, order log and heartbeat; writes nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from resources.settings import Settings
    from trading.store.lake import Lake
    from trading.store.order_log import OrderLog

    Opener = Callable[[Settings], AbstractContextManager[OrderLog | None]]

app = typer.Typer(help="Is it trading, and if not, why: ages, counts, open positions.")
GONE_S = 30.0  # a worker that holds nothing and was silent for so long is called gone
SHOWN_TABLES = (
    "markets",
    "tickers",
    "ohlcv_days",
    "screened_symbols",
    "indicators",
    "signals",
    "backtest_results",
    "approved_symbols",
    "decision_snapshots",
    "trade_pool",
    "champion",
)
# More users than this are a wall of lines; --json has all.
MAX_USERS = 20


@app.command()
def status(
    queue: Annotated[bool, Option("--queue", help="What being served later costs, by place.")] = False,
    latency: Annotated[bool, Option("--latency", help="From fresh signals to the first order.")] = False,
    audit: Annotated[
        bool, Option("--audit", help="Check the ledger too: a second per 20,000 orders.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say why nothing is trading, or that it is; then where each thing stands."""
    from resources.settings import load_settings
    from trading.store.lake import Lake

    settings = load_settings()
    if queue:
        _print_queue(settings, as_json=as_json)
        return
    if latency:
        _print_latency(settings, as_json=as_json)
        return
    found = report(settings, Lake(settings.lake_dir), audit=audit)
    if as_json:
        print_json(found)
    else:
        _print(found)


def report(
    settings: "Settings", lake: "Lake", *, audit: bool = False, opened: "Opener | None" = None
) -> dict[str, Any]:
    """Return what is known: verdict, gates, blocking rules, tables, workers, users, orders, problems.

    `opened` gives the order log; default: as every command opens it.
    """
    from interfaces.cli import standing, vitals
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
        "gates": [],
        "blocking": [],
        "workers": [],
        "shards_held": 0,
        "reconciliation": {"outcomes": {}, "oldest_check_s": None, "frozen": []},
        "problems": None,
    }
    with (opened or order_log)(settings) as log:
        if log is not None:
            found |= standing.trading(log, audit=audit)
    now = _market_now(found, lake)
    found["market_now"] = now
    found["tables"] = _tables(lake, now)
    if found["signal_set"] is not None and now is not None:
        found["signal_set"]["is_expired"] = now >= found["signal_set"]["expires_at"]
    found["oldest_input"] = max(found["tables"], key=lambda row: row["age_h"] or 0.0, default=None)
    found["gates"] += standing.gates_of_research(lake)
    found["model"] = standing.model(settings.world_dir / "models", now)
    said = _verdict(lake, found).rstrip("."), _blocked(found)
    found["verdict"] = ". ".join(filter(None, said))
    return found


def _blocked(found: Mapping[str, Any]) -> str:
    """Name the rule that kept most users out of the newest day's signals; empty where none did."""
    if not found["blocking"]:
        return ""
    first = found["blocking"][0]
    return f"Kept out most: {first['users']} users, {first['said']}."


def _print_latency(settings: "Settings", *, as_json: bool) -> None:
    import dagster as dg

    from interfaces.cli.world import order_log
    from resources.latency import signal_to_order

    rows: list[dict[str, Any]] = []
    with order_log(settings) as log, dg.DagsterInstance.get() as instance:
        if log is not None:
            rows = signal_to_order(instance, log)
    shown = rows if as_json else rows[:MAX_USERS]
    print_table(shown, title="Wall seconds by part, newest first", as_json=as_json, empty="no signal set yet")


def _print_queue(settings: "Settings", *, as_json: bool) -> None:
    from interfaces.cli.world import order_log
    from trading.monitoring.figures import places
    from trading.monitoring.live import live_rows
    from trading.store.candles import CandleStore
    from trading.store.lake import Lake

    rows: list[dict[str, Any]] = []
    with order_log(settings) as log:
        if log is not None:
            rows = places(live_rows(log, Lake(settings.lake_dir), CandleStore(settings.lake_dir))).to_dicts()
    title = (
        "Price by place in the rotation (behind_first, slippage: fractions of the price; waited_s: market)"
    )
    print_table(rows, title=title, as_json=as_json, empty="nobody has bought yet")


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
    print(f"  models: {found['model']['said']}")
    for line in found["new_strategies"]:
        print(f"  strategy {line}")
    _print_engine(found)
    batch = found["signal_set"]
    if batch is not None:
        print(
            f"  newest signal set: {batch['signals']} signals of the bar {batch['bar_time']:%Y-%m-%d %H:%M}, "
            f"{batch['signal_set_id']}"
        )
    print_table(found["gates"][:MAX_USERS], title="Closed gates", empty="none")
    blocking = [{name: row[name] for name in ("rule", "users", "times", "value", "bound", "reason")}
                for row in found["blocking"][:MAX_USERS]]  # fmt: skip
    print_table(blocking, title="What kept users out, newest market day", empty="nothing")
    tables = [{name: row[name] for name in ("table", "rows", "as_of", "age_h")} for row in found["tables"]]
    print_table(tables, title="Newest tables (market time, UTC)", empty="none")
    columns = ["user_id", "mode", "is_paused", "orders", "fills", "open_trades", "closed_trades", "pnl_quote"]
    users = [{name: row[name] for name in columns} for row in found["users"][:MAX_USERS]]
    print_table(users, title="Users", empty="nobody trades here yet")
    if len(found["users"]) > MAX_USERS:
        print(f"… and {len(found['users']) - MAX_USERS:,} more; --json has all")
    print_table(found["open_trades"][:MAX_USERS], title="Open positions", empty="none")
    if len(found["open_trades"]) > MAX_USERS:
        print(f"… and {len(found['open_trades']) - MAX_USERS:,} more; --json has all")
    for problem in found["problems"] or []:
        print(f"! {problem}")


def _print_engine(found: Mapping[str, Any]) -> None:
    """Print workers with their shards, reconciliation, and the oldest of the line's inputs."""
    for row in found["workers"]:
        is_gone = row["shards"] == 0 and row["beat_age_s"] > GONE_S
        shards = "gone" if is_gone else f"{row['shards']} shards"
        print(f"  worker {row['worker']}: {shards}, beat {row['beat_age_s']:.0f} s ago")
    outcomes = found["reconciliation"]["outcomes"]
    if outcomes:
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(outcomes.items()))
        age = found["reconciliation"]["oldest_check_s"]
        print(f"  reconciliation: accounts {told}; oldest check {age:,.0f} s ago (sluice reconcile)")
    oldest = found["oldest_input"]
    if oldest is not None and oldest["age_h"] is not None:
        print(f"  oldest input: {oldest['table']}, {oldest['age_h']} h of market time")
