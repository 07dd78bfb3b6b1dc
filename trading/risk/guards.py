"""Protections: after which losses entries are refused, for a symbol or for all, and until when.

The four that freqtrade users know. They look at trades when they end, in the order of time. Plain arithmetic
on arrays: the backtest compiles these functions as they stand, the live engine calls them (`protection`), so
that both lock the same after the same trades. All are off unless switched on.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Guards(NamedTuple):
    """Bounds of the four; a time of 0 switches one off. Times in ms, profits as fractions.

    `cooldown_ms`: a symbol rests that long after each of its trades. Stop guard: `stop_trades` losing stops
    among the trades that ended within `stop_window_ms` (of the symbol, if `stop_per_symbol`) lock for
    `stop_ms`. Drawdown: a fall of the running sum of profits by more than `drawdown_most` within
    `drawdown_window_ms`, over at least `drawdown_trades`, locks all for `drawdown_ms`. Low profit: a symbol
    whose `low_trades` or more within `low_window_ms` made less than `low_least` together rests for `low_ms`.
    """

    cooldown_ms: int = 0
    stop_window_ms: int = 0
    stop_trades: int = 0
    stop_ms: int = 0
    stop_per_symbol: bool = False
    drawdown_window_ms: int = 0
    drawdown_trades: int = 0
    drawdown_most: float = 0.0
    drawdown_ms: int = 0
    low_window_ms: int = 0
    low_trades: int = 0
    low_least: float = 0.0
    low_ms: int = 0

    @property
    def is_on(self) -> bool:
        """Whether any of them looks."""
        return bool(self.cooldown_ms or self.stop_ms or self.drawdown_ms or self.low_ms)


def as_freqtrade(guards: Guards, bar_ms: int) -> Guards:
    """Return guards whose locks last as freqtrade's: to the bar after the one in which the time is over."""
    times = ("cooldown_ms", "stop_ms", "drawdown_ms", "low_ms")
    longer = {name: (getattr(guards, name) // bar_ms + 1) * bar_ms for name in times if getattr(guards, name)}
    return guards._replace(**longer)


class Log(NamedTuple):
    """Trades that ended, in order of time, and the locks that came of them.

    `used[0]` rows are in use; `lock_ms` has one moment per symbol and a last one for all.
    """

    ended_ms: Ints
    owner: Ints
    profit: Floats
    is_stop: Bools
    used: Ints
    lock_ms: Ints


def empty_log(symbols: int, trades: int) -> Log:
    """Return a log with room for `trades`."""
    return Log(
        np.zeros(trades, np.int64),
        np.zeros(trades, np.int64),
        np.zeros(trades),
        np.zeros(trades, np.bool_),
        np.zeros(1, np.int64),
        np.zeros(symbols + 1, np.int64),
    )


def is_locked(log: Log, k: int, now: int) -> bool:
    """Return whether symbol k may not be entered at `now`."""
    return bool(log.lock_ms[k] > now or log.lock_ms[-1] > now)


def _lock(log: Log, place: int, until: int) -> None:
    log.lock_ms[place] = max(log.lock_ms[place], until)


def note_end(log: Log, guards: Guards, k: int, ended_ms: int, profit: float, is_stop: bool) -> None:
    """Book the end of a trade, later than all before it, and lock what has to be."""
    n = log.used[0]
    log.ended_ms[n], log.owner[n], log.profit[n], log.is_stop[n] = ended_ms, k, profit, is_stop
    log.used[0] = n + 1
    if guards.cooldown_ms > 0:
        _lock(log, k, ended_ms + guards.cooldown_ms)
    # A lock counts from the last stop, so that only a losing stop can begin or prolong it.
    if (
        guards.stop_ms > 0
        and is_stop
        and profit < 0.0
        and _stops(log, guards, k, ended_ms) >= guards.stop_trades
    ):
        _lock(log, k if guards.stop_per_symbol else len(log.lock_ms) - 1, ended_ms + guards.stop_ms)
    if guards.drawdown_ms > 0 and _drawdown(log, guards, ended_ms) > guards.drawdown_most:
        _lock(log, len(log.lock_ms) - 1, ended_ms + guards.drawdown_ms)
    if guards.low_ms > 0 and _is_low(log, guards, k, ended_ms):
        _lock(log, k, ended_ms + guards.low_ms)


def _stops(log: Log, guards: Guards, k: int, now: int) -> int:
    count = 0
    place = log.used[0] - 1
    while place >= 0 and log.ended_ms[place] > now - guards.stop_window_ms:
        own = not guards.stop_per_symbol or log.owner[place] == k
        if own and log.is_stop[place] and log.profit[place] < 0.0:
            count += 1
        place -= 1
    return count


def _drawdown(log: Log, guards: Guards, now: int) -> float:
    """Return the largest fall of the running sum of profits in the window; -1 with too few trades."""
    first = log.used[0]
    while first > 0 and log.ended_ms[first - 1] > now - guards.drawdown_window_ms:
        first -= 1
    if log.used[0] - first < guards.drawdown_trades:
        return -1.0
    total = 0.0
    top = 0.0
    worst = 0.0
    for place in range(first, log.used[0]):
        total += log.profit[place]
        top = max(top, total)
        worst = max(worst, top - total)
    return worst


def _is_low(log: Log, guards: Guards, k: int, now: int) -> bool:
    count = 0
    total = 0.0
    place = log.used[0] - 1
    while place >= 0 and log.ended_ms[place] > now - guards.low_window_ms:
        if log.owner[place] == k:
            count += 1
            total += log.profit[place]
        place -= 1
    return count >= guards.low_trades and total < guards.low_least
