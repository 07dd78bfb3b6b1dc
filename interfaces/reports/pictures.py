"""The sections of a backtest's page that are drawn: equity and drawdown, exposure, candles with trades."""

import polars as pl

from interfaces.reports import drawings
from interfaces.reports.drawings import Mark
from interfaces.reports.report import BacktestReport
from interfaces.reports.sections import coloured
from interfaces.reports.wording import quote, shown
from interfaces.run import charts as charts_of
from interfaces.run import wording as say
from interfaces.run.report_sections import name_of, text
from trading.backtest.figures.curve import underwater
from trading.backtest.figures.summary import positions

MOST_CHARTS = 6


def equity(report: BacktestReport) -> str:
    """Equity over time, and below it how far under its highest point it stood."""
    if len(report.curve) < 2:
        return ""
    times = [at.timestamp() for at in report.curve["time"]]
    values = report.curve["equity"].to_list()
    depth = [-value for value in underwater(report.curve)["drawdown"]]
    found = report.figures
    top = drawings.around(values)
    # A curve that never fell would be drawn on a scale of 50 %.
    bottom = drawings.around([0.0, *(depth if any(depth) else [-0.01])])
    back = found.max_drawdown_recovered
    told = (
        f"From {quote(found.start_balance)} to {quote(found.final_balance)}; deepest drawdown "
        f"{shown(found.max_drawdown, 'ratio')} from {shown(found.max_drawdown_from, 'time')} to "
        f"{shown(found.max_drawdown_to, 'time')}, "
        f"{'not recovered' if back is None else f'recovered {back:%Y-%m-%d %H:%M}'}."
    )
    line = drawings.line("equity", "Equity", told, drawings.thinned(times, values), top, "equity")
    fall = drawings.line("under", "Drawdown", told, drawings.thinned(times, depth), bottom, "under")
    ends = [report.curve["time"][0], report.curve["time"][len(times) // 2], report.curve["time"][-1]]
    # The middle of the axis is the middle of time, not of the rows.
    ends[1] = ends[0] + (ends[2] - ends[0]) / 2
    below = "".join(f"<span>{at:%Y-%m-%d}</span>" for at in ends)
    return (
        f'<p class="lead">{text(told, 400)}</p>'
        f'<div class="plot"><div class="y" aria-hidden="true">{drawings.scale_marks(top, quote)}</div>'
        f'<div>{line}</div></div><div class="plot low">'
        f'<div class="y" aria-hidden="true">{drawings.scale_marks(bottom, say.percent)}</div>'
        f'<div>{fall}</div><div class="x" aria-hidden="true">{below}</div></div>'
    )


def exposure(report: BacktestReport) -> str:
    """How many positions stood open, over time."""
    counts = positions(report.closed)
    if counts.is_empty() or report.figures.begin is None or report.figures.end is None:
        return ""
    span = (report.figures.begin.timestamp(), report.figures.end.timestamp())
    points = [(at.timestamp(), float(count)) for at, count in counts.iter_rows()]
    vertical = charts_of.scale([count for _, count in points])
    told = (
        f"At least one position for {shown(report.figures.exposure, 'ratio')} of the time, "
        f"at most {report.figures.most_open} at once."
    )
    drawing = charts_of.steps(
        "open-positions", "Open positions", told, drawings.tallest(points), vertical, span=span
    )
    marks = drawings.scale_marks(vertical, lambda mark: f"{mark:g}")
    return (
        f'<p class="lead">{text(told, 200)}</p><div class="plot low">'
        f'<div class="y" aria-hidden="true">{marks}</div><div>{drawing}</div></div>'
    )


def charts(report: BacktestReport) -> str:
    """Candles of the symbols that traded most, with each entry and exit."""
    if report.candles is None or report.closed.is_empty():
        return ""
    bars = _bars(report.candles)
    counts = report.closed.group_by("symbol").len().sort("len", "symbol", descending=[True, False])
    drawn = [symbol for symbol in counts["symbol"] if symbol in set(bars["symbol"])]
    parts = [_chart(report, bars, symbol, k) for k, symbol in enumerate(drawn[:MOST_CHARTS])]
    rest = len(drawn) - MOST_CHARTS
    more = f" {rest:,} more symbols traded." if rest > 0 else ""
    lead = (
        "Triangles point up at entries and down at exits; a line joins them. Long histories are drawn with "
        f"bars made of several.{more}"
    )
    return f'<p class="lead">{lead}</p>{"".join(parts)}' if parts else ""


def _bars(candles: pl.DataFrame) -> pl.DataFrame:
    column = next(column for column in ("ts", "time", "open_time") if column in candles.columns)
    if candles.schema[column].is_integer():
        candles = candles.with_columns(pl.from_epoch(column, "ms").alias(column))
    return candles.with_columns(pl.col(column).alias("time")).sort("symbol", "time")


def _chart(report: BacktestReport, bars: pl.DataFrame, symbol: str, number: int) -> str:
    own = drawings.pooled(bars.filter(pl.col("symbol") == symbol))
    trades = report.closed.filter(pl.col("symbol") == symbol)
    marks = [_mark(row) for row in trades.tail(drawings.MOST_BARS).to_dicts()]
    earned = float(trades["profit"].sum())
    prices = [*own["low"], *own["high"], *(mark.close_rate for mark in marks)]
    vertical = drawings.around([min(prices), max(prices)])
    drawing = drawings.candles(
        f"candles-{number}",
        f"{text(symbol, 60)} with {len(marks)} trades",
        f"{text(symbol, 60)}: {len(own)} bars, {len(trades)} trades, profit {text(quote(earned))}.",
        own,
        marks,
        vertical,
    )
    head = f"{name_of(symbol)} <small>{len(trades):,} trades, {coloured(earned, 'quote')}</small>"
    first, last = own["time"][0], own["time"][-1]
    ends = "".join(f"<span>{at:%Y-%m-%d}</span>" for at in (first, first + (last - first) / 2, last))
    prices = drawings.scale_marks(vertical, lambda price: f"{price:.5g}")
    return (
        f'<h3>{head}</h3><div class="scroll" tabindex="0"><div class="plot priced">'
        f'<div class="y" aria-hidden="true">{prices}</div>'
        f'<div>{drawing}</div><div class="x" aria-hidden="true">{ends}</div></div></div>'
    )


def _mark(row: dict[str, object]) -> Mark:
    opened, closed = row["open_time"], row["close_time"]
    words = (
        f"{opened:%Y-%m-%d %H:%M} to {closed:%Y-%m-%d %H:%M}: "
        f"{say.percent(row['profit_ratio'], 2, signed=True)}, {row['exit_reason']}"  # type: ignore[arg-type]  # a column of numbers
    )
    return Mark(
        open_ms=int(opened.timestamp() * 1000),  # type: ignore[attr-defined]  # a Datetime column
        close_ms=int(closed.timestamp() * 1000),  # type: ignore[attr-defined]  # a Datetime column
        open_rate=float(row["open_rate"]),  # type: ignore[arg-type]  # a column of numbers
        close_rate=float(row["close_rate"]),  # type: ignore[arg-type]  # a column of numbers
        profit_ratio=float(row["profit_ratio"]),  # type: ignore[arg-type]  # a column of numbers
        words=text(words, 200),
    )
