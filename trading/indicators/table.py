"""One table of indicators for all symbols. The engine is TA-Lib, called once per symbol and indicator.

The rules that hold whatever the engine: float64; null before warm-up (`trading.indicators.warmup`);
the value at a bar never depends on later bars; bars of one symbol are taken as consecutive, a hole in
time is not filled. Formulas and seeds: docs/reference/indicators.md.
"""

import numpy as np
import polars as pl

from trading.indicators.bars import Bars, Floats, Ints, sorted_bars
from trading.indicators.settings import IndicatorSettings
from trading.indicators.talib_loop import write_symbol
from trading.indicators.warmup import warm_up_table


def indicator_table(candles: pl.DataFrame, settings: IndicatorSettings | None = None) -> pl.DataFrame:
    """Return the candles with their indicators: **one row per symbol and closed bar**.

    Parameters
    ----------
    candles : DataFrame of CANDLES, shape (n_rows, 8)
        Any row order, any number of symbols, each oldest-to-newest after sorting.
    settings : IndicatorSettings, optional
        Lengths; the default set when left out.

    Returns
    -------
    DataFrame of shape (n_rows, 8 + len(settings.columns))
        Sorted by (symbol, open_time). RSI is 0..100; all other columns are in quote currency.
        Null during warm-up and, for RSI, where a price never moved (0/0).

    Raises
    ------
    InvalidBars
        If a price is missing or not above 0, high < low, or a bar stands twice.
    """
    settings = settings or IndicatorSettings()
    bars = sorted_bars(candles)
    values = _compute(bars, settings)
    return bars.frame.with_columns(pl.Series(name, values[name]).fill_nan(None) for name in settings.columns)


def _compute(bars: Bars, settings: IndicatorSettings) -> dict[str, Floats]:
    high, low, close = (bars.column(name) for name in ("high", "low", "close"))
    out: dict[str, Floats] = {name: np.full(len(close), np.nan) for name in settings.columns}
    warm_up = warm_up_table(settings)
    for start, stop in zip(bars.starts[:-1].tolist(), bars.starts[1:].tolist(), strict=True):
        rows = {name: column[start:stop] for name, column in out.items()}
        write_symbol(high[start:stop], low[start:stop], close[start:stop], settings, warm_up, rows)
    _null_dead_rsi(out[f"rsi_{settings.rsi}"], close, bars.starts, settings.rsi)
    return out


def _null_dead_rsi(rsi: Floats, close: Floats, starts: Ints, period: int) -> None:
    """Null the 0 that TA-Lib answers for 0/0: a flat price is not an oversold one."""
    zeros = np.flatnonzero(rsi == 0.0)
    if not len(zeros):
        return
    moved = np.diff(close, prepend=np.nan) != 0
    moved[starts[:-1]] = True
    last_move = np.maximum.accumulate(np.where(moved, np.arange(len(close)), 0))
    rsi[zeros[zeros - last_move[zeros] >= period]] = np.nan
