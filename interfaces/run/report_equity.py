"""The section "Profit and loss" of report.html: step curves over market time, summed and per user."""

from datetime import UTC, datetime

from interfaces.run import charts
from interfaces.run import wording as say
from interfaces.run.record import RunRecord
from interfaces.run.report_sections import name_of, signed, text

# The table of users has all of them.
MAX_CURVES = 24
Curve = list[tuple[float, float]]


def equity(record: RunRecord) -> str:
    """P&L over market time: all users of one kind of money together, then each."""
    curves = {user: points for user, points in _curves(record).items() if points}
    if not curves:
        return ""
    times = [at for points in curves.values() for at, _ in points]
    # The whole run is drawn, so that a quiet morning is seen as one.
    span = (min(_seconds(record.market_from), *times), max(_seconds(record.market_to), *times))
    modes: dict[str, list[str]] = {}
    for user in record.users:
        if user.user_id in curves:
            modes.setdefault(user.mode, []).append(user.user_id)
    totals = "".join(
        _total(mode, [curves[user] for user in users], span, f"total-{k}")
        for k, (mode, users) in enumerate(sorted(modes.items()))
    )
    return totals + _each(record, curves, span)


def _curves(record: RunRecord) -> dict[str, Curve]:
    return {user: [(_seconds(at), value) for at, value in points] for user, points in record.equity.items()}


def _total(mode: str, curves: list[Curve], span: tuple[float, float], name: str) -> str:
    points = summed(curves)
    vertical = charts.scale([value for _, value in points])
    final = points[-1][1]
    drawing = charts.steps(
        name,
        f"P&L of all {len(curves)} users with {say.plain(mode, 20)} money",
        f"Ends at {say.money(final)} USDT after {len(points)} closed trades; "
        f"lowest {say.money(min(v for _, v in points))}, highest {say.money(max(v for _, v in points))}.",
        points,
        vertical,
        span=span,
    )
    marks = "".join(
        f'<span style="top:{vertical.up(mark):.1f}%">{_mark(mark, vertical)}</span>'
        for mark in vertical.marks
    )
    ends = "".join(f"<span>{_clock(at)}</span>" for at in (span[0], (span[0] + span[1]) / 2, span[1]))
    return (
        f'<p class="lead">Cumulated P&amp;L of closed trades in USDT, fees paid, {text(mode, 20)} money: '
        f'<strong>{signed(final)}</strong> over {len(curves)} users.</p><div class="plot">'
        f'<div class="y" aria-hidden="true">{marks}</div><div>{drawing}</div>'
        f'<div class="x" aria-hidden="true">{ends}</div></div>'
    )


def summed(curves: list[Curve]) -> Curve:
    """Return the sum of step curves, one point per step of any."""
    changes = []
    for points in curves:
        before = 0.0
        for at, value in points:
            changes.append((at, value - before))
            before = value
    total, summed = 0.0, []
    for at, change in sorted(changes):
        total += change
        summed.append((at, total))
    return summed


def _each(record: RunRecord, curves: dict[str, Curve], span: tuple[float, float]) -> str:
    vertical = charts.scale([value for points in curves.values() for _, value in points])
    named = [user for user in record.users if user.user_id in curves]
    shown = "".join(
        _one(user.name or user.user_id, curves[user.user_id], vertical, span, f"user-{k}")
        for k, user in enumerate(named[:MAX_CURVES])
    )
    rest = len(named) - MAX_CURVES
    more = f'<p class="lead">{rest:,} more users stand in the table below.</p>' if rest > 0 else ""
    return f'<h3>Each user, on one scale</h3><ul class="many">{shown}</ul>{more}'


def _one(name: str, points: Curve, vertical: charts.Scale, span: tuple[float, float], figure_id: str) -> str:
    final = points[-1][1]
    drawing = charts.steps(
        figure_id,
        f"P&L of {say.plain(name, 60)}",
        f"Ends at {say.money(final)} USDT after {len(points)} trades.",
        points,
        vertical,
        span=span,
    )
    return f"<li><b>{name_of(name)} {signed(final)}</b>{drawing}</li>"


def _mark(value: float, vertical: charts.Scale) -> str:
    """Return the label of a mark, with decimals only where one of the marks has some."""
    is_whole = all(mark == int(mark) for mark in vertical.marks)
    shown = say.money(value)
    return shown.removesuffix(".00") if is_whole else shown


def _seconds(iso: str) -> float:
    return datetime.fromisoformat(iso).timestamp()


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%d %b %H:%M}"
