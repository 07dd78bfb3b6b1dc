"""The compiled loops over equity: flat arrays in, arrays out, no frames and no names.

Bars of all symbols lie one after another; `offsets[k]:offsets[k + 1]` is symbol k, oldest first. Who entered
and left when is the one engine's matter (`portfolio`, `entries`, `walk`).
"""

import numpy as np
from numba import njit

from trading.backtest.walk import Floats, Ints


@njit(cache=True)
def equity_kernel(
    offsets: Ints,
    close: Floats,
    rows: Ints,
    open_price: Floats,
    close_price: Floats,
    fee: Floats,
    share: Floats,
    out: Floats,
) -> None:
    """Write equity per bar, starting from 1 per symbol: cash + amount held × close.

    `rows` = (symbol, signal row, entry row, exit row, code, ..) per trade; prices are those paid; `fee` per
    symbol, paid on both sides; `share` of the cash that each trade takes, the rest waits.
    The open trade at the end is valued at the close, without exit costs.
    """
    trade = 0
    for k in range(len(offsets) - 1):
        cash = 1.0
        amount = 0.0
        for t in range(offsets[k], offsets[k + 1]):
            if trade < len(rows) and rows[trade, 0] == k and rows[trade, 2] == t:
                spent = cash * share[trade]
                amount = spent / (open_price[trade] * (1.0 + fee[k]))
                cash -= spent
            if amount > 0.0 and rows[trade, 3] == t and rows[trade, 4] != 0:
                cash += amount * close_price[trade] * (1.0 - fee[k])
                amount = 0.0
                trade += 1
            out[t] = cash + amount * close[t]
        if amount > 0.0:
            trade += 1


@njit(cache=True)
def curve_kernel(offsets: Ints, open_ms: Ints, equity: Floats, out: Floats) -> None:
    """Write per symbol: largest drawdown, days, mean, deviation and downside deviation of daily returns.

    A day's return is the change of equity from the last bar of the day before to its own last bar; the
    first day starts from 1.
    """
    day_ms = 86_400_000
    for k in range(len(offsets) - 1):
        first, last = offsets[k], offsets[k + 1]
        top = 1.0
        worst = 0.0
        before = 1.0
        days = 0
        total = 0.0
        squares = 0.0
        down = 0.0
        for t in range(first, last):
            top = max(top, equity[t])
            worst = max(worst, 1.0 - equity[t] / top)
            if t == last - 1 or open_ms[t + 1] // day_ms != open_ms[t] // day_ms:
                change = equity[t] / before - 1.0
                before = equity[t]
                days += 1
                total += change
                squares += change * change
                down += min(change, 0.0) ** 2
        mean = total / days if days > 0 else 0.0
        variance = (squares - days * mean * mean) / (days - 1) if days > 1 else 0.0
        out[k, 0] = worst
        out[k, 1] = days
        out[k, 2] = mean
        out[k, 3] = np.sqrt(max(variance, 0.0))
        out[k, 4] = np.sqrt(down / days) if days > 0 else 0.0
