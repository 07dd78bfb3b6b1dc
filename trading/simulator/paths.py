"""The path inside one bar: open, first extreme, second extreme, close, straight lines between.

Used for the minutes of the synthetic market and for the finest stored bars of a recorded one.
`price`, an unfinished bar and a stretch between two moments all read this one path, which is why
they can never contradict each other. Prices are any real scale (log or ticks); `f` is the fraction
of the bar's time that has gone by, in [0, 1].
"""

import numpy as np

from trading.simulator.compiled import kernel
from trading.simulator.hashing import uniform


@kernel
def knots(
    stream: np.uint64, index: int, o: float, h: float, lo: float, c: float
) -> tuple[float, float, float, float]:
    """Return (f1, x1, f2, x2): when and where the two extremes are touched.

    A rising bar goes down first in 70 of 100 cases (and the other way round): the shorter way.
    """
    first = uniform(stream, 3 * index)
    f1 = 0.08 + 0.37 * uniform(stream, 3 * index + 1)
    f2 = 0.55 + 0.37 * uniform(stream, 3 * index + 2)
    low_first = (first < 0.7) == (c >= o)
    if low_first:
        return f1, lo, f2, h
    return f1, h, f2, lo


@kernel
def at(f: float, o: float, c: float, knot: tuple[float, float, float, float]) -> float:
    """Return the path's value at fraction `f`."""
    f1, x1, f2, x2 = knot
    if f <= 0.0 or f >= 1.0:
        return o if f <= 0.0 else c
    if f < f1:
        return _line(o, x1, f / f1)
    if f < f2:
        return _line(x1, x2, (f - f1) / (f2 - f1))
    return _line(x2, c, (f - f2) / (1.0 - f2))


@kernel
def _line(a: float, b: float, u: float) -> float:
    # Clamped: rounding must not put a point outside its segment, or an extreme would be passed.
    return min(max(a + (b - a) * u, min(a, b)), max(a, b))


@kernel
def between(
    fa: float, fb: float, o: float, c: float, knot: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Return (start, high, low, end) of the path on [fa, fb]."""
    f1, x1, f2, x2 = knot
    start = at(fa, o, c, knot)
    end = at(fb, o, c, knot)
    high = max(start, end)
    low = min(start, end)
    if fa <= f1 <= fb:
        high = max(high, x1)
        low = min(low, x1)
    if fa <= f2 <= fb:
        high = max(high, x2)
        low = min(low, x2)
    return start, high, low, end


@kernel
def traded(total: int, f: float) -> int:
    """Return how much of `total` has traded after fraction `f`: a floor, so that parts add up."""
    if f >= 1.0:
        return total
    return int(np.floor(np.float64(total) * f))
