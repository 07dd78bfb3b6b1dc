"""What a pressed button does. The button was bound to one person and spent before anything here runs."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from interfaces.bot.commands import Ask
from trading.market.errors import BadInput
from trading.notifications.plain import line
from trading.store.order_log.chats import Role
from trading.users.directory import Directory

_OPERATORS = frozenset({"halt", "lift", "broadcast"})


def carry_out(ask: Ask, action: str, arguments: dict[str, Any]) -> str:
    """Do what the button says; return the sentence for it."""
    if action in _OPERATORS and ask.chat.role is not Role.OPERATOR:
        raise BadInput("only operators may do that")
    doing = _ACTIONS.get(action)
    if doing is None:
        raise BadInput(f"no action {action[:40]!r}")
    return doing(ask, arguments)


def _paper(ask: Ask, _arguments: dict[str, Any]) -> str:
    from trading.users.user import Mode

    Directory(ask.log).change(ask.user_id, mode=Mode.PAPER)
    return f"{ask.user_id} is in paper mode"


def _risk(ask: Ask, arguments: dict[str, Any]) -> str:
    user = Directory(ask.log).change(ask.user_id, risk_per_trade=Decimal(arguments["value"]))
    return f"risk per trade is {user.risk_per_trade:f} now"


def _lift(ask: Ask, arguments: dict[str, Any]) -> str:
    by = f"telegram:{ask.chat.telegram_id}"
    return (
        f"lifted: {line(ask.log.halts.lift(arguments['halt_id'], by=by, why='by the bot').in_words(), 400)}"
    )


def _broadcast(ask: Ask, arguments: dict[str, Any]) -> str:
    from interfaces.bot.broadcast import send

    return send(ask, arguments["audience"], arguments["text"], arguments["name"])


def _close_all(ask: Ask, _arguments: dict[str, Any]) -> str:
    from trading.users.gates import CLOSE_ALL

    Directory(ask.log).pause(ask.user_id)
    ask.log.wishes.ask(ask.user_id, CLOSE_ALL)
    holding = len(ask.log.ledger.open_trades(ask.user_id))
    return f"asked: {holding} positions will be sold by the engine; {ask.user_id} is paused"


def _close_trade(ask: Ask, arguments: dict[str, Any]) -> str:
    from trading.users.gates import closing_of

    trade_id = str(arguments["trade_id"])
    mine = [trade for trade in ask.log.ledger.open_trades(ask.user_id) if trade.trade_id == trade_id]
    if not mine:
        return "that trade is closed already"
    ask.log.wishes.ask(ask.user_id, closing_of(trade_id))
    return f"asked: {mine[0].held:f} {line(mine[0].symbol, 40)} will be sold by the engine"


def _leave(ask: Ask, _arguments: dict[str, Any]) -> str:
    import asyncio

    from interfaces.cli.users_leave import exported, forget_cached, write_private
    from trading.users.leave import begin

    folder = ask.settings.world_dir / "exports"
    write_private(folder / f"{ask.user_id}.json", exported(ask.settings, ask.log, ask.user_id))
    done = begin(ask.log, ask.user_id)
    if done.pseudonym is None:
        return f"You are paused and closing ({line(done.hindrance)}); the engine removes you after that."
    if ask.settings.redis_url is not None:
        asyncio.run(forget_cached(ask.settings.redis_url, ask.user_id))
    return "You are removed; what remains in the books has no name. Your operator has your export."


def _halt(ask: Ask, arguments: dict[str, Any]) -> str:
    from trading.store.order_log.halts import HaltKind, HaltScope

    scope = HaltScope(arguments["scope"])
    by = f"telegram:{ask.chat.telegram_id}"
    placed = ask.log.halts.place(
        HaltKind(arguments["kind"]), (scope, arguments.get("subject")), by=by, why=arguments["why"]
    )
    return f"placed: {line(placed.in_words(), 400)}. /unlock {placed.halt_id} ends it."


_ACTIONS: dict[str, Callable[[Ask, dict[str, Any]], str]] = {
    "nothing": lambda _ask, _arguments: "nothing was done",
    "close_all": _close_all,
    "close_trade": _close_trade,
    "leave": _leave,
    "paper": _paper,
    "risk": _risk,
    "halt": _halt,
    "lift": _lift,
    "broadcast": _broadcast,
}
