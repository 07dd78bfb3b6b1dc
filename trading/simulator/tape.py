"""The path through stored bars, holes included. Kernels only; prices in ticks, whatever made them.

A hole keeps the last close; before the first bar stands its open. The path inside a bar is `paths`.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trading.simulator.compiled import kernel
from trading.simulator.paths import between, knots, traded

type Ints = npt.NDArray[np.int64]


class Tape(NamedTuple):
    """All bars of all pairs, pair after pair, oldest first."""

    open_ms: Ints  # (n,)
    figures: Ints  # (n, 6): OHLC in ticks, steps, quote units
    first: Ints  # (n_pairs + 1,): rows of pair i are first[i] .. first[i + 1] - 1
    length_ms: Ints  # (n_pairs,)
    streams: npt.NDArray[np.uint64]  # (n_pairs,)


@kernel
def stretch(tape: Tape, i: int, from_ms: int, to_ms: int) -> Ints:
    """Return OHLC ticks, steps and quote units (6,) of the path of pair `i` on [from_ms, to_ms]."""
    lo, hi = tape.first[i], tape.first[i + 1]
    length = tape.length_ms[i]
    k = lo + np.searchsorted(tape.open_ms[lo:hi], from_ms - length, side="right")
    last = tape.figures[k - 1, 3] if k > lo else tape.figures[lo, 0]
    row = np.zeros(6, np.int64)
    started = False
    if k == hi or tape.open_ms[k] > from_ms:
        row[0] = row[1] = row[2] = row[3] = last
        started = True
    while k < hi and tape.open_ms[k] <= to_ms:
        fa = max(0.0, (from_ms - tape.open_ms[k]) / length)
        fb = min(1.0, (to_ms - tape.open_ms[k]) / length)
        bar = tape.figures[k]
        o, h, low, c = bar[0], bar[1], bar[2], bar[3]
        if fa > 0.0 or fb < 1.0:
            path = knots(tape.streams[i], tape.open_ms[k] // length, float(o), float(h), float(low), float(c))
            x = between(fa, fb, float(o), float(c), path)
            o, h, low, c = (
                int(np.floor(x[0] + 0.5)),
                int(np.floor(x[1] + 0.5)),
                int(np.floor(x[2] + 0.5)),
                int(np.floor(x[3] + 0.5)),
            )
        if not started:
            row[0], row[1], row[2] = o, h, low
            started = True
        row[1], row[2], row[3] = max(row[1], h), min(row[2], low), c
        row[4] += traded(bar[4], fb) - traded(bar[4], fa)
        row[5] += traded(bar[5], fb) - traded(bar[5], fa)
        k += 1
    return row


@kernel
def stretch_all(tape: Tape, from_ms: int, to_ms: int) -> Ints:
    """Return (n_pairs, 6): `stretch` of every pair."""
    rows = np.empty((len(tape.length_ms), 6), np.int64)
    for i in range(len(rows)):
        row = stretch(tape, i, from_ms, to_ms)
        for column in range(6):
            rows[i, column] = row[column]
    return rows
