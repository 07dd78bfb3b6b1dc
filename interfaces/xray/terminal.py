"""The x-ray of one symbol on a terminal: panels and tables. Words and numbers come from the view."""

import unicodedata
from typing import Any

from interfaces.cli.output import console
from interfaces.xray import figures as say
from interfaces.xray.sections import newest_bar
from trading.xray.symbol.company import GRAVE
from trading.xray.symbol.view import SymbolXray

_TONES = {"up": ("▲", "green"), "down": ("▼", "red"), "flat": ("·", "dim")}
_BARS = "▁▂▃▄▅▆▇█"


def show(view: SymbolXray) -> None:
    """Print the view."""
    out = console()
    out.print(_head(view))
    for part in (
        _readings(view),
        _verdicts(view),
        _liquidity(view),
        _company(view),
        _news(view),
        _market(view),
    ):
        if part is not None:
            out.print()
            out.print(part)
    out.print()
    out.print(_line(f"A page of it: sluice xray {plain(view.symbol)} --html {_file(view.symbol)}", "dim"))


def plain(value: object, limit: int = 200) -> str:
    """Return foreign text without characters that move the cursor or turn the direction of reading."""
    clean = "".join("?" if unicodedata.category(char)[0] == "C" else char for char in str(value))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def spark(values: list[float]) -> str:
    """Return a line of eight heights, at most 48 characters wide; empty for fewer than two values."""
    if len(values) < 2:
        return ""
    step = max(1, -(-len(values) // 48))
    kept = values[::-1][::step][::-1]
    low, high = min(kept), max(kept)
    room = high - low or 1.0
    return "".join(_BARS[min(7, int(8 * (value - low) / room))] for value in kept)


def _file(symbol: str) -> str:
    kept = "".join(char if char.isascii() and char.isalnum() else "-" for char in symbol.lower())
    return f"{kept}.html"


def _line(words: str, style: str = "") -> Any:
    from rich.text import Text

    return Text(words, style=style)


def _head(view: SymbolXray) -> Any:
    from rich.console import Group
    from rich.text import Text

    title = Text()
    title.append(plain(view.symbol), style="bold")
    title.append(f"  {say.price(view.last)}", style="bold")
    if view.change_24h is not None:
        style = "green" if view.change_24h >= 0 else "red"
        title.append(f"  {say.percent(view.change_24h, signed=True)} in 24 h", style=style)
    when = f"As known at {say.moment(view.at)} UTC market time; {newest_bar(view)}"
    line = spark(view.table["close"].tail(192).to_list())
    parts = [
        title,
        _line(line, "cyan"),
        _line(when, "dim"),
        _line(plain(view.summary, 900)),
    ]
    return Group(*parts)


def _table(title: str, *columns: tuple[str, bool]) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None)
    for name, is_number in columns:
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    return table


def _readings(view: SymbolXray) -> Any:
    if not view.readings:
        return None
    from rich.text import Text

    table = _table(
        "What the chart says", ("indicator", False), ("now", True), ("", False), ("in words", False)
    )
    for each in view.readings:
        sign, style = _TONES[each.tone]
        table.add_row(Text(each.name), Text(each.shown), Text(sign, style=style), Text(each.words))
    return table


def _verdicts(view: SymbolXray) -> Any:
    from rich.text import Text

    title = f"Why it was or was not screened. {plain(view.verdict)}"
    if not view.judged:
        return _line(title)
    columns = (
        ("stage", False),
        ("rule", False),
        ("value", True),
        ("bound", True),
        ("", False),
        ("why", False),
    )
    table = _table(title, *columns)
    for row in view.judged:
        is_ok = row["is_ok"]
        table.add_row(
            Text(plain(row["stage"])),
            Text(plain(row["rule"]).replace("_", " ")),
            Text(say.number(row["value"])),
            Text(say.number(row["bound"])),
            Text("passed" if is_ok else "failed", style="green" if is_ok else "red"),
            Text(plain(row["words"])),
        )
    return table


def _liquidity(view: SymbolXray) -> Any:
    from rich.text import Text

    found = view.liquidity
    table = _table("Liquidity and cost", ("what", False), ("value", True), ("note", False))
    rows = [
        ("spread", say.percent(found.spread, 3), ""),
        (
            "traded in 24 h, by candles",
            say.money(found.volume_24h_candles),
            f"venue: {say.money(found.volume_24h)}",
        ),
        ("a usual minute", say.money(found.minute_volume), "median over the last day"),
        ("stake", say.money(found.stake), found.stake_of),
        ("cost of it, one way", say.percent(found.cost, 3), f"by {found.source}"),
        ("room", say.money(found.capacity), ""),
    ]
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    return table


def _company(view: SymbolXray) -> Any:
    from rich.text import Text

    found = view.company
    table = _table(
        f"What it moves with. {plain(found.words, 300)}",
        ("pair", False),
        ("ρ", True),
        ("move", True),
        ("", False),
    )
    for peer in found.peers:
        change = say.percent(peer.change, signed=True)
        table.add_row(
            Text(plain(peer.symbol)),
            Text(f"{peer.rho:.2f}"),
            Text(change),
            Text(spark(peer.line), style="cyan"),
        )
    return table if found.peers else _line(f"What it moves with. {plain(found.words, 300)}")


def _news(view: SymbolXray) -> Any:
    from rich.text import Text

    if not view.news:
        return _line(f"News. {view.news_words}")
    table = _table(
        f"News. {plain(view.news_words, 300)}",
        ("first seen", False),
        ("event", False),
        ("mood", False),
        ("headline", False),
    )
    for story in view.news[:10]:
        event = Text(plain(story.event or "–"), style="red" if story.event in GRAVE else "")
        table.add_row(
            Text(say.moment(story.first_seen)), event, Text(plain(story.mood)), Text(plain(story.title))
        )
    return table


def _market(view: SymbolXray) -> Any:
    from rich.text import Text

    if view.market is None:
        return None
    columns = (("condition", False), ("now", True), ("above its past in", True), ("in words", False))
    table = _table(f"The market around it. {plain(view.market.words, 400)}", *columns)
    for row in view.market.conditions:
        cells = (row["condition"], row["shown"], say.percent(row["usual"], 0), row["words"])
        table.add_row(*(Text(plain(cell)) for cell in cells))
    return table
