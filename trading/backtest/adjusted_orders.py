"""What is bought and sold of a position under way, and the levels that follow from it. Compiled.

`adjusted` decides what happens when; here money, amounts and the average are booked. What is remembered lies
in two small arrays of the book, so that nothing is allocated.
"""

from trading.backtest.compiled import compiled, lean
from trading.backtest.entries import cost_of, steps_in
from trading.backtest.fees import exit_fee, span_at
from trading.backtest.job import TARGET, AdjustedJob
from trading.risk import exit_machine
from trading.risk.exit_machine import PART, WHOLE, ExitNumbers

_machine = compiled(exit_machine)
_average, _trail, _target_tick = _machine.average_tick, _machine.trail_tick, _machine.target_tick
_up, _down = _machine.times_up, _machine.times_down

# Codes of fills beside those of exits. DOUBT marks a bar that did not tell the order of its events.
ENTRY, DOUBT = 9, 10
# Places of the whole numbers of the position under way; then how often each addition and part was done, and
# whether a part waits for the next bar that trades.
HELD, SOLD, BOUGHT, AVERAGE, PEAK, FIRST, RUNG, FILLS, SPAN, CLOSED, OPENED, INSIDE, TRADE, DOUBTS = range(14)
RULES = 14
# Places of the sums: money spent and got net of fees, values of fills and of marks, weights of the average.
SPENT, GOT, BOUGHT_VALUE, SOLD_VALUE, BOUGHT_MARK, SOLD_MARK, EXTRA, WEIGHT, ARRIVED, STAKE = range(10)
SUMS = 10


@lean
def buy(job: AdjustedJob, k: int, t: int, mark: int, stake: float, code: int) -> bool:
    """Buy for `stake` at row t; return whether the venue takes such an order."""
    venue, whole, money, fees = job.venue, job.book.whole, job.book.money, job.venue.fees
    cost = 0 if job.adjust.entry_rests else cost_of(job, k, t, stake)
    paid = _up(mark, WHOLE + cost)
    rate = paid * venue.tick_num[k] / venue.tick_den[k]
    amount = stake / rate
    if job.terms.volume_share > 0.0:
        amount = min(amount, job.terms.volume_share * job.bars.volume[t])
    num, den = venue.step_num[k], venue.step_den[k]
    steps = steps_in(amount, num, den)
    bought = steps * num / den
    fee = fees.entry[span_at(fees, job.bars.open_ms[t]), k]
    arrived = bought * (1.0 - fee) if fees.in_base[k] else bought
    held = steps
    if fees.in_base[k]:
        held = steps_in(money[ARRIVED] + arrived, num, den) - whole[SOLD] - whole[HELD]
    least = steps_in(arrived, num, den) * num / den
    if steps == 0 or held <= 0 or least < venue.min_amount[k] or least * rate < venue.min_cost[k]:
        return False
    if whole[BOUGHT] == 0:
        whole[FIRST] = paid
    whole[BOUGHT] += steps
    whole[HELD] += held
    money[ARRIVED] += arrived
    money[SPENT] += bought * rate * (1.0 if fees.in_base[k] else 1.0 + fee)
    money[BOUGHT_VALUE] += bought * rate
    money[BOUGHT_MARK] += bought * mark * venue.tick_num[k] / venue.tick_den[k]
    money[WEIGHT] += steps
    money[EXTRA] += float(steps) * (paid - whole[FIRST])
    whole[AVERAGE] = _average(whole[FIRST], money[EXTRA], money[WEIGHT])
    note(job, k, t, code, steps, paid, mark, bought * rate * fee)
    return True


@lean
def sell(job: AdjustedJob, k: int, t: int, mark: int, steps: int, code: int, cost: int) -> None:
    """Sell whole steps at row t; `mark` is the market's tick, costs come off it."""
    venue, whole, money = job.venue, job.book.whole, job.book.money
    rests = code == 0 or (code in (PART, TARGET) and job.terms.target_rests)
    got = mark if rests else _down(mark, WHOLE - cost)
    rate = got * venue.tick_num[k] / venue.tick_den[k]
    sold = steps * venue.step_num[k] / venue.step_den[k]
    fee = exit_fee(venue.fees, k, job.bars.open_ms[t], TARGET if code == PART else code)
    share = steps / whole[HELD]
    money[EXTRA] *= 1.0 - share
    money[WEIGHT] *= 1.0 - share
    whole[HELD] -= steps
    whole[SOLD] += steps
    money[GOT] += sold * rate * (1.0 - fee)
    money[SOLD_VALUE] += sold * rate
    money[SOLD_MARK] += sold * mark * venue.tick_num[k] / venue.tick_den[k]
    note(job, k, t, code, steps, got, mark, sold * rate * fee)


@lean
def note(job: AdjustedJob, k: int, t: int, code: int, steps: int, tick: int, mark: int, fee: float) -> None:
    """Write down a fill; `fee` in quote units."""
    book, num, den = job.book, job.venue.tick_num[k], job.venue.tick_den[k]
    place = book.whole[FILLS]
    book.fills[place, 0], book.fills[place, 1] = book.whole[TRADE], t
    book.fills[place, 2], book.fills[place, 3] = code, steps
    book.fill_rates[place, 0], book.fill_rates[place, 1] = tick * num / den, fee
    book.fill_rates[place, 2] = mark * num / den
    book.whole[FILLS] = place + 1


@lean
def numbers_of(job: AdjustedJob, k: int) -> ExitNumbers:
    """Return the rules of symbol k's position, its ladder by the fees of its entry."""
    of = job.terms.exits
    factors = job.venue.factors[job.book.whole[SPAN], k]
    return ExitNumbers(of.stop_keep, of.trail_keep, of.trail_wake, of.max_hold, of.ages, factors)


@lean
def levels_of(job: AdjustedJob, k: int) -> tuple[int, int, int]:
    """Return fixed stop, trailing stop and target for the average as it stands."""
    whole, numbers = job.book.whole, numbers_of(job, k)
    average = whole[AVERAGE]
    trail = 0
    if numbers.trail_keep > 0:
        trail = _trail(average, whole[PEAK], numbers.trail_keep, numbers.trail_wake)
    return _up(average, numbers.stop_keep), trail, _target_tick(average, whole[RUNG], numbers)


@lean
def next_part(job: AdjustedJob, k: int) -> tuple[int, int]:
    """Return (rule, tick) of the lowest part that is still to be sold; (-1, 0) = none."""
    adjust, whole = job.adjust, job.book.whole
    found, tick = -1, 0
    for rule in range(len(adjust.part_share)):
        factor = adjust.part_factors[whole[SPAN], k, rule]
        if factor > 0 and whole[RULES + len(adjust.add_keep) + rule] == 0:
            level = _up(whole[AVERAGE], factor)
            if found < 0 or level < tick:
                found, tick = rule, level
    return found, tick


@lean
def next_addition(job: AdjustedJob) -> tuple[int, int]:
    """Return (rule, tick) of the highest level at which is still to be added; (-1, 0) = none."""
    adjust, whole = job.adjust, job.book.whole
    found, tick = -1, 0
    for rule in range(len(adjust.add_keep)):
        if adjust.add_keep[rule] > 0 and whole[RULES + rule] < adjust.add_most[rule]:
            level = _down(whole[AVERAGE], adjust.add_keep[rule])
            if level > tick:
                found, tick = rule, level
    return found, tick
