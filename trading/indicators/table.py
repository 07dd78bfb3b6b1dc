"""One table of indicators for all symbols: the default set by the fused kernel, other lengths by TA-Lib.

The rules that hold whatever the engine: float64; null before warm-up (`trading.indicators.warmup`);
the value at a bar never depends on later bars; bars of one symbol are taken as consecutive, a hole in
time is not filled. Formulas and seeds: docs/reference/indicators.md.
"""

import polars as pl

from trading.indicators.bars import Bars, sorted_bars
from trading.indicators.fused.default_set import SETTINGS, default_columns
from trading.indicators.settings import IndicatorSettings


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
        Sorted by (symbol, open_time). RSI, ADX and stochastic RSI are 0..100, OBV is in base units, all
        other columns are in quote currency. Null during warm-up and where a formula is 0/0: RSI of a
        price that never moved, stochastic RSI of an RSI without a range, ADX without a movement.

    Raises
    ------
    InvalidBars
        If a price is missing or not above 0, high < low, a volume is none, or a bar stands twice.
    """
    bars = sorted_bars(candles)
    if settings is None or settings == SETTINGS:
        return bars.frame.with_columns(**default_columns(bars))
    return bars.frame.with_columns(**_of_other_lengths(bars, settings))


def _of_other_lengths(bars: Bars, settings: IndicatorSettings) -> dict[str, pl.Series]:
    # TA-Lib's wrapper imports pandas, a second that the default set does not pay.
    from trading.indicators.catalogue import named_columns  # noqa: PLC0415  # see above

    found = named_columns(bars, settings.spelled.values())
    return {column: found[name] for column, name in settings.spelled.items()}
