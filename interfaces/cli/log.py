"""`sluice log`: the order log itself: which revision it is at, and bringing it to today's."""

from typing import Annotated

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json

app = typer.Typer(help="The order log: its revision, and the upgrade to today's.", no_args_is_help=True)
Url = Annotated[str, Option(help="SQLAlchemy URL of the log; default: that of the current world.")]


@app.command()
def status(url: Url = "", as_json: AsJson = False) -> None:
    """Say which revision the log is at; changes nothing. Exit code 1 if this release cannot use it."""
    from trading.store.order_log import upgrade

    found = upgrade.status(_url(url))
    if as_json:
        print_json(found.as_dict())
    elif found.found is None:
        print("there is no order log yet; the first command that needs one makes it")
    elif found.is_current:
        print(f"order log at revision {found.found}: up to date")
    else:
        print(f"order log at revision {found.found}, this release needs {found.head}")
    if found.found is not None:
        upgrade.refuse_newer(found.found)


@app.command()
def upgrade(url: Url = "", as_json: AsJson = False) -> None:
    """Bring the log to today's revision: one transaction, under a lock, after a copy of a SQLite file.

    Opening the log does the same by itself; this command is for doing it at a moment of your choice.
    """
    from trading.store.order_log import upgrade as order_log

    done = order_log.upgrade(_url(url))
    if as_json:
        print_json(done.as_dict())
    elif done.is_current:
        print(f"order log at revision {done.found}: nothing to do")
    else:
        kept = "" if done.copy is None else f"; the log as it was is kept as {done.copy.name}"
        print(f"order log upgraded from {done.found or 'nothing'} to {done.head}{kept}")


def _url(url: str) -> str:
    from resources.settings import load_settings

    return url or load_settings().database_url
