"""Who moves with whom, over several windows: the table `correlations`, and one symbol's peers at any moment.

The table is written in small row groups sorted by symbol, so that one symbol's peers cost one row group of
one file, whatever the market's size. Not here: how a correlation is computed (correlation.py).
"""

from datetime import datetime

import numpy as np
import polars as pl

from trading.market.errors import BadInput, MissingData
from trading.store.lake import Lake
from trading.xray.correlation import Correlation, correlation
from trading.xray.group_rules import PeerRules
from trading.xray.returns import Floats

TABLE = "correlations"
# Symbols are sorted and have some 60 rows each: a row group holds some dozens of symbols.
ROW_GROUP = 4_096
PEERS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "window": pl.Int32,
    "rank": pl.Int32,
    "peer": pl.String,
    "rho": pl.Float64,
    "rho_shrunk": pl.Float64,
    "bars": pl.Int32,
}


def peer_table(symbols: list[str], returns: Floats, rules: PeerRules | None = None) -> pl.DataFrame:
    """Return each symbol's peers over each window, **one row per symbol, window and peer**.

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        Log returns, NaN where missing; windows end at the newest bar.

    Returns
    -------
    DataFrame of PEERS
        Sorted by (symbol, window, rank); rank 1 is the highest rho. `rho_shrunk` is Ledoit and Wolf's.
        A pair without a value over a window has no row there.
    """
    rules = rules or PeerRules()
    found = [pl.DataFrame(schema=PEERS)]
    for window in sorted(rules.windows):
        if window <= returns.shape[1]:
            own = correlation(
                symbols, returns[:, -window:], min_bars=rules.least(window), method=rules.method, shrink=True
            )
            found.append(top_peers(own, count=rules.count, window=window))
    return pl.concat(found).sort("symbol", "window", "rank")


def top_peers(found: Correlation, *, count: int = 20, window: int | None = None) -> pl.DataFrame:
    """Return the most correlated peers of each symbol, **one row per symbol and peer**.

    Parameters
    ----------
    window : int, optional
        What the column `window` says; left out, the longest number of common bars.

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
    best = best_columns(found.rho, kept)
    names = pl.Series("symbol", found.symbols, dtype=pl.String)
    rows, peers = np.repeat(np.arange(n), kept), best.ravel()
    # Who has too few others with a value is filled up with itself.
    rho = np.where(rows == peers, np.nan, found.rho[rows, peers])
    bars = found.bars[rows, peers]
    columns = {
        "symbol": names.gather(rows),
        "window": np.full(len(rows), int(bars.max(initial=0)) if window is None else window),
        "rank": np.tile(np.arange(1, kept + 1), n),
        "peer": names.gather(peers),
        "rho": rho,
        "rho_shrunk": rho * (1.0 - found.shrinkage),
        "bars": bars,
    }
    frame = pl.DataFrame(columns).filter(pl.col("rho").is_finite()).sort("symbol", "rank")
    return frame.select(pl.col(name).cast(dtype) for name, dtype in PEERS.items())


def peers_at(
    lake: Lake, symbol: str, at: datetime | None = None, *, n: int = 20, window: int | None = None
) -> pl.DataFrame:
    """Return the `n` closest peers of `symbol` as they were known at market time `at`.

    Costs milliseconds: it reads one row group of one version of the table `correlations`.

    Parameters
    ----------
    at : datetime, optional
        Aware market time; what was published later is not seen. Left out, the newest table.
    n : int
        Most rows returned (the table keeps 20 for each window).
    window : int, optional
        Length in bars; left out, the longest one in which the symbol has peers.

    Returns
    -------
    DataFrame of PEERS
        Sorted by rank. Empty where the symbol had no peers then (not looked at, too young, never moved).

    Raises
    ------
    MissingData
        If no correlations were known at `at`.
    BadInput
        If `at` is naive or `n` is below 1.
    """
    if n < 1:
        raise BadInput(f"n must be at least 1, was {n}")
    version_id = None if at is None else lake.version_id_at(TABLE, at)
    if at is not None and version_id is None:
        raise MissingData(f"no correlations were known at {at.isoformat()}: the first look came later")
    # One symbol's rows lie together: statistics of the row groups skip all others.
    own = pl.scan_parquet(lake.data_path(TABLE, version_id), hive_partitioning=False).filter(
        pl.col("symbol") == symbol
    )
    rows = own.select(*PEERS).collect()
    if rows.is_empty():
        return rows
    chosen = rows["window"].max() if window is None else window
    return rows.filter(pl.col("window") == chosen).sort("rank").head(n)


def windows_summary(frame: pl.DataFrame) -> pl.DataFrame:
    """Return what a table of PEERS holds, **one row per window**, shortest first.

    `symbols` with a peer, the median rho of the closest peer and of all peers kept, and the share of rho
    that shrinkage took off.
    """
    closest = pl.col("rho").filter(pl.col("rank") == 1).median()
    taken = 1.0 - (pl.col("rho_shrunk") / pl.col("rho")).filter(pl.col("rho") != 0).median()
    return (
        frame.group_by("window")
        .agg(
            pl.col("symbol").n_unique().alias("symbols"),
            closest.alias("median rho of the closest peer"),
            pl.col("rho").median().alias("median rho of peers"),
            taken.alias("shrinkage"),
        )
        .sort("window")
    )


def best_columns(rho: Floats, kept: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the columns of each row's `kept` highest values, highest first; NaN and the diagonal last."""
    out = np.empty((len(rho), kept), dtype=np.int64)
    # In slices that stay in the cache; a copy of the whole matrix costs more than the search.
    for start in range(0, len(rho), 128):
        part = -rho[start : start + 128]
        part[np.isnan(part)] = np.inf
        part[np.arange(len(part)), np.arange(start, start + len(part))] = np.inf
        best = np.argpartition(part, kept - 1, axis=1)[:, :kept]
        order = np.argsort(np.take_along_axis(part, best, axis=1), axis=1, kind="stable")
        out[start : start + len(part)] = np.take_along_axis(best, order, axis=1)
    return out
