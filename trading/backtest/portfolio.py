"""The portfolio loop: which signals are asked in what order, and when a slot is free again. Compiled.

Where a position ends does not depend on the others, so each is followed to its end as it is opened; its slot
is given back when time gets there. With unlimited slots symbols are walked one after another; else candidates
come in the order (time, rank), the stored tie-break.
"""

import sys
from collections.abc import Callable
from typing import NamedTuple

from numba import njit

from trading.backtest.compiled import digest
from trading.backtest.entries import CODE, ENTRIES_MACHINE, NO_SLOT, Job, open_position
from trading.backtest.walk import Ints

NEVER_MS = 2**62
_FORCED = 6


class Desk(NamedTuple):
    """What the loop remembers between two calls.

    Per symbol the first row at which it may be entered again and when its position gives its slot back;
    `held` lists the symbols that hold one, `state` = (how many, the soonest such time).
    """

    free_row: Ints
    free_ms: Ints
    held: Ints
    state: Ints


@njit
def _give_back(desk: Desk, now: int) -> None:
    """Free the slots of positions that ended by `now`."""
    kept = 0
    soonest = NEVER_MS
    for place in range(desk.state[0]):
        k = desk.held[place]
        if desk.free_ms[k] > now:
            desk.held[kept] = k
            kept += 1
            soonest = min(soonest, desk.free_ms[k])
    desk.state[0] = kept
    desk.state[1] = soonest


@njit
def _take(job: Job, desk: Desk, k: int, row: int, code: int) -> None:
    """Book a slot until the position's end: freqtrade gives it back in the bar of the exit, we after it."""
    desk.free_row[k] = row + 1
    free = job.bars.open_ms[row] + (0 if job.terms.is_freqtrade else 1)
    if code in (0, _FORCED):
        free = NEVER_MS
    desk.free_ms[k] = free
    desk.held[desk.state[0]] = k
    desk.state[0] += 1
    desk.state[1] = min(desk.state[1], free)


def _by_symbol(machine: int) -> Callable[..., tuple[int, int, int]]:
    @njit(cache=True, nogil=True)
    def run(job: Job, startup: int, k: int, t: int, until: int) -> tuple[int, int, int]:
        """Walk symbols k to `until`, from row t on; returns (trades, k, t), where the book was full."""
        n = 0
        if machine == 0:
            return n, until, 0
        bars, is_entry, is_exit = job.bars, job.signals.is_entry, job.signals.is_exit
        while k < until:
            t = max(t, bars.offsets[k] + startup + 1)
            last = bars.offsets[k + 1]
            while t < last:
                if not is_entry[t - 1] or is_exit[t - 1]:
                    t += 1
                    continue
                if n == len(job.book.rows):
                    return n, k, t
                row = open_position(job, k, t, n)
                if row < 0:
                    t += 1
                else:
                    n += 1
                    t = row + 1
            k += 1
        return n, k, t

    return run  # type: ignore[no-any-return]  # numba's dispatcher is untyped


def _by_time(machine: int) -> Callable[..., tuple[int, int]]:
    @njit(cache=True, nogil=True)
    def run(job: Job, desk: Desk, candidates: Ints, owner: Ints, place: int) -> tuple[int, int]:
        """Ask candidates in order, from `place` on; returns (trades, place), where the book was full."""
        n = 0
        while machine != 0 and place < len(candidates) and n < len(job.book.rows):
            t = candidates[place] + 1
            k = owner[place]
            place += 1
            if t < desk.free_row[k]:
                continue
            now = job.bars.open_ms[t]
            if desk.state[1] <= now:
                _give_back(desk, now)
            if 0 < job.terms.slots <= desk.state[0]:
                job.book.counts[NO_SLOT] += 1
                continue
            row = open_position(job, k, t, n)
            if row >= 0:
                _take(job, desk, k, row, job.book.rows[n, CODE])
                n += 1
        return n, place

    return run  # type: ignore[no-any-return]  # numba's dispatcher is untyped


_DIGEST = digest(sys.modules[__name__]) ^ ENTRIES_MACHINE
by_symbol, by_time = _by_symbol(_DIGEST), _by_time(_DIGEST)
