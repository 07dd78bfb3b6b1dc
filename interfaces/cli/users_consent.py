"""`sluice users mode|consent`: paper or live, and what was read and accepted before it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Argument, Option

from interfaces.cli.output import AsJson, print_json
from interfaces.cli.users_world import UserId, open_log, typed

if TYPE_CHECKING:
    from resources.settings import Settings
    from trading.store.order_log import OrderLog
    from trading.users.user import User


def register(app: typer.Typer) -> None:
    """Add these commands to `sluice users`."""
    app.command()(mode)
    app.command()(consent)


def consent(
    user_id: UserId,
    show: Annotated[bool, Option("--show", help="Print text and consents; ask nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the risk text and record the user's consent, given by typing a sentence (or a line of stdin).

    Version, time and SHA-256 of the text are kept for good. When the text changes, no new positions are
    opened for the user until it is accepted again; exits go on.
    """
    from dataclasses import asdict

    from trading.users.consent import PHRASE, accept, missing, read_text
    from trading.users.directory import Directory

    text = read_text()
    with open_log() as log:
        Directory(log).get(user_id)
        if not show:
            if not as_json:
                print(text.body)
            accept(log.wishes, user_id, typed(f"Type '{PHRASE}' to accept: "), text)
        given = [asdict(one) for one in log.wishes.consents_of(user_id)]
        lacking = missing(log.wishes, user_id, text)
    if as_json:
        told = {"version": text.version, "sha256": text.sha256, "phrase": PHRASE}
        print_json(told | {"given": given, "missing": lacking} | ({"text": text.body} if show else {}))
        return
    if show:
        print(text.body)
    print(lacking or f"{user_id} accepted version {text.version} ({text.sha256[:16]}…)")


def mode(
    user_id: UserId,
    wanted: Annotated[str, Argument(help="paper or live; none: say which.", metavar="[MODE]")] = "",
    as_json: AsJson = False,
) -> None:
    """Choose paper (the default) or live: by consent, a proven key of one's own and a typed sentence.

    Live asks: a key linked as bound to this address, all its checks passed just now, no other bot's orders on
    the account, the risk text accepted, and the sentence typed. Choosing live is recorded; whether the engine
    trades live is another question, which it answers with a reason (decisions 18 and 33).
    """
    from resources.accounts import live_refusal
    from resources.settings import load_settings
    from trading.users.directory import Directory
    from trading.users.gates import EntryGates
    from trading.users.user import Mode

    if wanted and wanted not in {str(known) for known in Mode}:
        raise typer.BadParameter(f"must be one of {', '.join(Mode)}, was {wanted!r}", param_hint="MODE")
    settings = load_settings()
    with open_log(settings) as log:
        directory = Directory(log)
        user = directory.get(user_id)
        if wanted == Mode.LIVE and user.mode is not Mode.LIVE:
            require_live_ready(settings, log, user)
            phrase = live_phrase(user_id)
            require_phrase(typed(f"Type '{phrase}' to go on: "), phrase)
        if wanted:
            user = directory.change(user_id, mode=Mode(wanted))
        gate = EntryGates(log, live_refusal(settings)).closed(user)
    told: dict[str, Any] = {
        "user_id": user_id,
        "mode": user.mode.value,
        "closed_gate": None if gate is None else {"rule": gate.rule, "reason": gate.reason},
    }
    if as_json:
        print_json(told)
        return
    print(f"{user_id} is in {user.mode.value} mode")
    if gate is not None:
        print(f"no entries now ({gate.rule}): {gate.reason}")


def live_phrase(user_id: str) -> str:
    """Return what somebody types who chooses live."""
    return f"trade live with {user_id}"


def require_phrase(said: str, phrase: str) -> None:
    """Refuse a choice of live that was not typed to the letter."""
    from trading.market.errors import InTheWay

    if said.strip() != phrase:
        raise InTheWay(f"nothing was changed: live is chosen by typing {phrase!r}")


def require_live_ready(settings: "Settings", log: "OrderLog", user: "User") -> None:
    """Refuse live, by BadInput, without consent and a bound key that passes now, alone on its account."""
    import asyncio

    from interfaces.cli.users_keys import check_all
    from trading.market.errors import InTheWay
    from trading.users.consent import missing, read_text
    from trading.users.key_store import ACCOUNT, EXCHANGE

    user_id = user.user_id
    key = log.keys.get(user_id, EXCHANGE)
    if user.account != ACCOUNT or key is None:
        raise InTheWay(f"live needs the user's own key: `sluice users link {user_id} --ip-bound`")
    if not key.is_ip_bound:
        raise InTheWay("live needs a key that is bound to this address: link one with --ip-bound")
    lacking = missing(log.wishes, user_id, read_text())
    if lacking is not None:
        raise InTheWay(f"live needs consent: {lacking}")
    proof = asyncio.run(check_all(settings, log, [user]))[user_id]
    if not proof.is_passed:
        raise InTheWay(f"live needs a key that passes: {proof.reason}")
    alone = proof.found("alone")
    if alone is not None and alone.verdict != "ok":
        raise InTheWay(f"live is refused: {alone.sentence}")
