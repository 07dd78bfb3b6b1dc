"""Features that look back over a day of bars: liquidity, spread, correlation with the market's reference.

Each window is summed afresh: a running sum would carry rounding over from bars that have left it, and a
longer history would then change an old feature in its last digit. Compiled; computed for asked rows only.
"""

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BARS = 96  # a day of quarter hours
REFERENCE = "BTC/USDT"
_LEAST_PAIRS = 48  # returns that both series must have for a correlation


def with_windows(rows: pl.DataFrame, frame: pl.DataFrame, closes: pl.DataFrame) -> pl.DataFrame:
    """Add `f_liquidity`, `f_spread`, `f_btc_corr` and `return_day` to `rows`; null where bars are too few.

    Parameters
    ----------
    rows : DataFrame
        `row_no`, the place of each row in `frame`.
    frame : DataFrame
        All bars, sorted by symbol and time: `symbol`, `open_time`, `close`, `volume`, `bar_no`.
    closes : DataFrame
        `symbol`, `open_time`, `close` of the whole market: where the reference is looked up.

    Returns
    -------
    DataFrame
        Same rows and order. `f_liquidity`: log10(1 + mean quote volume); `f_spread`: Roll (1984), twice the
        root of minus the covariance of successive log returns, 0 where that is positive; `f_btc_corr` in
        [-1, 1]; `return_day`: over `BARS` bars. All of them over the `BARS` bars that end with the row's.
    """
    close, volume = _array(frame, "close"), _array(frame, "volume")
    place = rows["row_no"].to_numpy().astype(np.int64)
    bar_no = frame["bar_no"].to_numpy().astype(np.int64)
    returns = _log_returns(close, bar_no)
    reference = _at_rows(frame, closes)
    out = np.full((4, len(place)), np.nan)
    _fill(place, bar_no, close, volume, returns, reference, out)
    names = ("f_liquidity", "f_spread", "f_btc_corr", "return_day")
    return rows.with_columns(
        pl.Series(name, values).fill_nan(None) for name, values in zip(names, out, strict=True)
    )


def _array(frame: pl.DataFrame, name: str) -> Floats:
    return frame[name].to_numpy().astype(np.float64)


def _log_returns(close: Floats, bar_no: Ints) -> Floats:
    found = np.full(len(close), np.nan)
    if len(close):
        with np.errstate(divide="ignore", invalid="ignore"):
            found[1:] = np.log(close[1:] / close[:-1])
        found[bar_no == 0] = np.nan
    return found


def _at_rows(frame: pl.DataFrame, closes: pl.DataFrame) -> Floats:
    """Return per row of `frame` the reference's log return at its time; NaN where it has none."""
    chosen = closes.filter(pl.col("symbol") == REFERENCE).unique("open_time").sort("open_time")
    found = np.full(len(frame), np.nan)
    if len(chosen) < _LEAST_PAIRS:
        return found
    at = chosen["open_time"].dt.epoch("ms").to_numpy()
    returns = _log_returns(_array(chosen, "close"), np.arange(len(chosen)))
    asked = frame["open_time"].dt.epoch("ms").to_numpy()
    place = np.minimum(np.searchsorted(at, asked), len(at) - 1)
    is_there = at[place] == asked
    found[is_there] = returns[place[is_there]]
    return found


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]  # numba's
def _fill(
    place: Ints, bar_no: Ints, close: Floats, volume: Floats, returns: Floats, reference: Floats, out: Floats
) -> None:
    for k in range(len(place)):
        row = place[k]
        if bar_no[row] < BARS:
            continue
        first = row - BARS + 1
        traded, mean = 0.0, 0.0
        pairs, own, other, both, own_2, other_2 = 0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(first, row + 1):
            traded += close[i] * volume[i]
            mean += returns[i]
            if not np.isnan(reference[i]):
                x, y = returns[i], reference[i]
                pairs += 1
                own += x
                other += y
                both += x * y
                own_2 += x * x
                other_2 += y * y
        mean /= BARS
        succession = 0.0
        for i in range(first + 1, row + 1):
            succession += (returns[i] - mean) * (returns[i - 1] - mean)
        out[0, k] = np.log10(1.0 + traded / BARS)
        out[1, k] = 2.0 * np.sqrt(max(0.0, -succession / (BARS - 1)))
        out[3, k] = close[row] / close[row - BARS] - 1.0
        if pairs >= _LEAST_PAIRS:
            spread = (own_2 - own * own / pairs) * (other_2 - other * other / pairs)
            if spread > 1e-24:
                found = (both - own * other / pairs) / np.sqrt(spread)
                out[2, k] = min(1.0, max(-1.0, found))
