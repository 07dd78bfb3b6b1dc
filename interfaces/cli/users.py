"""`sluice users`: the people who trade in the current world."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json, print_table

if TYPE_CHECKING:
    from trading.store.order_log import OrderLog

app = typer.Typer(help="Add, list and configure the people who trade.", no_args_is_help=True)
UserId = Annotated[str, Argument(help="Id of the user.")]


@app.command()
def add(  # noqa: PLR0917 - Typer reads one parameter per option
    user_id: Annotated[str, Argument(help="New id: letters, digits, - and _, at most 32.")],
    account: Annotated[str, Option(help="Account in the key ring, e.g. demo:11.")],
    name: Annotated[str, Option(help="Name to show; default: the id.")] = "",
    capital: Annotated[str, Option(help="Capital in quote units.")] = "10000",
    risk: Annotated[str, Option(help="Share of capital lost at the stop of one trade.")] = "0.01",
    max_positions: Annotated[int, Option(min=1, help="Most positions at once.")] = 5,
    daily_loss_limit: Annotated[str, Option(help="Share of capital; no entry after losing it.")] = "0.05",
    allow: Annotated[list[str] | None, Option(help="Trade only this symbol (repeatable).")] = None,
    block: Annotated[list[str] | None, Option(help="Never trade this symbol (repeatable).")] = None,
    mode: Annotated[str, Option(help="paper; live waits for a verified MEXC.")] = "paper",
) -> None:
    """Add a user, on paper."""
    from trading.users.directory import Directory
    from trading.users.user import Mode, User

    if mode not in {str(known) for known in Mode}:
        raise typer.BadParameter(f"must be one of {', '.join(Mode)}, was {mode!r}", param_hint="--mode")
    if mode == Mode.LIVE:
        from resources.settings import load_settings
        from trading.exchange.verify.record import require_live

        require_live(load_settings().home)

    user = User(
        user_id=user_id,
        name=name or user_id,
        account=account,
        capital=_number("capital", capital),
        risk_per_trade=_number("risk", risk),
        max_positions=max_positions,
        daily_loss_limit=_number("daily-loss-limit", daily_loss_limit),
        allowed=frozenset(allow or ()),
        blocked=frozenset(block or ()),
        mode=Mode(mode),
    )
    with _log() as log:
        Directory(log).add(user)
    print(f"added {user_id} ({user.mode.value}, account {account})")


@app.command(name="list")
def list_users(as_json: AsJson = False) -> None:
    """List users with what came of following the signals."""
    with _log() as log:
        rows = log.user_summary().to_dicts()
    print_table(rows, title="Users", as_json=as_json, empty="none; add one with `sluice users add`")


@app.command()
def show(user_id: UserId, as_json: AsJson = False) -> None:
    """Show one user: bounds, open positions, last trades, why signals were skipped."""
    with _log() as log:
        found = report(log, user_id)
    if as_json:
        print_json(found)
        return
    print_table([found["user"]], title=f"User {user_id}")
    print_table(found["open_trades"], title="Open positions", empty="none")
    print_table(found["closed_trades"][-10:], title="Last closed trades", empty="none")
    print_table(found["skips"], title="Signals not followed", empty="none")
    print_table(found["unclear_orders"], title="Orders without a known outcome", empty="none")


def report(log: "OrderLog", user_id: str) -> dict[str, Any]:
    """Return everything `show` prints. MissingData if there is no such user."""
    from dataclasses import asdict

    import polars as pl

    from trading.users.directory import Directory

    user = asdict(Directory(log).get(user_id))
    user["allowed"], user["blocked"] = sorted(user["allowed"]), sorted(user["blocked"])
    mine = pl.col("user_id") == user_id
    skips = log.skips().filter(mine).group_by("rule").agg(pl.len().alias("signals"), pl.col("reason").last())
    unclear = pl.col("status").is_in(["SENT", "UNKNOWN", "LOST"])
    return {
        "user": user,
        "open_trades": log.open_trades().filter(mine).drop("user_id").to_dicts(),
        "closed_trades": log.closed_trades()
        .filter(mine)
        .select("symbol", "open_at", "close_at", "open_price", "close_price", "pnl_quote", "exit_reason")
        .to_dicts(),
        "skips": skips.sort("signals", "rule", descending=[True, False]).to_dicts(),
        "unclear_orders": log.intents()
        .filter(mine & unclear)
        .select("coid", "symbol", "leg", "status", "reason", "created_at")
        .to_dicts(),
    }


@app.command()
def pause(user_id: UserId) -> None:
    """Open nothing new for this user; exits go on."""
    from trading.users.directory import Directory

    with _log() as log:
        Directory(log).pause(user_id)
    print(f"{user_id} is paused: no new entries, exits go on")


@app.command()
def resume(user_id: UserId) -> None:
    """Let this user's entries go on."""
    from trading.users.directory import Directory

    with _log() as log:
        Directory(log).resume(user_id)
    print(f"{user_id} trades again")


@contextmanager
def _log() -> Iterator["OrderLog"]:
    from resources.settings import load_settings
    from trading.store.order_log import OrderLog

    log = OrderLog(load_settings().database_url)
    try:
        yield log
    finally:
        log.close()


def _number(name: str, text: str) -> Any:  # Decimal; the import is not worth its time in --help
    from decimal import Decimal, InvalidOperation

    from trading.market.errors import BadInput

    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise BadInput(f"{name} must be a number, was {text!r}") from error
