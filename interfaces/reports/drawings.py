"""SVG for backtests: an equity line over its drawdown, candles with entries and exits. Shapes only.

Numbers come in, text goes out. Lines stretch to their box and keep their stroke; candles keep their shape
and are scrolled sideways where a screen is narrow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from interfaces.run.charts import UNITS, Scale, figure, scale
from interfaces.run.report_sections import text

MOST_POINTS = 800
MOST_BARS = 180
_WIDTH, _HEIGHT = 960.0, 300.0


type Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Mark:
    """A trade on a chart of candles: times in ms, prices, profit ratio, and the words when pointed at."""

    open_ms: int
    close_ms: int
    open_rate: float
    close_rate: float
    profit_ratio: float
    words: str


def around(values: Sequence[float]) -> Scale:
    """Return a scale with round marks that holds `values` closely, zero only if it is among them."""
    low, high = min(values), max(values)
    if high - low < 1e-9 * max(abs(high), 1.0):
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    moved = scale([value - low for value in (low, high)])
    step = moved.marks[1] - moved.marks[0]
    first, last = int(low // step), int(-(-high // step))
    marks = tuple(round(step * k, 12) for k in range(first, last + 1))
    return Scale(low=marks[0], high=marks[-1], marks=marks)


def thinned(times: Sequence[float], values: Sequence[float], most: int = MOST_POINTS) -> Points:
    """Return at most about `most` points that keep every extreme: of each stretch its lowest and highest."""
    n = len(values)
    if n <= most:
        return list(zip(times, values, strict=True))
    kept = {0, n - 1}
    series = np.asarray(values)
    for stretch in np.array_split(np.arange(n), most // 2):
        kept |= {int(stretch[series[stretch].argmin()]), int(stretch[series[stretch].argmax()])}
    return [(times[k], values[k]) for k in sorted(kept)]


def tallest(points: Points, most: int = MOST_POINTS) -> Points:
    """Return at most about `most` steps: of each stretch its highest, and the last one."""
    if len(points) <= most:
        return points
    stretches = np.array_split(np.arange(len(points)), most)
    kept = [max(stretch, key=lambda k: points[k][1]) for stretch in stretches]
    return [points[k] for k in kept] + [points[-1]]


def line(
    name: str, title: str, description: str, points: Sequence[tuple[float, float]], vertical: Scale, css: str
) -> str:
    """Return a line over time with its marks, filled to the bottom, stretched to its box."""
    first, last = points[0][0], points[-1][0]
    width = last - first or 1.0
    path = "L".join(f"{UNITS * (at - first) / width:.2f} {vertical.up(value):.2f}" for at, value in points)
    marks = "".join(
        f'<line class="mark" x1="0" x2="100" y1="{vertical.up(mark):.2f}" y2="{vertical.up(mark):.2f}"/>'
        for mark in vertical.marks
    )
    base = vertical.up(0.0) if vertical.low <= 0 <= vertical.high else UNITS
    area = f'<path class="area" d="M0 {base:.2f}L{path}L100 {base:.2f}Z"/>'
    shapes = f'{marks}{area}<path class="line" d="M{path}"/>'
    return figure(name, title, description, shapes, f"steps {css}")


def pooled(bars: pl.DataFrame, most: int = MOST_BARS) -> pl.DataFrame:
    """Return at most `most` bars (`time`, open, high, low, close): neighbours are made into longer ones."""
    size = -(-len(bars) // most)
    if size <= 1:
        return bars
    place = pl.int_range(pl.len()) // size
    return bars.group_by(place.alias("place"), maintain_order=True).agg(
        pl.col("time").first(),
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
    )


def candles(
    name: str, title: str, description: str, bars: pl.DataFrame, marks: Sequence[Mark], vertical: Scale
) -> str:
    """Return candles with a line from each entry to its exit.

    Parameters
    ----------
    bars : DataFrame
        `time` (UTC), `open`, `high`, `low`, `close`, oldest first, at least one.
    marks : sequence of Mark
        Trades; those outside the bars are cut off at the edge.
    vertical : Scale
        Holds every price (`around`).
    """
    times = bars["time"].dt.epoch("ms").to_numpy()
    step = float(np.median(np.diff(times))) if len(times) > 1 else 60_000.0
    begin, end = float(times[0]), float(times[-1]) + step

    def across(at: float) -> float:
        return _WIDTH * min(max((at - begin) / (end - begin), 0.0), 1.0)

    def up(price: float) -> float:
        return _HEIGHT * vertical.up(price) / UNITS

    body = max(_WIDTH / len(bars) * 0.62, 1.0)
    shapes = [f'<path class="mark" d="M0 {up(mark):.1f}H{_WIDTH:.0f}"/>' for mark in vertical.marks]
    for at, opened, top, bottom, closed in zip(
        times, bars["open"], bars["high"], bars["low"], bars["close"], strict=True
    ):
        x = across(at + step / 2)
        css = "up" if closed >= opened else "down"
        height = max(abs(up(opened) - up(closed)), 0.8)
        shapes.append(
            f'<path class="{css}" d="M{x:.1f} {up(top):.1f}V{up(bottom):.1f}"/>'
            f'<rect class="{css}" x="{x - body / 2:.1f}" y="{min(up(opened), up(closed)):.1f}" '
            f'width="{body:.1f}" height="{height:.1f}"/>'
        )
    shapes += [_trade(mark, across, up) for mark in marks]
    return (
        f'<svg class="candles" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img" '
        f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{title}</title>'
        f'<desc id="{name}-d">{description}</desc>{"".join(shapes)}</svg>'
    )


def _trade(mark: Mark, across, up) -> str:  # type: ignore[no-untyped-def]  # two local functions
    x0, y0 = across(mark.open_ms), up(mark.open_rate)
    x1, y1 = across(mark.close_ms), up(mark.close_rate)
    css = "won" if mark.profit_ratio > 0 else "lost" if mark.profit_ratio < 0 else "drawn"
    # Entry: a triangle that points up from below; exit: one that points down from above.
    entry = f"M{x0:.1f} {y0:.1f}l-6 10h12z"
    leave = f"M{x1:.1f} {y1:.1f}l-6 -10h12z"
    return (
        f'<g class="trade {css}"><title>{mark.words}</title>'
        f'<path class="way" d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"/>'
        f'<path class="in" d="{entry}"/><path class="out" d="{leave}"/></g>'
    )


def scale_marks(vertical: Scale, write: Callable[[float], str]) -> str:
    """Return the numbers beside a drawing."""
    return "".join(
        f'<span style="top:{vertical.up(mark):.1f}%">{text(write(mark))}</span>' for mark in vertical.marks
    )
