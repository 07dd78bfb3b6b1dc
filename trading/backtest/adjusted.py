"""A position that is sold in parts, added to, or entered by a limit order, followed bar by bar. Compiled.

The second follower, for strategies that ask for it; the others never meet it (`walk.hold`). The order of
events is the exit machine's `adjust_step`.
"""

import sys

import numpy as np

from trading.backtest import adjusted_orders
from trading.backtest.adjusted_orders import (
    ARRIVED,
    AVERAGE,
    BOUGHT,
    BOUGHT_MARK,
    BOUGHT_VALUE,
    CLOSED,
    DOUBT,
    DOUBTS,
    ENTRY,
    FILLS,
    GOT,
    HELD,
    INSIDE,
    OPENED,
    PEAK,
    RULES,
    RUNG,
    SOLD,
    SOLD_MARK,
    SOLD_VALUE,
    SPAN,
    SPENT,
    STAKE,
    SUMS,
    TRADE,
    buy,
    levels_of,
    next_addition,
    next_part,
    note,
    numbers_of,
    sell,
)  # fmt: skip
from trading.backtest.compiled import compiled, digest, lean
from trading.backtest.entries import (
    AMBIGUOUS_BARS,
    ENTRIES_MACHINE,
    NOT_ADDED,
    NOT_PARTED,
    NOT_REACHED,
    RESOLVED_BARS,
    TARGET,
    TOO_SMALL,
    Adjust,
    Book,
    Job,
    cost_of,
    is_refused,
)  # fmt: skip
from trading.backtest.fees import span_at
from trading.backtest.walk import ticks
from trading.risk import exit_machine
from trading.risk.exit_machine import ADDITION, ADJUSTING, AT_OPEN, FALLING, PART, RISING

ADJUSTED_MACHINE = digest(sys.modules[__name__], adjusted_orders) ^ ENTRIES_MACHINE
_machine = compiled(exit_machine)
_step, _rung = _machine.adjust_step, _machine.rung_of


@lean
def open_adjusted(job: Job, k: int, t: int, n: int, stake: float) -> int:
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
    _write_trade(job, k, t, row, n)
    return int(row)


@lean
def _waiting(job: Job, first: int, count: int) -> int:
    """Return the first of `count` marks from `first` on that is set; -1 = none."""
    for rule in range(count):
        if job.book.whole[first + rule] > 0:
            return rule
    return -1


@lean
def _add(job: Job, k: int, t: int, tick: int, rule: int, is_inside: bool) -> None:
    """Buy an addition, or count that the venue would not take it; it is not tried again."""
    adjust, book = job.adjust, job.book
    before = book.whole[AVERAGE]
    book.whole[RULES + rule] += 1
    stake = adjust.add_amount[rule]
    if stake == 0.0:
        stake = adjust.add_share[rule] * book.money[STAKE]
    if not buy(job, k, t, tick, stake, ADDITION):
        book.counts[NOT_ADDED] += 1
        return
    if tick < before:
        book.whole[PEAK] = tick
    if is_inside:
        book.whole[INSIDE] = 1


@lean
def _part(job: Job, k: int, t: int, tick: int, rule: int, cost: int, is_level: bool) -> int:
    """Sell a part, or count that the venue would not take it; return the exit code if nothing is left."""
    venue, adjust, whole = job.venue, job.adjust, job.book.whole
    whole[RULES + len(adjust.add_keep) + rule] = 1
    num, den = venue.step_num[k], venue.step_den[k]
    all_steps = whole[HELD] + whole[SOLD]
    steps = int(np.floor(all_steps * adjust.part_share[rule] + 1e-9))
    reached = 0.0
    for each in range(len(adjust.part_share)):
        if whole[RULES + len(adjust.add_keep) + each] > 0:
            reached += adjust.part_share[each]
    if reached > 1.0 - 1e-9:
        steps = whole[HELD]
    code = TARGET if is_level else 4
    if steps >= whole[HELD]:
        sell(job, k, t, tick, whole[HELD], code, cost)
        return int(code)
    worth = tick * venue.tick_num[k] / venue.tick_den[k]
    least = min(steps, whole[HELD] - steps) * num / den
    if steps == 0 or least < venue.min_amount[k] or least * worth < venue.min_cost[k]:
        job.book.counts[NOT_PARTED] += 1
        return 0
    sell(job, k, t, tick, steps, PART, cost)
    return 0


@lean
def _events(
    job: Job, k: int, t: int, prices: tuple[int, int, int], told: tuple[bool, bool], phase: int, cost: int,
    until: int,
) -> tuple[int, int]:  # fmt: skip
    """Let happen what happens in one bar, up to phase `until`; return (exit code or 0, phase)."""
    adjust, whole = job.adjust, job.book.whole
    adds, parts = len(adjust.add_keep), len(adjust.part_share)
    waits = RULES + adds + parts
    bar_open, high, low = prices
    while True:
        part, part_tick = next_part(job, k)
        add, add_tick = next_addition(job)
        has_part, has_add = _waiting(job, waits, parts), _waiting(job, waits + parts, adds)
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
            closed = _part(job, k, t, tick, rule, cost, is_level)
            if closed != 0:
                return closed, phase
        elif code == ADDITION:
            is_level = not (phase == ADJUSTING and has_add >= 0)
            rule = add if is_level else has_add
            if not is_level:
                whole[waits + parts + rule] = 0
            _add(job, k, t, tick, rule, phase == FALLING)
            if phase == FALLING:
                bar_open = tick
        else:
            sell(job, k, t, tick, whole[HELD], code, cost)
            return code, phase


@lean
def _is_open_question(job: Job, k: int, prices: tuple[int, int, int]) -> bool:
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
def _bar(job: Job, k: int, t: int, told: tuple[bool, bool], phase: int, cost: int) -> int:
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
def _doubt(job: Job, k: int, t: int) -> None:
    job.book.whole[DOUBTS] += 1
    note(job, k, t, DOUBT, 0, 0, 0, 0.0)


@lean
def _minutes(job: Job, k: int, t: int, cost: int) -> tuple[int, bool]:
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
def _follow(job: Job, k: int, first: int, cost: int) -> int:
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
            _forget_additions(job, waits)
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
            _forget_additions(job, waits)
        if job.signals.is_exit[t]:
            pending = True
        _listen(job, t, waits)
    sell(job, k, last - 1, ticks(bars.close[last - 1], per_unit), whole[HELD], 0, cost)
    return int(last - 1)


@lean
def _forget_additions(job: Job, waits: int) -> None:
    """An addition by condition acts at the next bar, if that follows directly and trades, or never."""
    first = waits + len(job.adjust.part_share)
    for rule in range(len(job.adjust.add_keep)):
        job.book.whole[first + rule] = 0


@lean
def _listen(job: Job, t: int, waits: int) -> None:
    """Remember which conditions the close of row t has met: a part waits for the next bar that trades."""
    adjust, whole = job.adjust, job.book.whole
    adds, parts = len(adjust.add_keep), len(adjust.part_share)
    for rule in range(parts):
        mask = adjust.part_mask[rule]
        if mask >= 0 and adjust.masks[mask, t] and whole[RULES + adds + rule] == 0:
            whole[waits + rule] = 1
    for rule in range(adds):
        mask = adjust.add_mask[rule]
        if mask >= 0 and adjust.masks[mask, t] and whole[RULES + rule] < adjust.add_most[rule]:
            whole[waits + parts + rule] = 1


@lean
def _write_trade(job: Job, k: int, t: int, row: int, n: int) -> None:
    """Write the trade: amount = all that was bought, rates = averages, money over all fills."""
    book, whole, money, venue = job.book, job.book.whole, job.book.money, job.venue
    rows, rates = book.rows, book.rates
    rows[n, 0], rows[n, 1], rows[n, 2], rows[n, 3] = k, t - 1, t, row
    rows[n, 4], rows[n, 5], rows[n, 6] = whole[CLOSED], whole[BOUGHT], min(1, whole[DOUBTS])
    unit = venue.step_num[k] / venue.step_den[k]
    bought = whole[BOUGHT] * venue.step_num[k] / venue.step_den[k]
    sold = whole[SOLD] * venue.step_num[k] / venue.step_den[k]
    rates[n, 0], rates[n, 1] = money[BOUGHT_VALUE] / bought, money[SOLD_VALUE] / sold
    rates[n, 2], rates[n, 3] = money[BOUGHT_MARK] / bought, money[SOLD_MARK] / sold
    _without_noise(book, n)
    rates[n, 4], rates[n, 5] = money[SPENT], money[GOT]
    left = money[ARRIVED] - sold
    rates[n, 6] = left if left > unit * 1e-6 else 0.0


@lean
def _without_noise(book: Book, n: int) -> None:
    """Write an average of one fill as that fill's own rate, to the last digit."""
    last = book.whole[FILLS] - 1
    for place in range(last, -1, -1):
        if book.fills[place, 0] != n:
            break
        code = book.fills[place, 2]
        side = 0 if code in (ENTRY, ADDITION) else 1
        if code != DOUBT and (side == 1 or code == ENTRY):
            for which in (0, 2):
                rate = book.fill_rates[place, which]
                if abs(book.rates[n, which + side] - rate) < 1e-13 * rate:
                    book.rates[n, which + side] = rate


def fresh(book: Book, adjust: Adjust) -> Book:
    """Return the book with room for the fills of its trades and for the position under way."""
    # Every doubtful bar has an event of its own.
    most = len(book.rows) * 2 * (2 + int(adjust.add_most.sum()) + len(adjust.part_share))
    rules = len(adjust.add_keep) + len(adjust.part_share)
    return book._replace(
        fills=np.zeros((most, 4), np.int64),
        fill_rates=np.zeros((most, 3)),
        whole=np.zeros(RULES + 2 * rules, np.int64),
        money=np.zeros(SUMS),
    )
