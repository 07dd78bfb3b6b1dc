"""One position followed bar by bar in whole ticks, compiled: the exit machine of `trading.risk` at work.

Candles stay float64 as they came; each bar is turned into ticks when a position looks at it, so that no copy
of the candles in ticks ever exists. Entries, slots and money are decided elsewhere.
"""

import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.backtest.compiled import compiled, digest, lean
from trading.risk import exit_machine
from trading.risk.exit_machine import MOST_TICKS, ExitNumbers

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


class Fine(NamedTuple):
    """Finer candles of one symbol, oldest first, to look into bars of `bar_ms`; may have no rows.

    `bar_ms` is the least step between two bars, 0 where it is not known.
    """

    open_ms: Ints
    open: Floats
    high: Floats
    low: Floats
    volume: Floats
    bar_ms: int


_AT_ONCE = 8
MACHINE = digest(exit_machine, sys.modules[__name__])
_machine = compiled(exit_machine)
_step, _target, _rung = _machine.exit_step, _machine.target_tick, _machine.rung_of
_trail, _is_ambiguous = _machine.trail_tick, _machine.is_ambiguous
times_up, times_down = _machine.times_up, _machine.times_down


@lean
def ticks(price: float, per_unit: float) -> int:
    """Return the nearest whole number of ticks."""
    return int(np.rint(price * per_unit))


@lean
def _first_of_fine(
    fine: Fine, per_unit: float, begin_ms: int, levels: tuple[int, int, int]
) -> tuple[int, int, int]:
    """Return (code, tick, doubt) of the finer bars of one bar; code 0 where they do not tell.

    Doubt 2 = they told, 1 = one of them touched stop and target again.
    """
    t = np.searchsorted(fine.open_ms, begin_ms)
    while t < len(fine.open_ms) and fine.open_ms[t] < begin_ms + fine.bar_ms:
        if fine.volume[t] > 0.0:
            bar_open, high = ticks(fine.open[t], per_unit), ticks(fine.high[t], per_unit)
            low = ticks(fine.low[t], per_unit)
            code, tick = _step(bar_open, high, low, levels, False, False)
            if code != 0:
                return code, tick, 1 if _is_ambiguous(bar_open, high, low, levels) else 2
        t += 1
    return 0, 0, 1


@lean
def look_at(
    bars: Bars,
    t: int,
    per_unit: float,
    levels: tuple[int, int, int],
    pending: bool,
    is_due: bool,
    fine: Fine,
) -> tuple[int, int, int]:
    """Return (code, tick, doubt) of the bar of row t, which has volume; code 0 = the position stays."""
    bar_open = ticks(bars.open[t], per_unit)
    high = ticks(bars.high[t], per_unit)
    low = ticks(bars.low[t], per_unit)
    code, tick = _step(bar_open, high, low, levels, pending, is_due)
    doubt = 0
    if code != 0 and tick != bar_open and _is_ambiguous(bar_open, high, low, levels):
        told, at, doubt = _first_of_fine(fine, per_unit, bars.open_ms[t], levels)
        if told != 0:
            code, tick = told, at
    return code, tick, doubt


@lean
def _next_turn(
    bars: Bars, t: int, last: int, rung: int, numbers: ExitNumbers, began_ms: int, bar_ms: int
) -> int:
    """Return the first row after t at which a rung or the maximum hold comes into force; `last` = none.

    Where no bar is missing it stands as many rows on as bars fit into the time; else it is searched for in
    steps that double, so that only rows near by are read: a search over a whole history would cost more
    than following the position does.
    """
    age = bars.open_ms[t] - began_ms
    soonest = 2**62
    if rung + 1 < len(numbers.ages):
        soonest = numbers.ages[rung + 1]
    if age < numbers.max_hold < soonest:
        soonest = numbers.max_hold
    if soonest == 2**62 or t + 1 >= last:
        return last
    due_ms = began_ms + soonest
    if bar_ms > 0 and bars.open_ms[last - 1] - bars.open_ms[t] == (last - 1 - t) * bar_ms:
        return int(min(t + (due_ms - bars.open_ms[t] + bar_ms - 1) // bar_ms, last))
    low = t + 1
    step = 1
    high = low
    while high < last and bars.open_ms[high] < due_ms:
        low = high + 1
        high = min(high + step, last)
        step *= 2
    while low < high:
        middle = (low + high) // 2
        if bars.open_ms[middle] >= due_ms:
            high = middle
        else:
            low = middle + 1
    return int(low)


@lean
def _quiet(fixed: int, trail: int, target: int, peak: int, per_unit: float) -> tuple[float, float]:
    """Return the prices between which nothing happens, with a tick to spare: most bars lie there."""
    ceiling = min(target, peak) if target > 0 else peak
    return (max(fixed, trail) + 2) / per_unit, (ceiling - 2) / per_unit


@lean
def _first_loud(bars: Bars, is_exit: Bools, t: int, until: int, quiet: tuple[float, float]) -> int:
    """Return the first row from t on, before `until`, that is not quiet or says exit; else `until`.

    Bars are not turned into ticks here. Eight rows are asked at a time, without a branch: the compiler asks
    them at once.
    """
    floor, ceiling = quiet
    while t + _AT_ONCE <= until:
        loud = False
        for row in range(t, t + _AT_ONCE):
            loud |= (bars.low[row] <= floor) | (bars.high[row] >= ceiling) | is_exit[row]
        if loud:
            break
        t += _AT_ONCE
    while t < until and floor < bars.low[t] and bars.high[t] < ceiling and not is_exit[t]:
        t += 1
    return t


@lean
def hold(
    bars: Bars,
    per_unit: float,
    first: int,
    last: int,
    paid: int,
    is_exit: Bools,
    numbers: ExitNumbers,
    fine: Fine,
) -> tuple[int, int, int, int]:
    """Follow a position entered at row `first` for `paid` ticks, up to row `last` (not included).

    Returns (row, code, tick, doubt) of its exit; code 0 = still open, valued at the last close. Doubt 1 = the
    bar touched stop and target and the stop was taken, 2 = it did and finer bars told which came first. An
    exit signal waits for the next bar with volume.
    """
    fixed = times_up(paid, numbers.stop_keep)
    rung = _rung(0, -1, numbers)
    target = _target(paid, rung, numbers)
    is_due = False
    turn = _next_turn(bars, first, last, rung, numbers, bars.open_ms[first], fine.bar_ms)
    peak = paid
    trail = 0
    wake = MOST_TICKS  # below what wakes the trailing stop, no peak says anything
    if numbers.trail_keep > 0:
        wake = times_up(paid, numbers.trail_wake)
        trail = _trail(paid, peak, numbers.trail_keep, numbers.trail_wake)
    pending = False
    t = first
    while t < last:
        if t == turn:
            age = bars.open_ms[t] - bars.open_ms[first]
            rung = _rung(age, rung, numbers)
            target = _target(paid, rung, numbers)
            is_due = 0 < numbers.max_hold <= age
            turn = _next_turn(bars, t, last, rung, numbers, bars.open_ms[first], fine.bar_ms)
        if not pending and not is_due:
            until = min(turn, last)
            t = _first_loud(bars, is_exit, t, until, _quiet(fixed, trail, target, max(peak, wake), per_unit))
            if t == until:
                continue
        if bars.volume[t] > 0.0:
            levels = (fixed, trail, target)
            code, tick, doubt = look_at(bars, t, per_unit, levels, pending, is_due, fine)
            if code != 0:
                return t, code, tick, doubt
            high = ticks(bars.high[t], per_unit)
            if numbers.trail_keep > 0 and high > peak:
                peak = high
                trail = _trail(paid, peak, numbers.trail_keep, numbers.trail_wake)
        if is_exit[t]:
            pending = True
        t += 1
    return last - 1, 0, ticks(bars.close[last - 1], per_unit), 0
