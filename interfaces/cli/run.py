"""`sluice run`: the whole line once, from an empty machine to paper trades, told in figures."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The whole line once: market to paper trades. Ends by itself.")


@app.command()
def run(  # noqa: PLR0917  # Typer reads options from arguments
    symbols: Annotated[int, typer.Option(help="Pairs of the synthetic market.", min=1, max=20_000)] = 2610,
    candles: Annotated[
        Path | None,
        typer.Option(
            help="Real candles instead: a Parquet file, or a folder of them (symbol, ts, open ...)."
        ),
    ] = None,
    no_edge: Annotated[
        bool, typer.Option("--no-edge", help="Plant no edge: as a rule nothing is approved then.")
    ] = False,
    users: Annotated[int, typer.Option(help="Demo users who trade on paper.", min=1, max=200)] = 10,
    days: Annotated[
        int | None, typer.Option(help="Days of history; default 1,000 bars.", min=1, max=365)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic market.", min=0)] = 7,
    exchange: Annotated[
        str,
        typer.Option(help="embedded, or mexc for MEXC's public data (untested here; see README, Limits)."),
    ] = "embedded",
    trade_seconds: Annotated[
        float, typer.Option(help="Wall seconds that the market runs at 900 times its pace.", min=0, max=3600)
    ] = 60.0,
    workers: Annotated[int, typer.Option(help="Engine processes; one of them is killed.", min=1, max=16)] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Pour the market through the line, trade on paper, kill the engine once, learn, and report.

    A second run goes on where the first one ended. Exit code 0 whatever the verdict: "nothing approved"
    is a result.
    """
    from interfaces.run.driver import execute, report_path
    from interfaces.run.options import RunOptions
    from interfaces.run.present import present, to_json
    from interfaces.run.progress import Screen
    from interfaces.run.report import write_report
    from resources.settings import load_settings
    from trading.market.errors import BadInput

    try:
        options = RunOptions(
            symbols=symbols,
            candles=candles,
            has_edge=not no_edge,
            users=users,
            days=days,
            seed=seed,
            exchange=exchange,
            trade_s=trade_seconds,
            workers=workers,
        )
    except BadInput as error:
        print(f"sluice: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    record = execute(options, Screen())
    report = write_report(record, report_path(load_settings().home))
    if json:
        print(to_json(record))
    else:
        present(record, report=report)
