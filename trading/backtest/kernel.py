"""The compiled loops of the backtest: flat arrays in, arrays out, no frames and no names.

Bars of all symbols lie one after another; `offsets[k]:offsets[k + 1]` is symbol k, oldest first. What
ends a position is decided by `trading.risk.exit_machine`, compiled as it stands by `walk`.

Conventions: a signal of bar t acts on bar t + 1, which must follow directly (no missing bar), have
volume, and open no more than `entry_limit` above the signal's close. One position per symbol. A bar
without volume fills nothing; an exit signal waits for the next bar that trades.
"""

from collections.abc import Callable

import numpy as np
from numba import njit

from trading.backtest.walk import MACHINE, Bars, Bools, Fine, Floats, Ints, hold, ticks
from trading.risk.exit_machine import ExitNumbers

__all__ = ["Bars", "Bools", "Floats", "Ints"]  # what older imports of this module name


@njit
def _can_enter(bars: Bars, t: int, bar_ms: int, entry_limit: float) -> bool:
    follows = bars.open_ms[t] - bars.open_ms[t - 1] == bar_ms
    near = bars.open[t] <= bars.close[t - 1] * (1.0 + entry_limit)
    return bool(follows and near and bars.volume[t] > 0.0)


@njit
def _hold(
    bars: Bars, k: int, entry: int, price_cost: float, is_exit: Bools, numbers: ExitNumbers
) -> tuple[int, int, float]:
    """Return (row, code, mark) of the exit of a position entered at row `entry`; code 0 = still open."""
    per_unit = bars.per_unit[k]
    last = bars.offsets[k + 1]
    paid = ticks(bars.open[entry] * (1.0 + price_cost), per_unit)
    none = np.empty(0)
    no_fine = Fine(np.empty(0, np.int64), none, none, none, none, 0)
    row, code, tick, _ = hold(bars, per_unit, entry, last, paid, is_exit, numbers, no_fine)
    return row, code, tick / per_unit


def _build_trades(machine: int) -> Callable[..., int]:
    @njit(cache=True)
    def run(  # noqa: PLR0917 - compiled: arrays by position
        bars: Bars,
        is_entry: Bools,
        is_exit: Bools,
        price_cost: Floats,
        bar_ms: int,
        entry_limit: float,
        numbers: ExitNumbers,
        out_rows: Ints,
        out_marks: Floats,
    ) -> int:
        """Fill one row per trade: (symbol, signal row, entry row, exit row, code) and (entry, exit) marks."""
        if machine == 0:
            return 0
        count = 0
        for k in range(len(bars.offsets) - 1):
            t = bars.offsets[k] + 1
            last = bars.offsets[k + 1]
            while t < last:
                if not is_entry[t - 1] or is_exit[t - 1] or not _can_enter(bars, t, bar_ms, entry_limit):
                    t += 1
                    continue
                row, code, mark = _hold(bars, k, t, price_cost[k], is_exit, numbers)
                out_rows[count] = (k, t - 1, t, row, code)
                out_marks[count] = (bars.open[t], mark)
                count += 1
                t = row + 1
        return count

    return run  # type: ignore[no-any-return]  # numba's dispatcher is untyped


def _build_outcomes(machine: int) -> Callable[..., None]:
    @njit(cache=True)
    def run(  # noqa: PLR0917 - compiled: arrays by position
        bars: Bars,
        is_wanted: Bools,
        is_exit: Bools,
        price_cost: Floats,
        bar_ms: int,
        entry_limit: float,
        numbers: ExitNumbers,
        out_row: Ints,
        out_code: Ints,
        out_mark: Floats,
    ) -> None:
        """Write for each wanted signal row how an entry at the next bar's open ended.

        Positions do not exclude one another. Row -1 = not wanted, could not be entered, or never ended.
        """
        for k in range(len(bars.offsets) - 1):
            last = bars.offsets[k + 1]
            for signal in range(bars.offsets[k], last):
                out_row[signal] = -1
                if machine == 0 or not is_wanted[signal] or signal + 1 >= last:
                    continue
                if not _can_enter(bars, signal + 1, bar_ms, entry_limit):
                    continue
                row, code, mark = _hold(bars, k, signal + 1, price_cost[k], is_exit, numbers)
                if code != 0:
                    out_row[signal], out_code[signal], out_mark[signal] = row, code, mark

    return run  # type: ignore[no-any-return]  # numba's dispatcher is untyped


trades_kernel = _build_trades(MACHINE)
outcomes_kernel = _build_outcomes(MACHINE)


@njit(cache=True)
def equity_kernel(
    offsets: Ints,
    close: Floats,
    rows: Ints,
    open_price: Floats,
    close_price: Floats,
    fee: Floats,
    out: Floats,
) -> None:
    """Write equity per bar, starting from 1 per symbol: cash + amount held × close, all in each trade.

    `rows` as written by the trades kernel; prices are those paid; `fee` per symbol, paid on both sides.
    The open trade at the end is valued at the close, without exit costs.
    """
    trade = 0
    for k in range(len(offsets) - 1):
        cash = 1.0
        amount = 0.0
        for t in range(offsets[k], offsets[k + 1]):
            if trade < len(rows) and rows[trade, 0] == k and rows[trade, 2] == t:
                amount = cash / (open_price[trade] * (1.0 + fee[k]))
                cash = 0.0
            if amount > 0.0 and rows[trade, 3] == t and rows[trade, 4] != 0:
                cash = amount * close_price[trade] * (1.0 - fee[k])
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
