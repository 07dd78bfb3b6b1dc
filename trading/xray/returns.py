"""Candles of many symbols on one time grid: closes and log returns as arrays. No statistics here.

Wide data is handled as arrays: scattering 1.3 M rows costs 0.04 CPU-seconds, a Polars pivot to 2,600
columns 8.8.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from trading.indicators.bars import sorted_bars
from trading.market.errors import BadInput

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Wide:
    """Closes on one grid.

    `close` has shape (n_symbols, n_times), NaN where a symbol has no bar; `open_ms` shape (n_times,),
    strictly increasing; both in the order of `symbols`.
    """

    symbols: list[str]
    open_ms: npt.NDArray[np.int64]
    close: Floats

    def log_returns(self) -> Floats:
        """Return log returns, shape (n_symbols, n_times - 1); NaN unless both bars exist."""
        logs: Floats = np.log(self.close)
        return np.asarray(logs[:, 1:] - logs[:, :-1])

    def last(self, bars: int) -> "Wide":
        """Return the newest `bars` times, and only the symbols that have a bar among them."""
        if bars < 1:
            raise BadInput(f"bars must be at least 1, was {bars}")
        close = self.close[:, -bars:]
        kept = np.flatnonzero((~np.isnan(close)).any(axis=1))
        return Wide([self.symbols[row] for row in kept], self.open_ms[-bars:], close[kept])


def wide_closes(candles: pl.DataFrame) -> Wide:
    """Return the closes of CANDLES on the grid of all times that occur in it.

    Raises
    ------
    InvalidBars
        If a price is missing or not above 0, or a bar stands twice.
    """
    bars = sorted_bars(candles)
    open_ms = bars.frame["open_time"].to_physical().to_numpy()
    times = np.asarray(bars.frame["open_time"].unique().sort().to_physical().to_numpy(), dtype=np.int64)
    close = np.full((len(bars.starts) - 1, len(times)), np.nan)
    rows = np.repeat(np.arange(len(bars.starts) - 1), np.diff(bars.starts))
    close[rows, np.searchsorted(times, open_ms)] = bars.column("close")
    return Wide(bars.symbols, times, close)


def log_returns(candles: pl.DataFrame) -> tuple[list[str], Floats]:
    """Return the symbols of CANDLES and their log returns, shape (n_symbols, n_times - 1), NaN in holes."""
    wide = wide_closes(candles)
    return wide.symbols, wide.log_returns()
