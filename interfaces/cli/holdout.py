"""`sluice holdout`: stretches of time that are kept from every search and looked at once."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from typer import Argument, Option

from interfaces.cli import searching as ask
from interfaces.cli.output import AsJson, print_json, print_table

app = typer.Typer(
    help="Dated holdouts: declared first, kept from every search, opened once and logged.",
    no_args_is_help=True,
)
_NAME = Argument(help="Name of the holdout.", metavar="NAME")


@app.command()
def declare(
    name: Annotated[str, _NAME],
    begin: Annotated[str, Option("--from", help="First moment, UTC, e.g. 2026-11-01.", metavar="TIME")],
    end: Annotated[str, Option("--to", help="First moment after it.", metavar="TIME")],
    family: ask.Family = "research",
    holdouts: ask.Holdouts = None,
    as_json: AsJson = False,
) -> None:
    """Keep a stretch of time from every search of a family, from now on.

    Example: sluice holdout declare november --from 2026-11-01 --to 2026-12-01
    """
    from trading.ohlcv.choices import chosen_moment

    span = chosen_moment(begin, "--from"), chosen_moment(end, "--to")
    made = ask.holdout_book(holdouts).declare(name, family, *span, at=datetime.now(UTC))
    _show([made], as_json=as_json)


@app.command("open")
def open_(
    name: Annotated[str, _NAME],
    by: Annotated[str, Option(help="Who opens it.")],
    why: Annotated[str, Option(help="Why; it is logged.")],
    data_id: Annotated[str, Option(help="What is looked at, for the log.")] = "by hand",
    holdouts: ask.Holdouts = None,
    as_json: AsJson = False,
) -> None:
    """Spend a holdout by hand, without a backtest; `sluice search confirm` opens and evaluates in one.

    Example: sluice holdout open november --by ann --why "looked at it in a notebook"
    """
    book = ask.holdout_book(holdouts)
    spent = book.open(name, by=by, why=why, at=datetime.now(UTC), data_id=data_id)
    _show([spent], as_json=as_json)


@app.command("list")
def list_(holdouts: ask.Holdouts = None, as_json: AsJson = False) -> None:
    """List all holdouts, and who opened which, when and why."""
    _show(ask.holdout_book(holdouts).holdouts(), as_json=as_json)


def _show(found: list, *, as_json: bool) -> None:  # type: ignore[type-arg]  # of Holdout, which is not imported here
    rows = [
        {
            "name": one.name,
            "family": one.family,
            "begin": one.begin,
            "end": one.end,
            "state": "unopened" if one.opening is None else "spent",
            "opened_at": None if one.opening is None else one.opening.at,
            "by": None if one.opening is None else one.opening.by,
            "why": None if one.opening is None else one.opening.why,
        }
        for one in found
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, title="holdouts", empty="none declared")
