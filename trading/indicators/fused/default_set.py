"""The default set as named, nullable columns: the kernel's arrays on one side, Polars on the other."""

import numpy as np
import polars as pl
import pyarrow as pa

from trading.indicators.bars import Bars, Floats, Ints
from trading.indicators.fused import kernel
from trading.indicators.settings import IndicatorSettings
from trading.indicators.warmup import warm_up_table

SETTINGS = IndicatorSettings()
# In the kernel's order, which a test holds against TA-Lib column by column.
NAMES = SETTINGS.columns


def default_columns(bars: Bars) -> dict[str, pl.Series]:
    """Return the default set of every bar, as if no bar came before: name -> Float64 of length n_rows.

    Null before warm-up and where a formula has no value; see `trading.indicators.table`.
    """
    symbols = len(bars.starts) - 1
    return advanced(bars, np.zeros(symbols, np.int64), np.zeros((symbols, kernel.MEMORY)))


def advanced(bars: Bars, seen: Ints, memory: Floats) -> dict[str, pl.Series]:
    """Return the default set of every bar, going on from `seen` and `memory` (a row per symbol; written)."""
    rows = len(bars.frame)
    # An array per column: the allocator hands pages of that size out again, those of one big block not.
    out = tuple(np.empty(rows) for _ in NAMES)
    lengths = np.diff(bars.starts)
    # Symbols of one length share a block, so that none waits with empty lanes for a longer one.
    order = np.arange(len(lengths)) if _all_equal(lengths) else np.argsort(lengths, kind="stable")
    if rows:
        high, low, close, volume = (bars.column(name) for name in ("high", "low", "close", "volume"))
        first = np.array([warm_up_table(SETTINGS)[name] for name in NAMES], dtype=np.int64)
        kernel.advance((high, low, close, volume), bars.starts, order, seen, memory, first, out)
    return {name: _nullable(values) for name, values in zip(NAMES, out, strict=True)}


def _all_equal(lengths: Ints) -> bool:
    return bool((lengths == lengths[:1]).all())


def _nullable(values: Floats) -> pl.Series:
    """Return `values` without a copy, NaN as null; `Series.fill_nan` would copy."""
    valid = np.packbits(~np.isnan(values), bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(values)]
    series = pl.from_arrow(pa.Array.from_buffers(pa.float64(), len(values), buffers))
    assert isinstance(series, pl.Series)
    return series
