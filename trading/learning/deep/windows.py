"""Raw windows of bars as columns: what the sequence network looks at. Nothing in them is later than the bar.

Each window is measured by its own volatility, so that a quiet and a wild market look alike to the network.
"""

import numpy as np
import polars as pl

from trading.learning.dataset import Floats
from trading.market.errors import BadInput

CHANNELS = 4
_NAMES = ("return", "range", "place", "volume")


def window_names(steps: int) -> tuple[str, ...]:
    """Return the names of the columns, the oldest bar first: ``w_031_return`` is 31 bars back."""
    return tuple(f"w_{steps - 1 - step:03d}_{name}" for step in range(steps) for name in _NAMES)


def windows(candles: pl.DataFrame, steps: int = 32, at: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return `symbol`, `open_time` and the window that ends with each bar.

    Parameters
    ----------
    candles : DataFrame
        Columns of `trading.market.frames.CANDLES`, any order, closed bars only.
    steps : int
        Bars per window, at least 2.
    at : DataFrame, optional
        `symbol` and `open_time` of the bars that are asked for, each once; all where not given. A window is
        1 kB: for a whole market, ask for the bars on which a signal stands.

    Returns
    -------
    DataFrame
        Sorted by symbol and time. Per bar: log return of the close, log of high over low (both in the
        window's mean absolute return), where the close lies between low and high (-0.5 to 0.5), log of the
        volume over the window's mean. Null where a symbol has not had `steps` + 1 bars yet.
    """
    if steps < 2:
        raise BadInput(f"a window must have at least 2 bars, was {steps}")
    frame = candles.sort("symbol", "open_time")
    high, low, close = pl.col("high"), pl.col("low"), pl.col("close")
    raw = frame.select(
        "symbol",
        "open_time",
        (close / close.shift(1).over("symbol")).log().alias("return"),
        (high / low).log().alias("range"),
        pl.when(high > low).then((close - low) / (high - low) - 0.5).otherwise(0.0).alias("place"),
        pl.col("volume"),
        (pl.int_range(pl.len()).over("symbol") >= steps).alias("is_whole"),
    ).with_row_index("row")
    asked = raw.select("symbol", "open_time", "is_whole", "row")
    if at is not None:
        asked = asked.join(at, on=["symbol", "open_time"], how="semi")
    table = np.full((len(asked), steps * CHANNELS), np.nan)
    whole = asked["is_whole"].to_numpy()
    if whole.any():
        rows = asked["row"].to_numpy().astype(np.int64)[whole][:, None] + np.arange(1 - steps, 1)
        table[whole] = _measured({name: raw[name].to_numpy()[rows] for name in _NAMES})
    columns = pl.DataFrame(table, schema=list(window_names(steps))).fill_nan(None)
    return pl.concat([asked.select("symbol", "open_time"), columns], how="horizontal")


def _measured(found: dict[str, Floats]) -> Floats:
    tiny = 1e-9
    wild = np.maximum(np.abs(found["return"]).mean(axis=1, keepdims=True), tiny)
    traded = found["volume"].mean(axis=1, keepdims=True)
    share = np.where(traded > 0, found["volume"] / np.where(traded > 0, traded, 1.0), 1.0)
    channels = (found["return"] / wild, found["range"] / wild, found["place"], np.log(share + 0.05))
    table: Floats = np.stack(channels, axis=2).reshape(len(wild), -1)
    return table
