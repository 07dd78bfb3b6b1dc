"""Any indicator of pandas-ta by its name: slow (a hundred times TA-Lib's CPU), wide, for looking and trying.

The default set lives in `table` and never comes from here. pandas-ta answers with other numbers when
TA-Lib can be imported, so its own implementations are asked for, always.
"""

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from types import ModuleType
from typing import Any

import polars as pl

from trading.indicators.bars import sorted_bars
from trading.market.errors import BadInput

_KEY = ("symbol", "open_time")
# What pandas-ta calls the columns of a bar.
_COLUMNS = {"open_": "open", "high": "high", "low": "low", "close": "close", "volume": "volume"}


def named_indicator(candles: pl.DataFrame, name: str, **settings: float) -> pl.DataFrame:
    """Return what pandas-ta's indicator `name` says of every bar of every symbol.

    Parameters
    ----------
    candles : DataFrame of shape (n_bars, ≥8)
        `trading.market.frames.CANDLES`, any order, any number of symbols.
    name : str
        As pandas-ta has it: ``kama``, ``supertrend``, ``cmf`` ...
    **settings : float
        Passed on (``length=10``).

    Returns
    -------
    DataFrame of shape (n_bars, 2 + outputs)
        `symbol`, `open_time` and pandas-ta's columns under its own names, sorted by (symbol, open_time).
        Null where pandas-ta has no value, which promises nothing about its warm-up error.

    Raises
    ------
    BadInput
        If there is no such indicator (the message names near ones), or it needs more than bars.
    InvalidBars
        If the candles cannot have been printed by a market.
    """
    ask = _function(name)
    frames = [
        _of_symbol(own, ask, name, settings)
        for own in sorted_bars(candles).frame.partition_by("symbol", maintain_order=True)
    ]
    return pl.concat(frames, how="diagonal_relaxed") if frames else candles.select(_KEY)


def _function(name: str) -> Callable[..., Any]:
    import pandas_ta  # noqa: PLC0415  # four CPU seconds, and only this function needs it

    known = _indicators(pandas_ta)
    if name not in known:
        near = ", ".join(get_close_matches(name, known, n=3)) or "none"
        raise BadInput(f"pandas-ta has no indicator {name!r}; near names: {near}")
    return known[name]


def _indicators(library: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the indicators: functions that take columns of a bar first."""
    found: dict[str, Callable[..., Any]] = {}
    for name, member in inspect.getmembers(library, inspect.isfunction):
        first = next(iter(inspect.signature(member).parameters), "")
        if first in _COLUMNS and member.__module__.startswith("pandas_ta."):
            found[name] = member
    return found


def _of_symbol(
    bars: pl.DataFrame, ask: Callable[..., Any], name: str, settings: dict[str, float]
) -> pl.DataFrame:
    takes = inspect.signature(ask).parameters
    inputs = {each: bars[column].to_pandas() for each, column in _COLUMNS.items() if each in takes}
    try:
        answer = ask(**inputs, **settings, **({"talib": False} if "talib" in takes else {}))
    except (TypeError, ValueError, KeyError) as error:
        raise BadInput(f"pandas-ta's {name} cannot be asked with {settings}: {error}") from error
    key = bars.select(_KEY)
    if answer is None:  # its way of saying: too few bars
        return key
    columns = answer.to_frame() if answer.ndim == 1 else answer
    values = {
        str(column): pl.Series(columns[column].to_numpy().astype("float64")).fill_nan(None)
        for column in columns.columns
    }
    return key.with_columns(**values)
