"""`sluice users`: the people who trade in the current world, and their settings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from interfaces.cli import users_consent, users_import, users_keys, users_leave
from interfaces.cli.output import AsJson, print_json, print_table
from interfaces.cli.users_world import UserId, number, open_log, smallest

if TYPE_CHECKING:
    from trading.store.order_log import OrderLog

app = typer.Typer(
    help="The people who trade: add them, link their keys, change, pause, close, remove, import. "
    "New here? add → link → check; everybody begins on paper.",
    no_args_is_help=True,
)
CLEAR = "none"

FOLLOWED = (
    "quiet hours, digest and muted kinds are followed by the Telegram bot (`sluice bot run`); the engine's "
    "log leaves out muted kinds alone"
)


@app.command()
def add(  # noqa: PLR0917 - Typer reads one parameter per option
    user_id: Annotated[str, Argument(help="New id: letters, digits, - and _, at most 32.")],
    account: Annotated[
        str, Option(help="demo:<number> of the embedded exchange, or key:mexc for a linked key.")
    ] = "key:mexc",
    name: Annotated[str, Option(help="Name to show; default: the id.")] = "",
    capital: Annotated[str, Option(help="Capital in quote units.")] = "10000",
    risk: Annotated[str, Option(help="Share of capital lost at the stop of one trade.")] = "0.01",
    max_positions: Annotated[int, Option(min=1, help="Most positions at once.")] = 5,
    daily_loss_limit: Annotated[str, Option(help="Share of capital; no entry after losing it.")] = "0.05",
    allow: Annotated[list[str] | None, Option(help="Trade only this symbol (repeatable).")] = None,
    block: Annotated[list[str] | None, Option(help="Never trade this symbol (repeatable).")] = None,
    mode: Annotated[str, Option(help="paper; live is chosen later, with `sluice users mode`.")] = "paper",
    as_json: AsJson = False,
) -> None:
    """Add a user, on paper. Says the smallest capital that makes sense for these settings.

    Example: sluice users add ada --capital 500 --risk 0.01 --max-positions 3 --block DOGE/USDT
    """
    from resources.settings import load_settings
    from trading.market.errors import BadInput
    from trading.users.directory import Directory
    from trading.users.user import Mode, User

    settings = load_settings()
    if mode not in {str(known) for known in Mode}:
        raise typer.BadParameter(f"must be one of {', '.join(Mode)}, was {mode!r}", param_hint="--mode")
    if mode == Mode.LIVE:
        from trading.exchange.verify.record import require_live

        require_live(settings.home)
        raise BadInput(f"everybody begins on paper; then: `sluice users mode {user_id} live`")
    user = User(
        user_id=user_id,
        name=name or user_id,
        account=account,
        capital=number("capital", capital),
        risk_per_trade=number("risk", risk),
        max_positions=max_positions,
        daily_loss_limit=number("daily-loss-limit", daily_loss_limit),
        allowed=_symbols(allow or ()),
        blocked=_symbols(block or ()),
    )
    with open_log(settings) as log:
        Directory(log).add(user)
    least = smallest(settings, user)
    if as_json:
        print_json({"user_id": user_id, "mode": user.mode.value, "account": account} | least)
        return
    print(f"added {user_id} ({user.mode.value}, account {account})\n{least['said']}")


@app.command("set")
def change(  # noqa: PLR0917 - Typer reads one parameter per option
    user_id: UserId,
    name: Annotated[str | None, Option(help="Name to show.")] = None,
    account: Annotated[str | None, Option(help="demo:<number> or key:mexc.")] = None,
    capital: Annotated[str | None, Option(help="Capital in quote units.")] = None,
    risk: Annotated[str | None, Option(help="Share of capital lost at the stop of one trade.")] = None,
    max_positions: Annotated[int | None, Option(min=1, help="Most positions at once.")] = None,
    daily_loss_limit: Annotated[str | None, Option(help="Share of capital.")] = None,
    allow: Annotated[list[str] | None, Option(help="The new list of allowed symbols; none = all.")] = None,
    block: Annotated[list[str] | None, Option(help="The new list of blocked symbols; none = no one.")] = None,
    quiet: Annotated[str | None, Option(help="Quiet hours, 22:00-07:00; none = no quiet hours.")] = None,
    digest_hour: Annotated[str | None, Option(help="Hour of a daily digest, 0-23; none = no digest.")] = None,
    time_zone: Annotated[str | None, Option(help="Of these hours, e.g. Europe/Berlin.")] = None,
    mute: Annotated[list[str] | None, Option(help="Kinds of messages not wanted; none = all wanted.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change settings; what is not named stays. Alerts come whatever is muted.

    Quiet hours and digest are followed by `sluice bot run`.

    Example: sluice users set ada --capital 800 --quiet 22:00-07:00 --time-zone Europe/Berlin
    """
    from resources.settings import load_settings
    from trading.users.directory import Directory

    numbers = {"capital": capital, "risk_per_trade": risk, "daily_loss_limit": daily_loss_limit}
    values: dict[str, Any] = {key: number(key, text) for key, text in numbers.items() if text is not None}
    values |= {
        key: value
        for key, value in {"name": name, "account": account, "max_positions": max_positions}.items()
        if value is not None
    }
    for key, symbols in (("allowed", allow), ("blocked", block)):
        if symbols is not None:
            values[key] = _symbols(symbols)
    settings = load_settings()
    with open_log(settings) as log:
        directory = Directory(log)
        wishes = _preferences(
            directory.preferences(user_id), quiet=quiet, digest=digest_hour, zone=time_zone, mute=mute
        )
        user = directory.change(user_id, **values) if values else directory.get(user_id)
        log.wishes.prefer(user_id, wishes.to_json())
        found = report(log, user_id) if as_json else {}
    least = smallest(settings, user)
    if as_json:
        print_json({"user": found["user"], "preferences": found["preferences"]} | least)
        return
    is_told = any(value is not None for value in (quiet, digest_hour, time_zone, mute))
    changed = [*sorted(values), *(["messages"] if is_told else [])]
    print(f"{user_id}: {', '.join(changed) or 'nothing'} set\n{least['said']}")
    if quiet is not None or digest_hour is not None:
        print(FOLLOWED)


@app.command(name="list")
def list_users(as_json: AsJson = False) -> None:
    """List users with what came of following the signals."""
    with open_log() as log:
        rows = log.user_summary().to_dicts()
    print_table(rows, title="Users", as_json=as_json, empty="none; add one with `sluice users add`")


@app.command()
def show(
    user_id: UserId,
    timeline: Annotated[
        bool, Option("--timeline", help="Why did this user trade, or not: each signal and what came of it.")
    ] = False,
    since: Annotated[str, Option(help="Timeline from here on, ISO 8601 in market time.")] = "",
    until: Annotated[str, Option(help="Timeline up to here.")] = "",
    symbol: Annotated[str, Option(help="Timeline of this symbol only.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show one user: bounds, key, open positions, last trades, why signals were skipped.

    Example: sluice users show ada --timeline --symbol BTC/USDT --since 2026-03-01
    """
    from resources.settings import load_settings
    from trading.users.directory import Directory

    settings = load_settings()
    with open_log(settings) as log:
        if timeline:
            Directory(log).get(user_id)
            rows = users_leave.timeline_rows(log, user_id, since=since, until=until, symbol=symbol)
            empty = "nothing; was there a signal set in that time? `sluice status`"
            print_table(rows, title=f"Timeline of {user_id}", as_json=as_json, empty=empty)
            return
        found = report(log, user_id)
        user = Directory(log).get(user_id)
    found |= {"smallest": smallest(settings, user)}
    if as_json:
        print_json(found)
        return
    print_table([found["user"]], title=f"User {user_id}")
    print(found["smallest"]["said"])
    print_table([found["preferences"]], title="Messages")
    print(FOLLOWED)
    print_table(found["key"], title="Key", empty="none linked; `sluice users link`")
    print_table(found["requests"], title="Asked for", empty="nothing")
    print_table(found["open_trades"], title="Open positions", empty="none")
    print_table(found["closed_trades"][-10:], title="Last closed trades", empty="none")
    print_table(found["skips"], title="Signals not followed", empty="none")
    print_table(found["unclear_orders"], title="Orders without a known outcome", empty="none")


def report(log: "OrderLog", user_id: str) -> dict[str, Any]:
    """Return everything `show` prints. MissingData if there is no such user."""
    from dataclasses import asdict

    import polars as pl

    from trading.users.directory import Directory

    directory = Directory(log)
    user = asdict(directory.get(user_id))
    user["allowed"], user["blocked"] = sorted(user["allowed"]), sorted(user["blocked"])
    mine = pl.col("user_id") == user_id
    skips = log.skips().filter(mine).group_by("rule").agg(pl.len().alias("signals"), pl.col("reason").last())
    unclear = pl.col("status").is_in(["SENT", "UNKNOWN", "LOST"])
    return {
        "user": user,
        "preferences": directory.preferences(user_id).to_json(),
        "key": users_keys.key_rows(log, [user_id]),
        "requests": [asdict(request) for request in log.wishes.requests_of(user_id)],
        "consents": [asdict(consent) for consent in log.wishes.consents_of(user_id)],
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
def pause(user_id: UserId, as_json: AsJson = False) -> None:
    """Open nothing new for this user; exits go on."""
    _pause(user_id, is_paused=True, as_json=as_json)


@app.command()
def resume(user_id: UserId, as_json: AsJson = False) -> None:
    """Let this user's entries go on."""
    _pause(user_id, is_paused=False, as_json=as_json)


def _pause(user_id: str, *, is_paused: bool, as_json: bool) -> None:
    from trading.users.directory import Directory

    with open_log() as log:
        directory = Directory(log)
        (directory.pause if is_paused else directory.resume)(user_id)
    if as_json:
        print_json({"user_id": user_id, "is_paused": is_paused})
        return
    print(f"{user_id} is paused: no new entries, exits go on" if is_paused else f"{user_id} trades again")


def _symbols(texts: Sequence[str]) -> frozenset[str]:
    from trading.users.imports.rows import unified

    return frozenset(unified(text) for text in texts if text != CLEAR)


def _preferences(
    before: Any, *, quiet: str | None, digest: str | None, zone: str | None, mute: list[str] | None
) -> Any:
    from trading.users.preferences import Preferences

    values = before.to_json()
    if quiet is not None:
        begins, _, ends = quiet.partition("-")
        values |= {"quiet_from": None, "quiet_to": None}
        if quiet != CLEAR:
            values |= {"quiet_from": begins, "quiet_to": ends}
    if digest is not None:
        values["digest_hour"] = None if digest == CLEAR else int(number("digest-hour", digest))
    if zone is not None:
        values["time_zone"] = zone
    if mute is not None:
        values["muted"] = [kind for kind in mute if kind != CLEAR]
    return Preferences.from_json(values)


for _module in (users_keys, users_consent, users_leave, users_import):
    _module.register(app)
