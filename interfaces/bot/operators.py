"""Commands of operators: stop and go on for all, tell many people something, look at the system."""

from typing import Any

from interfaces.bot import figures as say
from interfaces.bot.broadcast import audience, new_name, report, wanted
from interfaces.bot.commands import REGISTRY, Answer, Ask
from trading.market.errors import BadInput
from trading.notifications.plain import line
from trading.store.order_log.chats import Role
from trading.users.directory import Directory


def _halt(ask: Ask, kind: str, what: str) -> Answer:
    if not ask.words:
        raise BadInput(f"say for whom and why: /{kind.replace('_', '')} all|USER|PAIR reason")
    name, reason = ask.words[0][:40], " ".join(ask.words[1:])[:300]
    if not reason:
        raise BadInput("say why, for whoever lifts it")
    arguments: dict[str, Any] = {"kind": kind, "why": reason, "scope": "fleet", "subject": None}
    if "/" in name:
        arguments |= {"scope": "symbol", "subject": name.upper()}
    elif name != "all":
        Directory(ask.log).get(name)  # a halt of a misspelt name would stop nobody
        arguments |= {"scope": "user", "subject": name}
    text = f"{what} for {line(name, 40)} until somebody lifts it? {line(reason, 300)}"
    return Answer(text, (ask.button(what, "halt", **arguments), ask.button("No", "nothing")))


@REGISTRY.add("halt", "stop entries of all, one user or one pair, after a button; kept until lifted",
              usage="all|USER|PAIR reason", role=Role.OPERATOR, freqtrade="–")  # fmt: skip
def halt(ask: Ask) -> Answer:
    """Stop entries."""
    return _halt(ask, "stop_entries", "Stop entries")


@REGISTRY.add("freeze", "log or data in doubt: no entry until all is read again; after a button",
              usage="all|USER|PAIR reason", role=Role.OPERATOR, freqtrade="–")  # fmt: skip
def freeze(ask: Ask) -> Answer:
    """Freeze."""
    return _halt(ask, "freeze", "Freeze")


@REGISTRY.add("unlock", "lift a halt, after a button", usage="<halt id>", role=Role.OPERATOR)
def unlock(ask: Ask) -> Answer:
    """Lift."""
    held = {halt.halt_id: halt for halt in ask.log.halts.active()}
    if not ask.words or ask.words[0] not in held:
        raise BadInput(f"say which: {', '.join(held) or 'no halt holds'}")
    text = f"Lift this? {line(held[ask.words[0]].in_words(), 400)}"
    return Answer(text, (ask.button("Lift", "lift", halt_id=ask.words[0]), ask.button("No", "nothing")))


@REGISTRY.add("broadcast", "write to all, live users or holders of a pair; preview, count, button",
              usage="all|live|PAIR text|!prepared", role=Role.OPERATOR, freqtrade="–")  # fmt: skip
def broadcast(ask: Ask) -> Answer:
    """Preview a broadcast."""
    to, text = wanted(ask.words)
    found = audience(ask, to)
    if not found.chats:
        return Answer(f"nobody would hear it: {found.without} users are meant, none has a chat")
    words = (
        f"To {len(found.chats)} people ({line(to, 40)}; {found.without} more have no chat), about "
        f"{len(found.chats) / 25:.0f} s:\n\n{text}"
    )
    name = new_name()
    return Answer(
        words,
        (ask.button("Send", "broadcast", audience=to, text=text, name=name), ask.button("No", "nothing")),
    )


@REGISTRY.add("delivery", "how far a broadcast is", usage="<name>", role=Role.OPERATOR, freqtrade="–")
def delivery(ask: Ask) -> str:
    """Delivery report."""
    if not ask.words:
        raise BadInput("say which: /delivery bc-...")
    return report(ask, ask.words[0])


@REGISTRY.add("logs", "the newest rows of the bot's audit", usage="[n]", role=Role.OPERATOR,
              freqtrade="there the process's log; here who asked what")  # fmt: skip
def logs(ask: Ask) -> str:
    """Audit."""
    rows = [
        f"{row.at_wall_ms // 1000} {row.user_id or row.telegram_id} {line(row.command, 30)} "
        f"{line(row.arguments, 60)} {line(row.outcome, 60)}"
        for row in ask.log.chats.audit(ask.count(10, 40))
    ]
    return say.bounded(rows, "nothing was asked yet")


@REGISTRY.add("show_config", "settings in force, secrets masked", role=Role.OPERATOR)
def show_config(ask: Ask) -> str:
    """Settings."""
    from resources.settings import masked

    return "\n".join(f"{name} = {line(value, 120)}" for name, value in masked(ask.settings).items())


@REGISTRY.add("health", "is it trading, and if not, why; what waits to be told", role=Role.OPERATOR,
              freqtrade="–")  # fmt: skip
def health(ask: Ask) -> str:
    """Verdict of `sluice status`."""
    from interfaces.bot.sender import depth
    from interfaces.cli.status import report as status

    waiting = depth(ask.log, ask.now)
    told = ", ".join(f"{name} {row['due']} (oldest {row['oldest_s']:.0f} s)" for name, row in waiting.items())
    return f"{line(status(ask.settings, ask.lake)['verdict'], 600)}\nmessages due: {told or 'none'}"
