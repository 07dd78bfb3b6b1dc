"""How a symbol did against the group it belongs to, as groups were known at each bar.

The mean of a group needs most of it: where fewer than half of its members have a bar (the quick refresh
holds approved symbols only), nobody knows it, and it is null rather than another figure.
"""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.signals.windows import BARS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def with_relative(
    rows: pl.DataFrame, closes: pl.DataFrame, clusters: pl.DataFrame | None, bar_ms: int
) -> pl.DataFrame:
    """Add `f_relative`: the return over a day of bars less the mean of the symbol's cluster at that bar.

    Parameters
    ----------
    rows : DataFrame
        `symbol`, `open_time`, `decided_ms`, `cluster` (null or -1 = none), `return_day`.
    closes : DataFrame
        `symbol`, `open_time`, `close` of the whole market.
    clusters : DataFrame or None
        As for `features.with_cluster`.
    bar_ms : int
        Bar length.

    Returns
    -------
    DataFrame
        Same rows and order; null without a cluster, or where fewer than half of its members, or fewer than
        three, have a bar.
    """
    if clusters is None or clusters.is_empty() or rows.is_empty():
        return rows.with_columns(f_relative=pl.lit(None, pl.Float64))
    means = _means(closes.sort("symbol", "open_time"), clusters, bar_ms, rows["open_time"].unique())
    joined = rows.join(means, on=["open_time", "cluster"], how="left", maintain_order="left")
    return joined.with_columns(f_relative=pl.col("return_day") - pl.col("cluster_day")).drop("cluster_day")


def _means(closes: pl.DataFrame, clusters: pl.DataFrame, bar_ms: int, times: pl.Series) -> pl.DataFrame:
    """Return `open_time`, `cluster`, `cluster_day` (mean return over a day) at `times`."""
    runs = closes.select(pl.col("symbol").rle().struct.unnest())
    lengths = runs["len"].to_numpy().astype(np.int64)
    bar_no = np.arange(len(closes)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    symbol = np.repeat(np.arange(len(lengths)), lengths)
    row = np.flatnonzero((bar_no >= BARS) & closes["open_time"].is_in(times.implode()).to_numpy())
    price = closes["close"].to_numpy().astype(np.float64)
    change = price[row] / price[row - BARS] - 1.0
    open_ms = closes["open_time"].dt.epoch("ms").to_numpy()[row]
    known, groups, sizes = _looks(clusters, runs["value"])
    look = np.searchsorted(known, open_ms + bar_ms, side="right") - 1
    group = np.where(look >= 0, groups[np.maximum(look, 0), symbol[row]], -1)
    kept = (group >= 0) & np.isfinite(change)
    at, moment = np.unique(open_ms[kept], return_inverse=True)
    width = sizes.shape[1]
    cell = moment * width + group[kept]
    count = np.bincount(cell, minlength=len(at) * width)
    total = np.bincount(cell, weights=change[kept], minlength=len(at) * width)
    whole = sizes[np.searchsorted(known, at + bar_ms, side="right") - 1].ravel() if len(at) else count
    enough = np.flatnonzero((count >= 3) & (2 * count >= whole))
    return pl.DataFrame(
        {
            "open_time": pl.Series(at[enough // width], dtype=pl.Int64)
            .cast(pl.Datetime("ms", "UTC"))
            .cast(closes.schema["open_time"]),
            "cluster": pl.Series(enough % width, dtype=pl.Int64),
            "cluster_day": total[enough] / count[enough],
        }
    )


def _looks(clusters: pl.DataFrame, symbols: pl.Series) -> tuple[Ints, Ints, Ints]:
    """Return when each look was known (ms), each symbol's cluster in it, and how large its clusters are."""
    dated = "known_at" in clusters.columns
    when = pl.col("known_at").dt.epoch("ms") if dated else pl.lit(np.iinfo(np.int64).min)
    table = clusters.select("symbol", pl.col("cluster").cast(pl.Int64), when.alias("at")).drop_nulls(
        "cluster"
    )
    known = table["at"].unique().sort().to_numpy().astype(np.int64)
    width = int(table["cluster"].to_numpy().max(initial=0)) + 1
    groups = np.full((len(known), len(symbols)), -1, np.int64)
    sizes = np.zeros((len(known), width), np.int64)
    look = np.searchsorted(known, table["at"].to_numpy())
    group = table["cluster"].to_numpy()
    np.add.at(sizes, (look[group >= 0], group[group >= 0]), 1)
    places = pl.DataFrame({"symbol": symbols, "place": np.arange(len(symbols))})
    here = table.with_columns(look=look).join(places, on="symbol", how="inner")
    groups[here["look"].to_numpy(), here["place"].to_numpy()] = here["cluster"].to_numpy()
    return known, groups, sizes
