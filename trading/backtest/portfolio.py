"""The portfolio loop: which signals are asked in what order, and when a slot is free again. Compiled.

Where a position ends does not depend on the others, so each is followed to its end as it is opened; its slot
is given back when time gets there. With unlimited slots symbols are walked one after another; else candidates
come in the order (time, rank), the stored tie-break.
"""

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from trading.backtest import protections
from trading.backtest.adjusted import ADJUSTED_MACHINE, open_adjusted
from trading.backtest.compiled import digest, lean, prefetch
from trading.backtest.entries import entry_fee, open_position, scaled
from trading.backtest.job import CODE, ENTRY, GOT, LOCKED, NO_CASH, NO_SLOT, SPENT, AnyJob
from trading.backtest.protections import Guards, Log, empty_log, is_locked, note_end
from trading.backtest.walk import Bars, Bools, Floats, Ints
from trading.risk import guards, sizing

NEVER_MS = 2**62
_stake_by_risk = lean(sizing.stake_by_risk)
_FORCED = 6
_PEER_SHARE = 0.99  # of all money freqtrade trades with: its tradable_balance_ratio, unless told


class Desk(NamedTuple):
    """What the loop remembers between two calls.

    Per symbol: the first row at which it may be entered again (`free_row`); of its position, when it gives
    its slot back (`free_ms`), when it ended, its profit (a fraction) and gain (quote units), what it gives
    back and whether a stop ended it. `held`
    lists the symbols with a position, `state` = (how many, the soonest `free_ms`), `money` = (cash, realised
    worth).
    """

    free_row: Ints
    free_ms: Ints
    ended_ms: Ints
    profit: Floats
    gain: Floats
    brings: Floats
    is_stop: Bools
    held: Ints
    state: Ints
    money: Floats
    log: Log


def new_desk(symbols: int, wallet: float, trades: int) -> Desk:
    """Return the desk of a run that has not begun; `trades` is room for the protections' log, 0 = none."""
    return Desk(
        free_row=np.zeros(symbols, np.int64),
        free_ms=np.zeros(symbols, np.int64),
        ended_ms=np.zeros(symbols, np.int64),
        profit=np.zeros(symbols),
        gain=np.zeros(symbols),
        brings=np.zeros(symbols),
        is_stop=np.zeros(symbols, np.bool_),
        held=np.zeros(symbols + 1, np.int64),
        state=np.array([0, NEVER_MS]),
        money=np.array([wallet, wallet]),
        log=empty_log(symbols, trades),
    )


@lean
def _give_back(desk: Desk, guards: Guards, now: int) -> None:
    """Free the slots of positions that ended by `now`, in the order in which they ended."""
    while desk.state[1] <= now:
        first = 0
        for place in range(desk.state[0]):
            if desk.free_ms[desk.held[place]] < desk.free_ms[desk.held[first]]:
                first = place
        k = desk.held[first]
        desk.state[0] -= 1
        for place in range(first, desk.state[0]):
            desk.held[place] = desk.held[place + 1]  # ties end in the order of their entries
        desk.money[0] += desk.brings[k]
        desk.money[1] += desk.gain[k]
        if len(desk.log.profit) > 0:
            note_end(desk.log, guards, k, desk.ended_ms[k], desk.profit[k], desk.is_stop[k])
        soonest = NEVER_MS
        for place in range(desk.state[0]):
            soonest = min(soonest, desk.free_ms[desk.held[place]])
        desk.state[1] = soonest


@lean
def _take(job: AnyJob, desk: Desk, k: int, row: int, n: int, aside: float) -> None:
    """Book a slot until the position's end: freqtrade gives it back in the bar of the exit, we after it.

    What it may add later is set aside as it opens (`aside` in quote units, fees included, 0 = nothing is
    added); proceeds of parts come back with the rest.
    """
    code = job.book.rows[n, CODE]
    desk.free_row[k] = row + 1
    ended = job.bars.open_ms[row]
    free = ended + (0 if job.terms.is_freqtrade else 1)
    if code in (0, _FORCED):
        free = NEVER_MS
    spent = job.book.rates[n, SPENT]
    desk.gain[k] = job.book.rates[n, GOT] - spent
    desk.profit[k] = job.book.rates[n, GOT] / spent - 1.0
    if job.terms.is_freqtrade:  # its wallet sets a trade's value aside; fees come off with the profit
        spent /= 1.0 + entry_fee(job, k, job.bars.open_ms[job.book.rows[n, ENTRY]])
        desk.gain[k] = np.rint(desk.gain[k] * 1e8) / 1e8  # profits are booked to eight decimals there
    spent = max(spent, aside)
    desk.brings[k] = spent + desk.gain[k]
    desk.is_stop[k] = code in (1, 3)
    desk.ended_ms[k], desk.free_ms[k] = ended, free
    desk.money[0] -= spent
    desk.held[desk.state[0]] = k
    desk.state[0] += 1
    desk.state[1] = min(desk.state[1], free)


@lean
def _base(job: AnyJob, desk: Desk, k: int, now: int) -> float:
    """Return the stake before it is scaled: fixed, by risk as live sizes it, or the worth by slots."""
    terms = job.terms
    if terms.risk[0] > 0.0:
        fee = entry_fee(job, k, now)
        by_risk = _stake_by_risk(desk.money[1], desk.money[0], terms.stop, fee, terms.risk)
        return float(max(0.0, by_risk))
    if terms.stake == 0.0 and terms.is_freqtrade:
        return float(max(0.0, min(desk.money[1] * _PEER_SHARE / terms.slots, _peer_free(desk))))
    if terms.stake == 0.0:
        return float(max(desk.money[1], 0.0) / terms.slots)
    return float(terms.stake)


@lean
def _refused(job: AnyJob, desk: Desk, k: int, now: int, base: float) -> bool:
    """Return whether slots, protections or money forbid an entry now, and count why."""
    counts, terms = job.book.counts, job.terms
    if 0 < terms.slots <= desk.state[0]:
        counts[NO_SLOT] += 1
        return True
    if len(desk.log.profit) > 0 and is_locked(desk.log, k, now):
        counts[LOCKED] += 1
        return True
    if terms.wallet > 0.0:
        is_peer = terms.is_freqtrade
        needed = base if is_peer else base * (1.0 + entry_fee(job, k, now))
        if needed > (_peer_free(desk) if is_peer else desk.money[0]):
            counts[NO_CASH] += 1
            return True
    return False


@lean
def _peer_free(desk: Desk) -> float:
    """Return what freqtrade would still stake: its share of all money, less what lies in trades."""
    cash, worth = desk.money[0], desk.money[1]
    return float(min(worth * _PEER_SHARE - (worth - cash), cash))


@lean
def _next_entry(is_entry: Bools, is_exit: Bools, t: int, last: int) -> int:
    """Return the first row from t on, before `last`, whose signal is of the row before; else `last`."""
    while t < last and (not is_entry[t - 1] or is_exit[t - 1]):
        t += 1
    return t


@lean
def _send_for(bars: Bars, is_exit: Bools, t: int) -> None:
    """Ask memory for what an entry at row t reads first."""
    for row in (t, t + 8, t + 16):
        for column in (bars.open, bars.low, bars.high, bars.volume):
            prefetch(column, row)
    prefetch(bars.close, t - 1)
    prefetch(bars.open_ms, t)
    prefetch(is_exit, t)


def _by_symbol(machine: int, is_adjusted: bool) -> Callable[..., tuple[int, int, int]]:
    @lean(cache=True, nogil=True)
    def run(job: Any, startup: int, k: int, t: int, until: int) -> tuple[int, int, int]:
        """Walk symbols k to `until`, from row t on; returns (trades, k, t), where the book was full."""
        n = 0
        if machine == 0:
            return n, until, 0
        bars, is_entry, is_exit = job.bars, job.signals.is_entry, job.signals.is_exit
        while k < until:
            t = max(t, bars.offsets[k] + startup + 1)
            last = bars.offsets[k + 1]
            t = _next_entry(is_entry, is_exit, t, last)
            while t < last:
                if n == len(job.book.rows):
                    return n, k, t
                ahead = _next_entry(is_entry, is_exit, t + 1, last)
                _send_for(bars, is_exit, min(ahead, last - 1))
                base = scaled(job, t, job.terms.stake)
                if is_adjusted:  # noqa: SIM108 - numba drops the branch not taken
                    row = open_adjusted(job, k, t, n, base)
                else:
                    row = open_position(job, k, t, n, base)
                n += row >= 0
                t = ahead if row < ahead else _next_entry(is_entry, is_exit, row + 1, last)
            k += 1
        return n, k, t

    return run  # type: ignore[no-any-return]  # numba's dispatcher is untyped


def _by_time(machine: int, is_adjusted: bool) -> Callable[..., tuple[int, int]]:
    @lean(cache=True, nogil=True)
    def run(
        job: Any, desk: Desk, guards: Guards, candidates: Ints, owner: Ints, place: int
    ) -> tuple[int, int]:
        """Ask candidates in order, from `place` on; returns (trades, place), where the book was full."""
        n = 0
        while machine != 0 and place < len(candidates) and n < len(job.book.rows):
            t = candidates[place] + 1
            k = owner[place]
            place += 1
            if t < desk.free_row[k]:
                continue
            now = job.bars.open_ms[t]
            _give_back(desk, guards, now)
            base = scaled(job, t, _base(job, desk, k, now))
            wanted, aside = base, 0.0
            if is_adjusted:  # numba drops the branch not taken
                wanted = base * (1.0 + job.adjust.add_share_sum) + job.adjust.add_amount_sum
                aside = wanted * (1.0 + entry_fee(job, k, now))
            if _refused(job, desk, k, now, wanted):
                continue
            if is_adjusted:  # noqa: SIM108 - numba drops the branch not taken
                row = open_adjusted(job, k, t, n, base)
            else:
                row = open_position(job, k, t, n, base)
            if row >= 0:
                _take(job, desk, k, row, n, aside)
                n += 1
        return n, place

    return run  # type: ignore[no-any-return]  # numba's dispatcher is untyped


_DIGEST = digest(sys.modules[__name__], protections, guards, sizing) ^ ADJUSTED_MACHINE
by_symbol, by_time = _by_symbol(_DIGEST, is_adjusted=False), _by_time(_DIGEST, is_adjusted=False)
# Loops of their own for strategies that adjust positions: the plain ones carry none of it.
by_symbol_adjusted = _by_symbol(_DIGEST, is_adjusted=True)
by_time_adjusted = _by_time(_DIGEST, is_adjusted=True)
