"""One position followed bar by bar in whole ticks, compiled: the exit machine of `trading.risk` at work.

Candles stay float64 as they came; each bar is turned into ticks when a position looks at it, so that no copy
of the candles in ticks ever exists. Entries, slots and money are decided elsewhere.
"""

import sys
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trading.backtest.compiled import compiled, digest
from trading.risk import exit_machine
from trading.risk.exit_machine import ExitNumbers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Bars(NamedTuple):
    """Candles of all symbols, one after another, each symbol oldest first. Times in ms, prices in quote.

    `offsets[k]:offsets[k + 1]` are the rows of symbol k; `per_unit[k]` is how many ticks make one quote unit.
    """

    offsets: Ints
    open_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    per_unit: Floats


MACHINE = digest(exit_machine, sys.modules[__name__])
_machine = compiled(exit_machine)
_step, _target, _rung = _machine.exit_step, _machine.target_tick, _machine.rung_of
_trail, _is_ambiguous = _machine.trail_tick, _machine.is_ambiguous
times_up, times_down = _machine.times_up, _machine.times_down


@njit
def ticks(price: float, per_unit: float) -> int:
    """Return the nearest whole number of ticks."""
    return int(np.rint(price * per_unit))


@njit
def hold(
    bars: Bars, per_unit: float, first: int, last: int, paid: int, is_exit: Bools, numbers: ExitNumbers
) -> tuple[int, int, int, int]:
    """Follow a position entered at row `first` for `paid` ticks, up to row `last` (not included).

    Returns (row, code, tick, ambiguous bars) of its exit; code 0 = still open, valued at the last close.
    An exit signal waits for the next bar with volume.
    """
    fixed = times_up(paid, numbers.stop_keep)
    rung = _rung(0, -1, numbers)
    target = _target(paid, rung, numbers)
    peak = paid
    pending = False
    has_ladder = len(numbers.ages) > rung + 1
    for t in range(first, last):
        if bars.volume[t] > 0.0:
            age = bars.open_ms[t] - bars.open_ms[first]
            if has_ladder:
                rung = _rung(age, rung, numbers)
                target = _target(paid, rung, numbers)
            trail = 0
            if numbers.trail_keep > 0:
                trail = _trail(paid, peak, numbers.trail_keep, numbers.trail_wake)
            bar_open = ticks(bars.open[t], per_unit)
            high = ticks(bars.high[t], per_unit)
            low = ticks(bars.low[t], per_unit)
            levels = (fixed, trail, target)
            is_due = t > first and 0 < numbers.max_hold <= age
            code, tick = _step(bar_open, high, low, levels, pending, is_due)
            if code != 0:
                doubt = 1 if _is_ambiguous(bar_open, high, low, levels) and tick != bar_open else 0
                return t, code, tick, doubt
            peak = max(peak, high)
        if is_exit[t]:
            pending = True
    return last - 1, 0, ticks(bars.close[last - 1], per_unit), 0
