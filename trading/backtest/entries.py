"""One signal made a position: may it be entered, at what price, how large, and how it ends. Compiled.

Which signals are asked, and in what order, is `portfolio`'s.
"""

import sys

import numpy as np

from trading.backtest import fees, job
from trading.backtest.compiled import digest, lean
from trading.backtest.fees import exit_fee, span_at
from trading.backtest.job import (
    AFTER_HOLE,
    AMBIGUOUS_BARS,
    DUST,
    GOT,
    NO_VOLUME,
    OWNER,
    RESOLVED_BARS,
    SPENT,
    STEPS,
    TARGET,
    TOO_HIGH,
    TOO_SMALL,
    AnyJob,
    Book,
    Job,
)  # fmt: skip
from trading.backtest.walk import MACHINE, Fine, hold, ticks, times_down, times_up
from trading.backtest.walk_freqtrade import FREQTRADE_MACHINE, hold_freqtrade, tick_near
from trading.risk.exit_machine import WHOLE, ExitNumbers

_MOST_IMPACT = 0.02
ENTRIES_MACHINE = digest(sys.modules[__name__], job, fees) ^ MACHINE ^ FREQTRADE_MACHINE


@lean
def entry_fee(job: AnyJob, k: int, now: int) -> float:
    """Return the fee of a buy of symbol k at a time."""
    return float(job.venue.fees.entry[span_at(job.venue.fees, now), k])


@lean
def scaled(job: AnyJob, t: int, base: float) -> float:
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
    asked = bars.open[t]  # freqtrade sizes by the open as it stands, and only the order's price is rounded
    rate = tick_near(asked, num, den)
    stake = _peer_stake(wanted, asked, venue.min_amount[k], venue.min_cost[k])
    steps = steps_in(stake / asked, venue.step_num[k], venue.step_den[k])
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
def is_refused(job: AnyJob, t: int) -> bool:
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
def cost_of(job: AnyJob, k: int, t: int, stake: float) -> int:
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
def buy_at_open(job: Job, k: int, t: int, stake: float) -> tuple[int, int, int, int, int]:
    """Return (paid, mark, cost, steps, span) of an entry at the open of row t; no steps = not entered.

    `paid` and `mark` in ticks, `cost` in parts of the price, `span` of the fees; why not is counted.
    """
    if is_refused(job, t):
        return 0, 0, 0, 0, 0
    bars, venue, terms = job.bars, job.venue, job.terms
    cost = cost_of(job, k, t, stake)
    mark = ticks(bars.open[t], bars.per_unit[k])
    paid = times_up(mark, WHOLE + cost)
    rate = paid * venue.tick_num[k] / venue.tick_den[k]
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
        job.book.counts[TOO_SMALL] += 1
        return 0, 0, 0, 0, 0
    return paid, mark, cost, steps, span


@lean
def exits_of(job: Job, k: int, span: int) -> ExitNumbers:
    """Return where positions of symbol k end, opened in a span of the fees."""
    of = job.terms.exits
    return ExitNumbers(
        of.stop_keep, of.trail_keep, of.trail_wake, of.max_hold, of.ages, job.venue.factors[span, k]
    )


@lean
def write_trade(
    job: Job,
    n: int,
    place: tuple[int, int],
    bought: tuple[int, int, int, int, int],
    left: tuple[int, int, int, int],
) -> None:
    """Write trade n: `place` = (symbol, row of entry), `bought` of `buy_at_open`, `left` of `hold`."""
    (k, t), (paid, mark, cost, steps, _), (row, code, tick, doubt) = place, bought, left
    num, den = job.venue.tick_num[k], job.venue.tick_den[k]
    is_free = code == 0 or (code == TARGET and job.terms.target_rests)
    got = tick if is_free else times_down(tick, WHOLE - cost)
    write_row(job.book, n, (k, t - 1, t, row, code, steps, doubt))
    fees = entry_fee(job, k, job.bars.open_ms[t]), exit_fee(job.venue.fees, k, job.bars.open_ms[row], code)
    _write_rates(job, n, (paid * num / den, got * num / den, mark * num / den, tick * num / den), fees)


@lean
def _by_default(job: Job, k: int, t: int, n: int, stake: float) -> int:
    bought = buy_at_open(job, k, t, stake)
    if bought[3] == 0:
        return -1
    bars, own, fine = job.bars, exits_of(job, k, bought[4]), fine_of(job, k)
    left = hold(bars, bars.per_unit[k], t, bars.offsets[k + 1], bought[0], job.signals.is_exit, own, fine)
    write_trade(job, n, (k, t), bought, left)
    job.book.counts[AMBIGUOUS_BARS] += left[3] == 1
    job.book.counts[RESOLVED_BARS] += left[3] == 2
    return int(left[0])
