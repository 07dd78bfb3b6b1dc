"""Paths of the chart: candles, lines, bands, strips, in bar units across and 0..100 down. Shapes only.

Drawings stretch to their box, so they are sharp at any width; labels are HTML beside them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

Values = Sequence[float | None]
_THIN = 0.5  # a body is never thinner, or a doji could not be seen


@dataclass(frozen=True, slots=True)
class Range:
    """Values from the bottom to the top of a pane."""

    low: float
    high: float

    def down(self, value: float) -> float:
        """Return how far below the top `value` lies, 0..100."""
        return 100 * (self.high - value) / (self.high - self.low)

    def marks(self, count: int = 6) -> list[float]:
        """Return about `count` round values inside the range."""
        raw = (self.high - self.low) / max(count, 1)
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(size * f for f in (1, 2, 2.5, 5, 10) if raw <= size * f * 1.0000001)
        first = math.ceil(self.low / step - 1e-9)
        marks = []
        while first * step <= self.high * (1 + 1e-12) and len(marks) < 3 * count:
            marks.append(first * step)
            first += 1
        return marks


def range_of(*series: Values, margin: float = 0.04) -> Range:
    """Return the range that holds all values, with a margin; a flat series gets room on both sides."""
    known = [value for values in series for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = (high - low) * margin
    if high - low <= 1e-9 * max(abs(high), abs(low)):
        room = abs(high) * 0.01 or 1.0
    return Range(low - room, high + room)


def candles(
    opens: Sequence[float],
    highs: Sequence[float],
    lows: Sequence[float],
    closes: Sequence[float],
    span: Range,
) -> tuple[str, str, str, str]:
    """Return the paths of rising bodies, falling bodies, rising wicks, falling wicks."""
    bodies: tuple[list[str], list[str]] = ([], [])
    wicks: tuple[list[str], list[str]] = ([], [])
    for x, (o, h, low, c) in enumerate(zip(opens, highs, lows, closes, strict=True)):
        side = 0 if c >= o else 1
        top, bottom = span.down(max(o, c)), span.down(min(o, c))
        if bottom - top < _THIN:
            middle = (top + bottom) / 2
            top, bottom = middle - _THIN / 2, middle + _THIN / 2
        bodies[side].append(f"M{x + 0.16:.2f} {top:.2f}h.68v{bottom - top:.2f}h-.68z")
        wicks[side].append(f"M{x + 0.5:.1f} {span.down(h):.2f}V{span.down(low):.2f}")
    return ("".join(bodies[0]), "".join(bodies[1]), "".join(wicks[0]), "".join(wicks[1]))


def line(values: Values, span: Range) -> str:
    """Return a line through the middles of the bars; it breaks where a value is missing."""
    parts, pen = [], "M"
    for x, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{x + 0.5:.1f} {span.down(value):.2f}")
        pen = "L"
    return "".join(parts)


def band(upper: Values, lower: Values, span: Range) -> str:
    """Return the area between two series over the bars where both are known (one run, from the first)."""
    known = [x for x, (a, b) in enumerate(zip(upper, lower, strict=True)) if a is not None and b is not None]
    if len(known) < 2:
        return ""
    there = [f"{x + 0.5:.1f} {span.down(upper[x] or 0.0):.2f}" for x in known]
    back = [f"{x + 0.5:.1f} {span.down(lower[x] or 0.0):.2f}" for x in reversed(known)]
    return f"M{'L'.join(there + back)}Z"


def columns(values: Sequence[float], is_up: Sequence[bool], most: float) -> tuple[str, str]:
    """Return the paths of volume columns, of rising and of falling bars."""
    parts: tuple[list[str], list[str]] = ([], [])
    for x, (value, up) in enumerate(zip(values, is_up, strict=True)):
        height = 100 * value / most if most > 0 else 0.0
        if height > 0:
            parts[0 if up else 1].append(f"M{x + 0.16:.2f} 100h.68v{-height:.2f}h-.68z")
    return "".join(parts[0]), "".join(parts[1])


def runs(names: Sequence[str | None]) -> list[tuple[str | None, int, int]]:
    """Return runs of equal names as (name, first, one past the last)."""
    found: list[tuple[str | None, int, int]] = []
    for place, name in enumerate(names):
        if found and found[-1][0] == name:
            found[-1] = (name, found[-1][1], place + 1)
        else:
            found.append((name, place, place + 1))
    return found


def spark(values: Sequence[float], span: Range) -> str:
    """Return a small line over 0..100 across."""
    if len(values) < 2:
        return ""
    step = 100 / (len(values) - 1)
    return "M" + "L".join(f"{step * k:.1f} {span.down(value):.1f}" for k, value in enumerate(values))
