"""`sluice bot`: Telegram for users and operators; codes that link; a fake Telegram for trying it out."""

from typing import Annotated

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json, print_table

app = typer.Typer(
    help="Telegram: what users and operators are told and may ask. First: docs/how-to/telegram.md.",
    no_args_is_help=True,
)


@app.command()
def run() -> None:
    """Send messages and answer commands until interrupted. One process for each token.

    Example: SLUICE_TELEGRAM_TOKEN=... sluice bot run
    """
    import asyncio

    from interfaces.bot.running import run as run_bot
    from interfaces.cli.users_world import open_log
    from resources.settings import load_settings
    from trading.market.errors import SluiceError

    settings = load_settings()
    with open_log(settings) as log:
        try:
            asyncio.run(run_bot(settings, log))
        except* SluiceError as failed:
            raise failed.exceptions[0] from None


@app.command()
def code(
    user_id: Annotated[str, Argument(help="Whom it links; left out for an operator or a group.")] = "",
    role: Annotated[
        str, Option(help="user, operator, or group (a chat that hears operators' alerts).")
    ] = "user",
    as_json: AsJson = False,
) -> None:
    """Make a code that links one chat within 15 minutes: `/link CODE`, in private (a group: in the group)."""
    from interfaces.cli.users_world import open_log
    from trading.store.order_log.chats import CODE_MS, Role
    from trading.users.directory import Directory

    if role not in {str(known) for known in Role}:
        raise typer.BadParameter(f"must be one of {', '.join(Role)}, was {role!r}", param_hint="--role")
    with open_log() as log:
        if user_id:
            Directory(log).get(user_id)
        made = log.chats.code(user_id or None, Role(role))
    if as_json:
        print_json({"code": made, "role": role, "user_id": user_id or None, "valid_s": CODE_MS // 1000})
        return
    print(f"/link {made}\nvalid once, for {CODE_MS // 60_000} minutes; give it to nobody else")


@app.command(name="list")
def list_chats(as_json: AsJson = False) -> None:
    """List linked chats that can be reached."""
    from dataclasses import asdict

    from interfaces.cli.users_world import open_log

    with open_log() as log:
        rows = [asdict(chat) | {"role": chat.role.value} for chat in log.chats.active()]
    print_table(rows, title="Chats", as_json=as_json, empty="none; make a code with `sluice bot code`")


@app.command()
def audit(
    limit: Annotated[int, Option(min=1, max=100_000, help="How many rows, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Print who asked what, and what came of it."""
    from dataclasses import asdict

    from interfaces.cli.users_world import open_log

    with open_log() as log:
        rows = [asdict(row) for row in log.chats.audit(limit)]
    print_table(rows, title="Asked by Telegram", as_json=as_json, empty="nothing yet")


@app.command()
def queue(as_json: AsJson = False) -> None:
    """Print how many messages wait, and for how long, by class."""
    from datetime import UTC, datetime

    from interfaces.bot.sender import depth
    from interfaces.cli.users_world import open_log

    with open_log() as log:
        found = depth(log, datetime.now(UTC))
        counts = log.messages.counts()
    if as_json:
        print_json({"due": found, "counts": counts})
        return
    print_table([{"class": name} | row for name, row in found.items()], title="Due", empty="nothing")
    print(", ".join(f"{count} {state}" for state, count in counts.items()))


@app.command()
def commands(as_json: AsJson = False) -> None:
    """Print what the bot understands, with how it relates to freqtrade's command of that name."""
    from interfaces.bot.commands import registry

    print_table(registry().table(), title="Commands", as_json=as_json)


@app.command()
def fake(
    port: Annotated[int, Option(min=0, max=65_535, help="Port to listen on.")] = 8_081,
    strict: Annotated[
        bool, Option("--strict/--lenient", help="Answer 429 where a limit is broken, as Telegram does.")
    ] = True,
) -> None:
    """Serve a fake Telegram on 127.0.0.1: people write by POST /fake/say, GET /fake/sent shows what arrived.

    Example: curl -d person=7 -d text=/status http://127.0.0.1:8081/fake/say
    """
    from aiohttp import web

    from trading.notifications.fake_telegram import FakeTelegram

    print(
        f"SLUICE_TELEGRAM_TOKEN=1:demo SLUICE_TELEGRAM_URL=http://127.0.0.1:{port} sluice bot run", flush=True
    )
    web.run_app(FakeTelegram(is_strict=strict).app(), host="127.0.0.1", port=port, print=None)
