"""Commands that look at the market: what is approved, one symbol, why, news, what is locked."""

from interfaces.bot import figures as say
from interfaces.bot.commands import REGISTRY, Answer, Ask
from trading.market.errors import BadInput, MissingData
from trading.notifications.plain import line
from trading.users.directory import Directory


@REGISTRY.add("whitelist", "symbols that are approved now", usage="[sorted] [baseonly]")
def whitelist(ask: Ask) -> str:
    """Approved symbols."""
    if ask.lake.latest("approved_symbols") is None:
        raise MissingData("no symbol has been judged in this world yet")
    table = ask.lake.read("approved_symbols").filter("is_approved")
    names = [line(name, 40) for name in table["symbol"].to_list()]
    if "sorted" in ask.words:
        names.sort()
    if "baseonly" in ask.words:
        names = [name.partition("/")[0] for name in names]
    shown = ", ".join(names[:150]) + (f" … and {len(names) - 150} more" if len(names) > 150 else "")
    return f"{len(names)} approved: {shown}" if names else "none is approved now"


def _symbol(ask: Ask) -> str:
    if not ask.words:
        raise BadInput("say which symbol, e.g. BTC/USDT")
    return ask.words[0][:40]


@REGISTRY.add("xray", "one symbol from every side, with a chart", usage="SYMBOL", freqtrade="–")
def xray(ask: Ask) -> Answer:
    """One symbol."""
    from interfaces.bot.picture import chart
    from resources.symbol_frames import given_at
    from trading.xray.symbol.view import xray as seen

    view = seen(given_at(ask.settings, _symbol(ask)))
    rows = [
        f"{line(view.symbol, 40)} as known at {view.at:%Y-%m-%d %H:%M} UTC",
        line(view.summary, 500),
        f"verdict: {line(view.verdict, 300)}",
    ]
    return Answer("\n".join(rows), photo=chart(view))


@REGISTRY.add("why", "why this symbol is in or out, and what it meant for you", usage="SYMBOL", freqtrade="–")
def why(ask: Ask) -> str:
    """Verdicts on a symbol, and one's own timeline of it."""
    from interfaces.cli.funnel import fate, verdicts_on
    from trading.notifications.messages import wording
    from trading.users.timeline import timeline

    symbol = _symbol(ask)
    rows = []
    try:
        verdicts = verdicts_on(ask.lake, symbol)
        symbol = str(verdicts[0]["symbol"])
        rows.append(f"{line(symbol, 40)}: {line(fate(verdicts), 400)}")
    except MissingData as nothing:
        rows.append(line(nothing))
    if ask.chat.user_id is not None:
        found = timeline(
            ask.log,
            ask.chat.user_id,
            wording=lambda kind, payload: wording("", "", kind, payload).text,
            now_ms=ask.log.history.newest_ms() or 0,
            symbol=symbol.upper() if "/" in symbol else symbol,
        )
        rows += [f"{one.at:%m-%d %H:%M} {one.kind}: {line(one.what, 160)}" for one in found[-10:]]
    return "\n".join(rows)


@REGISTRY.add(
    "news", "the newest headlines, of one symbol where it is named", usage="[SYMBOL]", freqtrade="–"
)
def news(ask: Ask) -> str:
    """Headlines."""
    import polars as pl

    if ask.lake.latest("news_events") is None:
        raise MissingData("no news in this world yet")
    table = ask.lake.read("news_events")
    if ask.words:
        base = ask.words[0][:40].upper().partition("/")[0]
        table = table.filter(
            pl.col("symbols")
            .list.eval(pl.element().str.starts_with(f"{base}/"))
            .list.any()
            .fill_null(value=False)
        )
    rows = [
        f"{row['first_seen']:%m-%d %H:%M} {line(row['source'], 30)}: {line(row['title'], 200)}"
        for row in table.sort("first_seen", descending=True).head(10).to_dicts()
    ]
    return say.bounded(rows, "nothing was seen")


@REGISTRY.add("locks", "what keeps entries away: halts, suspended symbols, news, your own gates")
def locks(ask: Ask) -> str:
    """Everything that locks."""
    now_ms = ask.log.history.newest_ms() or int(ask.now.timestamp() * 1000)
    halts = [
        halt
        for halt in ask.log.halts.active()
        if halt.subject in (None, ask.chat.user_id) or halt.scope.value == "symbol"
    ]
    rows = [f"{halt.halt_id}: {line(halt.in_words(), 300)}" for halt in halts]
    rows += [
        f"{line(name, 40)}: {line(one.reason, 200)}" for name, one in ask.log.suspensions.active().items()
    ]
    rows += [
        f"{line(name, 40)}: {line(one.reason, 200)}"
        for name, one in ask.log.news_holds.active(now_ms).items()
    ]
    if ask.chat.user_id is not None and Directory(ask.log).get(ask.user_id).is_paused:
        rows.append(f"{ask.user_id} is paused; /start ends it")
    return say.bounded(rows, "nothing is locked")


@REGISTRY.add("version", "version of Sluice")
def version(_ask: Ask) -> str:
    """Version."""
    from importlib.metadata import version as installed

    return f"Sluice {installed('sluice-trading')}"


@REGISTRY.add("help", "this list", freqtrade="same")
def help_(ask: Ask) -> str:
    """All commands that this person may give."""
    from trading.store.order_log.chats import Role

    shown = [one for one in REGISTRY.commands if one.role is Role.USER or ask.chat.role is Role.OPERATOR]
    return "\n".join(f"/{one.name} {one.usage}".rstrip() + f": {one.meaning}" for one in shown)


@REGISTRY.add("ping", "is the bot there", freqtrade="not there (OctoBot's)")
def ping(_ask: Ask) -> str:
    """Answer."""
    return "here"
