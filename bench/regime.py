"""The market's regime for 2,600 symbols x 500 bars: all conditions of every bar, from candles to the frame.

Held to CPU seconds of a quiet machine. Beside it pandas makes two of the columns, median volatility and
breadth, from the same long candles as most people would write it: pivot, ewm, rolling.
"""

from typing import Any

import numpy as np
import polars as pl

from bench import calibration
from bench.harness import Measured, against_bound, against_peer, measure
from bench.indicators import walks
from trading.xray.regime import market_regime

SYMBOLS, BARS = 2_600, 500
MOST_CPU_S = 0.5
LEAST_OF_PANDAS = 1.0


def run() -> list[dict[str, Any]]:
    """Measure and return the line of the bound and the line of the peer."""
    candles = _with_pegs(walks(SYMBOLS, BARS, seed=20240608))
    work = f"{SYMBOLS:,} symbols x {BARS} bars, late listings and holes, 21 columns"
    before = calibration.slowness()
    ours = measure(lambda: market_regime(candles))
    slow = max(1.0, (before + calibration.slowness()) / 2)
    theirs = _pandas(candles)
    return [
        against_bound("regime", work, ours, bound_cpu_s=MOST_CPU_S, slowness=slow),
        against_peer("regime", work, ours, "pandas, 2 of the columns", theirs, bound=LEAST_OF_PANDAS),
    ]


def _with_pegs(candles: pl.DataFrame) -> pl.DataFrame:
    """Name one pair BTC and one USDC, and leave out what a real market leaves out."""
    names = {"S0000/USDT": "BTC/USDT", "S0001/USDT": "USDC/USDT"}
    generator = np.random.default_rng(1)
    late = generator.random(SYMBOLS) < 0.1
    first = np.where(late, generator.integers(0, BARS, SYMBOLS), 0)
    kept = (np.arange(BARS)[None, :] >= first[:, None]) & (generator.random((SYMBOLS, BARS)) > 0.02)
    return (
        candles.filter(pl.Series(kept.ravel()))
        .with_columns(pl.col("symbol").replace(names))
        .sort("symbol", "open_time")
    )


def _pandas(candles: pl.DataFrame) -> Measured:
    long = candles.select("symbol", "open_time", "close").to_pandas()

    def work() -> Any:
        close = long.pivot(index="open_time", columns="symbol", values="close")
        returns = np.log(close).diff()
        median = np.sqrt((returns**2).ewm(halflife=24, ignore_na=True).mean()).median(axis=1)
        means = close.rolling(50, min_periods=25).mean()
        return median, (close > means).sum(axis=1) / means.notna().sum(axis=1)

    return measure(work)
