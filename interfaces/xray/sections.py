"""The sections of the page: each a function from a view to HTML, empty when nothing is to tell.

Every piece of text from outside goes through `text`, which escapes it.
"""

from collections.abc import Sequence
from datetime import datetime

from interfaces.run.report_sections import text
from interfaces.xray import figures as say
from interfaces.xray import shapes
from interfaces.xray.tables import Safe, head, row, table
from trading.xray.symbol.company import GRAVE
from trading.xray.symbol.view import SymbolXray

_TONES = {"up": "▲", "down": "▼", "flat": "·"}


def figures(view: SymbolXray) -> str:
    """Return the few figures under the headline."""
    liquidity, volatility = view.liquidity, view.volatility
    rsi = next((each.shown for each in view.readings if each.column == "rsi_14"), "–")
    boxes = [
        ("Trend", view.trend.direction, ""),
        ("Moves a day", say.percent(volatility.per_day, 1), volatility.regime),
        ("RSI 14", rsi, ""),
        ("Spread", say.percent(liquidity.spread, 3), ""),
        ("Traded in 24 h", say.money(liquidity.volume_24h_candles), "by candles"),
        (f"Cost of {say.money(liquidity.stake)}", say.percent(liquidity.cost, 3), "one way"),
    ]
    cells = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)} <small>{text(more)}</small></dd></div>"
        for name, value, more in boxes
    )
    return f'<dl class="figures">{cells}</dl>'


def prose(words: str, limit: int = 900) -> str:
    """Return words of a sentence, escaped, with percent signs kept beside their numbers."""
    return text(words, limit).replace(" %", "&nbsp;%")


def newest_bar(view: SymbolXray) -> str:
    """Say which bar is the newest."""
    if view.bar is None:
        return "no bar of it is stored"
    return f"newest closed bar of {view.timeframe} opened at {say.moment(view.bar)}"


def reading(view: SymbolXray) -> str:
    """Trend, volatility and each indicator in plain words; empty without a bar."""
    if not view.readings:
        return ""
    rows = "".join(
        row(each.name, (each.shown, "n"), (_lean(each.tone), f"tone {each.tone}"), (each.words, "fold"))
        for each in view.readings
    )
    changes = ", ".join(
        f"{say.percent(value, signed=True)} in {name}" for name, value in view.trend.changes.items()
    )
    moved = f" It made {changes}." if changes else ""
    titles = head(("Indicator", ""), ("Now", "n"), ("Lean", ""), ("In words", ""))
    return (
        f'<p class="lead"><strong>{prose(view.trend.words)}</strong>{prose(moved)} '
        f"{prose(view.volatility.words)}</p>{table(titles, rows, 'Indicators')}"
        '<p class="small">A lean is how readers of charts take a figure, not a promise.</p>'
    )


def market(view: SymbolXray) -> str:
    """The conditions of the whole market at that moment."""
    if view.market is None:
        return ""
    rows = "".join(
        row(
            each["condition"],
            (each["shown"], "n"),
            (say.percent(each["usual"], 0), "n"),
            (each["words"], "fold"),
        )
        for each in view.market.conditions
    )
    titles = head(("Condition", ""), ("Now", "n"), ("Above its past in", "n"), ("In words", ""))
    chip = f'<span class="chip {view.market.regime or "unnamed"}">{view.market.regime or "unnamed"}</span> '
    bar = f"Of the bar that opened at {say.moment(view.market.bar)} UTC."
    return f'<p class="lead">{chip}{prose(view.market.words)} {bar}</p>{table(titles, rows, "Conditions")}'


def company(view: SymbolXray) -> str:
    """Peers with small lines, and the cluster."""
    found = view.company
    if not found.peers and found.cluster is None:
        return ""
    lines = [found.own_line, *(peer.line for peer in found.peers)]
    span = shapes.range_of(*lines)
    own = (found.own_line[-1] - 1) if found.own_line else None
    rows = [_peer_row(view.symbol, None, "", own, found.own_line, span, 0, own=True)]
    for place, peer in enumerate(found.peers, start=1):
        same = "same group" if peer.is_in_cluster else ""
        rho = f"{peer.rho:.2f}".replace("-", "−")
        rows.append(_peer_row(peer.symbol, rho, same, peer.change, peer.line, span, place))
    titles = head(
        ("Pair", ""), ("ρ", "n"), ("Last day of bars", "n"), ("All on one scale", ""), ("Group", "")
    )
    others = "".join(f"<li>{text(name)}</li>" for name in found.others)
    more = f'<h3>Its group</h3><ul class="names">{others}</ul>' if others else ""
    return f'<p class="lead">{text(found.words)}</p>{table(titles, "".join(rows), "Peers", "peers")}{more}'


def _peer_row(
    name: str,
    rho: str | None,
    same: str,
    change: float | None,
    line: Sequence[float],
    span: shapes.Range,
    place: int,
    *,
    own: bool = False,
) -> str:
    css = "up" if (change or 0) >= 0 else "down"
    words = f"{name}: {say.percent(change, signed=True)} over the drawn bars"
    svg = (
        f'<svg class="spark" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="peer{place}"><title id="peer{place}">{text(words)}</title>'
        f'<path class="grid" d="M0 {span.down(1.0):.1f}H100"/>'
        f'<path class="{css}" d="{shapes.spark(line, span)}"/></svg>'
    )
    label = Safe(f"<strong>{text(name)}</strong>") if own else name
    moved = say.percent(change, signed=True)
    return row(label, (rho or "–", "n"), (moved, f"n {css}"), (Safe(svg), "draw"), (same, ""))


def liquidity(view: SymbolXray) -> str:
    """Spread, volumes, what a stake costs and how much goes in."""
    found = view.liquidity
    rows = [
        ("Bid and ask", f"{say.price(found.bid)} / {say.price(found.ask)}", ""),
        ("Spread", say.percent(found.spread, 3), "of the middle"),
        ("Traded in 24 h, says the venue", say.money(found.volume_24h), "wash trading inflates it"),
        ("Traded in 24 h, by candles", say.money(found.volume_24h_candles), "quote units"),
        ("A usual minute", say.money(found.minute_volume), "median over the last day"),
        ("Bars without a trade", say.percent(found.idle_share, 0), "of the last day"),
        ("Stake", say.money(found.stake), found.stake_of),
        (
            "Cost of the stake, one way",
            say.percent(found.cost, 3),
            f"by {found.source}, half the spread in it",
        ),
        ("Room", say.money(found.capacity), _room(found.source)),
    ]
    body = "".join(row(name, (value, "n"), (more, "fold")) for name, value, more in rows)
    titles = head(("What", ""), ("Value", "n"), ("Note", ""))
    return f'<p class="lead"><strong>{prose(found.words)}</strong></p>{table(titles, body, "Liquidity")}'


def _room(source: str) -> str:
    return "asks within 0.5 % of the middle" if source == "depth" else "a tenth of a usual minute"


def news(view: SymbolXray) -> str:
    """Headlines that named it, by when we first saw them."""
    items = "".join(
        f'<li id="news{place}" class="{"grave" if story.event in GRAVE else ""}">'
        f"{_time(story.first_seen)}<div><b>{_linked(story.title, story.link)}</b>"
        f"<p>{text(story.source, 60)}{_tag(story.event)} {text(story.mood)}{_score(story.score)}"
        f"{_ends(story.effective)}"
        "</p></div></li>"
        for place, story in enumerate(view.news)
    )
    lead = f'<p class="lead">{text(view.news_words)} Times are those at which we first saw an item.</p>'
    return f'{lead}<ol class="story">{items}</ol>' if items else lead


def _lean(tone: str) -> Safe:
    sign = f'<span aria-hidden="true">{_TONES[tone]}</span>'
    return Safe(f'{sign}<span class="hear">leans {tone}</span>')


def _time(at: datetime) -> str:
    return f'<time datetime="{at.isoformat()}">{say.moment(at)}</time>'


def _tag(event: str | None) -> str:
    return f' <span class="tag">{text(event, 40)}</span>' if event else ""


def _ends(effective: datetime | None) -> str:
    return "" if effective is None else f"; trading ends {say.moment(effective)} UTC"


def _score(score: float | None) -> str:
    return "" if score is None else text(f" ({score:+.2f})".replace("-", "−"))


def _linked(title: str, link: str | None) -> str:
    """Return a headline, as a link only where it leads to http(s)."""
    words = text(title, 240)
    if link is None or not link.lower().startswith(("http://", "https://")):
        return words
    return f'<a href="{text(link, 2_000)}" rel="noreferrer noopener nofollow">{words}</a>'


def verdicts(view: SymbolXray) -> str:
    """Every rule of every stage with value and bound."""
    if not view.judged:
        return f'<p class="lead">{text(view.verdict)}</p>'
    parts = [f'<p class="lead"><strong>{text(view.verdict, 400)}</strong></p>']
    for stage in dict.fromkeys(each["stage"] for each in view.judged):
        rows = "".join(
            row(
                "every rule" if each["rule"] == "passed" else each["rule"].replace("_", " "),
                (say.number(each["value"]), "n"),
                (say.number(each["bound"]), "n"),
                ("passed" if each["is_ok"] else "failed", "word"),
                (each["words"], "fold"),
                css="ok" if each["is_ok"] else "no",
            )
            for each in view.judged
            if each["stage"] == stage
        )
        titles = head(("Rule", ""), ("Value", "n"), ("Bound", "n"), ("Result", ""), ("Why", ""))
        parts.append(f"<h3>{text(stage).capitalize()}</h3>{table(titles, rows, stage)}")
    return "".join(parts)


def decisions(view: SymbolXray) -> str:
    """The newest signals, with the threshold each met."""
    if not view.decisions:
        return ""
    rows = "".join(
        row(
            say.moment(each["open_time"]),
            (_kind(each), "word"),
            (say.price(each["close"]), "n"),
            (each.get("threshold_why") or say.number(each["threshold"]), "fold"),
            (each["reason"], "fold"),
            anchor=f"signal{place}",
        )
        for place, each in enumerate(view.decisions)
    )
    titles = head(("Bar", ""), ("What", ""), ("Close", "n"), ("RSI bound it met", ""), ("Why", ""))
    lead = (
        '<p class="lead">Newest first; a vetoed entry is one that the rule wanted and something stopped.</p>'
    )
    return lead + table(titles, rows, "Decisions")


def _kind(signal: dict[str, object]) -> str:
    return "entry" if signal["is_entry"] else "vetoed entry" if signal["is_candidate"] else "exit"
