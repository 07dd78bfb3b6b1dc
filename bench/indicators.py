"""Indicators for 2,600 symbols x 500 bars: our one function against the plain TA-Lib loop and pandas-ta.

Ours does more than the loop: it checks prices and order, nulls warm-up and returns a Polars frame. pandas-ta
is too slow for the whole table; it runs on a subset and its CPU seconds are scaled by rows, which the line
says. Both of its modes are measured, since TA-Lib beside it changes the mode it takes by default.
"""

from typing import Any

import numpy as np
import polars as pl

from bench.harness import against_peer, measure, missing
from trading.indicators.table import indicator_table
from trading.market.frames import CANDLES, conform

SYMBOLS, BARS, SUBSET = 2_600, 500, 40
# The loop is the engine itself, so ours can only be a little dearer. Checks, nulls and the frame may
# cost as much again as the loop on 500 bars.
LEAST_OF_LOOP = 0.5
LEAST_OF_PANDAS_TA = {"native": 50.0, "TA-Lib back end": 15.0}


def run() -> list[dict[str, Any]]:
    """Measure and return one line per peer."""
    candles = walks(SYMBOLS, BARS, seed=20240607)
    work = f"{SYMBOLS:,} symbols x {BARS} bars, 11 columns"
    ours = measure(lambda: indicator_table(candles))
    loop = measure(lambda: talib_loop(candles))
    lines = [against_peer("indicators", work, ours, "TA-Lib loop", loop, bound=LEAST_OF_LOOP)]
    absent = missing(["pandas_ta"])
    subset = candles.head(SUBSET * BARS)
    for mode, uses_talib in (("native", False), ("TA-Lib back end", True)):
        peer = f"pandas-ta, {mode}"
        theirs = (
            None if absent else measure(lambda on=uses_talib: pandas_ta_loop(subset, uses_talib=on), repeat=1)
        )
        if theirs is not None:
            theirs = type(theirs)(
                theirs.cpu_s * SYMBOLS / SUBSET, theirs.wall_s * SYMBOLS / SUBSET, theirs.peak_rss_mb
            )
        note = f"peer measured on {SUBSET} symbols, scaled by rows"
        lines.append(
            against_peer("indicators", work, ours, peer, theirs, bound=LEAST_OF_PANDAS_TA[mode], scaled=note)
        )
    return lines


def walks(symbols: int, bars: int, seed: int) -> pl.DataFrame:
    """Return CANDLES of seeded random walks, sorted."""
    generator = np.random.default_rng(seed)
    close = np.exp(np.cumsum(generator.standard_t(4, (symbols, bars)) * 0.005, axis=1))
    close *= np.exp(generator.normal(0, 2.5, (symbols, 1)))
    opened = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    wick = np.abs(generator.normal(0, 0.002, (2, symbols, bars)))
    volume = generator.lognormal(8, 1, (symbols, bars))
    times = np.tile(1_704_067_200_000 + 900_000 * np.arange(bars), symbols)
    columns = {
        "symbol": np.repeat([f"S{number:04d}/USDT" for number in range(symbols)], bars),
        "open_time": times,
        "open": opened.ravel(),
        "high": (np.maximum(opened, close) * (1 + wick[0])).ravel(),
        "low": (np.minimum(opened, close) * (1 - wick[1])).ravel(),
        "close": close.ravel(),
        "volume": volume.ravel(),
        "quote_volume": (volume * close).ravel(),
    }
    return conform(pl.DataFrame(columns), CANDLES)


def talib_loop(candles: pl.DataFrame) -> pl.DataFrame:
    """Compute the same columns as a user of TA-Lib would: symbol by symbol, written into arrays."""
    import talib

    high, low, close = (candles[name].to_numpy() for name in ("high", "low", "close"))
    out = {name: np.empty(len(close)) for name in _NAMES}
    for start in range(0, len(close), BARS):
        own = slice(start, start + BARS)
        h, lo, c = high[own], low[own], close[own]
        out["rsi"][own], out["atr"][own] = talib.RSI(c, 14), talib.ATR(h, lo, c, 14)
        out["macd"][own], out["signal"][own], out["hist"][own] = talib.MACD(c, 12, 26, 9)
        out["upper"][own], out["middle"][own], out["lower"][own] = talib.BBANDS(c, 20, 2.0, 2.0)
        for length in (20, 50, 200):
            out[f"ema{length}"][own] = talib.EMA(c, length)
    return candles.with_columns(pl.Series(name, values) for name, values in out.items())


_NAMES = ("rsi", "atr", "macd", "signal", "hist", "upper", "middle", "lower", "ema20", "ema50", "ema200")


def pandas_ta_loop(candles: pl.DataFrame, *, uses_talib: bool) -> list[Any]:
    """Compute the same columns with pandas-ta, symbol by symbol."""
    import pandas_ta

    panda = candles.select("symbol", "high", "low", "close").to_pandas()
    found = []
    for _, own in panda.groupby("symbol", sort=False):
        high, low, close = own["high"], own["low"], own["close"]
        found += [
            pandas_ta.rsi(close, 14, talib=uses_talib),
            pandas_ta.macd(close, 12, 26, 9, talib=uses_talib),
            pandas_ta.bbands(close, 20, 2.0, 2.0, ddof=0, talib=uses_talib),
            pandas_ta.atr(high, low, close, 14, talib=uses_talib),
            *(pandas_ta.ema(close, length, talib=uses_talib) for length in (20, 50, 200)),
        ]
    return found
