"""`sluice universe`: who existed and was tradable when, what each name means, who is suspended for review."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from interfaces.cli.moments import moment_of
from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(
    help="The universe of any known moment (--at), what each name means, and who is suspended for review.",
    invoke_without_command=True,
)
INSTRUMENT = ["instrument_id", "start", "end", "reason", "evidence"]
PAST = ["symbol", "is_tradable", "is_member", "rule", "value", "bound", "reason", "not_knowable"]
SUSPENDED = ["symbol", "since", "price_before", "price_after", "state", "source", "reason"]


@app.callback()
def universe(
    context: typer.Context,
    at: Annotated[str, Option(help="The moment, UTC, e.g. 2025-03-01T12:00Z; or now.", metavar="TIME")] = "",
    symbol: Annotated[str, Option(help="Only this symbol, with its instrument.", metavar="SYMBOL")] = "",
    preset: Annotated[
        str, Option(help="Thresholds: default or owner. Without it, the settings' own.", metavar="NAME")
    ] = "",
    members: Annotated[bool, Option("--members", help="List those who would have passed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say who existed at a moment, who was tradable, and who would have passed which filter then.

    Recorded looks answer where there is one less than an hour old; other moments are rebuilt from candles
    and say so: what candles cannot tell (spread, the API flag) is named, and taken as passed.
    """
    if context.invoked_subcommand is not None:
        return
    if not at:
        print(context.get_help())
        raise typer.Exit(2 if symbol or preset or members or as_json else 0)
    found = past_universe(moment_of(at), preset)
    if symbol:
        _print_symbol(found, symbol, as_json=as_json)
    elif as_json:
        print_json(_document(found))
    else:
        _print_counts(found, at)
        if members:
            rows = found.filter(found["is_member"]).to_dicts()
            print_table(rows, ["symbol", "is_tradable", "not_knowable", "seen_at"], title="Members")


def past_universe(at: datetime, preset: str = "") -> "pl.DataFrame":
    """Return the universe of this world as of `at`; `preset` names the thresholds, empty = the settings'."""
    from resources.settings import load_settings
    from resources.universe import births_before
    from trading.screening.rules import preset as named
    from trading.store.candles import CandleStore
    from trading.store.lake import Lake
    from trading.universe.past import universe_at

    settings = load_settings()
    rules = named(preset or settings.preset)
    return universe_at(
        Lake(settings.lake_dir),
        CandleStore(settings.lake_dir),
        at,
        rules,
        timeframe=settings.timeframe,
        listed=births_before(settings, at, rules),
    )


def _document(found: "pl.DataFrame") -> dict[str, Any]:
    from trading.universe.past import summary

    first = found.row(0, named=True)
    return {
        "source": first["source"],
        "seen_at": found["seen_at"].max(),
        "existed": found.height,
        "tradable": int(found["is_tradable"].sum()),
        "tradable_unknown": found["is_tradable"].null_count(),
        "members": int(found["is_member"].sum()),
        "by_rule": summary(found).to_dicts(),
        "symbols": found.to_dicts(),
    }


def _print_counts(found: "pl.DataFrame", at: str) -> None:
    document = _document(found)
    print_table(document["by_rule"], ["rule", "pairs", "example"], title=f"Universe at {at}")
    open_ = f"{document['tradable']:,} tradable"
    if document["tradable_unknown"]:
        open_ += f", {document['tradable_unknown']:,} not knowable"
    print(f"{document['existed']:,} existed ({open_}); {document['members']:,} would have passed")
    if document["source"] == "recorded":
        print(f"recorded: a look of {document['seen_at']:%Y-%m-%d %H:%M:%S} UTC")
    else:
        judged = found.filter(found["rule"] != "unseen")
        newest = judged["seen_at"].max() or document["seen_at"]
        print(f"rebuilt from candles, newest bar closed {newest:%Y-%m-%d %H:%M} UTC")
        print(f"not knowable and taken as passed: {_gaps(judged) or 'nothing'}")
        if judged.height < found.height:
            unseen = found.height - judged.height
            print(f"there and not judged, since no or too few candles of theirs are held: {unseen:,}")
        if found["is_tradable"].null_count() == found.height:
            print("no listing of that time is recorded: pairs whose candles are not held are missing here")


def _gaps(judged: "pl.DataFrame") -> str:
    return "; ".join(sorted(set(judged["not_knowable"].unique()) - {""}))


def _print_symbol(found: "pl.DataFrame", symbol: str, *, as_json: bool) -> None:
    from trading.market.errors import UnknownSymbol

    rows = found.filter(found["symbol"] == symbol).to_dicts()
    if not rows:
        raise UnknownSymbol(_near(symbol, found["symbol"].to_list(), "is known of that moment"))
    print_table(
        rows, PAST, title=f"{rows[0]['instrument_id'] or symbol} ({rows[0]['source']})", as_json=as_json
    )


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


def _near(symbol: str, names: list[str], what: str = "is called so") -> str:
    from difflib import get_close_matches

    near = ", ".join(get_close_matches(symbol, names)) or "none"
    return f"no {symbol[:40]!r} {what}; near ones: {near}"
