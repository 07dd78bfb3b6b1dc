"""Any indicator of pandas-ta by its name: slow (a hundred times TA-Lib's CPU), wide, for looking and trying.

The default set lives in `table` and never comes from here. pandas-ta answers with other numbers when
TA-Lib can be imported, so its own implementations are asked for, always. Some of it looks ahead: what can be
asked not to is, the rest is refused. Which do was found by cutting the history under every one of them.
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
# Settings that keep an indicator from looking ahead; nobody may set them otherwise.
_PINNED: dict[str, dict[str, Any]] = {"dpo": {"centered": False}, "ichimoku": {"lookahead": False}}
_LOOKS_AHEAD = {
    "tos_stdevall": "it draws one line through the whole history",
    "vp": "it sums up the whole history and has no value per bar",
    "zigzag": "its newest turn moves with later bars",
}
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
        If there is no such indicator (the message names near ones), it needs more than bars, or its
        values would change when later bars arrive.
    InvalidBars
        If the candles cannot have been printed by a market.
    """
    if name in _LOOKS_AHEAD:
        raise BadInput(f"pandas-ta's {name} looks into the future: {_LOOKS_AHEAD[name]}")
    ask = _function(name)
    if held := sorted(settings.keys() & (_PINNED.get(name, {}).keys() | {"talib", "offset"})):
        raise BadInput(f"pandas-ta's {name}: {', '.join(held)} cannot be set, or it could look ahead")
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
    # Those that begin anew each day (vwap, pivots) read the time from the index.
    index = bars["open_time"].dt.replace_time_zone(None).to_pandas()
    inputs = {
        each: bars[column].to_pandas().set_axis(index) for each, column in _COLUMNS.items() if each in takes
    }
    pinned = _PINNED.get(name, {}) | ({"talib": False} if "talib" in takes else {})
    try:
        answer = ask(**inputs, **settings, **pinned)
    except (TypeError, ValueError, KeyError) as error:
        raise BadInput(f"pandas-ta's {name} cannot be asked with {settings}: {error}") from error
    key = bars.select(_KEY)
    # Ichimoku comes as a pair: the bars, and the cloud of bars yet to come.
    answer = answer[0] if isinstance(answer, tuple) else answer
    if answer is None:  # its way of saying: too few bars
        return key
    columns = answer.to_frame() if answer.ndim == 1 else answer
    values = {
        str(column): pl.Series(columns[column].to_numpy().astype("float64")).fill_nan(None)
        for column in columns.columns
    }
    return key.with_columns(**values)
