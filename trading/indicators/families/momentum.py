"""Oscillators: RSI, stochastics, MACD, CCI, rate of change, Williams %R."""

import numpy as np

from trading.indicators.bars import Floats
from trading.indicators.declared import Indicator, OneSymbol, length
from trading.indicators.families.engine import delayed, flat_for, null_where, plain, window_sum, within
from trading.indicators.warmup import macd_bars, rsi_bars, stochrsi_bars

_RSI, _MACD, _CCI, _ROC = map(plain, ("RSI", "MACD", "CCI", "ROC"))
_MIN, _MAX = map(plain, ("MIN", "MAX"))


def rsi(own: OneSymbol, bars: int) -> tuple[Floats]:
    """Wilder's RSI; a price that has not moved within the window and before it has none (TA-Lib says 0)."""
    values = _RSI(own.close, bars)
    return (null_where(values, (values == 0.0) & flat_for(own.close, bars + 1)),)


def _stoch(own: OneSymbol, bars: int, smooth: int, signal: int) -> tuple[Floats, Floats]:
    low, high = _MIN(own.low, bars), _MAX(own.high, bars)
    return _smoothed(own.close - low, high - low, bars - 1, smooth, signal)


def _stochrsi(own: OneSymbol, bars: int, window: int, smooth: int, signal: int) -> tuple[Floats, Floats]:
    (strength,) = rsi(own, bars)
    dead = np.isnan(strength)
    dead[:bars] = False
    filled = np.where(np.isnan(strength), 0.0, strength)
    low, high = _MIN(filled, window), _MAX(filled, window)
    spread = high - low
    # The RSIs of a price that stands still are one number; what their rounding says is no range.
    spread[within(dead, window) | flat_for(own.close, window)] = 0.0
    return _smoothed(filled - low, spread, bars + window - 1, smooth, signal)


def _smoothed(part: Floats, whole: Floats, first: int, smooth: int, signal: int) -> tuple[Floats, Floats]:
    """Percent of a range, averaged twice; NaN as long as a bar without a range is in the window."""
    raw = np.full(len(part), np.nan)
    np.divide(100.0 * part, whole, out=raw, where=whole > 0)
    raw[:first] = np.nan
    k = window_sum(raw, smooth) / smooth
    return k, window_sum(k, signal) / signal


def _macd(own: OneSymbol, fast: int, slow: int, signal: int) -> tuple[Floats, Floats, Floats]:
    line, trigger, histogram = _MACD(own.close, fast, slow, signal)
    return line, trigger, histogram


def _cci(own: OneSymbol, bars: int) -> tuple[Floats]:
    flat = _MAX(own.high, bars) == _MIN(own.low, bars)
    return (null_where(_CCI(own.high, own.low, own.close, bars), flat),)


def _roc(own: OneSymbol, bars: int) -> tuple[Floats]:
    return (100.0 * (own.close / delayed(own.close, bars) - 1.0),)


def _willr(own: OneSymbol, bars: int) -> tuple[Floats]:
    low, high = _MIN(own.low, bars), _MAX(own.high, bars)
    out = np.full(len(high), np.nan)
    np.divide(-100.0 * (high - own.close), high - low, out=out, where=high > low)
    return (out,)


FAMILY = (
    Indicator(
        name="rsi",
        outputs=("rsi",),
        unit="0..100",
        formula="100 U / (U + D); U = ((n-1) U' + max(close - close', 0)) / n, D likewise for falls",
        seed="mean of the first n rises and falls",
        source="Wilder 1978; TA-Lib RSI",
        parameters=(length(14),),
        compute=rsi,
        warm_up=rsi_bars,
        null_where="a price that never moved (0/0)",
    ),
    Indicator(
        name="stoch",
        outputs=("stoch_k", "stoch_d"),
        unit="0..100",
        formula="raw = 100 (close - L) / (H - L) over n bars; k = mean of s raw, d = mean of m k",
        seed="none: fixed window",
        source="Lane; TA-Lib STOCH with simple means",
        parameters=(length(14), length(3, "smooth", low=1), length(3, "signal", low=1)),
        compute=_stoch,
        warm_up=lambda bars, smooth, signal: (bars + smooth - 1, bars + smooth + signal - 2),
        null_where="the range of a window is 0 (0/0)",
    ),
    Indicator(
        name="stochrsi",
        outputs=("stochrsi_k", "stochrsi_d"),
        unit="0..100",
        formula="r = RSI(n); raw = 100 (r - min) / (max - min) over w bars; k = mean of s raw, d of m k",
        seed="that of RSI",
        source="Chande and Kroll 1994; TA-Lib STOCHRSI, its fast d is our k",
        parameters=(length(14), length(14, "window"), length(3, "smooth", low=1), length(3, "signal", low=1)),
        compute=_stochrsi,
        warm_up=stochrsi_bars,
        null_where="RSI has no value or no range within the window (0/0)",
    ),
    Indicator(
        name="macd",
        outputs=("macd", "macd_signal", "macd_hist"),
        unit="quote",
        formula="macd = EMA(fast) - EMA(slow) of the close; signal = EMA(macd); hist = macd - signal",
        seed="means; the fast EMA is seeded so that both begin at the slow one's first bar",
        source="Appel; TA-Lib MACD",
        parameters=(length(12, "fast"), length(26, "slow"), length(9, "signal")),
        compute=_macd,
        warm_up=macd_bars,
    ),
    Indicator(
        name="cci",
        outputs=("cci",),
        unit="number, mostly -200..200",
        formula="(t - mean t) / (0.015 mean |t - mean t|) over n bars, t = (high + low + close) / 3",
        seed="none: fixed window",
        source="Lambert 1980; TA-Lib CCI",
        parameters=(length(20),),
        compute=_cci,
        warm_up=lambda bars: bars,
        null_where="all prices of the window are equal (0/0)",
    ),
    Indicator(
        name="roc",
        outputs=("roc",),
        unit="percent",
        formula="100 (close / close n bars ago - 1)",
        seed="none: fixed window",
        source="TA-Lib ROC",
        parameters=(length(10, low=1),),
        compute=_roc,
        warm_up=lambda bars: bars + 1,
    ),
    Indicator(
        name="willr",
        outputs=("willr",),
        unit="-100..0",
        formula="-100 (H - close) / (H - L) over n bars",
        seed="none: fixed window",
        source="Williams; TA-Lib WILLR",
        parameters=(length(14),),
        compute=_willr,
        warm_up=lambda bars: bars,
        null_where="the range of the window is 0 (0/0)",
    ),
)
