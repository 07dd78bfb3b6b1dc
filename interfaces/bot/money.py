"""Commands about profit and balance. Paper and live are never added."""

from decimal import Decimal

from interfaces.bot import figures as say
from interfaces.bot.commands import REGISTRY, Ask
from interfaces.bot.trades import closed_of
from trading.notifications.plain import line
from trading.store.order_log.records import Trade
from trading.users.directory import Directory


@REGISTRY.add(
    "profit",
    "closed profit, absolute, mean and on the capital; open profit at the newest prices; counts, best pair, "
    "factor, win rate, expectancy, drawdown",
    usage="[days]",
    aliases=("pf",),
    freqtrade="same; paper and live apart",
)
def profit(ask: Ask) -> str:
    """Profit."""
    capital = Directory(ask.log).get(ask.user_id).capital
    days = ask.count(0, 3_650) if ask.words else 0
    since_ms = ask.now.timestamp() * 1000 - days * 86_400_000 if days else 0
    closed = [trade for trade in closed_of(ask) if (trade.closed_ms or 0) >= since_ms]
    rows: list[str] = []
    for name, trades in say.apart(closed):
        rows += [f"{name}:", *_profit(trades, capital)]
    rows += _open(ask)
    return "\n".join(rows) or "no trades yet"


def _profit(trades: list[Trade], capital: Decimal) -> list[str]:
    found = say.profit(trades, capital)
    factor = "–" if found["factor"] is None else f"{found['factor']:.2f}"
    share, mean = say.percent(found["on_capital"]), say.percent(found["mean_ratio"])
    span = f"first {found['first']:%Y-%m-%d %H:%M}, latest {found['latest']:%Y-%m-%d %H:%M}"
    best = f"best {line(found['best'], 40)} {say.money(found['best_profit'])}"
    wins = f"{found['won']} won, {found['lost']} lost, win rate {found['win_rate']:.0%}"
    return [
        f"  closed: {say.money(found['total'])} (mean {mean} a trade, {share} of the capital)",
        f"  {found['trades']} trades, {wins}, factor {factor}, expectancy {say.money(found['expectancy'])}",
        f"  {span}, held {say.lasted(found['lasted_ms'])} on average",
        f"  {best}, volume {say.money(found['volume'], signed=False)}, drawdown {found['drawdown']:.2%}",
    ]


def _open(ask: Ask) -> list[str]:
    """Open profit at the newest look at prices, which is named with its time."""
    trades = ask.log.ledger.open_trades(ask.user_id)
    if not trades:
        return []
    at = ask.lake.looked_at("tickers")
    if at is None:
        return [f"open: {len(trades)} positions, no prices here yet"]
    table = ask.lake.read("tickers").select("symbol", "bid").drop_nulls()
    prices = dict(table.iter_rows())
    rows = []
    for name, mine in say.apart(trades):
        known = [trade for trade in mine if trade.symbol in prices]
        gain = sum(float(trade.held) * (prices[trade.symbol] - float(trade.open_price)) for trade in known)
        rows.append(
            f"open, {name}: {say.money(gain)} before fees on {len(known)} of {len(mine)} positions, "
            f"at bids of {at:%Y-%m-%d %H:%M}"
        )
    return rows


@REGISTRY.add("fees", "fees paid, by mode", freqtrade="not there (OctoBot's)")
def fees(ask: Ask) -> str:
    """Fees."""
    every = ask.log.ledger.all_trades(ask.user_id)
    rows = [
        f"{name}: {say.money(sum((one.fees_quote for one in trades), Decimal(0)), signed=False)}"
        for name, trades in say.apart(every)
    ]
    return say.bounded(rows, "no trades yet")


@REGISTRY.add(
    "balance",
    "what Sluice manages for you: capital, bound in open positions, closed profit",
    usage="[full]",
    freqtrade="the bot-managed part; the whole account is not asked from a chat",
)
def balance(ask: Ask) -> str:
    """Balance."""
    user = Directory(ask.log).get(ask.user_id)
    rows = [f"capital {say.money(user.capital, signed=False)} ({user.mode.value})"]
    for name, trades in say.apart(ask.log.ledger.all_trades(ask.user_id)):
        bound = sum((one.held * one.open_price for one in trades if not one.is_closed), Decimal(0))
        gained = sum((one.pnl_quote for one in trades if one.is_closed), Decimal(0))
        rows.append(
            f"{name}: {say.money(bound, signed=False)} in positions, {say.money(gained)} closed profit"
        )
    if ask.words and ask.words[0] == "full":
        rows.append("Coins that Sluice did not buy are not looked at from here: your exchange shows them.")
    return "\n".join(rows)
