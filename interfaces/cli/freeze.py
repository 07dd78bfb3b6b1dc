"""`sluice freeze`: something is wrong with what we believe; no entry until everything has been read again."""

import typer

from interfaces.cli import halting
from interfaces.cli.output import AsJson

app = typer.Typer(help="As stop-entries; when lifted, old signals are void and accounts are read again.")
WHAT = (
    "No new entries; resting entries are cancelled; every exit goes on. When it is lifted, signal sets from "
    "before are void and every account is read against the log before it enters anything."
)


@app.command()
def freeze(
    why: halting.Why = "",
    by: halting.By = "",
    user: halting.OfUser = "",
    symbol: halting.OfSymbol = "",
    yes: halting.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Stop entries because log, data or models are in doubt: for the fleet, or one user or symbol.

    Like `sluice stop-entries`. What differs is the way back: after `sluice lift`, signal sets that were made
    before the lift are never traded, and accounts are reconciled before they enter anything. Exits go on:
    a frozen stop would trap people.
    """
    from trading.store.order_log.halts import HaltKind

    halting.order(HaltKind.FREEZE, "freeze", WHAT, locals())
