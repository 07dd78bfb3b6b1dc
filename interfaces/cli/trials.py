"""`sluice trials`: what was ever tried, by strategy, and what luck alone would show for it."""

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli import searching as ask
from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from trading.backtest.validation.trials import Trials

app = typer.Typer()


@app.command()
def trials(
    ledger: ask.Ledger = None,
    days: Annotated[int, Option(help="Length of a test, for what luck shows.", min=2)] = 30,
    as_json: AsJson = False,
) -> None:
    """Print what was tried: configurations, trials over symbols, what they are worth, what luck would show.

    A trial is a configuration on one symbol and one set of data. Configurations that resemble each other,
    and nightly reruns over a window that moves on, are worth fewer independent ones; `luck sharpe` is the
    yearly Sharpe ratio that the best of those is expected to show in a test of --days days without any edge.

    Examples: sluice trials | sluice trials --days 365 --json
    """
    book = ask.trial_ledger(ledger)
    rows = [_row(one, days) for one in book.strategies()]
    if missing := book.damaged():
        note = f"{missing:,} lines of the ledger cannot be read: so many batches of trials are not counted"
        typer.echo(note, err=True)
    if rows:
        rows.append(_row(book.total(), days) | {"strategy": "all"})
    if as_json:
        print_json(rows)
        return
    print_table(rows, title=f"trials, and luck in {days} days", empty="nothing was tried yet")


def _row(one: "Trials", days: int) -> dict[str, Any]:
    from trading.backtest.validation.sharpe import expected_best_sharpe

    luck = expected_best_sharpe(one.effective, 1 / (days - 1))
    return {
        "strategy": one.strategy,
        "configurations": one.batches,
        "trials": one.count,
        "independent": round(one.effective, 1),
        "luck_sharpe": luck * math.sqrt(365),
        "first_at": one.first_at,
        "last_at": one.last_at,
    }
