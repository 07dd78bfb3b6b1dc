"""`sluice flatten`: sell everything now, from the order log and the exchange alone."""

import sys
from typing import Annotated, Any

import typer
from typer import Option

from interfaces.cli import halting
from interfaces.cli.output import AsJson, print_json, progress

app = typer.Typer(help="Cancel entries and sell every position now, engine or no engine.")


@app.command()
def flatten(  # noqa: PLR0917 - Typer reads one parameter per option
    why: halting.Why = "",
    by: halting.By = "",
    user: halting.OfUser = "",
    symbol: halting.OfSymbol = "",
    for_seconds: Annotated[
        float, Option(min=1, help="End after so many wall seconds, with what is left.")
    ] = 600.0,
    take_over: Annotated[
        bool,
        Option(help="Send from here although an engine holds the lock: it hangs. It sends nothing after."),
    ] = False,
    seed: Annotated[
        int | None, Option(min=0, help="Seed of the embedded exchange's accounts; default: the world's.")
    ] = None,
    yes: halting.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Cancel entries and sell every position: of the fleet, or of one user or symbol.

    Needs the order log and the exchange, nothing else: not Dagster, Redis, models or the engine. If an
    engine runs, it does the selling and this command watches; if none runs, this command sells. Killed, it is
    started again the same way, and nothing is sold twice. Sold in slices of what the best bid takes.
    Exit code 1 when something is left. Entries stay out until `sluice lift`.
    """
    halting.require_why(why)
    scope, name = halting.subject(user, symbol)
    whom = "every position of every user" if name is None else f"every position of {scope.value} {name}"
    halting.confirm("flatten", f"This sells {whom} now, at the market.", yes=yes)
    from trading.execution.flatten_run import FlattenOrder

    ordered = FlattenOrder(halting.who(by), why, scope, name, for_seconds, take_over)
    halt, report = _run(ordered, seed)
    if as_json:
        print_json({"halt": halting.row(halt)} | {name: getattr(report, name) for name in report.__slots__})
    else:
        _say(halt.halt_id, report)
    if not report.is_flat:
        raise typer.Exit(1)


def _run(ordered: Any, seed: int | None) -> Any:
    import asyncio

    import uvloop

    from interfaces.cli.trade import demo_keys
    from resources.accounts import key_ring, order_exchange
    from resources.settings import load_settings
    from trading.execution.flatten_run import run_flatten
    from trading.store.order_log import OrderLog
    from trading.users.keys import DemoKeyRing

    settings = load_settings()
    log = OrderLog(settings.database_url)
    try:
        keys = key_ring(settings, log, DemoKeyRing(demo_keys(settings.record_path, seed)))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, progress("sold") as told:
            return runner.run(
                run_flatten(
                    ordered,
                    database_url=settings.database_url,
                    exchange=order_exchange(settings),
                    keys=keys,
                    state_dir=settings.world_dir,
                    settings=settings.risk.engine_settings(),
                    progress=told,
                )
            )
    finally:
        log.close()


def _say(halt_id: str, report: Any) -> None:
    print(
        f"{report.sold} of {report.positions} positions closed in {report.seconds:.1f} s, "
        f"proceeds {report.proceeds:f} quote units, {report.written_off} with residues too small to sell"
    )
    for line in (*report.left, *report.unclear):
        print(f"! {line}", file=sys.stderr)
    print(f"entries stay out until: sluice lift {halt_id} --why …")
