"""`sluice users close-all|export|remove`, and the rows of `show --timeline`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from interfaces.cli.output import AsJson, print_json
from interfaces.cli.users_world import UserId, open_log, typed

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.store.order_log import OrderLog

Yes = Annotated[bool, Option("--yes", help="Do not ask for the id to be typed.")]


def register(app: typer.Typer) -> None:
    """Add these commands to `sluice users`."""
    app.command("close-all")(close_all)
    app.command()(export)
    app.command()(remove)


def close_all(
    user_id: UserId,
    pause: Annotated[
        bool, Option("--pause/--no-pause", help="Also pause: no new entries until `users resume`.")
    ] = True,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Sell everything that Sluice holds for this user, at the prices there are; the engine does it.

    The request is durable: an engine that is off does it when it starts. Entries that rest are cancelled.
    What Sluice did not buy is not touched.
    """
    from dataclasses import asdict

    from trading.users.directory import Directory
    from trading.users.gates import CLOSE_ALL

    with open_log() as log:
        directory = Directory(log)
        directory.get(user_id)
        _confirm(user_id, yes=yes)
        if pause:
            directory.pause(user_id)
        request = log.wishes.ask(user_id, CLOSE_ALL)
        holding = len(log.ledger.open_trades(user_id))
    if as_json:
        print_json(asdict(request) | {"open_positions": holding, "is_paused": pause})
        return
    print(f"asked: {holding} positions of {user_id} will be sold by the engine")


def export(
    user_id: UserId,
    to: Annotated[Path | None, Option(help="Write to this file (mode 0600) instead of stdout.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give a user everything that is kept of them, as JSON; no keys."""
    from resources.settings import load_settings

    with open_log(settings := load_settings()) as log:
        found = exported(settings, log, user_id)
    if to is None:
        print_json(found)
        return
    write_private(to, found)
    told = {"path": str(to), "rows": sum(len(rows) for rows in found["tables"].values())}
    if as_json:
        print_json(told)
        return
    print(f"wrote {told['rows']} rows to {to}")


def remove(
    user_id: UserId,
    to: Annotated[Path | None, Option(help="Where the export goes; default: exports/ of the world.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Let a user leave: export, then delete keys, name, settings and messages. Orders stay under a pseudonym.

    With open positions it is staged: paused and closing at once; the engine removes the user, with an export,
    when nothing is open any more.
    """
    import asyncio
    from dataclasses import asdict

    from resources.settings import load_settings
    from trading.users.directory import Directory
    from trading.users.leave import begin

    settings = load_settings()
    with open_log(settings) as log:
        Directory(log).get(user_id)
        _confirm(user_id, yes=yes)
        path = to or settings.world_dir / "exports" / f"{user_id}.json"
        write_private(path, exported(settings, log, user_id))
        done = begin(log, user_id)
    if done.pseudonym is not None and settings.redis_url is not None:
        asyncio.run(forget_cached(settings.redis_url, user_id))
    if as_json:
        print_json(asdict(done) | {"export": str(path)})
        return
    print(f"export: {path}; give it to them, then delete it: it is the last copy with their name")
    if done.pseudonym is None:
        print(f"{user_id} is paused and closing ({done.hindrance}); the engine removes them after that")
    else:
        print(f"{user_id} is removed; what remains in the order log is called {done.pseudonym}")


def exported(settings: "Settings", log: "OrderLog", user_id: str) -> dict[str, Any]:
    """Return everything that is kept of a user. MissingData if there is none."""
    from trading.users.directory import Directory

    Directory(log).get(user_id)
    return {"user_id": user_id, "world": settings.world, "tables": log.leaving.everything(user_id)}


def timeline_rows(
    log: "OrderLog", user_id: str, *, since: str, until: str, symbol: str
) -> list[dict[str, Any]]:
    """Return the timeline of a user between two moments (ISO 8601, empty = no bound)."""
    from interfaces.cli.moments import moment
    from trading.market.clock import SystemClock
    from trading.market.timeframes import to_ms
    from trading.notifications.messages import wording
    from trading.users.timeline import FOREVER_MS, timeline

    found = timeline(
        log,
        user_id,
        wording=lambda kind, payload: wording("", user_id, kind, payload).text,
        now_ms=_market_now_ms(log, SystemClock().now_ms()),
        since_ms=to_ms(moment(since)) if since else 0,
        until_ms=to_ms(moment(until)) if until else FOREVER_MS,
        symbol=symbol or None,
    )
    return [one.as_row() for one in found]


def _market_now_ms(log: "OrderLog", wall_ms: int) -> int:
    """Return market time as far as the log knows it: its newest offer, order or fill."""
    newest_ms = log.history.newest_ms()
    return wall_ms if newest_ms is None else newest_ms


def _confirm(user_id: str, *, yes: bool) -> None:
    from trading.market.errors import InTheWay

    if not yes and typed(f"Type '{user_id}' to go on: ") != user_id:
        raise InTheWay(f"nothing was changed: {user_id!r} was not typed")


def write_private(path: Path, found: dict[str, Any]) -> None:
    """Write an export that only its owner may read."""
    from trading.market.errors import StoreError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(found, indent=1, default=str), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}; nothing was changed") from None


async def forget_cached(redis_url: str, user_id: str) -> None:
    """Take a user out of the cache."""
    from trading.execution.projection import CachedTrades
    from trading.market.errors import StoreError
    from trading.store.cache import UserCache, connect

    client = connect(redis_url)
    try:
        await CachedTrades(UserCache(client)).forget(user_id)
    except StoreError as error:
        print(f"sluice: {error}; the cache of {user_id} goes with the next flush")
    finally:
        await client.aclose()
