"""Operators tell many people something: who would hear, a preview, a button, a report of what arrived."""

import secrets
from dataclasses import dataclass

from interfaces.bot.commands import Ask
from trading.market.errors import BadInput
from trading.notifications.plain import harmless, line
from trading.notifications.urgency import Urgency
from trading.store.order_log.chats import Chat, Role
from trading.store.order_log.messages import Queued
from trading.users.directory import Directory
from trading.users.user import Mode, User

KIND = "broadcast"
LONGEST = 1_500
INCIDENTS = {
    "exchange-down": "The exchange does not answer. Nothing is bought; exits go out as soon as it answers. "
    "Your positions and money are where they were.",
    "entries-stopped": "We have stopped all purchases while we look into a problem. Exits go on by their "
    "rules. You need not do anything; we write again.",
    "maintenance": "Sluice is being updated. Purchases pause for some minutes; exits go on.",
    "data-doubt": "Prices that we received look wrong. Nothing is bought until they have been checked.",
    "key-risk": "Please renew your exchange key today: delete the old one at the exchange, link a new one, "
    "bound to our address and without the right to withdraw. Nobody of us asks for a key in a chat.",
    "all-clear": "The problem that we wrote of is over. Purchases go on.",
}


@dataclass(frozen=True, slots=True)
class Audience:
    """Who would hear: chats, and how many of those meant have none."""

    chats: list[Chat]
    without: int


def audience(ask: Ask, name: str) -> Audience:
    """Return who is meant by ``all``, ``live`` or a pair (its holders). BadInput for anything else."""
    users = Directory(ask.log).all()
    meant = {user.user_id for user in _meant(ask, users, name)}
    chats = [chat for chat in ask.log.chats.active(Role.USER, Role.OPERATOR) if chat.user_id in meant]
    return Audience(chats, len(meant) - len(chats))


def _meant(ask: Ask, users: list[User], name: str) -> list[User]:
    if name == "all":
        return users
    if name == "live":
        return [user for user in users if user.mode is Mode.LIVE]
    if "/" not in name:
        raise BadInput(f"the audience must be all, live or a pair such as BTC/USDT, was {line(name, 40)!r}")
    holding = {trade.user_id for trade in ask.log.ledger.open_trades() if trade.symbol == name.upper()}
    return [user for user in users if user.user_id in holding]


def wanted(words: tuple[str, ...]) -> tuple[str, str]:
    """Return audience and text of ``/broadcast``; ``!name`` stands for a prepared text."""
    if len(words) < 2:
        prepared = ", ".join(f"!{name}" for name in INCIDENTS)
        raise BadInput(f"say to whom and what: /broadcast all|live|PAIR text. Prepared: {prepared}")
    text = " ".join(words[1:])
    if text.startswith("!"):
        if text[1:] not in INCIDENTS:
            raise BadInput(f"no prepared text {line(text, 40)!r}; there are {', '.join(INCIDENTS)}")
        text = INCIDENTS[text[1:]]
    if len(text) > LONGEST:
        raise BadInput(f"a broadcast has at most {LONGEST} characters, this one {len(text)}")
    return words[0], harmless(text)


def new_name() -> str:
    """Return a name for one broadcast: pressing its button twice cannot send it twice."""
    return f"bc-{secrets.token_hex(4)}"


def send(ask: Ask, to: str, text: str, name: str) -> str:
    """Queue a broadcast for everybody who is meant; return what to read its report by."""
    found = audience(ask, to)
    now_ms = int(ask.now.timestamp() * 1000)
    rows = [
        Queued(
            event_id=name,
            recipient=chat.recipient,
            user_id=chat.user_id or "operator",
            kind=KIND,
            urgency=int(Urgency.FILLS),
            text=text,
            made_wall_ms=now_ms,
            due_wall_ms=now_ms,
        )
        for chat in found.chats
    ]
    queued = ask.log.messages.add(rows)
    return f"{queued} messages queued, about {queued / 25:.0f} s; /delivery {name} reports"


def report(ask: Ask, name: str) -> str:
    """Return how far a broadcast is."""
    found = ask.log.messages.counts(name)
    total = sum(found.values())
    if total == 0:
        raise BadInput(f"no broadcast {line(name, 40)!r}")
    rest = f"{found['waiting']} waiting, {found['dropped']} not reachable"
    return f"{name}: {found['sent']} of {total} sent, {rest}"
