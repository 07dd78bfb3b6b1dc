"""TA-Lib's functions without their wrappers, and what the families share. Knows no indicator by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view

from trading.indicators.bars import Floats


def plain(name: str) -> Callable[..., Any]:
    """Return TA-Lib's C binding of `name`.

    talib wraps each function in a check for pandas and polars input that costs as much as the function
    itself on 500 bars; behind the wrapper stands the binding.
    """
    function = getattr(talib, name)
    return getattr(function, "__wrapped__", function)  # type: ignore[no-any-return]  # an untyped attribute


def null_where(values: Floats, wrong: Any) -> Floats:
    """Return `values` with NaN where `wrong` (bools) holds: a 0/0 is no value, whatever TA-Lib says."""
    return np.where(wrong, np.nan, values)


def within(flags: Any, bars: int) -> Any:
    """Return where any of the last `bars` flags, this one included, is set."""
    counts = np.cumsum(flags)
    before = np.zeros_like(counts)
    before[bars:] = counts[:-bars]
    return counts > before


def flat_for(values: Floats, bars: int) -> Any:
    """Return where the last `bars` values, this one included, are all the same; False for the first ones."""
    same = np.concatenate(([False], values[1:] == values[:-1]))
    return ~within(~same, bars - 1) if bars > 1 else np.ones(len(values), dtype=bool)


def delayed(values: Floats, bars: int) -> Floats:
    """Return `values` as they stood `bars` bars ago; NaN for the first ones."""
    out = np.full(len(values), np.nan)
    if len(values) > bars:
        out[bars:] = values[: len(values) - bars]
    return out


def window_sum(values: Floats, bars: int) -> Floats:
    """Return the sum of the last `bars` values, each window added up afresh; NaN for the first ones.

    A running sum would keep the rounding of a price that has long left the window (LUNA: 99 to 0.00005).
    """
    out = np.full(len(values), np.nan)
    if len(values) >= bars:
        out[bars - 1 :] = sliding_window_view(values, bars).sum(axis=1)
    return out
