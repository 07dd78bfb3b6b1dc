"""One position followed a bar at a time, for callers that decide at every close: what a policy is taught on.

The functions that enter, look at a bar and account for a sale are those of the loop that follows a position
at one go (`entries`, `walk`): a policy that always says the same is the backtest, to the last digit. Rules
that let freqtrade's fills happen are not followed here.
"""

import sys

from trading.backtest.compiled import compiled, digest, lean
from trading.backtest.entries import ENTRIES_MACHINE, buy_at_open, exits_of, fine_of, write_trade
from trading.backtest.job import GOT, SPENT, Job
from trading.backtest.walk import Ints, look_at, ticks
from trading.risk import exit_machine

# What is remembered of a position, whole numbers: columns of `held`.
SYMBOL, ENTRY, ROW, PAID, MARK, COST, AMOUNT, SPAN, PEAK, TRAIL, RUNG, PENDING, GOAL = range(13)
HELD = 13
STEPWISE_MACHINE = digest(sys.modules[__name__]) ^ ENTRIES_MACHINE
_AS_SOLD = 4  # an open position is worth what an exit signal would make of it at the close
_machine = compiled(exit_machine)
_rung, _target, _trail = _machine.rung_of, _machine.target_tick, _machine.trail_tick
times_up = _machine.times_up


@lean
def enter(job: Job, n: int, k: int, t: int, stake: float, held: Ints) -> bool:
    """Enter symbol k at the open of row t as position n of `held`; False where the backtest would not."""
    bought = buy_at_open(job, k, t, stake)
    if bought[3] == 0:
        return False
    paid, exits = bought[0], exits_of(job, k, bought[4])
    held[n, SYMBOL], held[n, ENTRY], held[n, ROW] = k, t, t
    held[n, PAID], held[n, MARK], held[n, COST], held[n, AMOUNT], held[n, SPAN] = bought
    held[n, PEAK], held[n, PENDING], held[n, GOAL] = paid, 0, 0
    held[n, TRAIL] = _trail(paid, paid, exits.trail_keep, exits.trail_wake)
    held[n, RUNG] = _rung(0, -1, exits)
    return True


@lean
def follow(job: Job, n: int, held: Ints) -> int:
    """Follow position n through the bar of its row; return the exit code, 0 = it stays.

    Writes trade n of the book: its exit, or what a sale at the bar's close would make. The caller moves `ROW`
    on, and sets `PENDING` where the close says exit: it is sold at the open of the next bar with volume.
    """
    bars, k, t = job.bars, held[n, SYMBOL], held[n, ROW]
    exits, paid, per_unit = exits_of(job, k, held[n, SPAN]), held[n, PAID], bars.per_unit[k]
    age = bars.open_ms[t] - bars.open_ms[held[n, ENTRY]]
    held[n, RUNG] = _rung(age, held[n, RUNG], exits)
    held[n, GOAL] = _target(paid, held[n, RUNG], exits)
    code, tick, doubt = 0, ticks(bars.close[t], per_unit), 0
    if bars.volume[t] > 0.0:
        levels = (times_up(paid, exits.stop_keep), held[n, TRAIL], held[n, GOAL])
        is_due = 0 < exits.max_hold <= age
        found = look_at(bars, t, per_unit, levels, held[n, PENDING] > 0, is_due, fine_of(job, k))
        if found[0] != 0:
            code, tick, doubt = found
        held[n, PEAK] = max(held[n, PEAK], ticks(bars.high[t], per_unit))
        held[n, TRAIL] = _trail(paid, held[n, PEAK], exits.trail_keep, exits.trail_wake)
    bought = (paid, held[n, MARK], held[n, COST], held[n, AMOUNT], held[n, SPAN])
    write_trade(job, n, (k, held[n, ENTRY]), bought, (t, code if code != 0 else _AS_SOLD, tick, doubt))
    return int(code)


@lean
def worth(job: Job, n: int) -> float:
    """Return the net return of trade n as it is written."""
    return float(job.book.rates[n, GOT] / job.book.rates[n, SPENT] - 1.0)
