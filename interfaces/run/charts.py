"""Small SVG drawings for report.html: stream, bar, step line. Shapes only: labels are HTML beside them.

Every drawing stretches to its box (so it is as sharp on a phone as on a wide screen) and carries a title
and a description for screen readers. Numbers come in, text goes out; nothing here knows what a trade is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

# Drawings live in a square of this many units and are stretched by the page.
UNITS = 100.0
# A spread below this is drawn as no spread: rounding would make marks of it that are all the same.
FLAT = 1e-6


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of values with round marks inside it."""

    low: float
    high: float
    marks: tuple[float, ...]

    def up(self, value: float) -> float:
        """Return the height of `value` in units from the top."""
        return UNITS * (self.high - value) / (self.high - self.low)


def scale(values: Sequence[float], marks: int = 4) -> Scale:
    """Return a scale that holds all `values` and zero, with about `marks` round marks."""
    low, high = min([0.0, *values]), max([0.0, *values])
    if high - low < FLAT:
        high = low + 1.0
    step = _round_step((high - low) / marks)
    first, last = int(low // step), int(-(-high // step))
    points = tuple(round(step * k, 10) for k in range(first, last + 1))
    return Scale(points[0], points[-1], points)


def _round_step(raw: float) -> float:
    size = 10.0 ** _exponent(raw)
    return next(size * factor for factor in (1, 2, 2.5, 5, 10) if raw <= size * factor * 1.0000001)


def _exponent(value: float) -> int:
    power = 0
    while value >= 10.0 ** (power + 1):
        power += 1
    while value < 10.0**power:
        power -= 1
    return power


def figure(name: str, title: str, description: str, shapes: str, css: str) -> str:
    """Return one SVG with its words; `name` must be unique on the page."""
    return (
        f'<svg class="{css}" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{escape(title)}</title>'
        f'<desc id="{name}-d">{escape(description)}</desc>{shapes}</svg>'
    )


def stream(name: str, title: str, description: str, *, before: float, after: float, css: str) -> str:
    """Return one stretch of a stream that narrows from `before` to `after`, shares of the full width."""
    a, b = 50 * _width(before), 50 * _width(after)
    path = (
        f"M{50 - a:.2f} 0C{50 - a:.2f} 55 {50 - b:.2f} 45 {50 - b:.2f} 100"
        f"H{50 + b:.2f}C{50 + b:.2f} 45 {50 + a:.2f} 55 {50 + a:.2f} 0Z"
    )
    return figure(name, title, description, f'<path d="{path}"/>', f"stream {css}")


def _width(share: float) -> float:
    # Square root, so that a handful of thousands can still be seen; a hairline at least, nothing for none.
    return 0.0 if share <= 0 else max(share**0.5, 0.012)


def bar(name: str, title: str, description: str, *, share: float, css: str) -> str:
    """Return a horizontal bar of `share` of the width, on a track."""
    width = min(max(share, 0.0), 1.0) * UNITS
    shapes = (
        f'<rect class="track" width="100" height="100"/><rect class="fill" width="{width:.2f}" height="100"/>'
    )
    return figure(name, title, description, shapes, f"bar {css}")


def steps(
    name: str,
    title: str,
    description: str,
    points: Sequence[tuple[float, float]],
    vertical: Scale,
    *,
    span: tuple[float, float],
    css: str = "",
) -> str:
    """Return a step line over time: a value holds until the next point.

    Parameters
    ----------
    points : sequence of (time, value)
        Oldest first; time in any unit, the same as `span`.
    span : (first, last)
        Time at the left and the right edge; the line starts at zero and runs to the right edge.
    """
    first, last = span
    width = last - first or 1.0
    parts = [f"M0 {vertical.up(0.0):.2f}"]
    for time, value in points:
        parts.append(f"H{UNITS * (time - first) / width:.2f}V{vertical.up(value):.2f}")
    line = "".join(parts) + "H100"
    zero = vertical.up(0.0)
    marks = "".join(
        f'<line class="mark" x1="0" x2="100" y1="{vertical.up(m):.2f}" y2="{vertical.up(m):.2f}"/>'
        for m in vertical.marks
        if m != 0
    )
    shapes = (
        f'{marks}<line class="zero" x1="0" x2="100" y1="{zero:.2f}" y2="{zero:.2f}"/>'
        f'<path class="area" d="{line}V{zero:.2f}H0Z"/><path class="line" d="{line}"/>'
    )
    return figure(name, title, description, shapes, f"steps {css}")
