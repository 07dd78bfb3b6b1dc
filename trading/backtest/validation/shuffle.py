"""Markets without memory beyond a block: the same bars in another order, all symbols together.

What a rule earns on them it earns by luck: false approvals are counted there. Volatility within a block,
tails and what symbols have in common stay as they were.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.market.errors import BadInput, InvalidBars

Floats = NDArray[np.float64]
_PRICES = ("open", "high", "low", "close")


def block_shuffled(candles: pl.DataFrame, block: int, rng: np.random.Generator) -> pl.DataFrame:
    """Return candles whose blocks of bars were put into a random order, the same for every symbol.

    A bar keeps its shape: its open over the close before, its high, low and close over its open, its
    volume. Prices are chained anew from each symbol's first open, so that a symbol ends where it ended.

    Parameters
    ----------
    candles : DataFrame
        Columns of `trading.market.frames.CANDLES`; every symbol has a bar at every time.
    block : int
        Bars per block, at least 1; the last one may be shorter. A tendency that is longer than a block is
        gone, one that is shorter is kept: choose it below the horizon of what is tested.

    Raises
    ------
    InvalidBars
        If a symbol misses a bar, or a price is not positive.
    """
    if block < 1:
        raise BadInput(f"block must be at least 1, was {block}")
    frame = candles.sort("symbol", "open_time")
    symbols, bars = frame["symbol"].n_unique(), frame["open_time"].n_unique()
    if symbols * bars != len(frame):
        raise InvalidBars(f"every symbol must have all {bars} bars, there were {len(frame)} of {symbols}")
    prices = {name: frame[name].to_numpy().reshape(symbols, bars) for name in _PRICES}
    if any((values <= 0).any() for values in prices.values()):
        raise InvalidBars("prices must be positive")
    opened, closed = prices["open"], prices["close"]
    gap = np.concatenate([np.ones((symbols, 1)), opened[:, 1:] / closed[:, :-1]], axis=1)
    order = _order(bars, block, rng)
    # Each bar in its new place opens over the close that now lies before it.
    growth = np.cumprod((gap * closed / opened)[:, order], axis=1)
    close = opened[:, :1] * growth
    open_ = close / (closed / opened)[:, order]
    made = {"open": open_, "close": close}
    # Chained products round: an extreme must still hold what lies inside it.
    inside = np.maximum(open_, close), np.minimum(open_, close)
    made["high"] = np.maximum(open_ * (prices["high"] / opened)[:, order], inside[0])
    made["low"] = np.minimum(open_ * (prices["low"] / opened)[:, order], inside[1])
    volume = frame["volume"].to_numpy().reshape(symbols, bars)[:, order]
    return frame.with_columns(
        *(pl.Series(name, values.ravel()) for name, values in made.items()),
        pl.Series("volume", volume.ravel()),
        pl.Series("quote_volume", (volume * close).ravel()),
    )


def _order(bars: int, block: int, rng: np.random.Generator) -> NDArray[np.int64]:
    starts = np.arange(0, bars, block)
    rng.shuffle(starts)
    return np.concatenate([np.arange(start, min(start + block, bars)) for start in starts])
