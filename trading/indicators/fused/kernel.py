"""The recurrences of the default set, several symbols side by side. Arrays in, arrays out; no frame, no name.

One recurrence waits for its own last step; `LANES` symbols stepped together do not wait for each other and
fill the processor's vector units. So a block of symbols is turned into time-major tiles (bar, lane), stepped,
and turned back. What a symbol carries from bar to bar is its memory, one row of `MEMORY` numbers: a history
is an advance from an empty memory, one more bar an advance from a full one, so both give the same bits. For
that no fast-math: a sum must not depend on how it was vectorised.

All of it stands in this one file because numba's disk cache looks at the file of the outer function only.
Offsets are unsigned and the arrays flat, or numba's check for negative indices keeps LLVM from vectorising.
"""

from typing import Any

import numpy as np
from numba import njit

LANES, TILE = 16, 128
COLUMNS = 15
_U = np.uint64
_L, _ONE = _U(LANES), _U(1)


def _rows(first: int, count: int, height: int = 1) -> tuple[np.uint64, ...]:
    return tuple(_U((first + number) * LANES * height) for number in range(count))


# Slots of the state, each LANES wide. Averages first, then what the next bar is compared with, then weights.
UP, DOWN, ATR, PLUS, MINUS, ADX, EMA20, EMA50, EMA200, FAST, SLOW, SIGNAL, OBV = _rows(0, 13)
STILL, ALIVE, HIGH, LOW, CLOSE, RAW1, RAW2, K1, K2 = _rows(13, 9)
W_WILDER, W_FADE, W_ADX, W_20, W_50, W_200, W_FAST, W_SLOW, W_SIGNAL = _rows(22, 9)
KEPT, SLOTS = 22, 31
OLD_CLOSES, OLD_RSIS = 19, 13
MEMORY = KEPT + OLD_CLOSES + OLD_RSIS
SEEDED = 200
# Tiles of input and output, each TILE x LANES.
X_HIGH, X_LOW, X_CLOSE, X_VOLUME = _rows(0, 4, TILE)
Y_RSI, Y_MACD, Y_SIGNAL, Y_HIST, Y_UPPER, Y_MIDDLE, Y_LOWER, Y_ATR = _rows(0, 8, TILE)
Y_EMA20, Y_EMA50, Y_EMA200, Y_ADX, Y_K, Y_D, Y_OBV = _rows(8, 7, TILE)
_NEWEST_RSI = _U(OLD_RSIS * LANES)


@njit(error_model="numpy")
def _weigh(bar: int, k: Any, s: Any) -> None:
    """Set how much bar number `bar` (from 0) weighs in each average: 1/count while seeding, then its own.

    A mean is built by ``m += (x - m) / count``; that is the SMA seed of TA-Lib without a branch per lane.
    """
    s[W_WILDER + k] = 1.0 / bar if 0 < bar < 14 else 1 / 14
    s[W_FADE + k] = 0.0 if bar < 14 else 1 / 14
    s[W_ADX + k] = 0.0 if bar < 14 else (1.0 / (bar - 13) if bar < 28 else 1 / 14)
    s[W_20 + k] = 1.0 / (bar + 1) if bar < 20 else 2 / 21
    s[W_50 + k] = 1.0 / (bar + 1) if bar < 50 else 2 / 51
    s[W_200 + k] = 1.0 / (bar + 1) if bar < 200 else 2 / 201
    s[W_SLOW + k] = 1.0 / (bar + 1) if bar < 26 else 2 / 27
    s[W_FAST + k] = 1.0 if bar < 14 else (1.0 / (bar - 13) if bar < 26 else 2 / 13)
    s[W_SIGNAL + k] = 0.0 if bar < 25 else (1.0 / (bar - 24) if bar < 34 else 0.2)


@njit(error_model="numpy")
def _begin(r: Any, k: Any, x: Any, s: Any) -> None:
    """Let the first bar of a symbol be compared with itself."""
    s[CLOSE + k], s[HIGH + k], s[LOW + k] = x[X_CLOSE + r + k], x[X_HIGH + r + k], x[X_LOW + r + k]
    s[OBV + k] = x[X_VOLUME + r + k]


@njit(error_model="numpy")
def _moves(r: Any, x: Any, s: Any, y: Any, rsis: Any) -> None:
    """RSI, ATR, ADX and OBV: what is made of this bar and the one before."""
    for k in range(_L):
        close, high, low = x[X_CLOSE + r + k], x[X_HIGH + r + k], x[X_LOW + r + k]
        before, wilder = s[CLOSE + k], s[W_WILDER + k]
        change = close - before
        still = s[STILL + k] + 1.0 if change == 0.0 else 0.0
        up, down = s[UP + k], s[DOWN + k]
        up += ((max(0.0, change)) - up) * wilder
        down += ((-change if change < 0.0 else 0.0) - down) * wilder
        both = up + down
        rsi = 100.0 * (up / both) if both > 0.0 else 0.0
        # A flat price is not an oversold one: 0/0, or nothing but old falls.
        dead = (up == 0.0) & (still >= 14.0)
        rsis[r + _NEWEST_RSI + k] = rsi
        y[Y_RSI + r + k] = np.nan if dead else rsi
        s[ALIVE + k] = 0.0 if dead else s[ALIVE + k] + 1.0
        s[STILL + k], s[UP + k], s[DOWN + k] = still, up, down

        reach, rise, fall = high - low, abs(high - before), abs(low - before)
        reach = max(reach, rise)
        reach = max(reach, fall)
        atr = s[ATR + k]
        atr += (reach - atr) * wilder
        s[ATR + k] = atr
        y[Y_ATR + r + k] = atr

        higher, lower = high - s[HIGH + k], s[LOW + k] - low
        fade, plus, minus = s[W_FADE + k], s[PLUS + k], s[MINUS + k]
        plus += (higher if (higher > lower) & (higher > 0.0) else 0.0) * (1 / 14) - plus * fade
        minus += (lower if (lower > higher) & (lower > 0.0) else 0.0) * (1 / 14) - minus * fade
        moved = plus + minus
        spread = 100.0 * (abs(plus - minus) / moved) if moved > 0.0 else 0.0
        adx = s[ADX + k]
        adx = adx + (spread - adx) * s[W_ADX + k] if moved > 0.0 else adx
        s[PLUS + k], s[MINUS + k], s[ADX + k] = plus, minus, adx
        y[Y_ADX + r + k] = adx if moved > 0.0 else np.nan

        volume, obv = x[X_VOLUME + r + k], s[OBV + k]
        obv = obv + volume if change > 0.0 else (obv - volume if change < 0.0 else obv)
        s[OBV + k] = obv
        y[Y_OBV + r + k] = obv
        s[CLOSE + k], s[HIGH + k], s[LOW + k] = close, high, low


@njit(error_model="numpy")
def _averages(r: Any, x: Any, s: Any, y: Any) -> None:
    """EMAs of the close, and MACD."""
    for k in range(_L):
        close = x[X_CLOSE + r + k]
        ema20, ema50, ema200 = s[EMA20 + k], s[EMA50 + k], s[EMA200 + k]
        ema20 += (close - ema20) * s[W_20 + k]
        ema50 += (close - ema50) * s[W_50 + k]
        ema200 += (close - ema200) * s[W_200 + k]
        s[EMA20 + k], s[EMA50 + k], s[EMA200 + k] = ema20, ema50, ema200
        y[Y_EMA20 + r + k], y[Y_EMA50 + r + k], y[Y_EMA200 + r + k] = ema20, ema50, ema200
        fast, slow, signal = s[FAST + k], s[SLOW + k], s[SIGNAL + k]
        fast += (close - fast) * s[W_FAST + k]
        slow += (close - slow) * s[W_SLOW + k]
        macd = fast - slow
        signal += (macd - signal) * s[W_SIGNAL + k]
        s[FAST + k], s[SLOW + k], s[SIGNAL + k] = fast, slow, signal
        y[Y_MACD + r + k], y[Y_SIGNAL + r + k], y[Y_HIST + r + k] = macd, signal, macd - signal


@njit(error_model="numpy")
def _bands(r: Any, closes: Any, y: Any) -> None:
    """Bollinger bands; each window is summed afresh, so a price that left it leaves no rounding behind."""
    for k in range(_L):
        total, square = 0.0, 0.0
        for age in range(20):
            total += closes[r + k + _U(age) * _L]
        mean = total * 0.05
        for age in range(20):
            away = closes[r + k + _U(age) * _L] - mean
            square += away * away
        half = 2.0 * np.sqrt(square * 0.05)
        y[Y_MIDDLE + r + k], y[Y_UPPER + r + k], y[Y_LOWER + r + k] = mean, mean + half, mean - half


@njit(error_model="numpy")
def _stochastic(r: Any, s: Any, y: Any, rsis: Any) -> None:
    """Stochastic RSI. NaN while a bar without RSI, or RSIs that are equal but for rounding, are in reach."""
    for k in range(_L):
        rsi = rsis[r + k + _NEWEST_RSI]
        low, high = rsi, rsi
        for age in range(13):
            old = rsis[r + k + _U(age) * _L]
            low = min(low, old)
            high = max(high, old)
        none = (s[ALIVE + k] < 14.0) | (s[STILL + k] >= 13.0) | (high <= low)
        raw = np.nan if none else 100.0 * (rsi - low) / (high - low)
        raw1, k1 = s[RAW1 + k], s[K1 + k]
        smooth = (s[RAW2 + k] + raw1 + raw) / 3.0
        y[Y_D + r + k] = (s[K2 + k] + k1 + smooth) / 3.0
        y[Y_K + r + k] = smooth
        s[RAW2 + k], s[RAW1 + k], s[K2 + k], s[K1 + k] = raw1, raw, k1, smooth


@njit(error_model="numpy")
def _step(bars: int, seen: Any, x: Any, s: Any, y: Any, closes: Any, rsis: Any) -> None:
    """Step all lanes over `bars` bars of a tile; `seen` counts the bars each lane has behind it."""
    youngest = seen.min()
    for bar in range(bars):
        r = _U(bar) * _L
        if bar == 0 or youngest + bar <= SEEDED:
            for k in range(_L):
                _weigh(seen[k] + bar, k, s)
                if seen[k] + bar == 0:
                    _begin(r, k, x, s)
        _moves(r, x, s, y, rsis)
        _averages(r, x, s, y)
        _bands(r, closes, y)
        _stochastic(r, s, y, rsis)


@njit(error_model="numpy")
def _take(k: Any, kept: Any, s: Any, closes: Any, rsis: Any) -> None:
    """Lay the memory of one symbol into lane k."""
    for slot in range(_U(KEPT)):
        s[slot * _L + k] = kept[slot]
    for row in range(_U(OLD_CLOSES)):
        closes[row * _L + k] = kept[_U(KEPT) + row]
    for row in range(_U(OLD_RSIS)):
        rsis[row * _L + k] = kept[_U(KEPT + OLD_CLOSES) + row]


@njit(error_model="numpy")
def _give(k: Any, bars: int, kept: Any, s: Any, closes: Any, rsis: Any) -> None:
    """Write lane k back into the memory of its symbol, after `bars` bars of the tile."""
    for slot in range(_U(KEPT)):
        kept[slot] = s[slot * _L + k]
    for row in range(_U(OLD_CLOSES)):
        kept[_U(KEPT) + row] = closes[(row + _U(bars)) * _L + k]
    for row in range(_U(OLD_RSIS)):
        kept[_U(KEPT + OLD_CLOSES) + row] = rsis[(row + _U(bars)) * _L + k]


@njit(error_model="numpy")
def _read(k: Any, first: Any, bars: Any, columns: Any, x: Any, closes: Any) -> None:
    """Turn `bars` rows of one symbol into lane k of the input tile."""
    high, low, close, volume = columns
    for bar in range(bars):
        x[X_HIGH + bar * _L + k] = high[first + bar]
    for bar in range(bars):
        x[X_LOW + bar * _L + k] = low[first + bar]
    for bar in range(bars):
        x[X_VOLUME + bar * _L + k] = volume[first + bar]
    for bar in range(bars):
        x[X_CLOSE + bar * _L + k] = close[first + bar]
        closes[(bar + _U(OLD_CLOSES)) * _L + k] = close[first + bar]


@njit(error_model="numpy")
def _write(column: int, k: Any, first: Any, bars: Any, hidden: Any, y: Any, values: Any) -> None:
    """Turn lane k of one output back into rows, the first `hidden` of them as NaN."""
    tile = _U(column * TILE) * _L + k
    for bar in range(hidden):
        values[first + bar] = np.nan
    for bar in range(hidden, bars):
        values[first + bar] = y[tile + bar * _L]


@njit(error_model="numpy")
def _bars_together(first: Any, last: Any) -> int:
    """Return the bars of the next tile, 0 when no lane has any left.

    A tile ends where the first of its symbols does: memory is taken between tiles only.
    """
    bars, some = TILE, 0
    for lane in range(LANES):
        left = last[lane] - first[lane]
        if left > 0:
            bars, some = min(bars, left), 1
    return bars * some


@njit(error_model="numpy")
def _write_tile(bars: int, warm_up: Any, behind: Any, first: Any, last: Any, y: Any, out: Any) -> None:
    """Turn the output tile back into the rows of every lane that had bars."""
    for column in range(COLUMNS):
        for lane in range(LANES):
            if first[lane] < last[lane]:
                hidden = min(max(warm_up[column] - 1 - behind[lane], 0), bars)
                _write(column, _U(lane), _U(first[lane]), _U(bars), _U(hidden), y, out[column])


@njit(cache=True, error_model="numpy")
def advance(columns: Any, starts: Any, order: Any, seen: Any, memory: Any, warm_up: Any, out: Any) -> None:
    """Step symbols over their new bars, oldest first, and write the default set of each bar.

    Parameters
    ----------
    columns : tuple of four float64 arrays of shape (n_rows,)
        High, low, close, volume; contiguous, symbol after symbol.
    starts : int64 array of shape (n_symbols + 1,)
        Symbol i has the rows starts[i]:starts[i + 1].
    order : int64 array of shape (n_with_rows,)
        The symbols that have rows, best with like numbers of rows side by side.
    seen : int64 array of shape (n_symbols,)
        Bars behind each symbol; raised by its rows.
    memory : float64 array of shape (n_symbols, MEMORY)
        What each symbol carries, zeros for a new one; written.
    warm_up : int64 array of shape (COLUMNS,)
        Bar, counted from 1, of each column's first value; NaN before.
    out : tuple of COLUMNS float64 arrays of shape (n_rows,)
        Written: in the order of the default columns.
    """
    x, y = np.zeros(4 * TILE * LANES), np.zeros(COLUMNS * TILE * LANES)
    closes, rsis = np.zeros((TILE + OLD_CLOSES) * LANES), np.zeros((TILE + OLD_RSIS) * LANES)
    s, behind = np.zeros(SLOTS * LANES), np.zeros(LANES, np.int64)
    first, last = np.zeros(LANES, np.int64), np.zeros(LANES, np.int64)
    for block in range(0, len(order), LANES):
        members = order[block : block + LANES]
        # Lanes without a symbol have no rows, and no averages to seed.
        behind[:], first[:], last[:] = SEEDED + 1, 0, 0
        for lane, symbol in enumerate(members):
            behind[lane], first[lane], last[lane] = seen[symbol], starts[symbol], starts[symbol + 1]
            _take(_U(lane), memory[symbol], s, closes, rsis)
        bars = _bars_together(first, last)
        while bars > 0:
            for lane in range(LANES):
                if first[lane] < last[lane]:
                    _read(_U(lane), _U(first[lane]), _U(bars), columns, x, closes)
            _step(bars, behind, x, s, y, closes, rsis)
            _write_tile(bars, warm_up, behind, first, last, y, out)
            for lane, symbol in enumerate(members):
                if first[lane] < last[lane]:
                    first[lane] += bars
                    seen[symbol] += bars
                    if first[lane] == last[lane]:
                        _give(_U(lane), bars, memory[symbol], s, closes, rsis)
            behind += bars
            closes[: OLD_CLOSES * LANES] = closes[bars * LANES : (bars + OLD_CLOSES) * LANES].copy()
            rsis[: OLD_RSIS * LANES] = rsis[bars * LANES : (bars + OLD_RSIS) * LANES].copy()
            bars = _bars_together(first, last)
