"""`sluice universe`: what each name means now, and which symbols are suspended for review."""

from typing import Annotated, Any

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json, print_table

app = typer.Typer(help="What each name means, and which symbols are suspended.", no_args_is_help=True)
INSTRUMENT = ["instrument_id", "start", "end", "reason", "evidence"]
SUSPENDED = ["symbol", "since", "price_before", "price_after", "state", "source", "reason"]


@app.command()
def instruments(
    symbol: Annotated[str, Argument(help="Only this name, e.g. BTC/USDT; none: names that changed.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print the instruments of a name, oldest first; without one, of every name that meant several things."""
    import polars as pl

    from resources.settings import load_settings
    from trading.market.errors import MissingData, UnknownSymbol
    from trading.store.lake import Lake

    lake = Lake(load_settings().lake_dir)
    if lake.latest("instruments") is None:
        raise MissingData("no instruments yet in this world. Next: sluice run")
    known = lake.read("instruments").sort("symbol", "start")
    if symbol and symbol not in known["symbol"]:
        raise UnknownSymbol(_near(symbol, known["symbol"].unique().to_list()))
    changed = pl.len().over("symbol") > 1
    rows = known.filter(pl.col("symbol") == symbol if symbol else changed).to_dicts()
    title = symbol or f"{known['symbol'].n_unique():,} names; those that meant several things"
    print_table(rows, INSTRUMENT, title=title, as_json=as_json, empty="none")


@app.command()
def suspended(
    history: Annotated[bool, Option("--history", help="Also those that were released, with why.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the symbols that take no new entries until somebody has looked."""
    from interfaces.cli.world import order_log
    from resources.settings import load_settings
    from trading.market.timeframes import from_ms

    rows: list[dict[str, Any]] = []
    with order_log(load_settings()) as log:
        for found in [] if log is None else log.suspensions.all():
            if history or found.released_ms is None:
                released = None if found.released_ms is None else from_ms(found.released_ms)
                rows.append(
                    {
                        "symbol": found.symbol,
                        "since": from_ms(found.at_ms),
                        "price_before": found.price_before,
                        "price_after": found.price_after,
                        "state": found.state,
                        "source": found.source,
                        "reason": found.reason,
                        "released": released,
                        "release_reason": found.release_reason,
                    }
                )
    columns = [*SUSPENDED, "released", "release_reason"] if history else SUSPENDED
    print_table(rows, columns, title="Suspended symbols", as_json=as_json, empty="none")


@app.command()
def release(
    symbol: Annotated[str, Argument(help="The suspended symbol, e.g. BTC/USDT.")],
    reason: Annotated[str, Option(help="Why it may be traded again; recorded.")],
    as_json: AsJson = False,
) -> None:
    """Let a suspended symbol back; the record stays, with the reason."""
    from interfaces.cli.world import order_log
    from resources.settings import load_settings
    from trading.market.clock import SystemClock
    from trading.market.errors import BadInput

    with order_log(load_settings()) as log:
        if log is None:
            raise BadInput(f"{symbol} is not suspended: this world has no order log yet")
        # A person releases at a moment of this machine, whatever the time of the market.
        found = log.suspensions.release(symbol, reason, at_ms=SystemClock().now_ms())
    if as_json:
        print_json({"symbol": found.symbol, "released_ms": found.released_ms, "reason": reason})
    else:
        print(f"released {found.symbol}; it may be approved again at the next research pass")


def _near(symbol: str, names: list[str]) -> str:
    from difflib import get_close_matches

    near = ", ".join(get_close_matches(symbol, names)) or "none"
    return f"no instrument is called {symbol[:40]!r}; near ones: {near}"
