"""The engine behind the table: TA-Lib on one symbol's arrays. Knows nothing of frames or other symbols."""

from collections.abc import Callable, Mapping
from typing import Any

import talib

from trading.indicators.bars import Floats
from trading.indicators.settings import IndicatorSettings


def _plain(name: str) -> Callable[..., Any]:
    # talib wraps each function in a check for pandas and polars input that costs as much as the
    # function itself on 500 bars; behind the wrapper stands the C binding.
    function = getattr(talib, name)
    return getattr(function, "__wrapped__", function)  # type: ignore[no-any-return]  # an untyped attribute


_RSI, _MACD, _BBANDS, _ATR, _EMA = map(_plain, ("RSI", "MACD", "BBANDS", "ATR", "EMA"))


def write_symbol(
    high: Floats,
    low: Floats,
    close: Floats,
    settings: IndicatorSettings,
    warm_up: Mapping[str, int],
    out: Mapping[str, Floats],
) -> None:
    """Write one symbol's indicators into `out`, from each column's warm-up on; the rest stays untouched.

    Parameters
    ----------
    high, low, close : arrays of shape (n_bars,)
        Contiguous float64, oldest first, without NaN.
    warm_up : mapping
        Column -> bars, as `warm_up_table` gives it.
    out : mapping of column -> array of shape (n_bars,)
        Written in place.
    """
    bars = len(close)

    def put(name: str, values: Floats) -> None:
        first = warm_up[name] - 1
        out[name][first:] = values[first:]

    rsi, atr = f"rsi_{settings.rsi}", f"atr_{settings.atr}"
    if bars >= warm_up[rsi]:
        put(rsi, _RSI(close, settings.rsi))
    if bars >= warm_up["macd"]:
        lines = _MACD(close, *settings.macd)
        for name, values in zip(("macd", "macd_signal", "macd_hist"), lines, strict=True):
            put(name, values)
    if bars >= warm_up["bb_middle"]:
        length, width = settings.bollinger
        bands = _BBANDS(close, length, width, width)
        for name, values in zip(("bb_upper", "bb_middle", "bb_lower"), bands, strict=True):
            put(name, values)
    if bars >= warm_up[atr]:
        put(atr, _ATR(high, low, close, settings.atr))
    for length in settings.emas:
        if bars >= warm_up[f"ema_{length}"]:
            put(f"ema_{length}", _EMA(close, length))
