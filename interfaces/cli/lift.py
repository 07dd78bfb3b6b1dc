"""`sluice lift`: a person ends a halt. Nothing else does."""

from typing import Annotated

import typer
from typer import Argument

from interfaces.cli import halting
from interfaces.cli.output import AsJson, print_json

app = typer.Typer(help="End a halt, with name and reason; a restart never does.")


@app.command()
def lift(
    halt_id: Annotated[str, Argument(help="Which halt; `sluice halts` lists them.")],
    why: halting.Why = "",
    by: halting.By = "",
    yes: halting.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let entries go on, as far as no other halt holds."""
    from resources.settings import load_settings
    from trading.store.order_log import OrderLog

    halting.require_why(why)
    log = OrderLog(load_settings().database_url)
    try:
        held = next((halt for halt in log.halts.active() if halt.halt_id == halt_id), None)
        if held is not None:
            halting.confirm("lift", f"This ends: {held.in_words()}", yes=yes)
        lifted = log.halts.lift(halt_id, by=halting.who(by), why=why)
        left = log.halts.active()
    finally:
        log.close()
    if as_json:
        print_json(halting.row(lifted))
        return
    print(f"lifted: {lifted.in_words()}")
    print(f"still held: {len(left)} (sluice halts)" if left else "no halt holds any more")
