"""The default set (15 columns) for 2,600 symbols: the fused kernel against TA-Lib's loop and pandas-ta.

The kernel and the loop both go from arrays to arrays; the table adds checks, nulls and a Polars frame, and is
held against the same loop. The loop calls TA-Lib as its users do; a second line calls the C binding behind
its wrapper, which looks at each input for pandas and Polars. 2,600 x 8,760 bars are measured in batches of
200 symbols on both sides, because both would need 3.5 GB at once. pandas-ta is too slow for the whole table:
it runs on a subset and its CPU seconds are scaled by rows, which the line says. Both of its modes are
measured, since TA-Lib beside it changes the mode it takes by default.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.calibration import slowness
from bench.harness import Measured, against_bound, against_peer, measure, missing
from trading.indicators.bars import sorted_bars
from trading.indicators.fused import kernel
from trading.indicators.fused.default_set import NAMES, SETTINGS
from trading.indicators.fused.state import IndicatorState
from trading.indicators.table import indicator_table
from trading.indicators.warmup import warm_up_table
from trading.market.frames import CANDLES, conform

SYMBOLS, BARS, SUBSET = 2_600, 500, 40
LONG_BARS, BATCH = 8_760, 200
LEAST_OF_LOOP, LEAST_OF_LONG_LOOP, LEAST_OF_TABLE = 3.0, 1.7, 2.0
LEAST_OF_PANDAS_TA = {"native": 150.0, "TA-Lib back end": 150.0}
READY_CPU_S, BAR_CPU_S = 1.5, 0.020
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

# What a step of the line does in its own process before the first bar: imports, machine code, one call.
READY = """
import numpy as np
from trading.indicators.fused import kernel
ones = np.ones(2)
columns = (ones, ones, ones, ones)
out = tuple(np.empty(2) for _ in range(kernel.COLUMNS))
memory, warm_up = np.zeros((1, kernel.MEMORY)), np.ones(kernel.COLUMNS, np.int64)
kernel.advance(columns, np.array([0, 2]), np.array([0]), np.zeros(1, np.int64), memory, warm_up, out)
"""


def run() -> list[dict[str, Any]]:
    """Measure and return one line per comparison."""
    candles = walks(SYMBOLS, BARS, seed=20240607)
    work = f"{SYMBOLS:,} symbols x {BARS} bars, {len(NAMES)} columns"
    arrays = columns_of(candles)
    ours, loop = measure(lambda: fused(arrays, BARS)), measure(lambda: talib_loop(arrays, BARS))
    bare = measure(lambda: talib_loop(arrays, BARS, is_bare=True))
    table = measure(lambda: indicator_table(candles))
    lines = [
        against_peer("indicators", work, ours, "TA-Lib loop", loop, bound=LEAST_OF_LOOP),
        against_peer("indicators", work, ours, "TA-Lib loop, C binding", bare, bound=LEAST_OF_LOOP),
        against_peer("indicators table", work, table, "TA-Lib loop", loop, bound=LEAST_OF_TABLE),
        long_history(),
    ]
    absent = missing(["pandas_ta"])
    subset = candles.head(SUBSET * BARS)
    for mode, uses_talib in (("native", False), ("TA-Lib back end", True)):
        theirs = None if absent else measure(lambda on=uses_talib: pandas_ta_loop(subset, on), repeat=1)
        if theirs is not None:
            theirs = scaled(theirs, SYMBOLS / SUBSET)
        note = f"peer measured on {SUBSET} symbols, scaled by rows"
        bound = LEAST_OF_PANDAS_TA[mode]
        peer = f"pandas-ta, {mode}"
        lines.append(against_peer("indicators", work, ours, peer, theirs, bound=bound, scaled=note))
    return [*lines, one_bar(candles), ready()]


def long_history() -> dict[str, Any]:
    """Compare over a year of hours, batch by batch."""
    ours, loop = Measured(0, 0, 0), Measured(0, 0, 0)
    for batch in range(SYMBOLS // BATCH):
        arrays = columns_of(walks(BATCH, LONG_BARS, seed=batch))
        ours = plus(ours, measure(lambda own=arrays: fused(own, LONG_BARS), repeat=3, warm_up=batch == 0))
        peer = measure(lambda own=arrays: talib_loop(own, LONG_BARS), repeat=3, warm_up=batch == 0)
        loop = plus(loop, peer)
    work = f"{SYMBOLS:,} symbols x {LONG_BARS:,} bars, {len(NAMES)} columns, {BATCH} symbols at a time"
    return against_peer("indicators", work, ours, "TA-Lib loop", loop, bound=LEAST_OF_LONG_LOOP)


def one_bar(candles: pl.DataFrame) -> dict[str, Any]:
    """Cost of the next bar of every symbol once the history was taken in."""
    state = IndicatorState()
    state.update(candles.filter(pl.int_range(pl.len()) % BARS < BARS - 8))
    late = [candles.filter(pl.int_range(pl.len()) % BARS == bar) for bar in range(BARS - 8, BARS)]
    runs = [measure(lambda bar=bar: state.update(bar), repeat=1, warm_up=False) for bar in late]
    least = min(runs, key=lambda each: each.cpu_s)
    work = f"one more bar of {SYMBOLS:,} symbols, checks and frame included"
    return against_bound("indicators bar", work, least, bound_cpu_s=BAR_CPU_S, slowness=slowness())


def ready() -> dict[str, Any]:
    """CPU seconds until the kernel has run in a fresh process that finds its machine code on disk."""
    root = Path(__file__).resolve().parents[1]
    # Python's own bytecode is written on the first of these runs, as it is in any ordinary installation.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", READY]
    spent = measure(lambda: subprocess.run(command, check=True, cwd=root, env=environment))
    work = "kernel ready in a fresh process, imports included"
    return against_bound("indicators start", work, spent, bound_cpu_s=READY_CPU_S, slowness=slowness())


def columns_of(candles: pl.DataFrame) -> Arrays:
    """Return high, low, close, volume as arrays."""
    bars = sorted_bars(candles)
    return bars.column("high"), bars.column("low"), bars.column("close"), bars.column("volume")


def fused(arrays: Arrays, bars: int) -> list[np.ndarray]:
    """Compute the default set of symbols of equal length by the kernel."""
    rows = len(arrays[0])
    out = tuple(np.empty(rows) for _ in NAMES)
    symbols = rows // bars
    first = np.array([warm_up_table(SETTINGS)[name] for name in NAMES])
    seen, memory = np.zeros(symbols, np.int64), np.zeros((symbols, kernel.MEMORY))
    starts = np.arange(0, rows + 1, bars)
    kernel.advance(arrays, starts, np.arange(symbols), seen, memory, first, out)
    return list(out)


def plus(one: Measured, other: Measured) -> Measured:
    """Add the costs of two pieces of work."""
    peak = max(one.peak_rss_mb, other.peak_rss_mb)
    return Measured(one.cpu_s + other.cpu_s, one.wall_s + other.wall_s, peak)


def scaled(cost: Measured, by: float) -> Measured:
    """Return the cost of `by` times the work."""
    return Measured(cost.cpu_s * by, cost.wall_s * by, cost.peak_rss_mb)


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


def talib_loop(arrays: Arrays, bars: int, *, is_bare: bool = False) -> list[np.ndarray]:
    """Compute the same columns as a user of TA-Lib would: symbol by symbol, written into arrays."""
    import talib

    def function(name: str) -> Any:
        wrapped = getattr(talib, name)
        return getattr(wrapped, "__wrapped__", wrapped) if is_bare else wrapped

    names = ("RSI", "MACD", "BBANDS", "ATR", "EMA", "ADX", "STOCHRSI", "SMA", "OBV")
    rsi, macd, bbands, atr, ema, adx, stochrsi, sma, obv = map(function, names)
    out = [np.empty(len(arrays[0])) for _ in NAMES]
    for start in range(0, len(arrays[0]), bars):
        own = slice(start, start + bars)
        high, low, close, volume = (column[own] for column in arrays)
        smooth = stochrsi(close, 14, 14, 3, 0)[1]
        found = [
            rsi(close, 14),
            *macd(close, 12, 26, 9),
            *bbands(close, 20, 2.0, 2.0),
            atr(high, low, close, 14),
            *(ema(close, length) for length in (20, 50, 200)),
            adx(high, low, close, 14),
            smooth,
            sma(smooth, 3),
            obv(close, volume),
        ]
        for column, values in zip(out, found, strict=True):
            column[own] = values
    return out


def pandas_ta_loop(candles: pl.DataFrame, uses_talib: bool) -> list[Any]:
    """Compute the same columns with pandas-ta, symbol by symbol."""
    import pandas_ta

    panda = candles.select("symbol", "high", "low", "close", "volume").to_pandas()
    found = []
    for _, own in panda.groupby("symbol", sort=False):
        high, low, close, volume = own["high"], own["low"], own["close"], own["volume"]
        found += [
            pandas_ta.rsi(close, 14, talib=uses_talib),
            pandas_ta.macd(close, 12, 26, 9, talib=uses_talib),
            pandas_ta.bbands(close, 20, 2.0, 2.0, ddof=0, talib=uses_talib),
            pandas_ta.atr(high, low, close, 14, talib=uses_talib),
            *(pandas_ta.ema(close, length, talib=uses_talib) for length in (20, 50, 200)),
            pandas_ta.adx(high, low, close, 14, talib=uses_talib),
            pandas_ta.stochrsi(close, 14, 14, 3, 3, talib=uses_talib),
            pandas_ta.obv(close, volume, talib=uses_talib),
        ]
    return found
