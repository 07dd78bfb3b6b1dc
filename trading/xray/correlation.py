"""Which symbols move together: correlation of log returns, all pairs at once."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from trading.market.errors import BadInput
from trading.xray.returns import Floats

PEERS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "rank": pl.Int32,
    "peer": pl.String,
    "rho": pl.Float64,
    "bars": pl.Int32,
}


@dataclass(frozen=True, slots=True)
class Correlation:
    """Correlation matrix of `symbols`.

    `rho` and `bars` have shape (n, n): Pearson's coefficient, and the number of returns it stands on.
    `rho` is NaN where fewer than the asked number of bars are common, or a price never moved.
    """

    symbols: list[str]
    rho: Floats
    bars: Floats

    def mean(self) -> float | None:
        """Return the mean over all pairs that have a value; None without any."""
        above = self.rho[np.triu_indices(len(self.symbols), 1)]
        known = above[~np.isnan(above)]
        return float(known.mean()) if len(known) else None


def correlation(symbols: list[str], returns: Floats, *, min_bars: int = 30) -> Correlation:
    """Return Pearson correlations, pairwise complete: each pair on the bars that both have.

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        Log returns, NaN where missing.
    min_bars : int
        Common bars below which a pair has no value; at least 3.

    Notes
    -----
    Without holes it is one product of the centred, scaled matrix with itself. With holes, and m the
    mask of present values: n = m m', s = x m', q = x^2 m', c = x x', then
    rho = (c - s s'/n) / sqrt((q - s^2/n) (q - s^2/n)'). Rows are centred first for conditioning.
    """
    if min_bars < 3:
        raise BadInput(f"min_bars must be at least 3, was {min_bars}")
    if returns.shape[0] != len(symbols):
        raise BadInput(f"returns must have one row per symbol ({len(symbols)}), had {returns.shape[0]}")
    present = ~np.isnan(returns)
    complete = bool(present.all())
    rho, bars = _complete(returns) if complete else _pairwise(returns, present)
    rho[bars < min_bars] = np.nan
    np.clip(rho, -1.0, 1.0, out=rho)
    return Correlation(symbols, rho, bars)


def _complete(returns: Floats) -> tuple[Floats, Floats]:
    n, bars = returns.shape
    if bars == 0:
        return np.full((n, n), np.nan), np.zeros((n, n))
    centred = returns - returns.mean(axis=1, keepdims=True)
    # What rounding leaves of a constant return is not a movement.
    noise = 1e-14 * np.abs(returns).max(axis=1, initial=0.0) * np.sqrt(bars)
    norm = np.sqrt((centred * centred).sum(axis=1))
    norm[norm <= noise] = np.nan
    scaled = centred / norm[:, None]
    return scaled @ scaled.T, np.full((n, n), float(bars))


def _pairwise(
    returns: Floats, present: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> tuple[Floats, Floats]:
    mask = present.astype(np.float64)
    count = mask.sum(axis=1, keepdims=True)
    filled = np.where(present, returns, 0.0)
    centred = np.where(present, returns - filled.sum(axis=1, keepdims=True) / np.maximum(count, 1), 0.0)
    norm = np.sqrt((centred * centred).sum(axis=1, keepdims=True))
    centred /= np.where(norm > 0, norm, 1.0)
    bars = mask @ mask.T
    safe = np.maximum(bars, 1)
    sums = centred @ mask.T
    variance = (centred * centred) @ mask.T - sums * sums / safe
    # Rows have unit length, so a variance at the size of rounding means: no movement in common bars.
    variance[variance < 1e-13] = np.nan
    covariance = centred @ centred.T - sums * sums.T / safe
    return covariance / np.sqrt(variance * variance.T), bars


def top_peers(found: Correlation, *, count: int = 20) -> pl.DataFrame:
    """Return the most correlated peers of each symbol, **one row per symbol and peer**.

    Returns
    -------
    DataFrame of PEERS
        Sorted by (symbol, rank); rank 1 is the highest rho. Pairs without a value are left out.
    """
    if count < 1:
        raise BadInput(f"count must be at least 1, was {count}")
    n = len(found.symbols)
    kept = min(count, n - 1)
    if kept < 1:
        return pl.DataFrame(schema=PEERS)
    rho = np.where(np.isnan(found.rho), -np.inf, found.rho)
    np.fill_diagonal(rho, -np.inf)
    best = np.argpartition(-rho, kept - 1, axis=1)[:, :kept]
    order = np.argsort(-np.take_along_axis(rho, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    names = pl.Series("symbol", found.symbols, dtype=pl.String)
    rows = np.repeat(np.arange(n), kept)
    peers = best.ravel()
    frame = pl.DataFrame(
        {
            "symbol": names.gather(rows),
            "rank": np.tile(np.arange(1, kept + 1), n),
            "peer": names.gather(peers),
            "rho": rho[rows, peers],
            "bars": found.bars[rows, peers],
        }
    )
    frame = frame.filter(pl.col("rho").is_finite()).sort("symbol", "rank")
    return frame.select(pl.col(name).cast(dtype) for name, dtype in PEERS.items())
