"""Additions and parts as their turn comes: which conditions wait, what is bought or sold. Compiled."""

import numpy as np

from trading.backtest.adjusted_orders import AVERAGE, HELD, INSIDE, PEAK, RULES, SOLD, STAKE, buy, sell
from trading.backtest.compiled import lean
from trading.backtest.job import NOT_ADDED, NOT_PARTED, TARGET, AdjustedJob
from trading.risk.exit_machine import ADDITION, PART


@lean
def waiting(job: AdjustedJob, first: int, count: int) -> int:
    """Return the first of `count` marks from `first` on that is set; -1 = none."""
    for rule in range(count):
        if job.book.whole[first + rule] > 0:
            return rule
    return -1


@lean
def forget_additions(job: AdjustedJob, waits: int) -> None:
    """An addition by condition acts at the next bar, if that follows directly and trades, or never."""
    first = waits + len(job.adjust.part_share)
    for rule in range(len(job.adjust.add_keep)):
        job.book.whole[first + rule] = 0


@lean
def listen(job: AdjustedJob, t: int, waits: int) -> None:
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
def add_to(job: AdjustedJob, k: int, t: int, tick: int, rule: int, is_inside: bool) -> None:
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
def sell_part(job: AdjustedJob, k: int, t: int, tick: int, rule: int, cost: int, is_level: bool) -> int:
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
