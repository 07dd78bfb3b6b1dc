"""`sluice exchange`: the embedded exchange as a process of its own."""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from interfaces.cli.faults import faults as list_faults
from interfaces.cli.verify import verify
from interfaces.cli.watch import watch

app = typer.Typer(help="The embedded exchange that speaks MEXC's wire protocol.", no_args_is_help=True)


@app.callback()
def exchange() -> None:
    """The embedded exchange that speaks MEXC's wire protocol."""


@app.command()
def serve(  # noqa: PLR0917 - Typer reads one parameter per option
    port: Annotated[int, Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")] = 0,
    host: Annotated[str, Option(help="Address to listen on.")] = "127.0.0.1",
    symbols: Annotated[int, Option(min=1, help="Pairs of the synthetic market.")] = 2610,
    seed: Annotated[int, Option(min=0, help="Seed of market, books, news and accounts.")] = 7,
    edge: Annotated[bool, Option("--edge/--no-edge", help="Plant the declared edge in 1 % of pairs.")] = True,
    candles: Annotated[Path | None, Option(help="Real candles instead: Parquet file or folder.")] = None,
    start: Annotated[str, Option(help="Market time to start at, ISO 8601 (UTC by default), or now.")] = "",
    speed: Annotated[float, Option(min=0, help="Market seconds per wall second; 0 stands still.")] = 1.0,
    rate: Annotated[float, Option(min=0, help="Weight per s for each address and key; 0: no limit.")] = 50.0,
    burst: Annotated[
        float | None, Option(min=1, help="Weight that may go at once; default ten seconds' worth.")
    ] = None,
    json_log: Annotated[Path | None, Option(help="Append one JSON line per request to this file.")] = None,
    state: Annotated[Path | None, Option(help="Folder that keeps accounts and orders.")] = None,
    durable: Annotated[
        bool, Option("--durable", help="Answer only what is on disk: a kill -9 then forgets nothing.")
    ] = False,
    faults: Annotated[
        Path | None, Option(help="Fault plan to begin with, TOML or JSON; see `exchange faults`.")
    ] = None,
    accounts: Annotated[int, Option(min=1, help="Demo accounts, each with 10,000 USDT.")] = 1000,
    impact: Annotated[
        float, Option(min=0, max=1, help="Share of a taker's push that stays for minutes; 0: none.")
    ] = 0.3,
    fee_asset: Annotated[str, Option(help="What fees are taken in: quote, base or MX.")] = "quote",
    admin_token: Annotated[str, Option(help="Opens POST /sluice/*.", envvar="SLUICE_ADMIN_TOKEN")] = "",
) -> None:
    """Serve a market that ccxt's mexc class can trade on; prints what to point ccxt at."""
    from trading.market.errors import BadInput, InTheWay
    from trading.simulator.launch import Launch, launch

    try:
        launch(
            Launch(
                host=host,
                port=port,
                symbols=symbols,
                seed=seed,
                edge=edge,
                candles=candles,
                start=start,
                speed=speed,
                rate=rate,
                burst=burst,
                json_log=json_log,
                state=state,
                faults=faults,
                accounts=accounts,
                impact=impact,
                durable=durable,
                fee_asset=fee_asset,
                admin_token=admin_token or None,
            )
        )
    except BadInput as error:
        # Documented so for scripts: 1 for a value or a port, 2 for an option that there is not.
        raise InTheWay(str(error)) from error


app.command()(verify)
app.command()(watch)


app.command("faults")(list_faults)
