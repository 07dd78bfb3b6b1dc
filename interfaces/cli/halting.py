"""What the halting commands share: who orders it, why, for whom, and the typed confirmation."""

import getpass
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import print_json

if TYPE_CHECKING:
    from trading.store.order_log.halts import Halt, HaltKind, HaltScope

Why = Annotated[str, Option("--why", help="Reason, for the record and for whoever lifts it. Required.")]
By = Annotated[str, Option("--by", help="Who orders it; default: the name you are logged in with.")]
OfUser = Annotated[str, Option("--user", help="Only this user; default: the whole fleet.")]
OfSymbol = Annotated[
    str, Option("--symbol", help="Only this symbol, e.g. ABC/USDT; default: the whole fleet.")
]
Yes = Annotated[bool, Option("--yes", help="Do not ask; for scripts.")]


def subject(user: str, symbol: str) -> "tuple[HaltScope, str | None]":
    """Return scope and name of what the options say. Wrong use if both are given."""
    from trading.store.order_log.halts import HaltScope

    if user and symbol:
        raise typer.BadParameter("give --user or --symbol, not both", param_hint="--user / --symbol")
    if user:
        return HaltScope.USER, user
    return (HaltScope.SYMBOL, symbol) if symbol else (HaltScope.FLEET, None)


def who(by: str) -> str:
    """Return the name for the record."""
    return by.strip() or getpass.getuser()


def require_why(why: str) -> None:
    """Refuse a halt without a reason before anybody is asked to confirm it."""
    if not why.strip():
        raise typer.BadParameter("say why, for whoever lifts it: --why '…'", param_hint="--why")


def confirm(word: str, what: str, *, yes: bool) -> None:
    """Have `word` typed, unless `yes`.

    Raises
    ------
    BadInput
        If something else was typed, or nobody is there to type.
    """
    from trading.market.errors import InTheWay

    if yes:
        return
    if not sys.stdin.isatty():
        raise InTheWay(f"nobody is there to confirm: {what} needs --yes in a script")
    print(what, file=sys.stderr)
    typed = input(f"Type {word} to go on: ").strip()
    if typed != word:
        raise InTheWay(f"not confirmed: {word} had to be typed, was {typed!r}; nothing was done")


def order(kind: "HaltKind", word: str, what: str, options: dict[str, Any]) -> None:
    """Write a halt down and say what it does; the engine reads it before its next order.

    `options` holds why, by, user, symbol, yes and as_json of the command.
    """
    from resources.settings import load_settings
    from trading.store.order_log import OrderLog
    from trading.users.directory import Directory

    require_why(options["why"])
    scope, name = subject(options["user"], options["symbol"])
    log = OrderLog(load_settings().database_url)
    try:
        if options["user"]:
            Directory(log).get(options["user"])
        confirm(word, what, yes=options["yes"])
        halt = log.halts.place(kind, (scope, name), by=who(options["by"]), why=options["why"])
    finally:
        log.close()
    if options["as_json"]:
        print_json(row(halt))
    else:
        print(f"{halt.halt_id}: {halt.in_words()}")
        print(f"It holds through restarts until: sluice lift {halt.halt_id} --why …")


def row(halt: "Halt") -> dict[str, Any]:
    """Return a halt for tables and JSON, times in UTC."""
    from trading.market.timeframes import from_ms

    found = asdict(halt)
    for name in ("at", "lifted"):
        at_ms = found.pop(f"{name}_wall_ms")
        found[name if name == "at" else "lifted_at"] = None if at_ms is None else from_ms(at_ms)
    return found
