"""`sluice halts`: what people have stopped, by whom, why, and what was lifted."""

from typing import Annotated

import typer
from typer import Option

from interfaces.cli import halting
from interfaces.cli.output import AsJson, print_table

app = typer.Typer(help="What people have stopped: by whom, why, since when.")


@app.command()
def halts(
    every: Annotated[bool, Option("--all", help="Those that were lifted, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the halts that hold."""
    from interfaces.cli.world import order_log
    from resources.settings import load_settings

    with order_log(load_settings()) as log:
        found = [] if log is None else log.halts.all() if every else log.halts.active()
    columns = ["halt_id", "kind", "scope", "subject", "placed_by", "at", "why"]
    columns += ["lifted_by", "lifted_at", "lifted_why"] if every else []
    rows = [halting.row(halt) for halt in found]
    print_table(rows, columns, title="Halts", as_json=as_json, empty="none: nothing is stopped by a person")
