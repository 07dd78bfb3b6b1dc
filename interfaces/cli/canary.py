"""`sluice canary`: which strategies are new, how they do with few users; promote or stop one."""

from typing import Annotated

import typer
from typer import Argument

from interfaces.cli import halting
from interfaces.cli.output import AsJson, print_json, print_table

app = typer.Typer(help="New strategies trade few users first: list, promote, stop.", no_args_is_help=True)
Strategy = Annotated[str, Argument(help="Which strategy; `sluice canary list` names them.")]


@app.command(name="list")
def list_canaries(as_json: AsJson = False) -> None:
    """List every strategy that was seen, with what its trades came to."""
    from dataclasses import asdict

    from interfaces.cli.world import order_log
    from resources.settings import load_settings
    from trading.market.timeframes import from_ms

    rows = []
    with order_log(load_settings()) as log:
        for found in [] if log is None else log.canaries.all():
            trades, profit = log.canaries.progress(found.strategy_id)
            row = asdict(found) | {"users": ", ".join(found.users), "since": from_ms(found.since_ms)}
            rows.append(row | {"closed_trades": trades, "profit_over_cost": profit})
    columns = [
        "strategy_id",
        "state",
        "users",
        "since",
        "closed_trades",
        "profit_over_cost",
        "changed_by",
        "why",
    ]
    print_table(rows, columns, title="Strategies", as_json=as_json, empty="none was seen yet")


@app.command()
def promote(
    strategy_id: Strategy, why: halting.Why = "", by: halting.By = "", as_json: AsJson = False
) -> None:
    """Let everybody trade a strategy from the next set on."""
    _decide(strategy_id, "promoted", why, by, as_json=as_json)


@app.command()
def stop(strategy_id: Strategy, why: halting.Why = "", by: halting.By = "", as_json: AsJson = False) -> None:
    """Let nobody enter on a strategy any more; what is held keeps its exits."""
    _decide(strategy_id, "stopped", why, by, as_json=as_json)


def _decide(strategy_id: str, state: str, why: str, by: str, *, as_json: bool) -> None:
    from dataclasses import asdict

    from resources.settings import load_settings
    from trading.store.order_log import OrderLog

    halting.require_why(why)
    log = OrderLog(load_settings().database_url)
    try:
        found = log.canaries.decide(strategy_id, state, by=halting.who(by), why=why)
    finally:
        log.close()
    if as_json:
        print_json(asdict(found))
    else:
        print(f"{found.strategy_id} is {found.state} by {found.changed_by}: {found.why}")
