"""Commands that look at one's own trades: open, closed, their orders, and what they came to by day."""

from interfaces.bot import figures as say
from interfaces.bot.commands import REGISTRY, Answer, Ask
from trading.market.errors import BadInput
from trading.market.exit_words import reason_in_words
from trading.notifications.plain import line
from trading.store.order_log.records import PENDING, Leg, Trade


def named(ask: Ask, word: str) -> Trade:
    """Return one of one's own trades by the end of its id. BadInput if none or several end so."""
    trades = ask.log.ledger.all_trades(ask.user_id)
    found = [trade for trade in trades if len(word) >= 4 and trade.trade_id.endswith(word)]
    if len(found) != 1:
        raise BadInput(f"no single trade of yours ends with {word[:40]!r}; /status and /trades show the ids")
    return found[0]


def closed_of(ask: Ask) -> list[Trade]:
    """Return one's own closed trades, newest first."""
    mine = [trade for trade in ask.log.ledger.all_trades(ask.user_id) if trade.is_closed]
    return sorted(mine, key=lambda trade: -(trade.closed_ms or 0))


@REGISTRY.add(
    "status",
    "open trades; with an id that one; `table` with their age; `*` buying and `**` selling marked",
    usage="[id | table]",
    freqtrade="same; open profit is in /profit",
)
def status(ask: Ask) -> str:
    """Open trades."""
    if ask.words and ask.words[0] != "table":
        return _one(ask, named(ask, ask.words[0]))
    trades = ask.log.ledger.open_trades(ask.user_id)
    pending = ask.log.orders.find(user_id=ask.user_id, statuses=PENDING)
    buying = {intent.trade_id for intent in pending if intent.leg is Leg.OPEN}
    selling = {intent.trade_id for intent in pending if intent.leg is Leg.CLOSE}
    rows = []
    for trade in trades:
        mark = "**" if trade.trade_id in selling else "*" if trade.trade_id in buying else ""
        age = say.lasted(ask.now.timestamp() * 1000 - trade.opened_ms) if ask.words else ""
        rows.append(
            f"{say.short(trade.trade_id)}{mark} {line(trade.symbol, 40)} {trade.held:f} at "
            f"{trade.open_price:.8g}, stop {trade.stop_price:.8g} ({trade.mode}) {age}".rstrip()
        )
    waiting = {trade.trade_id for trade in trades}
    rows += [
        f"{say.short(intent.trade_id)}* {line(intent.symbol, 40)} buying {intent.amount:f}"
        for intent in pending
        if intent.leg is Leg.OPEN and intent.trade_id not in waiting
    ]
    return say.bounded(rows, "no open trades")


def _one(ask: Ask, trade: Trade) -> str:
    rows = [
        f"{line(trade.symbol, 40)} ({trade.mode}), trade {trade.trade_id}",
        f"bought {trade.bought:f} for {trade.bought_cost:.8g}, opened {say.lasted(_age(ask, trade))} ago",
        f"held {trade.held:f}, stop {trade.stop_price:.8g}, target "
        + ("none" if trade.target_price is None else f"{trade.target_price:.8g}"),
    ]
    if trade.held_up:
        rows.append(f"its exit is held up: {line(trade.held_up)}")
    if trade.is_closed:
        rows.append(f"closed: {reason_in_words(trade.exit_reason)}, {say.money(trade.pnl_quote)}")
    return "\n".join(rows)


def _age(ask: Ask, trade: Trade) -> float:
    return ask.now.timestamp() * 1000 - trade.opened_ms


@REGISTRY.add("order", "the orders of one trade", usage="<id>")
def order(ask: Ask) -> str:
    """Orders of a trade."""
    if not ask.words:
        raise BadInput("say which trade: /order <id>")
    trade = named(ask, ask.words[0])
    found = [one for one in ask.log.orders.find(user_id=ask.user_id) if one.trade_id == trade.trade_id]
    rows = [
        f"{one.leg.value}: {one.side.value} {one.amount:f} "
        f"{'at market' if one.price is None else f'at {one.price:f}'}: {one.status.value}, "
        f"{one.filled:f} done" + (f" ({line(one.reason)})" if one.reason else "")
        for one in found
    ]
    return say.bounded(rows, "no orders")


@REGISTRY.add("oo", "orders that are on their way or rest at the exchange", freqtrade="not there (OctoBot's)")
def open_orders(ask: Ask) -> str:
    """Orders without an end yet."""
    rows = [
        f"{say.short(one.trade_id)} {one.side.value} {line(one.symbol, 40)} {one.amount:f}: "
        f"{one.status.value}"
        for one in ask.log.orders.find(user_id=ask.user_id, statuses=PENDING)
    ]
    return say.bounded(rows, "no open orders")


@REGISTRY.add("trades", "the last closed trades", usage="[n]")
def trades(ask: Ask) -> str:
    """Last closed trades."""
    rows = [
        f"{say.short(one.trade_id)} {line(one.symbol, 40)} {say.money(one.pnl_quote)} "
        f"({say.percent(say.ratio(one))}, {one.mode}) {line(one.exit_reason, 40)}"
        for one in closed_of(ask)[: ask.count(10, 40)]
    ]
    return say.bounded(rows, "no closed trades")


@REGISTRY.add("count", "positions used and allowed")
def count(ask: Ask) -> str:
    """Used and maximum slots."""
    from trading.users.directory import Directory

    user = Directory(ask.log).get(ask.user_id)
    return f"{len(ask.log.ledger.open_trades(ask.user_id))} of {user.max_positions} positions are open"


def _table(ask: Ask, unit: str, default: int, most: int) -> str:
    rows: list[str] = []
    number = ask.count(default, most)
    for name, closed in say.apart(closed_of(ask)):
        rows.append(f"{name}:")
        rows += [
            f"  {begin:%Y-%m-%d} {say.money(total)} ({trades} trades)"
            for begin, total, trades in say.periods(closed, ask.now, number, unit)
        ]
    return say.bounded(rows, "no closed trades")


@REGISTRY.add("daily", "profit and number of trades of the last n days (UTC)", usage="[7]")
def daily(ask: Ask) -> str:
    """By day."""
    return _table(ask, "day", 7, 35)


@REGISTRY.add("weekly", "the same by week, from Monday", usage="[8]")
def weekly(ask: Ask) -> str:
    """By week."""
    return _table(ask, "week", 8, 35)


@REGISTRY.add("monthly", "the same by month", usage="[6]")
def monthly(ask: Ask) -> str:
    """By month."""
    return _table(ask, "month", 6, 35)


def _by(ask: Ask, name: str) -> str:
    rows: list[str] = []
    for label, closed in say.apart(closed_of(ask)):
        rows.append(f"{label}:")
        rows += [
            f"  {line(key, 40)} {say.money(total)} ({number} trades, {wins} won)"
            for key, number, wins, total in say.by(closed, name)
        ]
    return say.bounded(rows, "no closed trades")


@REGISTRY.add("performance", "closed profit by pair, best first")
def performance(ask: Ask) -> str:
    """By pair."""
    return _by(ask, "symbol")


@REGISTRY.add("exits", "closed profit, trades and wins by exit reason")
def exits(ask: Ask) -> str:
    """By exit reason."""
    return _by(ask, "exit_reason")


@REGISTRY.add("entries", "the same by what approved the entry", freqtrade="by entry tag there")
def entries(ask: Ask) -> str:
    """By entry."""
    return _by(ask, "approval_id")


@REGISTRY.add("stats", "wins and losses by exit reason, and how long they were held")
def stats(ask: Ask) -> Answer:
    """Wins, losses, durations."""
    held = [f"{name}: {say.durations(closed)}" for name, closed in say.apart(closed_of(ask))]
    return Answer("\n".join([_by(ask, "exit_reason"), *held]))
