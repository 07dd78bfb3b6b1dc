"""How freqtrade 2026.9 leaves a long position in a backtest, bar by bar: for comparison, never for money.

Written from observed behaviour (the list is in docs/reference/backtest.md), not from its source. It is kinder
than `trading.risk.exit_machine`: a stop fills at its price even when the bar opened below it, a target fills
when touched, and the high of a bar may pull the trailing stop before the same bar's low tests it.

Float64 on purpose: freqtrade multiplies floats and rounds their decimal text to the tick, and a last digit of
noise moves a stop by a tick there. Whole numbers would be better and would not be equal. Plain arithmetic, so
that the backtest compiles it as it stands. Tick k is the float k × `num` / `den`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class FreqtradeNumbers(NamedTuple):
    """Rules of one run; fractions as floats.

    `stop` below the entry; `trail` below the high (0 = off), active once profit reached `wake`; `max_hold`
    in minutes (0 = off; as a custom exit); `ages` in minutes, ascending, and `targets` the ROI table.
    """

    stop: float
    trail: float
    wake: float
    max_hold: int
    ages: NDArray[np.int64]
    targets: NDArray[np.float64]


def tick_value(count: int, num: int, den: int) -> float:
    """Return the float64 of tick `count`."""
    return count * num / den


def tick_up(price: float, num: int, den: int) -> float:
    """Return the smallest tick that is not below `price` as a float: noise in the last digit counts.

    Ticks finer than 1e-14 are rounded to that.
    """
    count = int(price * den / num)
    while count > 0 and tick_value(count, num, den) >= price:
        count -= 1
    while tick_value(count, num, den) < price:
        count += 1
    found = tick_value(count, num, den)
    return found if den <= 10**14 else float(np.rint(found * 1e14)) / 1e14


def tick_near(price: float, num: int, den: int) -> float:
    """Return the nearest tick, halves up; a float that reads as a half is one."""
    count = max(0, int(price * den / num) - 1)
    while tick_value(2 * count + 1, num, 2 * den) <= price:
        count += 1
    return tick_value(count, num, den)


def profit_of(entry: float, rate: float, fee: float) -> float:
    """Return profit as a fraction of what was paid, fees on both sides, rounded to eight decimals."""
    return float(np.rint((rate * (1.0 - fee) / (entry * (1.0 + fee)) - 1.0) * 1e8)) / 1e8


def first_stop(entry: float, numbers: FreqtradeNumbers, num: int, den: int) -> float:
    """Return the stop that a position begins with."""
    return tick_up(entry * (1.0 - numbers.stop), num, den)


def raised_stop(
    stop: float, high: float, low: float, best: float, numbers: FreqtradeNumbers, num: int, den: int
) -> float:
    """Return the stop after this bar's high pulled it; `best` is the profit at the high.

    It is pulled only if it was below the low. At the offset exactly it is the fixed distance that trails.
    """
    if numbers.trail <= 0.0 or stop >= low or best < numbers.wake:
        return stop
    distance = numbers.trail if best > numbers.wake else numbers.stop
    return max(stop, tick_up(high * (1.0 - distance), num, den))


def target_at(age: int, numbers: FreqtradeNumbers) -> int:
    """Return the place in the ROI table at `age` minutes; -1 = none yet."""
    place = -1
    while place + 1 < len(numbers.ages) and numbers.ages[place + 1] <= age:
        place += 1
    return place


def target_rate(
    bar_open: float, high: float, low: float, entry: float, age: int, place: int, numbers: FreqtradeNumbers,
    fee: float,
) -> float:  # fmt: skip
    """Return the rate at which the ROI table sells in this bar, inside it."""
    target = numbers.targets[place]
    if target <= -1.0:
        return bar_open
    rate = entry * (1.0 + target) * (1.0 + fee) / (1.0 - fee)
    if age > 0 and age == numbers.ages[place] and bar_open > rate:
        return bar_open
    return float(min(max(rate, low), high))


def stop_rate(
    bar_open: float, high: float, low: float, stop: float, is_first_trail: bool, numbers: FreqtradeNumbers
) -> float:
    """Return the rate at which a hit stop sells: its own, even after a gap, but inside the bar.

    `is_first_trail`: a trailing stop hit on the entry bar; the price is taken to have reached the offset and
    then fallen straight.
    """
    if stop > high:
        return bar_open
    if is_first_trail:
        return max(low, bar_open * (1.0 + numbers.wake - numbers.trail))
    return stop


def exit_bar(  # noqa: PLR0917 - compiled by the backtest: by position
    bar_open: float, high: float, low: float, entry: float, stop: float, start: float, age: int,
    has_signal: bool, numbers: FreqtradeNumbers, fee: float,
) -> tuple[int, float]:  # fmt: skip
    """Return the exit code and unrounded rate of one bar; (0, 0.0) while the position stays.

    `stop` is what `raised_stop` gave for this bar, `start` what the position began with.
    """
    best = profit_of(entry, high, fee)
    is_hit = stop >= low
    is_trailing = stop != start
    place = target_at(age, numbers)
    code = 0
    rate = 0.0
    if has_signal:
        code, rate = 4, bar_open
    elif 0 < numbers.max_hold <= age:
        code, rate = 5, bar_open
    elif is_hit and not is_trailing:
        code, rate = 1, stop_rate(bar_open, high, low, stop, False, numbers)
    elif place >= 0 and best > numbers.targets[place]:
        code, rate = 2, target_rate(bar_open, high, low, entry, age, place, numbers, fee)
    elif is_hit:
        code, rate = 3, stop_rate(bar_open, high, low, stop, age == 0, numbers)
    return code, rate
