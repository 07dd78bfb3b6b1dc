"""`sluice stop-entries`: nobody buys any more; what is held is watched and left as ever."""

import typer

from interfaces.cli import halting
from interfaces.cli.output import AsJson

app = typer.Typer(help="No new entries, resting entries cancelled; exits go on.")
WHAT = "No new entries; resting entries are cancelled; every exit goes on."


@app.command()
def stop_entries(
    why: halting.Why = "",
    by: halting.By = "",
    user: halting.OfUser = "",
    symbol: halting.OfSymbol = "",
    yes: halting.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let nobody buy until it is lifted: for the fleet, or one user or symbol.

    New entries are refused when they are planned and again at the wire, resting ones are cancelled. Exits go
    on. A restart changes nothing; `sluice lift` ends it, and entries go on at once.
    """
    from trading.store.order_log.halts import HaltKind

    halting.order(HaltKind.STOP_ENTRIES, "stop", WHAT, locals())
