"""One position followed bar by bar as freqtrade would, compiled from `trading.risk.freqtrade_exits`."""

import sys

import numpy as np
from numba import njit

from trading.backtest.compiled import compiled, digest, lean
from trading.backtest.walk import Bars, Bools, Floats, Ints
from trading.risk import freqtrade_exits
from trading.risk.freqtrade_exits import FreqtradeNumbers

FREQTRADE_MACHINE = digest(freqtrade_exits, sys.modules[__name__])
_machine = compiled(freqtrade_exits)
_exit_bar, _raised, _profit = _machine.exit_bar, _machine.raised_stop, _machine.profit_of
_first_stop, tick_near, _stop_rate = _machine.first_stop, _machine.tick_near, _machine.stop_rate
_ROI, _TRAILED, _FORCED = 2, 3, 6
_MINUTE_MS = 60_000
_SURE = 4e-15
_MOST_DECIMALS = 18  # ten to the power of more is no int64


@lean
def _decimals(price: float, least: int) -> int:
    """Return how many decimals `price` has when written with 14 significant digits; `least` or more."""
    limit = min(13 - int(np.floor(np.log10(price))), _MOST_DECIMALS)
    blur = 0.499 * 10.0**-limit
    count = least
    while count < limit and abs(np.rint(price * 10.0**count) / 10.0**count - price) > blur:
        count += 1
    return count


@lean
def _is_whole(price: float, scale: float, part: float) -> bool:
    """Return whether `price` surely has no more decimals than `scale` (10 to their number) says.

    The error allowed is less than half of the fourteenth digit of any price: what is refused here may still
    have no more, and is asked of `_decimals`.
    """
    return bool(abs(np.rint(price * scale) * part - price) <= _SURE * price)


@njit(cache=True, nogil=True)
def month_decimals(
    offsets: Ints, open_ms: Ints, months_ms: Ints, open_: Floats, high: Floats, low: Floats, close: Floats,
    out: Ints,
) -> None:  # fmt: skip
    """Write per row the most decimals that any price of its symbol has in its calendar month.

    `months_ms` are the beginnings of months, from that of the first row to one after the last. freqtrade
    takes a month's tick from its candles, not from the market: 10 to the power of minus this. A month of
    whole prices takes that of the month before; -1 = none yet, the market's own.
    """
    for k in range(len(offsets) - 1):
        first, last = offsets[k], offsets[k + 1]
        before = -1
        month = 0
        while first < last:
            while months_ms[month + 1] <= open_ms[first]:
                month += 1
            most = 0
            scale, part = 1.0, 1.0
            t = first
            while t < last and open_ms[t] < months_ms[month + 1]:
                for price in (open_[t], high[t], low[t], close[t]):
                    if not _is_whole(price, scale, part):
                        most = _decimals(price, most)
                        scale, part = 10.0**most, 10.0**-most
                t += 1
            before = most if most > 0 else before
            out[first:t] = before
            first = t


@lean
def hold_freqtrade(  # noqa: PLR0917 - compiled: by position
    bars: Bars,
    first: int,
    last: int,
    is_entry: Bools,
    is_exit: Bools,
    numbers: FreqtradeNumbers,
    fee: float,
    num: int,
    den: int,
) -> tuple[int, int, float]:
    """Follow a position entered at the open of row `first`, up to row `last` (not included).

    It was bought at the tick nearest to the open. Returns (row, code, rate) of its exit; what is open after
    the last bar is sold at that bar's open. A sale whose rounded rate lies outside its bar rests as an order
    until a bar reaches it, or another exit takes its place.
    """
    entry = tick_near(bars.open[first], num, den)
    start = _first_stop(entry, numbers, num, den)
    stop = start
    resting, asked = 0, 0.0
    for t in range(first, last):
        high, low = bars.high[t], bars.low[t]
        stop = _raised(stop, high, low, _profit(entry, high, fee), numbers, num, den)
        age = (bars.open_ms[t] - bars.open_ms[first]) // _MINUTE_MS
        told = is_exit[t - 1] and not is_entry[t - 1]
        code, rate = _exit_bar(bars.open[t], high, low, entry, stop, start, age, told, numbers, fee)
        if code == _ROI and t == first and entry < bars.open[t] and rate > bars.close[t] < bars.open[t]:
            # Bought below the open (it was rounded down), in a falling bar: freqtrade does not believe that
            # the high came later, and asks the next exit in its order.
            is_trailed = stop != start and stop >= low
            code = _TRAILED if is_trailed else 0
            rate = _stop_rate(bars.open[t], high, low, stop, True, numbers)
        if code != 0:
            resting, asked = code, tick_near(rate, num, den)
        if resting != 0 and low <= asked <= high:
            return t, resting, asked
    return last - 1, _FORCED, tick_near(bars.open[last - 1], num, den)
