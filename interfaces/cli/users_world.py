"""What the `sluice users` commands share: the log, numbers and secrets from people, the least capital."""

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument

if TYPE_CHECKING:
    from decimal import Decimal

    from resources.settings import Settings
    from trading.store.order_log import OrderLog
    from trading.users.user import User

UserId = Annotated[str, Argument(help="Id of the user; `sluice users list` names them.")]


@contextmanager
def open_log(settings: "Settings | None" = None) -> "Iterator[OrderLog]":
    """Open the order log of the current world, making it if there is none."""
    from resources.settings import load_settings
    from trading.store.order_log import OrderLog

    log = OrderLog((settings or load_settings()).database_url)
    try:
        yield log
    finally:
        log.close()


def number(name: str, text: str) -> "Decimal":
    """Return a number that somebody typed. BadInput names it."""
    from decimal import Decimal, InvalidOperation

    from trading.market.errors import BadInput

    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise BadInput(f"{name} must be a number, was {text!r}") from error


def typed(prompt: str) -> str:
    """Return one line: asked for at a terminal, else the next line of stdin."""
    if sys.stdin.isatty():
        return input(prompt).strip()
    print(prompt, file=sys.stderr)
    return sys.stdin.readline().strip()


def secret_pair(file: Path | None) -> tuple[str, str]:
    """Return key and secret: from two lines of a file, of stdin, or typed unseen. Never from arguments."""
    from trading.market.errors import BadInput

    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").split()
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{file} cannot be read: {type(error).__name__}") from None
        if len(lines) != 2:
            raise BadInput(f"{file} must hold two lines, key and secret; it holds {len(lines)} words")
        return lines[0], lines[1]
    hidden = getpass.getpass if sys.stdin.isatty() else lambda _prompt: sys.stdin.readline().strip()
    return hidden("API key (not shown): ").strip(), hidden("Secret (not shown): ").strip()


def smallest(settings: "Settings", user: "User") -> dict[str, Any]:
    """Return the least capital with which the user's settings can work, and the sentence that says it."""
    from decimal import Decimal

    from trading.execution.settings import EngineSettings
    from trading.risk.exits import ExitRules
    from trading.risk.smallest import USUAL_FEE, USUAL_MIN_COST, smallest_capital

    engine = EngineSettings()
    listed = _listed(settings, user)
    min_cost, fee = listed or (USUAL_MIN_COST, USUAL_FEE)
    stop = Decimal(repr(ExitRules().stop_loss))
    rules, limits = engine.sizing(user.risk_per_trade), engine.limits(user.max_positions)
    least = smallest_capital(rules, limits, stop=stop, min_cost=min_cost, fee=fee)
    source = "of the listing" if listed else "usual at MEXC; no listing is here yet"
    told = (
        f"smallest sensible capital: {least:f} (minimum order {min_cost:f}, {source}; {user.max_positions} "
        f"positions, stop {stop:f}, fee {fee:f}, and room for an exit in two parts)"
    )
    if user.capital < least:
        told += f"; {user.capital:f} is below it: some signals will be skipped as too small"
    return {"smallest_capital": least, "is_enough": user.capital >= least, "said": told}


def _listed(settings: "Settings", user: "User") -> "tuple[Decimal, Decimal] | None":
    """Return the largest minimum order and taker fee among the pairs that the user may trade, if known."""
    from decimal import Decimal

    import polars as pl

    from trading.store.lake import Lake

    if not settings.lake_dir.is_dir():
        return None
    lake = Lake(settings.lake_dir)
    if lake.latest("validated_markets") is None:
        return None
    table = lake.read("validated_markets").filter(pl.col("is_api_tradable") & (pl.col("min_cost") > 0))
    if user.allowed:
        table = table.filter(pl.col("symbol").is_in(sorted(user.allowed)))
    if table.is_empty():
        return None
    cost, fee = table["min_cost"].max(), table["taker_fee"].max()
    return Decimal(repr(cost)), Decimal(repr(fee))
