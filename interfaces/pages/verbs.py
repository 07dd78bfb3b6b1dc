"""What a user may change from their pages: each verb calls the function behind the command of that name.

A verb takes the settings, the log, the user and the form, and returns the sentence that is shown. BadInput is
shown as it is: no sentence here may name another user.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from interfaces.run.wording import plain
from resources.settings import Settings
from trading.market.errors import BadInput
from trading.store.order_log import OrderLog
from trading.users.directory import Directory
from trading.users.user import User

Form = dict[str, str]
MUTABLE = {"trade_opened": "bought", "trade_reduced": "sold in part", "trade_closed": "sold"}


@dataclass(frozen=True, slots=True)
class Order:
    """One thing that is asked for."""

    settings: Settings
    log: OrderLog
    user: User
    form: Form

    @property
    def user_id(self) -> str:
        """Of the session, never of the form."""
        return self.user.user_id


def bounds(order: Order) -> str:
    """Set capital, risk per trade, most positions, daily loss limit."""
    from interfaces.cli.users_world import smallest

    form = order.form
    most = form.get("max_positions", "").strip()
    if not most.isdecimal() or not 1 <= int(most[:6]) <= 1_000:
        raise BadInput(f"most positions must be a whole number from 1 to 1000, was {plain(most, 20)!r}")
    user = Directory(order.log).change(
        order.user_id,
        capital=_number("capital", form.get("capital", "")),
        risk_per_trade=_share("risk per trade", form.get("risk", "")),
        max_positions=int(most),
        daily_loss_limit=_share("daily loss limit", form.get("daily_loss_limit", "")),
    )
    return f"Saved. {smallest(order.settings, user)['said']}"


def block(order: Order) -> str:
    """Block a pair, or let it be traded again."""
    from trading.users.imports.rows import unified

    is_blocked = order.form.get("what") != "unblock"
    pair = order.form.get("pair", "").strip()
    name = unified(pair[:40].upper()) if is_blocked else pair
    directory = Directory(order.log)
    held = directory.get(order.user_id).blocked
    directory.change(order.user_id, blocked=held | {name} if is_blocked else held - {name})
    return f"{plain(name, 40)} is {'never traded for you' if is_blocked else 'traded for you again'}."


def messages(order: Order) -> str:
    """Set quiet hours, digest, time zone, and the kinds that are not wanted."""
    from trading.users.preferences import Preferences

    form, before = order.form, Directory(order.log).preferences(order.user_id)
    digest = form.get("digest_hour", "").strip()
    if digest and not digest.isdecimal():
        raise BadInput(f"the hour of the digest must be 0 to 23, was {plain(digest, 20)!r}")
    kept = [kind for kind in before.muted if kind not in MUTABLE]
    wishes = Preferences(
        quiet_from=form.get("quiet_from") or None,
        quiet_to=form.get("quiet_to") or None,
        digest_hour=int(digest[:4]) if digest else None,
        time_zone=form.get("time_zone", "").strip()[:64] or "UTC",
        muted=(*kept, *(kind for kind in MUTABLE if form.get(f"mute_{kind}"))),
    )
    order.log.wishes.prefer(order.user_id, wishes.to_json())
    return "Saved. Alerts about your money come whatever is set."


def pause(order: Order) -> str:
    """Open nothing new, or let entries go on."""
    directory = Directory(order.log)
    if order.form.get("what") == "resume":
        directory.resume(order.user_id)
        return "Entries go on."
    directory.pause(order.user_id)
    return "Paused: nothing new is bought; open positions leave by their rules."


def close_all(order: Order) -> str:
    """Sell everything, after a typed word."""
    from trading.users.gates import CLOSE_ALL

    _require_typed(order, "sell everything")
    Directory(order.log).pause(order.user_id)
    order.log.wishes.ask(order.user_id, CLOSE_ALL)
    holding = len(order.log.ledger.open_trades(order.user_id))
    return f"Asked: {holding} positions will be sold at the prices there are, and you are paused."


def consent(order: Order) -> str:
    """Accept the risk text that was shown: its hash comes with the form."""
    from trading.users.consent import accept, read_text

    text = read_text()
    if order.form.get("sha256") != text.sha256:
        raise BadInput("nothing was recorded: the text changed while you read it; read it again")
    accept(order.log.wishes, order.user_id, order.form.get("typed", ""), text)
    return f"Recorded: you accepted version {text.version}."


def mode(order: Order) -> str:
    """Back to paper at once; live by everything that the command asks, and a typed sentence."""
    from interfaces.cli.users_consent import live_phrase, require_live_ready, require_phrase
    from trading.users.user import Mode

    wanted = order.form.get("mode", "")
    if wanted not in {str(known) for known in Mode}:
        raise BadInput(f"mode must be paper or live, was {plain(wanted, 20)!r}")
    if wanted == Mode.LIVE:
        require_phrase(order.form.get("typed", ""), live_phrase(order.user_id))
        require_live_ready(order.settings, order.log, order.user)
    Directory(order.log).change(order.user_id, mode=Mode(wanted))
    return f"You are in {wanted} mode."


def leave(order: Order) -> str:
    """Leave for good, after a typed id; an export is kept for the operator, as the command does."""
    from interfaces.cli.users_leave import exported, forget_cached, write_private
    from trading.users.leave import begin

    _require_typed(order, f"leave as {order.user_id}")
    path = order.settings.world_dir / "exports" / f"{order.user_id}.json"
    write_private(path, exported(order.settings, order.log, order.user_id))
    done = begin(order.log, order.user_id)
    if done.pseudonym is None:
        return f"You are paused and closing ({done.hindrance}); you are removed when nothing is open."
    if order.settings.redis_url is not None:
        asyncio.run(forget_cached(order.settings.redis_url, order.user_id))
    return (
        "You have left: keys, name, settings and messages are deleted. Delete the key at the exchange, too."
    )


def link(order: Order) -> dict[str, Any]:
    """Prove a pasted key and keep it if it is fit; what every check said. The form is emptied of it."""
    from interfaces.cli.users_keys import link_proven
    from resources.accounts import order_exchange
    from trading.market.errors import BadCredentials
    from trading.users.keys import Credentials
    from trading.users.vault import fingerprint

    api_key, secret = order.form.pop("api_key", "").strip(), order.form.pop("secret", "").strip()
    if not api_key or not secret:
        raise BadInput("paste both, the key and its secret; nothing was kept")
    if any(row.user_id != order.user_id for row in order.log.keys.same(fingerprint(api_key))):
        # The library's sentence names the other user.
        raise BadInput("this key is linked by somebody else already: one key, one user; nothing was kept")
    if order_exchange(order.settings).base_url is None:
        raise BadInput("the exchange cannot be asked now: try again later; nothing was kept")
    is_bound = order.form.get("ip_bound") == "yes"
    credentials = Credentials(api_key, secret)
    try:
        proof = link_proven(order.settings, order.log, order.user, credentials, is_ip_bound=is_bound)
    except BadCredentials:
        raise BadInput("keys cannot be sealed here now: tell your operator; nothing was kept") from None
    if proof.is_unfit:
        said = f"Not kept: {proof.reason}"
    elif proof.is_passed:
        said = "Kept and proven: Sluice trades with this key, on paper until you choose live."
    else:
        said = f"Kept, no entries yet: {proof.reason}"
    return {"said": said, "is_passed": proof.is_passed, "checks": proof.checks}


VERBS: dict[str, tuple[Callable[[Order], str], str]] = {
    # name of the route: what is done, the page that is shown after it
    "settings": (bounds, "settings"),
    "block": (block, "settings"),
    "messages": (messages, "settings"),
    "pause": (pause, "settings"),
    "close-all": (close_all, "settings"),
    "risk": (consent, "risk"),
    "mode": (mode, "mode"),
    "leave": (leave, "leave"),
}


def _require_typed(order: Order, phrase: str) -> None:
    if order.form.get("typed", "").strip() != phrase:
        raise BadInput(f"nothing was changed: type {phrase!r} to go on")


def _number(name: str, text: str) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise BadInput(f"{name} must be a number, was {plain(text, 20)!r}") from None
    if not value.is_finite() or value.adjusted() > 15:
        raise BadInput(f"{name} must be a number below 1e16, was {plain(text, 20)!r}")
    return value


def _share(name: str, text: str) -> Decimal:
    """Return percent as a fraction."""
    value = _number(name, text.strip().removesuffix("%")) / 100
    if not 0 < value < 1:
        raise BadInput(f"{name} must lie between 0 and 100 %, was {plain(text, 20)!r}")
    return value
