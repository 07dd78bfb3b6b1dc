"""`sluice screen`: try a chain of filters on what this world knew at any moment. Changes nothing."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from interfaces.cli.moments import moment_of
from interfaces.cli.output import AsJson, print_json, print_table, progress

if TYPE_CHECKING:
    from trading.screening.chain.run import Sifted
    from trading.universe.funnel import PastFunnel

app = typer.Typer(help="Try a chain of filters (TOML) on the market, now or at a past moment.")
At = Annotated[
    str, typer.Option(help="The moment, UTC, e.g. 2025-03-01T12:00Z; now without it.", metavar="TIME")
]
STEPS = ["step", "rule", "filter", "in", "out", "example", "note"]
FILTER = ["filter", "what", "keys", "needs", "source"]
DECISION = ["step", "rule", "is_kept", "value", "bound", "reason", "why"]


@app.command()
def screen(
    chain: Annotated[str, typer.Option(help="A TOML file, or default or owner.", metavar="FILE")] = "default",
    at: At = "",
    symbol: Annotated[
        str, typer.Option(help="Every threshold that this symbol met, e.g. BTC/USDT.", metavar="SYMBOL")
    ] = "",
    lists: Annotated[
        list[str] | None,
        typer.Option(
            "--list", help="What is on a list, a pair or coin a line; may be repeated.", metavar="NAME=FILE"
        ),
    ] = None,
    top: Annotated[int, typer.Option(help="How many of those kept to list.", min=0)] = 20,
    filters: Annotated[bool, typer.Option("--filters", help="List every filter with its keys.")] = False,
    show: Annotated[str, typer.Option(help="Print the TOML of a chain that ships.", metavar="NAME")] = "",
    as_json: AsJson = False,
) -> None:
    """Print in and out per filter, an example of what each dropped, and who is kept.

    Only what was known at the moment is used. Filters, keys and the language of conditions:
    docs/reference/screening.md.

    Examples
    --------
      sluice screen --show default > mine.toml
      sluice screen --chain mine.toml
      sluice screen --chain mine.toml --at 2025-03-01T12:00Z --symbol BTC/USDT
      sluice screen --chain mine.toml --list futures=futures.txt
    """
    if filters:
        print_table(known_filters(), FILTER, title="Filters", as_json=as_json)
        return
    if show:
        print(toml_of(show), end="")
        return
    found = screened(chain, at, lists)
    if symbol:
        rows = decisions_on(found.sifted, symbol)
        print_table(
            rows, DECISION, title=f"{symbol} at {found.sifted.at:%Y-%m-%d %H:%M} UTC", as_json=as_json
        )
    elif as_json:
        print_json(document(found))
    else:
        print_steps(found, f"Chain {chain}")
        rows = found.sifted.funnel.filter("is_kept").head(top).select("symbol").to_dicts()
        if top:
            print_table(rows, ["symbol"], title=f"Kept, the first {len(rows)}", empty="none")


def screened(chain: str, at: str, lists: list[str] | None = None) -> "PastFunnel":
    """Return what the chain called `chain` makes of the moment `at` (empty = now), with a bar on stderr."""
    from resources.screening import chain_named, past_funnel
    from resources.settings import load_settings

    asked, files, moment = chain_named(chain), files_of(lists or []), moment_of(at)
    with progress("filters", len(asked.filters)) as update:
        return past_funnel(load_settings(), asked, moment, lists=files, on_step=update)


def files_of(lists: list[str]) -> dict[str, str]:
    """Return name -> file of options such as `futures=futures.txt`."""
    pairs = [each.partition("=") for each in lists]
    for name, _, path in pairs:
        if not name or not path:
            raise typer.BadParameter("must be NAME=FILE, such as futures=futures.txt", param_hint="--list")
    return {name: path for name, _, path in pairs}


def document(found: "PastFunnel") -> dict[str, Any]:
    """Return the whole result as JSON has it."""
    return {
        "at": found.sifted.at,
        "source": found.source,
        "seen_at": found.seen_at,
        "not_knowable": found.sifted.not_knowable,
        "steps": found.sifted.steps.to_dicts(),
        "kept": found.sifted.kept,
        "funnel": found.sifted.funnel.to_dicts(),
    }


def print_steps(found: "PastFunnel", title: str) -> None:
    """Print one line per filter, then what the answer rests on."""
    print_table(
        found.sifted.steps.to_dicts(), STEPS, title=f"{title} at {found.sifted.at:%Y-%m-%d %H:%M} UTC"
    )
    seen = "" if found.seen_at is None else f" of {found.seen_at:%Y-%m-%d %H:%M:%S} UTC"
    told = "a recorded look" if found.source == "recorded" else "rebuilt from candles, newest close"
    print(f"{len(found.sifted.kept):,} of {found.sifted.funnel.height:,} kept; {told}{seen}")
    if found.sifted.not_knowable:
        print(f"not knowable and taken as passed: {', '.join(found.sifted.not_knowable)}")


def decisions_on(sifted: "Sifted", symbol: str) -> list[dict[str, Any]]:
    """Return every filter that `symbol` met, with value and threshold.

    Raises
    ------
    UnknownSymbol
        If it was not listed then; the message names near ones.
    """
    from difflib import get_close_matches

    import polars as pl

    from trading.market.errors import UnknownSymbol

    rows = sifted.decisions.filter(pl.col("symbol") == symbol.upper()).to_dicts()
    if not rows:
        near = ", ".join(get_close_matches(symbol.upper(), sifted.funnel["symbol"].to_list())) or "none"
        raise UnknownSymbol(f"{symbol[:40]!r} was not listed then; near ones: {near}")
    return rows


def known_filters() -> list[dict[str, Any]]:
    """Return every filter: name, first line of its help, keys with defaults, needs and their sources."""
    from dataclasses import fields

    from trading.screening.chain.known import FILTERS
    from trading.universe.known import SOURCES

    rows = []
    for name, kind in FILTERS.items():
        keys = [
            field.name if field.default in ("", (), None) else f"{field.name}={field.default}"
            for field in fields(kind)
            if field.name not in {"label", "optional"}
        ]
        what = (kind.__doc__ or "").strip().splitlines()[0]
        sources = [f"{need}: {SOURCES[need]}" for need in kind.needs]
        row = {"filter": name, "what": what, "keys": ", ".join(keys), "needs": ", ".join(kind.needs)}
        rows.append(row | {"source": "; ".join(sources) or "markets"})
    return rows


def toml_of(name: str) -> str:
    """Return the TOML of the chain that ships under `name`."""
    from trading.market.errors import BadInput
    from trading.screening.chain.declared import preset_names, preset_text

    if name not in preset_names():
        raise BadInput(f"preset must be one of {', '.join(preset_names())}, was {name!r}")
    return preset_text(name)
