"""Commands that change something of one's own. What sells or leaves is asked for twice, by a button."""

from decimal import Decimal, InvalidOperation

from interfaces.bot import figures as say
from interfaces.bot.commands import REGISTRY, Answer, Ask
from interfaces.bot.wire import Button
from trading.market.errors import BadInput
from trading.notifications.plain import line
from trading.store.order_log.chats import Role
from trading.store.order_log.records import Trade
from trading.users.directory import Directory

_NO = "not offered: "
_MOST_BUTTONS = 20


@REGISTRY.add("start", "entries again after /stop or /stopentry", aliases=("resume",))
def start(ask: Ask) -> str:
    """Let entries go on."""
    Directory(ask.log).resume(ask.user_id)
    held = [halt.in_words() for halt in ask.log.halts.active() if halt.subject in (None, ask.user_id)]
    told = f"{ask.user_id} trades again"
    return told if not held else f"{told}, once this is lifted: {line('; '.join(held), 600)}"


@REGISTRY.add(
    "stop",
    "no new entries; open trades leave by their rules; kept over restarts",
    freqtrade="there exits stop, too; here they never do",
)
def stop(ask: Ask) -> str:
    """Pause."""
    Directory(ask.log).pause(ask.user_id)
    return f"{ask.user_id} is paused: no new entries, exits go on. /start ends it; /forceexit all sells."


@REGISTRY.add(
    "stopentry",
    "the same as /stop here",
    aliases=("stopbuy", "pause"),
    freqtrade="there it ends with a restart; here it is kept",
)
def stopentry(ask: Ask) -> str:
    """Pause."""
    return str(stop(ask))


@REGISTRY.add(
    "forceexit",
    "sell one trade now, or with `all` every position and pause; after a button; alone it shows your trades",
    usage="[trade|all]",
    aliases=("fx",),
)
def forceexit(ask: Ask) -> Answer:
    """Ask, then sell one trade or everything."""
    held = ask.log.ledger.open_trades(ask.user_id)
    if not held:
        return Answer("no open trades")
    if not ask.words:
        return Answer("Sell which one?", tuple(_sale(ask, trade) for trade in held[:_MOST_BUTTONS]))
    if ask.words[0] != "all":
        trade = _open(ask, held, ask.words[0])
        text = f"Sell {trade.held:f} {line(trade.symbol, 40)} now, at the prices there are?"
        return Answer(text, (_sale(ask, trade), ask.button("No", "nothing")))
    open_now = len(held)
    text = f"Sell all {open_now} positions of {ask.user_id} now, at the prices there are, and pause?"
    return Answer(text, (ask.button("Sell everything", "close_all"), ask.button("No", "nothing")))


def _open(ask: Ask, held: list[Trade], word: str) -> Trade:
    """Return the open trade of that pair, or of that id or its end."""
    from interfaces.bot.trades import named  # here: commands are listed in the order in which they are read

    names = {word.casefold(), f"{word}/usdt".casefold()}
    of_pair = [trade for trade in held if trade.symbol.casefold() in names]
    trade = of_pair[0] if len(of_pair) == 1 else named(ask, word)
    if trade.is_closed:
        raise BadInput(f"trade {trade.trade_id} is closed")
    return trade


def _sale(ask: Ask, trade: Trade) -> Button:
    text = f"Sell {line(trade.symbol, 40)} {say.short(trade.trade_id)}"
    return ask.button(text, "close_trade", trade_id=trade.trade_id)


@REGISTRY.add("leave", "leave for good: close, then delete what is personal; after a button", freqtrade="–")
def leave(ask: Ask) -> Answer:
    """Ask, then leave."""
    text = (
        f"{ask.user_id} leaves: paused at once, every position sold, then keys, name, settings and messages "
        "are deleted. Ask your operator for an export before. There is no way back. Leave?"
    )
    return Answer(text, (ask.button("Leave for good", "leave"), ask.button("No", "nothing")))


@REGISTRY.add("mode", "paper or live, and what is in the way; back to paper after a button", usage="[paper]",
              freqtrade="–")  # fmt: skip
def mode(ask: Ask) -> Answer:
    """Show the mode; go back to paper."""
    from resources.accounts import live_refusal
    from trading.users.gates import EntryGates
    from trading.users.user import Mode

    user = Directory(ask.log).get(ask.user_id)
    if ask.words and ask.words[0] == "paper" and user.mode is Mode.LIVE:
        text = "Go back to paper? Open live positions keep their exits."
        return Answer(text, (ask.button("To paper", "paper"), ask.button("No", "nothing")))
    if ask.words and ask.words[0] == "live" and user.mode is not Mode.LIVE:
        raise BadInput(
            "live is chosen with a proven key, the risk text and a typed sentence, not in a chat: ask "
            f"your operator for `sluice users mode {user.user_id} live`"
        )
    gate = EntryGates(ask.log, live_refusal(ask.settings)).closed(user)
    told = f"{user.user_id} is in {user.mode.value} mode" + (" and paused" if user.is_paused else "")
    return Answer(told if gate is None else f"{told}; no entries now ({gate.rule}): {line(gate.reason, 400)}")


@REGISTRY.add("risk", "your bounds; a new risk per trade after a button", usage="[0.01]", freqtrade="–")
def risk(ask: Ask) -> Answer:
    """Show or change the bounds."""
    user = Directory(ask.log).get(ask.user_id)
    if not ask.words:
        return Answer(
            f"risk per trade {user.risk_per_trade:f} of the capital, at most {user.max_positions} positions, "
            f"no entries after a loss of {user.daily_loss_limit:f} in a day, capital {user.capital:f}"
        )
    try:
        wanted = Decimal(ask.words[0].removesuffix("%")) / (100 if ask.words[0].endswith("%") else 1)
    except InvalidOperation:
        raise BadInput(f"risk must be a number such as 0.01 or 1%, was {ask.words[0][:20]!r}") from None
    if not wanted.is_finite() or not 0 < wanted < 1:
        raise BadInput(f"risk must lie between 0 and 1, was {ask.words[0][:20]}")
    text = f"Risk {wanted:f} of the capital at each stop, instead of {user.risk_per_trade:f}?"
    return Answer(text, (ask.button("Set it", "risk", value=str(wanted)), ask.button("No", "nothing")))


@REGISTRY.add("blacklist", "your block list; with a pair: block it", usage="[pair]")
def blacklist(ask: Ask) -> str:
    """Show or extend the block list."""
    from trading.users.imports.rows import unified

    directory = Directory(ask.log)
    user = directory.get(ask.user_id)
    if ask.words:
        pair = unified(ask.words[0][:40])
        user = directory.change(ask.user_id, blocked=user.blocked | {pair})
    return f"blocked: {', '.join(line(one, 40) for one in sorted(user.blocked)[:100]) or 'none'}"


def _refused(name: str, why: str, aliases: tuple[str, ...] = ()) -> None:
    @REGISTRY.add(name, f"{_NO}{why}", aliases=aliases, freqtrade="not offered")
    def run(_ask: Ask) -> str:
        return f"/{name} is {_NO}{why}"


_refused("forcelong", "only approved signals are bought", ("forceenter",))
_refused("forceshort", "spot only, nothing is sold short")
_refused(
    "cancel_open_order", "entries that rest end with their signal set; /stop keeps new ones away", ("coo",)
)
_refused("reload_trade", "trades are projected from fills at every booking; `sluice reconcile` compares")
_refused("delete", "the ledger is never changed")


@REGISTRY.add("reload_config", "what a restart would change; ends nothing", role=Role.OPERATOR,
              freqtrade="there it also ends /stopentry; here /start does")  # fmt: skip
def reload_config(_ask: Ask) -> str:
    """Say how settings are read."""
    return (
        "Settings are read when a process starts; restart it. /start and /unlock end what chats have stopped."
    )
