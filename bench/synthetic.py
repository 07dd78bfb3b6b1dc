"""One seeded market for benchmarks: a market factor, twelve planted sectors, clustered volatility, fat tails.

Not a benchmark itself. Which sector a symbol belongs to is the truth that clusters are held against.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from trading.market.frames import CANDLES, conform

Floats = npt.NDArray[np.float64]
SYMBOLS, BARS, SECTORS, SEED = 2_600, 500, 12, 20240607
_BAR_MS = 900_000
_START_MS = 1_704_067_200_000


@dataclass(frozen=True, slots=True)
class Market:
    """Prices of shape (n_symbols, n_bars), the volume of each bar, and the sector of each symbol."""

    symbols: list[str]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    sector: npt.NDArray[np.int64]

    def returns(self) -> Floats:
        """Return log returns, shape (n_symbols, n_bars - 1)."""
        return np.diff(np.log(self.close), axis=1)

    def candles(self) -> pl.DataFrame:
        """Return the market as CANDLES of 15 minutes, sorted."""
        n, bars = self.close.shape
        columns = {
            "symbol": pl.Series(self.symbols).gather(np.repeat(np.arange(n), bars)),
            "open_time": np.tile(_START_MS + _BAR_MS * np.arange(bars), n),
            **{name: getattr(self, name).ravel() for name in ("open", "high", "low", "close", "volume")},
            "quote_volume": (self.close * self.volume).ravel(),
        }
        return conform(pl.DataFrame(columns), CANDLES)


def market(symbols: int = SYMBOLS, bars: int = BARS, seed: int = SEED) -> Market:
    """Return a market of `symbols` over `bars`; the same for the same seed.

    A symbol's return is its beta times the market's, its loading times its sector's, and its own. The
    volatility of the market and of each symbol follows GARCH(1, 1), shocks are Student's t (5 and 4).
    """
    g = np.random.default_rng(seed)
    sector = g.integers(0, SECTORS, symbols)
    beta = g.normal(1.0, 0.35, symbols).clip(0.1, 2.2)
    loading = g.normal(0.6, 0.25, symbols).clip(0, 1.5)
    base = np.exp(g.normal(np.log(0.008), 0.5, symbols))
    factor = _garch(g.standard_t(5, (1, bars)) / np.sqrt(5 / 3), np.array([0.004]), 0.10, 0.85)[0]
    sectors = g.normal(0, 0.003, (SECTORS, bars))
    own = _garch(g.standard_t(4, (symbols, bars)) / np.sqrt(2.0), base, 0.12, 0.80)
    returns = (beta[:, None] * factor + loading[:, None] * sectors[sector] + own).clip(-0.5, 0.5)
    first = np.exp(g.normal(0, 2.5, symbols))
    close = first[:, None] * np.exp(np.cumsum(returns, axis=1))
    opened = np.concatenate([first[:, None], close[:, :-1]], axis=1)
    wick = np.abs(g.normal(0, 0.5, (2, symbols, bars))) * base[:, None]
    names = [f"S{number:04d}/USDT" for number in range(symbols)]
    high, low = np.maximum(opened, close) * np.exp(wick[0]), np.minimum(opened, close) * np.exp(-wick[1])
    volume = np.exp(g.normal(9, 1.5, (symbols, 1)) + g.normal(0, 0.6, (symbols, bars))) * (
        1 + 30 * np.abs(returns)
    )
    return Market(names, opened, high, low, close, volume, sector)


def with_holes(returns: Floats, seed: int = SEED) -> Floats:
    """Return `returns` with a tenth of the symbols listed late and 2 % of all bars missing."""
    g, (n, bars) = np.random.default_rng(seed), returns.shape
    out = returns.copy()
    out[g.random(out.shape) < 0.02] = np.nan
    for row in g.choice(n, n // 10, replace=False):
        out[row, : g.integers(bars // 10, bars * 7 // 10)] = np.nan
    return out


def _garch(shocks: Floats, volatility: Floats, alpha: float, beta: float) -> Floats:
    """Turn shocks of variance 1 into returns whose volatility clusters around `volatility`."""
    out = np.empty(shocks.shape)
    long = volatility**2
    variance = long.copy()
    for bar in range(shocks.shape[1]):
        out[:, bar] = np.sqrt(variance) * shocks[:, bar]
        variance = (1 - alpha - beta) * long + alpha * out[:, bar] ** 2 + beta * variance
        variance = np.minimum(variance, (8 * volatility) ** 2)
    return out
