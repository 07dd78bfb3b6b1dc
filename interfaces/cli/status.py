"""`sluice status`: is it trading, and if not, why. Reads lake and order log; opens nothing for writing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.store.lake import Lake

app = typer.Typer(help="Is it trading, and if not, why: ages, counts, open positions.")
SHOWN_TABLES = ("markets", "tickers", "screened_symbols", "signals", "backtest_results", "approved_symbols")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Print the state of the current world."""
    from resources.settings import load_settings
    from trading.store.lake import Lake

    settings = load_settings()
    found = report(settings, Lake(settings.lake_dir))
    if as_json:
        print_json(found)
        return
    print(f"World {found['world']}: {found['verdict']}")
    print_table(found["tables"], title="Newest tables (market time)", empty="none")
    print_table(found["users"], title="Users", empty="nobody trades here yet")
    print_table(found["open_trades"], title="Open positions", empty="none")
    for problem in found["problems"]:
        print(f"! {problem}")


def report(settings: "Settings", lake: "Lake") -> dict[str, Any]:
    """Return what is known: verdict, tables, users, open trades, problems."""
    newest = [version for name in SHOWN_TABLES if (version := lake.latest(name)) is not None]
    tables = [
        {"table": v.asset, "rows": v.rows, "as_of": v.created_at, "version": v.version_id} for v in newest
    ]
    found: dict[str, Any] = {
        "world": settings.world,
        "tables": tables,
        "users": [],
        "open_trades": [],
        "closed_trades": 0,
        "orders_unaccounted": 0,
        "problems": [],
    }
    found |= _from_order_log(settings)
    found["verdict"] = _verdict(lake, found)
    return found


def _from_order_log(settings: "Settings") -> dict[str, Any]:
    # Opening a SQLite log would create it; a status must not.
    path = settings.database_url.removeprefix("sqlite:///")
    if path != settings.database_url:
        from pathlib import Path

        if not Path(path).is_file():
            return {}
    import polars as pl

    from trading.store.order_log import OrderLog

    log = OrderLog(settings.database_url)
    try:
        intents = log.intents()
        return {
            "users": log.user_summary().to_dicts(),
            "open_trades": log.open_trades()
            .select("user_id", "symbol", "held", "open_price", "held_up")
            .to_dicts(),
            "closed_trades": log.closed_trades().height,
            "orders_unaccounted": intents.filter(pl.col("status").is_in(["UNKNOWN", "LOST"])).height,
            "problems": log.breaks(),
        }
    finally:
        log.close()


def _verdict(lake: "Lake", found: Mapping[str, Any]) -> str:
    from interfaces.cli.funnel import summary

    if not found["tables"]:
        return "nothing yet. Next: sluice run"
    if found["open_trades"]:
        return f"trading, {len(found['open_trades'])} open positions, {found['closed_trades']} closed trades."
    stages = summary(lake)
    dry = next((stage for stage in stages if stage["out"] == 0), None)
    if dry is not None:
        return f"not trading: nothing passed {dry['stage']} ({dry['main_reason']}). Next: sluice funnel"
    if not any(stage["stage"] == "approval" for stage in stages):
        return "not trading: no backtest has been judged yet. Next: sluice run"
    return f"no open positions; {found['closed_trades']} closed trades. Approved symbols wait for a signal."
