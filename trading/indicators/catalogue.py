"""The declared indicators by name: which there are, what each column means, and its values.

A column's name is ``<output>_<parameters>``: ``rsi_14``, ``macd_hist_12_26_9``, ``supertrend_10_3``,
``donchian_upper_20``. Parameters may be left out from the right (``macd_hist``, ``adx``) and stand at their
defaults then; a fraction is written with a p (``supertrend_10_2p5``), since a name has no dot.
Formulas live in `trading.indicators.families`.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import numpy as np
import polars as pl

from trading.indicators.bars import Bars, Floats, sorted_bars
from trading.indicators.declared import Asked, Indicator, OneSymbol, number, spelled
from trading.indicators.families import averages, momentum, ranges, trend, volume
from trading.indicators.fused.default_set import default_columns
from trading.indicators.settings import IndicatorSettings
from trading.market.errors import BadInput
from trading.market.frames import CANDLES

INDICATORS: tuple[Indicator, ...] = (
    *averages.FAMILY,
    *momentum.FAMILY,
    *trend.FAMILY,
    *ranges.FAMILY,
    *volume.FAMILY,
)
_OUTPUTS = {output: each for each in INDICATORS for output in each.outputs}
DEFAULT_COLUMNS = IndicatorSettings().columns
_DAY_MS = 86_400_000


def columns() -> list[tuple[str, str]]:
    """Return every output at its defaults, as (column name, formula with unit).

    Those of the table go by the table's names (``macd``), the others carry their numbers.
    """
    return [
        (
            output if output in DEFAULT_COLUMNS else "_".join([output, *_shown(each)]),
            f"{each.formula} [{each.unit}]",
        )
        for output, each in _OUTPUTS.items()
    ]


def known(name: str) -> bool:
    """Return whether `name` is a column of the catalogue; says nothing of other columns of a frame.

    Raises
    ------
    BadInput
        If it is an output of an indicator whose parameters are out of bounds or too many (`rsi_5000`).
    """
    if _parts(name) is None:
        return False
    understood(name)
    return True


def nearest(name: str) -> list[str]:
    """Return up to three columns that may have been meant by `name`, nearest first; may be empty.

    The numbers of `name` are kept where they fit: ``rsl_21`` -> ``rsi_21``.
    """
    word, numbers = _cut(name)
    found = get_close_matches(word.lower(), _OUTPUTS, n=3)
    meant = ["_".join([each, *numbers]) for each in found]
    return [
        full if _is_sound(full) else "_".join([each, *_shown(_OUTPUTS[each])])
        for each, full in zip(found, meant, strict=True)
    ]


def warm_up(name: str) -> int:
    """Return on which bar, counted from 1, the column has its first value.

    Raises
    ------
    BadInput
        If `name` is not known.
    """
    return understood(name).warm_up


def understood(name: str) -> Asked:
    """Return which output, of which indicator, with which parameters `name` asks for.

    Raises
    ------
    BadInput
        If there is no such indicator (the message names the nearest), or a parameter is out of bounds.
    """
    found = _parts(name)
    if found is None:
        near = ", ".join(nearest(name)) or "none; `sluice indicators list` shows all"
        raise BadInput(f"no indicator column {name[:60]!r}; near names: {near}")
    output, given = found
    indicator = _OUTPUTS[output]
    values = indicator.checked(given)
    return Asked(name, indicator, output, values, indicator.bars(values, output))


def _parts(name: str) -> tuple[str, list[float]] | None:
    """The output that `name` begins with and the numbers behind it; None where there is no such output."""
    parts = name.split("_")
    for cut in range(len(parts), 0, -1):
        output = "_".join(parts[:cut])
        numbers = [number(part) for part in parts[cut:]]
        given = [value for value in numbers if value is not None]
        if output in _OUTPUTS and len(given) == len(numbers):
            return output, given
    return None


def _is_sound(name: str) -> bool:
    try:
        return known(name)
    except BadInput:
        return False


def with_columns(candles: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the candles with the named indicator columns, for every symbol at once.

    Parameters
    ----------
    candles : DataFrame of shape (n_rows, ≥8)
        `trading.market.frames.CANDLES` in any order, any number of symbols. Further columns are kept.
    names : sequence of str
        Columns of the catalogue. A name that `candles` has already is left as it stands.

    Returns
    -------
    DataFrame of shape (n_rows, ≥8 + len(names))
        Sorted by (symbol, open_time); Float64. Null before `warm_up` bars of a symbol and where a formula
        has no value (0/0); never NaN. The value at a bar never depends on later bars. Bars of one symbol
        are taken as consecutive: a hole in time is neither filled nor bridged.

    Raises
    ------
    BadInput
        If a name is not known (names the nearest) or a parameter is out of bounds.
    InvalidBars
        If a price is missing or not above 0, high < low, or a bar stands twice.
    """
    asked = [understood(name) for name in dict.fromkeys(names) if name not in candles.columns]
    extra = [name for name in candles.columns if name not in CANDLES]
    bars = sorted_bars(candles)
    frame = bars.frame
    if extra:
        # The key is unique, so sorting both by it puts their rows side by side.
        frame = frame.hstack(candles.sort("symbol", "open_time").select(extra))
    return frame.with_columns(**_columns(bars, asked))


def named_columns(bars: Bars, names: Iterable[str]) -> dict[str, pl.Series]:
    """Return the columns `names` of bars that were checked and sorted already; see `with_columns`."""
    return _columns(bars, [understood(name) for name in names])


def _columns(bars: Bars, asked: Sequence[Asked]) -> dict[str, pl.Series]:
    """Return the asked columns in order: the default set from its kernel, the others from TA-Lib."""
    found = {}
    fused = {each.column: _FUSED[each.meaning] for each in asked if each.meaning in _FUSED}
    if fused:
        table = default_columns(bars)
        found = {column: table[name] for column, name in fused.items()}
    others = _compute(bars, [each for each in asked if each.column not in fused])
    found |= {name: pl.Series(name, values).fill_nan(None) for name, values in others.items()}
    return {each.column: found[each.column] for each in asked}


def _compute(bars: Bars, asked: Sequence[Asked]) -> dict[str, Floats]:
    calls: dict[tuple[str, tuple[float, ...]], list[Asked]] = {}
    for each in asked:
        calls.setdefault((each.indicator.name, each.values), []).append(each)
    out: dict[str, Floats] = {each.column: np.full(len(bars.frame), np.nan) for each in asked}
    whole = _arrays(bars)
    for start, stop in zip(bars.starts[:-1].tolist(), bars.starts[1:].tolist(), strict=True):
        own = whole.rows(start, stop)
        for wanted in calls.values():
            _write(own, wanted, {name: column[start:stop] for name, column in out.items()})
    return out


def _write(own: OneSymbol, wanted: Sequence[Asked], out: dict[str, Floats]) -> None:
    """Write the outputs of one indicator on one symbol, each from its warm-up on."""
    bars = len(own.close)
    if bars < min(each.warm_up for each in wanted):
        return
    indicator = wanted[0].indicator
    found = indicator.compute(own, *wanted[0].values)
    for each in wanted:
        first = each.warm_up - 1
        out[each.column][first:] = found[indicator.outputs.index(each.output)][first:]


def _arrays(bars: Bars) -> OneSymbol:
    """Return the columns of all symbols end to end; only its cuts are one symbol's."""
    days = bars.frame["open_time"].to_physical().to_numpy().astype(np.int64) // _DAY_MS
    prices = [bars.column(name) for name in ("open", "high", "low", "close", "volume")]
    return OneSymbol(prices[0], prices[1], prices[2], prices[3], prices[4], days)


def _cut(name: str) -> tuple[str, list[str]]:
    parts = name.split("_")
    cut = len(parts)
    while cut > 1 and number(parts[cut - 1]) is not None:
        cut -= 1
    return "_".join(parts[:cut]), parts[cut:]


def _shown(indicator: Indicator) -> list[str]:
    return [spelled(each.default) for each in indicator.parameters]


# What the fused kernel computes, by meaning: one column has one value, however its name is spelled.
_FUSED = {understood(name).meaning: name for name in DEFAULT_COLUMNS}
