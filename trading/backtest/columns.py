"""Indicator columns of a strategy file, from the first bar on which TA-Lib has a value.

The catalogue hides a value until its memory of the seed is small. Here a strategy's own `startup` says from
where signals count, as in the systems people compare with; `thin_columns` names those it makes too early.
"""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from trading.backtest.walk import Bars, Floats
from trading.indicators import catalogue
from trading.indicators.declared import Asked, OneSymbol
from trading.indicators.families.engine import plain
from trading.market.errors import BadInput
from trading.signals.line_columns import LINE_COLUMNS, line_only

_DAY_MS = 86_400_000
# Where a price stands still the catalogue says that there is no value; TA-Lib, and those who use it, say 0.
_AS_TALIB: dict[str, Callable[[OneSymbol, float], Floats]] = {
    "rsi": lambda own, length: plain("RSI")(own.close, int(length)),
    "cci": lambda own, length: plain("CCI")(own.high, own.low, own.close, int(length)),
}


def indicator_columns(bars: Bars, names: Sequence[str]) -> dict[str, pl.Series]:
    """Return the named columns of the catalogue over all rows of `bars`; null where there is no value."""
    asked = [catalogue.understood(name) for name in dict.fromkeys(names)]
    out = {each.column: np.full(len(bars.close), np.nan) for each in asked}
    days = bars.open_ms // _DAY_MS
    for first, last in zip(bars.offsets[:-1].tolist(), bars.offsets[1:].tolist(), strict=True):
        rows = slice(first, last)
        own = OneSymbol(
            bars.open[rows], bars.high[rows], bars.low[rows], bars.close[rows], bars.volume[rows], days[rows]
        )
        found: dict[tuple[str, tuple[float, ...]], tuple[Floats, ...]] = {}
        for each in asked:
            out[each.column][rows] = _values(own, each, found)
    return {name: pl.Series(name, column).fill_nan(None) for name, column in out.items()}


def column_table(bars: Bars, names: Sequence[str]) -> pl.DataFrame:
    """Return a frame of the candles with the named columns, on which expressions are asked.

    `symbol` is a number: the place of the symbol in `bars`.

    Raises
    ------
    BadInput
        If a name is one that only the research line knows (`trading.signals.line_columns`).
    """
    if unknown := line_only(tuple(names)):
        raise BadInput(
            f"{', '.join(dict.fromkeys(unknown))}: candles do not say; "
            "only the line knows (the asset `signals`)"
        )
    owner = np.repeat(np.arange(len(bars.offsets) - 1), np.diff(bars.offsets))
    plain = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    table = pl.DataFrame({"symbol": owner, **plain}).with_columns(
        quote_volume=pl.col("volume") * pl.col("close")
    )
    return table.with_columns(open_ms=bars.open_ms, **indicator_columns(bars, names))


def thin_columns(names: Sequence[str], startup: int) -> dict[str, int]:
    """Return the columns that still remember their seed after `startup` bars, with the bars they need."""
    needed = {name: catalogue.warm_up(name) for name in names if name not in LINE_COLUMNS}
    return {name: bars for name, bars in needed.items() if bars > startup + 1}


def _values(
    own: OneSymbol, asked: Asked, found: dict[tuple[str, tuple[float, ...]], tuple[Floats, ...]]
) -> Floats:
    if asked.output in _AS_TALIB:
        return _AS_TALIB[asked.output](own, asked.values[0])
    key = (asked.indicator.name, asked.values)
    if key not in found:
        found[key] = tuple(asked.indicator.compute(own, *asked.values))
    return found[key][asked.indicator.outputs.index(asked.output)]
