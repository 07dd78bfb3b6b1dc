"""One signal made a position: may it be entered, at what price, how large, and how it ends. Compiled.

Which signals are asked, and in what order, is `portfolio`'s.
"""

import sys
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.backtest import fees
from trading.backtest.compiled import digest, lean
from trading.backtest.fees import Fees, exit_fee, span_at
from trading.backtest.walk import MACHINE, Bars, Bools, Fine, Floats, Ints, hold, ticks, times_down, times_up
from trading.backtest.walk_freqtrade import FREQTRADE_MACHINE, hold_freqtrade, tick_near
from trading.risk.exit_machine import WHOLE, ExitNumbers
from trading.risk.freqtrade_exits import FreqtradeNumbers

# Columns of the whole numbers and of the figures that are written per trade.
OWNER, SIGNAL, ENTRY, LEAVE, CODE, STEPS, AMBIGUOUS = range(7)
OPEN_RATE, CLOSE_RATE, OPEN_MARK, CLOSE_MARK, SPENT, GOT, DUST = range(7)
# Places in the counts of signals that were not traded, and of bars that did not tell stop from target.
NO_SLOT, NO_VOLUME, TOO_SMALL, AFTER_HOLE, TOO_HIGH, LOCKED, NO_CASH, AMBIGUOUS_BARS, RESOLVED_BARS = range(9)
NOT_REACHED, NOT_ADDED, NOT_PARTED = 9, 10, 11
COUNTS = 12
TARGET = 2  # the exit machine's code of a target
_MOST_IMPACT = 0.02
ENTRIES_MACHINE = digest(sys.modules[__name__], fees) ^ MACHINE ^ FREQTRADE_MACHINE


class Venue(NamedTuple):
    """What each symbol's market asks; arrays of one number per symbol.

    Tick and step as ratios of whole numbers (`tick_num` / `tick_den`), the least amount and cost of an
    order, the fees, the cost in parts of the price (half spread, slippage), and the target ladder in parts of
    the price paid by (span of fees, symbol, rung): fees and costs differ. `decimals` per candle row:
    freqtrade's tick (empty by default).
    """

    tick_num: Ints
    tick_den: Ints
    step_num: Ints
    step_den: Ints
    min_amount: Floats
    min_cost: Floats
    fees: Fees
    cost: Ints
    factors: Ints
    decimals: NDArray[np.int8]


class Terms(NamedTuple):
    """What the run assumes. `is_freqtrade` chooses the fill rules; 0 stands for a limit that is off.

    `stake` in quote units a trade (0 = the wallet's realised worth shared by the slots); `wallet` in quote
    units to begin with (0 = no end of money); `slots` open positions at most; `volume_share` of a bar's
    volume is the most one fill takes; `entry_limit` the most the open may lie above the signal's close;
    `impact` × √(stake / what the signal's bar traded) is added to the cost; a target that
    rests in the book pays fees as a maker and no cost; `end_ms` opens the last bar. `risk` are the shares of
    `trading.risk.sizing` (risk per trade, largest position, reserve) against the `stop`, `most_stake` caps.
    """

    is_freqtrade: bool
    stake: float
    wallet: float
    slots: int
    volume_share: float
    entry_limit: float
    impact: float
    target_rests: bool
    bar_ms: int
    end_ms: int
    exits: ExitNumbers
    peer: FreqtradeNumbers
    risk: tuple[float, float, float] = (0.0, 1.0, 0.0)
    stop: float = 1.0
    most_stake: float = 0.0


class Signals(NamedTuple):
    """Per candle row: entry and exit as said by its close, and a factor of the stake (or empty)."""

    is_entry: Bools
    is_exit: Bools
    scale: Floats


class Book(NamedTuple):
    """What is written: whole numbers and figures per trade, and counts of what was left out.

    Where positions are adjusted also the fills of each trade, (trade, row, code, steps) and (rate, fee in
    quote units, mark), and the two arrays in which `adjusted` remembers a position while it follows it.
    """

    rows: Ints
    rates: Floats
    counts: Ints
    fills: Ints = np.empty((0, 4), np.int64)
    fill_rates: Floats = np.empty((0, 3))
    whole: Ints = np.zeros(0, np.int64)
    money: Floats = np.zeros(0)


class Adjust(NamedTuple):
    """Additions and parts of a strategy, and limit orders to enter; empty arrays where it asks for none.

    Additions: parts of the average left where one buys (0 = by condition), share of the first stake, or
    quote units, how often at most, row of its condition in `masks` (-1 = none). Parts: by (span of fees,
    symbol, part) the factor of the average (0 = by condition), the share of what was bought, the condition.
    `masks` is (condition, candle row).
    """

    add_keep: Ints = np.zeros(0, np.int64)
    add_share: Floats = np.zeros(0)
    add_amount: Floats = np.zeros(0)
    add_most: Ints = np.zeros(0, np.int64)
    add_mask: Ints = np.zeros(0, np.int64)
    part_factors: Ints = np.zeros((1, 1, 0), np.int64)
    part_share: Floats = np.zeros(0)
    part_mask: Ints = np.zeros(0, np.int64)
    masks: Bools = np.zeros((0, 0), np.bool_)
    add_share_sum: float = 0.0
    add_amount_sum: float = 0.0
    entry_rests: bool = False
    is_on: bool = False


NO_ADJUST = Adjust()


class Job(NamedTuple):
    """Everything one run reads and writes; `detail` = finer candles of the same symbols, or no rows."""

    bars: Bars
    detail: Bars
    signals: Signals
    venue: Venue
    terms: Terms
    book: Book
    adjust: Adjust = NO_ADJUST


@lean
def entry_fee(job: Job, k: int, now: int) -> float:
    """Return the fee of a buy of symbol k at a time."""
    return float(job.venue.fees.entry[span_at(job.venue.fees, now), k])


@lean
def scaled(job: Job, t: int, base: float) -> float:
    """Return the stake of an entry at row t: `base`, scaled by what the signal's row says, and capped."""
    stake = float(base * job.signals.scale[t - 1]) if len(job.signals.scale) > 0 else base
    return min(stake, job.terms.most_stake) if job.terms.most_stake > 0.0 else stake


@lean
def open_position(job: Job, k: int, t: int, n: int, stake: float) -> int:
    """Try to open symbol k's position at row t and follow it; return the row of its exit, -1 = not opened.

    The signal is row t - 1; the trade is written as number `n`.
    """
    if job.terms.is_freqtrade:
        return int(_as_freqtrade(job, k, t, n, stake))
    return int(_by_default(job, k, t, n, stake))


@lean
def write_row(book: Book, n: int, row: tuple[int, int, int, int, int, int, int]) -> None:
    """Write a trade's whole numbers one by one: a tuple set into a row would make an array first."""
    rows = book.rows
    rows[n, 0], rows[n, 1], rows[n, 2], rows[n, 3] = row[0], row[1], row[2], row[3]
    rows[n, 4], rows[n, 5], rows[n, 6] = row[4], row[5], row[6]


@lean
def _write_rates(job: Job, n: int, row: tuple[float, float, float, float], fees: tuple[float, float]) -> None:
    """Write rates, and what was spent and got, fees paid: (buy, sale). What cannot be sold is dust."""
    rates, venue, k = job.book.rates, job.venue, job.book.rows[n, OWNER]
    rates[n, 0], rates[n, 1], rates[n, 2], rates[n, 3] = row[0], row[1], row[2], row[3]
    steps, num, den = job.book.rows[n, STEPS], venue.step_num[k], venue.step_den[k]
    bought = steps * num / den
    if venue.fees.in_base[k]:
        sold = steps_in(bought * (1.0 - fees[0]), num, den) * num / den
        rates[n, SPENT] = bought * row[0]
        rates[n, DUST] = bought * (1.0 - fees[0]) - sold
    else:
        sold = bought
        rates[n, SPENT] = bought * row[0] * (1.0 + fees[0])
        rates[n, DUST] = 0.0
    rates[n, GOT] = sold * row[1] * (1.0 - fees[1])


@lean
def steps_in(amount: float, num: int, den: int) -> int:
    """Return the whole steps in `amount`: the most whose float64 is not above it."""
    count = int(amount * den / num)
    while (count + 1) * num / den <= amount:
        count += 1
    while count > 0 and count * num / den > amount:
        count -= 1
    return count


@lean
def _peer_stake(stake: float, rate: float, min_amount: float, min_cost: float) -> float:
    """Return what freqtrade would stake: raised to the venue's least by 30 % at most, else 0.

    Its least cost leaves room for 5 % and for a stop of 5 %, whatever the strategy's stop.
    """
    reserve = 1.05
    least = max(min_cost * reserve / 0.95, min_amount * rate * reserve)
    if stake >= least:
        return stake
    return least if stake * 1.3 >= least else 0.0


@lean
def _as_freqtrade(job: Job, k: int, t: int, n: int, wanted: float) -> int:
    bars, venue, terms, book = job.bars, job.venue, job.terms, job.book
    if bars.open_ms[t] >= terms.end_ms:
        return -1
    num, den, last = venue.tick_num[k], venue.tick_den[k], bars.offsets[k + 1]
    if venue.decimals[t] >= 0:
        num, den = 1, 10 ** int(venue.decimals[t])
    rate = tick_near(bars.open[t], num, den)
    stake = _peer_stake(wanted, rate, venue.min_amount[k], venue.min_cost[k])
    steps = steps_in(stake / rate, venue.step_num[k], venue.step_den[k])
    if steps == 0:
        book.counts[TOO_SMALL] += 1
        return -1
    fee = venue.fees.entry[0, k]
    row, code, left = hold_freqtrade(
        bars, t, last, job.signals.is_entry, job.signals.is_exit, terms.peer, fee, num, den
    )
    write_row(book, n, (k, t - 1, t, row, code, steps, 0))
    _write_rates(job, n, (rate, left, rate, left), (fee, fee))
    return int(row)


@lean
def is_refused(job: Job, t: int) -> bool:
    """Return whether the bar of row t cannot be entered by default, and count why."""
    bars, terms, counts = job.bars, job.terms, job.book.counts
    if bars.open_ms[t] - bars.open_ms[t - 1] != terms.bar_ms:
        counts[AFTER_HOLE] += 1
        return True
    if bars.volume[t] <= 0.0:
        counts[NO_VOLUME] += 1
        return True
    if terms.entry_limit > 0.0 and bars.open[t] > bars.close[t - 1] * (1.0 + terms.entry_limit):
        counts[TOO_HIGH] += 1
        return True
    return False


@lean
def cost_of(job: Job, k: int, t: int, stake: float) -> int:
    """Return spread, slippage and impact in parts of the price; impact by what the signal's bar traded."""
    cost = job.venue.cost[k]
    if job.terms.impact > 0.0:
        traded = job.bars.volume[t - 1] * job.bars.close[t - 1]
        push = job.terms.impact * np.sqrt(stake / traded) if traded > 0.0 else _MOST_IMPACT
        cost += int(np.rint(min(push, _MOST_IMPACT) * WHOLE))
    return int(cost)


@lean
def fine_of(job: Job, k: int) -> Fine:
    """Return symbol k's finer candles."""
    detail = job.detail
    first, last = detail.offsets[k], detail.offsets[k + 1]
    return Fine(
        detail.open_ms[first:last],
        detail.open[first:last],
        detail.high[first:last],
        detail.low[first:last],
        detail.volume[first:last],
        job.terms.bar_ms,
    )


@lean
def _by_default(job: Job, k: int, t: int, n: int, stake: float) -> int:
    if is_refused(job, t):
        return -1
    bars, venue, terms, book = job.bars, job.venue, job.terms, job.book
    cost = cost_of(job, k, t, stake)
    per_unit, num, den = bars.per_unit[k], venue.tick_num[k], venue.tick_den[k]
    mark = ticks(bars.open[t], per_unit)
    paid = times_up(mark, WHOLE + cost)
    rate = paid * num / den
    amount = stake / rate
    if terms.volume_share > 0.0:
        amount = min(amount, terms.volume_share * bars.volume[t])
    steps = steps_in(amount, venue.step_num[k], venue.step_den[k])
    bought = steps * venue.step_num[k] / venue.step_den[k]
    span = span_at(venue.fees, bars.open_ms[t])
    fee = venue.fees.entry[span, k]
    if venue.fees.in_base[k]:
        steps_left = steps_in(bought * (1.0 - fee), venue.step_num[k], venue.step_den[k])
        bought = steps_left * venue.step_num[k] / venue.step_den[k]  # what can be sold must reach the minimum
    if bought <= 0.0 or bought < venue.min_amount[k] or bought * rate < venue.min_cost[k]:
        book.counts[TOO_SMALL] += 1
        return -1
    of = terms.exits
    factors = venue.factors[span, k]
    own = ExitNumbers(of.stop_keep, of.trail_keep, of.trail_wake, of.max_hold, of.ages, factors)
    fine = fine_of(job, k)
    row, code, tick, doubt = hold(
        bars, per_unit, t, bars.offsets[k + 1], paid, job.signals.is_exit, own, fine
    )
    is_free = code == 0 or (code == TARGET and terms.target_rests)
    got = tick if is_free else times_down(tick, WHOLE - cost)
    write_row(book, n, (k, t - 1, t, row, code, steps, doubt))
    left = exit_fee(venue.fees, k, bars.open_ms[row], code)
    _write_rates(job, n, (rate, got * num / den, mark * num / den, tick * num / den), (fee, left))
    book.counts[AMBIGUOUS_BARS] += doubt == 1
    book.counts[RESOLVED_BARS] += doubt == 2
    return int(row)
