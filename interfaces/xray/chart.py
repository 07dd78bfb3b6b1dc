"""The chart of an x-ray: candles, means, bands, volume, RSI, regime and marks, for several spans of time.

Bars and marks come from the view; nothing is computed here. Works without the script: the span is chosen by
plain buttons, the script only adds a cross-hair that reads bars out.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from interfaces.run.report_sections import text
from interfaces.xray import figures as say
from interfaces.xray import shapes
from trading.xray.symbol.view import SymbolXray

SPANS = (96, 288, 672)
_MEANS = (("ema_20", "EMA 20"), ("ema_50", "EMA 50"), ("ema_200", "EMA 200"))
_COLUMNS = ("open", "high", "low", "close", "quote_volume", "rsi_14", "bb_upper", "bb_middle", "bb_lower")


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark above a bar: where (index of the bar), which kind, what it says, where it leads on the page."""

    bar: int
    kind: str  # news | grave | entry | exit
    words: str
    target: str


def chart(view: SymbolXray, marks: Sequence[Mark]) -> str:
    """Return the chart with its buttons, read-out and legend."""
    table = _with_regime(view)
    spans = [bars for bars in SPANS if bars < table.height] or [table.height]
    if table.height > spans[-1] and table.height < SPANS[-1]:
        spans.append(table.height)
    bar_ms = _bar_ms(table)
    inputs, labels, panels = [], [], []
    for place, bars in enumerate(spans):
        checked = " checked" if place == 0 else ""
        inputs.append(f'<input type="radio" name="span" id="span{place}"{checked}>')
        labels.append(f'<label for="span{place}">{text(say.length(bars, bar_ms))}</label>')
        panels.append(_panel(view, table.tail(bars), marks, table.height - bars, place))
    choice = f'<div class="choice" role="group" aria-label="Span of the chart">{"".join(labels)}</div>'
    return (
        f'<div class="chart" id="chart">{"".join(inputs)}<div class="bar-top">{choice}{_legend()}</div>'
        f'<p class="readout" id="readout" aria-live="polite">{_readout(table.row(-1, named=True))}</p>'
        f'{"".join(panels)}</div><script type="application/json" id="bars">{_data(table, spans[-1])}</script>'
    )


def _with_regime(view: SymbolXray) -> pl.DataFrame:
    if view.regimes.is_empty():
        return view.table.with_columns(regime=pl.lit(None, pl.String))
    return view.table.join(view.regimes, on="open_time", how="left", maintain_order="left")


def _bar_ms(table: pl.DataFrame) -> int:
    step = table["open_time"].diff().dt.total_milliseconds().drop_nulls().median()
    return int(step) if isinstance(step, int | float) and step > 0 else 60_000


def _panel(view: SymbolXray, bars: pl.DataFrame, marks: Sequence[Mark], skipped: int, place: int) -> str:
    data: dict[str, list[Any]] = {name: bars[name].to_list() for name in (*_COLUMNS, *(m for m, _ in _MEANS))}
    low_high = shapes.range_of(data["low"], data["high"], data["bb_upper"], data["bb_lower"])
    own = [
        Mark(mark.bar - skipped, mark.kind, mark.words, mark.target)
        for mark in marks
        if 0 <= mark.bar - skipped < bars.height
    ]
    parts = [
        _price_pane(view, bars, data, low_high, own, place),
        _volume_pane(bars, data, place),
        _rsi_pane(bars, data, place),
        _regime_strip(bars, place),
        _times(bars["open_time"].to_list()),
    ]
    return (
        f'<div class="panel p{place}" data-first="{skipped}" data-bars="{bars.height}" tabindex="0" '
        f'role="group" aria-label="Chart of {bars.height} bars; arrow keys read single bars">'
        f'{"".join(parts)}<div class="cross" hidden></div></div>'
    )


def _svg(bars: int, name: str, title: str, description: str, body: str, css: str) -> str:
    return (
        f'<svg class="{css}" viewBox="0 0 {bars} 100" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{text(title)}</title>'
        f'<desc id="{name}-d">{text(description, 600)}</desc>{body}</svg>'
    )


def _price_pane(
    view: SymbolXray,
    bars: pl.DataFrame,
    data: dict[str, list[Any]],
    span: shapes.Range,
    marks: Sequence[Mark],
    place: int,
) -> str:
    up, down, up_wick, down_wick = shapes.candles(
        data["open"], data["high"], data["low"], data["close"], span
    )
    band = shapes.band(data["bb_upper"], data["bb_lower"], span)
    lines = "".join(f'<path class="{name}" d="{shapes.line(data[name], span)}"/>' for name, _ in _MEANS)
    edges = "".join(
        f'<path class="edge" d="{shapes.line(data[n], span)}"/>' for n in ("bb_upper", "bb_lower")
    )
    grid = _grid(span.marks(), span, bars.height)
    body = (
        f'{grid}<path class="band" d="{band}"/>{edges}<path class="wick up" d="{up_wick}"/>'
        f'<path class="wick down" d="{down_wick}"/><path class="body up" d="{up}"/>'
        f'<path class="body down" d="{down}"/>{lines}'
    )
    first, last = bars["open_time"][0], bars["open_time"][-1]
    description = (
        f"{bars.height} bars from {say.moment(first)} to {say.moment(last)} UTC: opened at "
        f"{say.price(data['open'][0])}, highest {say.price(max(data['high']))}, lowest "
        f"{say.price(min(data['low']))}, closed at {say.price(data['close'][-1])}. "
        "With means of 20, 50 and 200 bars and Bollinger bands."
    )
    svg = _svg(bars.height, f"price{place}", f"Price of {view.symbol}", description, body, "price")
    now = data["close"][-1]
    tag = f'<span class="now" style="top:{span.down(now):.2f}%">{text(say.price(now))}</span>'
    return f'<div class="pane big">{svg}{_marks(marks, data, span)}{_labels(span, say.price)}{tag}</div>'


def _grid(values: Sequence[float], span: shapes.Range, bars: int) -> str:
    return "".join(f'<path class="grid" d="M0 {span.down(value):.2f}H{bars}"/>' for value in values)


def _labels(span: shapes.Range, shown: Any) -> str:
    spans = "".join(
        f'<span style="top:{span.down(value):.2f}%">{text(shown(value))}</span>'
        for value in span.marks()
        if 2 < span.down(value) < 98
    )
    return f'<div class="y" aria-hidden="true">{spans}</div>'


def _marks(marks: Sequence[Mark], data: dict[str, list[Any]], span: shapes.Range) -> str:
    bars, parts = len(data["close"]), []
    seen: Counter[tuple[int, bool]] = Counter()
    for mark in marks:
        # Headlines of one bar hang below each other, the gravest on top.
        is_news = mark.kind in ("news", "grave")
        row = seen[mark.bar, is_news] if is_news else 0
        seen[mark.bar, is_news] += 1
        left = 100 * (mark.bar + 0.5) / bars
        if mark.kind == "entry":
            top = span.down(data["low"][mark.bar])
        elif mark.kind == "exit":
            top = span.down(data["high"][mark.bar])
        else:
            top = 0.0
        words = text(mark.words, 160)
        parts.append(
            f'<a class="mark {mark.kind}" href="#{mark.target}" '
            f'style="left:{left:.2f}%;top:calc({top:.2f}% + {row * 1.15:.2f}rem)" '
            f'title="{words}" aria-label="{words}"></a>'
        )
    return f'<div class="marks">{"".join(parts)}</div>'


def _volume_pane(bars: pl.DataFrame, data: dict[str, list[Any]], place: int) -> str:
    volume = [value or 0.0 for value in data["quote_volume"]]
    most = max(volume, default=0.0)
    is_up = [c >= o for o, c in zip(data["open"], data["close"], strict=True)]
    up, down = shapes.columns(volume, is_up, most)
    words = f"Traded value a bar, at most {say.money(most)}; the newest bar {say.money(volume[-1])}."
    body = f'<path class="body up" d="{up}"/><path class="body down" d="{down}"/>'
    svg = _svg(bars.height, f"volume{place}", "Traded value", words, body, "volume")
    label = f'<div class="y" aria-hidden="true"><span style="top:12%">{text(say.money(most))}</span></div>'
    return f'<div class="pane small"><b class="name">Traded</b>{svg}{label}</div>'


def _rsi_pane(bars: pl.DataFrame, data: dict[str, list[Any]], place: int) -> str:
    span = shapes.Range(0.0, 100.0)
    values = data["rsi_14"]
    known = [value for value in values if value is not None]
    now = "none yet" if values[-1] is None else f"{values[-1]:.0f} now"
    ends = f", between {min(known):.0f} and {max(known):.0f}" if known else ""
    body = (
        f'<rect class="zone" x="0" y="30" width="{bars.height}" height="40"/>'
        f'<path class="grid" d="M0 30H{bars.height}M0 70H{bars.height}"/>'
        f'<path class="rsi" d="{shapes.line(values, span)}"/>'
    )
    svg = _svg(bars.height, f"rsi{place}", "RSI 14", f"RSI of 14 bars, {now}{ends}.", body, "volume")
    marks = "".join(f'<span style="top:{100 - value}%">{value}</span>' for value in (30, 70))
    return (
        f'<div class="pane small"><b class="name">RSI 14</b>{svg}<div class="y" aria-hidden="true">{marks}'
        "</div></div>"
    )


def _regime_strip(bars: pl.DataFrame, place: int) -> str:
    found = shapes.runs(bars["regime"].to_list())
    body = "".join(
        f'<rect class="{name}" x="{first}" y="0" width="{end - first}" height="100"/>'
        for name, first, end in found
        if name in ("calm", "normal", "turbulent")
    )
    count = bars.height
    parts = [
        f"{name} in {sum(end - first for n, first, end in found if n == name) / count:.0%}"
        for name in ("calm", "normal", "turbulent")
    ]
    words = f"Regime of the whole market: {', '.join(parts)} of these bars."
    svg = _svg(count, f"regime{place}", "Market regime", words, body, "strip")
    label = '<div class="y" aria-hidden="true"><span style="top:50%">market</span></div>'
    return f'<div class="pane thin">{svg}{label}</div>'


def _times(times: Sequence[datetime]) -> str:
    count = len(times)
    places = [0, count // 4, count // 2, 3 * count // 4] if count > 8 else [0]
    days = (times[-1] - times[0]).days
    form = "%d %b %H:%M" if days < 8 else "%d %b"
    spans = "".join(
        f'<span style="left:{100 * (place + 0.5) / count:.2f}%">{text(format(times[place], form))}</span>'
        for place in places
    )
    return f'<div class="x" aria-hidden="true">{spans}</div>'


def _legend() -> str:
    items = "".join(f'<li class="{name}"><i></i>{title}</li>' for name, title in _MEANS)
    strip = "".join(f'<li class="{name}"><i></i>{name}</li>' for name in ("calm", "normal", "turbulent"))
    points = "".join(
        f'<li class="mark-{kind}"><i></i>{words}</li>'
        for kind, words in (("news", "news"), ("grave", "grave news"), ("entry", "entry"), ("exit", "exit"))
    )
    return f'<ul class="legend">{items}<li class="bands"><i></i>Bollinger</li>{strip}{points}</ul>'


def _readout(row: dict[str, Any]) -> str:
    time, *prices, change, traded, rsi = _cells(row)
    named = "".join(f"<span>{name} <b>{value}</b></span>" for name, value in zip("OHLC", prices, strict=True))
    css = "down" if change.startswith("−") else "up"
    return (
        f'<span><b>{time}</b></span>{named}<span><b class="{css}">{change}</b></span>'
        f"<span>traded <b>{traded}</b></span><span>RSI <b>{rsi}</b></span>"
    )


def _cells(row: dict[str, Any]) -> list[str]:
    """Time, open, high, low, close, change, traded value and RSI of one bar as people read them."""
    rsi = "–" if row["rsi_14"] is None else f"{row['rsi_14']:.1f}"
    prices = [say.price(row[name]) for name in ("open", "high", "low", "close")]
    change = say.percent(row["close"] / row["open"] - 1, signed=True)
    return [say.moment(row["open_time"]), *prices, change, say.money(row["quote_volume"]), rsi]


def _data(table: pl.DataFrame, bars: int) -> str:
    """Return what the script reads, the newest `bars` bars as cells; nothing in it can end the element."""
    rows = [_cells(row) for row in table.tail(bars).iter_rows(named=True)]
    found = {"first": table.height - min(bars, table.height), "rows": rows}
    plain = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return plain.replace("<", "\\u003c").replace("&", "\\u0026")
