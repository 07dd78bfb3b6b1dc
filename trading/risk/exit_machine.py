"""The one exit machine: in what order things happen inside a bar, and at which tick a long position is left.

Plain arithmetic on whole numbers, so that the backtest compiles these functions as they stand, the live
engine calls them through `trading.risk.exits`, and both agree to the tick. Prices are whole ticks, fractions
whole parts of `WHOLE`; ages and `max_hold` are in one unit that the caller chooses (ms, or bars). Costs are
not known here: prices are the market's own.

Order of events, in the order in which time passes inside a bar; the first that happens wins:

1. open at or below the stop: out at the open (the gap is ours to lose)
2. open above the target: out at the open
3. an exit signal of an earlier closed bar: out at the open
4. held for the maximum time: out at the open
5. low at or below the stop: out at the stop
6. high above the target, by a tick at least: out at the target

A bar that touches both stop and target is taken as a loss (5 before 6) unless finer bars tell. On the entry
bar 3 and 4 cannot happen. A bar without volume fills nothing: its caller skips it. What freqtrade does
instead is in `trading.risk.freqtrade_exits`.

A position that is sold in parts or added to (`adjust_step`) goes through the same list, with 4a: a part is
sold at the open (open above its level, or a condition of an earlier bar), then something is added at the open
(open below its level, or a condition). Inside the bar, if the low is above the stop: parts in rising order up
to the target, the target, then additions; if the low is at or below the stop: additions on the way down, each
of which moves the stop, then the stop; nothing is sold above any more.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WHOLE = 100_000_000  # parts of one: fractions are exact to 1e-8
MOST_TICKS = 2**52  # a price above it is no exact float64 any more
MOST_PARTS = 90 * WHOLE  # the largest factor for which the products below stay inside int64
# What `adjust_step` says beside the exit codes, and where in a bar it stands.
PART, ADDITION = 7, 8
AT_OPEN, ADJUSTING, RISING, FALLING = 0, 1, 2, 3


class ExitNumbers(NamedTuple):
    """Where a position ends, as whole numbers.

    `stop_keep` parts of the entry left at the stop; `trail_keep` parts of the peak left at the trailing
    stop (0 = off), which works once the peak is `trail_wake` parts of the entry; `max_hold` age at which
    the position is left (0 = off); `ages` (ascending) and `factors` the target ladder: from an age on, the
    target is that many parts of the entry. Empty arrays = no target.
    """

    stop_keep: int
    trail_keep: int
    trail_wake: int
    max_hold: int
    ages: NDArray[np.int64]
    factors: NDArray[np.int64]


def times_up(ticks: int, parts: int) -> int:
    """Return ceil(ticks × parts / WHOLE), exactly: split, because the product can pass int64."""
    rest = (ticks % WHOLE) * parts
    return (ticks // WHOLE) * parts + (rest + WHOLE - 1) // WHOLE


def times_down(ticks: int, parts: int) -> int:
    """Return floor(ticks × parts / WHOLE), exactly."""
    return (ticks // WHOLE) * parts + ((ticks % WHOLE) * parts) // WHOLE


def trail_tick(entry: int, peak: int, trail_keep: int, trail_wake: int) -> int:
    """Return the tick of the trailing stop given the highest price of earlier bars; 0 while it sleeps."""
    if trail_keep == 0 or peak < times_up(entry, trail_wake):
        return 0
    return times_up(peak, trail_keep)


def rung_of(age: int, rung: int, numbers: ExitNumbers) -> int:
    """Return the place in the target ladder at `age`, going on from `rung`; -1 = no target yet."""
    while rung + 1 < len(numbers.ages) and numbers.ages[rung + 1] <= age:
        rung += 1
    return rung


def target_tick(entry: int, rung: int, numbers: ExitNumbers) -> int:
    """Return the tick of the target of `rung`, rounded up; 0 = none."""
    if rung < 0:
        return 0
    return times_up(entry, numbers.factors[rung])


def exit_step(
    bar_open: int, high: int, low: int, levels: tuple[int, int, int], has_signal: bool, is_due: bool
) -> tuple[int, int]:
    """Return the exit code and tick of one bar; (0, 0) while the position stays.

    Parameters
    ----------
    bar_open, high, low : int
        Ticks of a bar with volume, or three times one observed price.
    levels : (int, int, int)
        Tick of the fixed stop, of the trailing stop and of the target; 0 = off.
    has_signal : bool
        An earlier closed bar, not older than the entry bar, said exit.
    is_due : bool
        The maximum hold is over.
    """
    fixed, trail, target = levels
    stop = fixed
    stop_code = 1
    if trail > fixed:
        stop = trail
        stop_code = 3
    code = 0
    tick = 0
    if bar_open <= stop:
        code, tick = stop_code, bar_open
    elif 0 < target < bar_open:
        code, tick = 2, bar_open
    elif has_signal:
        code, tick = 4, bar_open
    elif is_due:
        code, tick = 5, bar_open
    elif low <= stop:
        code, tick = stop_code, stop
    elif 0 < target < high:
        code, tick = 2, target
    return code, tick


def is_ambiguous(bar_open: int, high: int, low: int, levels: tuple[int, int, int]) -> bool:
    """Return whether the bar touched stop and target after its open, so that it does not tell which first."""
    fixed, trail, target = levels
    stop = max(fixed, trail)
    return low <= stop < bar_open <= target < high


def average_tick(first: int, extra: float, weight: float) -> int:
    """Return the average price paid as a tick, rounded up.

    `extra` is the sum of amount x (price - `first`) over what is held, prices in ticks; `weight` the sum of
    the amounts.
    """
    return first + int(np.ceil(extra / weight - 1e-9))


def adjust_step(  # noqa: C901 - one order of events in one place
    bar_open: int, high: int, low: int, levels: tuple[int, int, int], part: int, add: int,
    told: tuple[bool, bool, bool, bool], phase: int,
) -> tuple[int, int, int]:  # fmt: skip
    """Return (code, tick, phase) of the next thing that happens in a bar; code 0 = nothing more.

    Asked again with the phase it gave and with the levels as they are after what happened, until the code is
    0 or an exit.

    Parameters
    ----------
    bar_open, high, low, levels
        As `exit_step` takes them; the levels follow the average price paid.
    part, add : int
        Tick at which the next part is sold, or at which the next addition buys; 0 = none.
    told : (bool, bool, bool, bool)
        An exit signal, the end of the maximum hold, and conditions of an earlier bar to sell a part, to add.
    phase : int
        `AT_OPEN` for a new bar; `FALLING` where nothing above may be sold in it.
    """
    fixed, trail, target = levels
    stop = max(fixed, trail)
    code = 0
    tick = 0
    if phase == AT_OPEN:
        code, tick = exit_step(bar_open, bar_open, bar_open, levels, told[0], told[1])
        phase = ADJUSTING
    if code == 0 and phase == ADJUSTING:
        if told[2] or 0 < part < bar_open:
            code, tick = PART, bar_open
        elif told[3] or bar_open < add:
            code, tick = ADDITION, bar_open
        else:
            phase = RISING if low > stop else FALLING
    if code == 0 and phase == RISING:
        if 0 < part < high and (target == 0 or part <= target):
            code, tick = PART, max(part, bar_open)
        elif 0 < target < high:
            code, tick = 2, max(target, bar_open)
        else:
            phase = FALLING
    if code == 0 and phase == FALLING:
        if add > stop and low < add:
            code, tick = ADDITION, min(add, bar_open)
        elif low <= stop:
            code = 3 if trail > fixed else 1
            tick = min(stop, bar_open)
    return code, tick, phase
