"""A position that is sold in parts, added to, or entered by a limit order, followed bar by bar. Compiled.

The second follower, for strategies that ask for it; the others never meet it (`walk.hold`). The order of
events is the exit machine's `adjust_step`.
"""

import sys

import numpy as np

from trading.backtest import adjusted_orders, adjusted_rules, adjusted_trade
from trading.backtest.adjusted_orders import (
    AVERAGE,
    BOUGHT,
    CLOSED,
    DOUBT,
    DOUBTS,
    ENTRY,
    FILLS,
    HELD,
    INSIDE,
    OPENED,
    PEAK,
    RULES,
    RUNG,
    SPAN,
    STAKE,
    TRADE,
    buy,
    levels_of,
    next_addition,
    next_part,
    note,
    numbers_of,
    sell,
)  # fmt: skip
from trading.backtest.adjusted_rules import add_to, forget_additions, listen, sell_part, waiting
from trading.backtest.adjusted_trade import write_trade
from trading.backtest.compiled import compiled, digest, lean
from trading.backtest.entries import ENTRIES_MACHINE, cost_of, is_refused
from trading.backtest.fees import span_at
from trading.backtest.job import AMBIGUOUS_BARS, NOT_REACHED, RESOLVED_BARS, TOO_SMALL, AdjustedJob
from trading.backtest.walk import ticks
from trading.risk import exit_machine
from trading.risk.exit_machine import ADDITION, ADJUSTING, AT_OPEN, FALLING, PART, RISING

ADJUSTED_MACHINE = (
    digest(sys.modules[__name__], adjusted_orders, adjusted_rules, adjusted_trade) ^ ENTRIES_MACHINE
)
_machine = compiled(exit_machine)
_step, _rung = _machine.adjust_step, _machine.rung_of


@lean
def open_adjusted(job: AdjustedJob, k: int, t: int, n: int, stake: float) -> int:
    """Try to open symbol k's position at row t and follow it; return the row of its exit, -1 = not opened."""
    if is_refused(job, t):
        return -1
    bars, book = job.bars, job.book
    per_unit = bars.per_unit[k]
    mark = ticks(bars.open[t], per_unit)
    if job.adjust.entry_rests and ticks(bars.low[t], per_unit) >= mark:
        book.counts[NOT_REACHED] += 1
        return -1
    fills = book.whole[FILLS]
    book.whole[:] = 0
    book.money[:] = 0.0
    book.whole[FILLS], book.whole[TRADE] = fills, n
    book.whole[SPAN], book.whole[RUNG] = span_at(job.venue.fees, bars.open_ms[t]), -1
    book.money[STAKE] = stake
    if not buy(job, k, t, mark, stake, ENTRY):
        book.counts[TOO_SMALL] += 1
        return -1
    book.whole[PEAK] = book.whole[AVERAGE]
    row = _follow(job, k, t, cost_of(job, k, t, stake))
    write_trade(job, k, t, row, n)
    return int(row)


@lean
def _events(
    job: AdjustedJob, k: int, t: int, prices: tuple[int, int, int], told: tuple[bool, bool], phase: int,
    cost: int, until: int,
) -> tuple[int, int]:  # fmt: skip
    """Let happen what happens in one bar, up to phase `until`; return (exit code or 0, phase)."""
    adjust, whole = job.adjust, job.book.whole
    adds, parts = len(adjust.add_keep), len(adjust.part_share)
    waits = RULES + adds + parts
    bar_open, high, low = prices
    while True:
        part, part_tick = next_part(job, k)
        add, add_tick = next_addition(job)
        has_part, has_add = waiting(job, waits, parts), waiting(job, waits + parts, adds)
        flags = (told[0], told[1], has_part >= 0, has_add >= 0)
        was = phase
        code, tick, phase = _step(bar_open, high, low, levels_of(job, k), part_tick, add_tick, flags, phase)
        if was < until <= phase:
            return 0, phase
        if code == 0:
            return 0, phase
        if code == PART:
            is_level = not (phase == ADJUSTING and has_part >= 0)
            rule = part if is_level else has_part
            if not is_level:
                whole[waits + rule] = 0
            closed = sell_part(job, k, t, tick, rule, cost, is_level)
            if closed != 0:
                return closed, phase
        elif code == ADDITION:
            is_level = not (phase == ADJUSTING and has_add >= 0)
            rule = add if is_level else has_add
            if not is_level:
                whole[waits + parts + rule] = 0
            add_to(job, k, t, tick, rule, phase == FALLING)
            if phase == FALLING:
                bar_open = tick
        else:
            sell(job, k, t, tick, whole[HELD], code, cost)
            return code, phase


@lean
def _is_open_question(job: AdjustedJob, k: int, prices: tuple[int, int, int]) -> bool:
    """Return whether a bar touched something above and something below after its open."""
    bar_open, high, low = prices
    fixed, trail, target = levels_of(job, k)
    part, part_tick = next_part(job, k)
    add, add_tick = next_addition(job)
    above = part_tick if part >= 0 and (target == 0 or part_tick < target) else target
    stop = max(fixed, trail)
    is_below = low <= stop < bar_open or (add >= 0 and low < add_tick <= bar_open)
    return bool(is_below and 0 < above < high and bar_open <= above)


@lean
def _bar(job: AdjustedJob, k: int, t: int, told: tuple[bool, bool], phase: int, cost: int) -> int:
    """Follow one bar with volume; return the exit code, 0 = the position stays."""
    bars, per_unit, book = job.bars, job.bars.per_unit[k], job.book
    prices = (ticks(bars.open[t], per_unit), ticks(bars.high[t], per_unit), ticks(bars.low[t], per_unit))
    code = 0
    if phase == AT_OPEN:
        code, phase = _events(job, k, t, prices, told, phase, cost, RISING)
        if code != 0:
            return int(code)
    if book.whole[OPENED] == 1 and _is_open_question(job, k, prices):
        fills, bought = book.whole[FILLS], book.whole[BOUGHT]
        code, is_told = _minutes(job, k, t, cost)
        is_told = is_told and book.whole[FILLS] > fills
        book.counts[RESOLVED_BARS if is_told else AMBIGUOUS_BARS] += 1
        is_done = book.whole[FILLS] > fills
        if book.whole[BOUGHT] > bought:
            book.whole[INSIDE] = 1
        if not is_told:
            _doubt(job, k, t)
        if is_done:
            return int(code)
    code, phase = _events(job, k, t, prices, (False, False), phase, cost, 9)
    return int(code)


@lean
def _doubt(job: AdjustedJob, k: int, t: int) -> None:
    job.book.whole[DOUBTS] += 1
    note(job, k, t, DOUBT, 0, 0, 0, 0.0)


@lean
def _minutes(job: AdjustedJob, k: int, t: int, cost: int) -> tuple[int, bool]:
    """Follow the finer bars of row t; return (exit code, whether each of them told the order)."""
    detail, per_unit = job.detail, job.bars.per_unit[k]
    first, last = detail.offsets[k], detail.offsets[k + 1]
    at = first + np.searchsorted(detail.open_ms[first:last], job.bars.open_ms[t])
    is_told = True
    while at < last and detail.open_ms[at] < job.bars.open_ms[t] + job.terms.bar_ms:
        if detail.volume[at] > 0.0:
            prices = (
                ticks(detail.open[at], per_unit),
                ticks(detail.high[at], per_unit),
                ticks(detail.low[at], per_unit),
            )
            is_told = is_told and not _is_open_question(job, k, prices)
            code, _ = _events(job, k, t, prices, (False, False), AT_OPEN, cost, 9)
            if code != 0:
                return code, is_told
        at += 1
    return 0, is_told


@lean
def _follow(job: AdjustedJob, k: int, first: int, cost: int) -> int:
    """Follow the position entered at row `first` to its end; return that row."""
    bars, adjust, whole = job.bars, job.adjust, job.book.whole
    per_unit, last, numbers = bars.per_unit[k], bars.offsets[k + 1], numbers_of(job, k)
    waits = RULES + len(adjust.add_keep) + len(adjust.part_share)
    pending = False
    for t in range(first, last):
        age = bars.open_ms[t] - bars.open_ms[first]
        whole[RUNG] = _rung(age, whole[RUNG], numbers)
        whole[INSIDE] = 0
        follows = t == first or bars.open_ms[t] - bars.open_ms[t - 1] == job.terms.bar_ms
        if not follows or bars.volume[t] <= 0.0:
            forget_additions(job, waits)
        if bars.volume[t] > 0.0:
            is_due = t > first and 0 < numbers.max_hold <= age
            whole[OPENED] = 0 if t == first and adjust.entry_rests else 1
            phase = AT_OPEN if whole[OPENED] == 1 else FALLING
            code = _bar(job, k, t, (pending, is_due), phase, cost)
            if code != 0:
                whole[CLOSED] = code
                return int(t)
            high = ticks(bars.high[t], per_unit)
            if whole[INSIDE] == 0 and whole[OPENED] == 1 and high > whole[PEAK]:
                whole[PEAK] = high
            forget_additions(job, waits)
        if job.signals.is_exit[t]:
            pending = True
        listen(job, t, waits)
    sell(job, k, last - 1, ticks(bars.close[last - 1], per_unit), whole[HELD], 0, cost)
    return int(last - 1)
