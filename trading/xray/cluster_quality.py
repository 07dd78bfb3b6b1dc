"""How good the groups of a look are, and names that a person understands: the table `cluster_quality`.

Not here: how groups are found (clusters.py) or carried on (continuity.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from sklearn.metrics import adjusted_rand_score

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.xray.clusters import NOISE, Labels, groups
from trading.xray.components import market_free, unit_rows
from trading.xray.group_rules import ClusterSettings
from trading.xray.returns import Floats

QUALITY: dict[str, pl.DataType | type[pl.DataType]] = {
    "cluster": pl.Int32,
    "cluster_name": pl.String,
    "since": UTC_MS,
    "size": pl.Int32,
    "top_members": pl.String,
    "persistence": pl.Float64,
    "cohesion": pl.Float64,
    "separation": pl.Float64,
    "stability": pl.Float64,
}
TOP_MEMBERS = 6
# Volatility clusters for hours: bars are drawn in runs, or resamples would be tamer than the market.
_RUN = 24


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of each group in `frame` (QUALITY), and of the market as a whole.

    `noise_share`; `cohesion`, the mean cosine of members to their group's centre (null without groups);
    `resampled_ari`, the mean adjusted Rand index between the groups and those of resampled bars, over the
    symbols that both put into a group (null where none did); `resamples` made.
    """

    frame: pl.DataFrame
    noise_share: float
    cohesion: float | None
    resampled_ari: float | None
    resamples: int

    def figures(self) -> dict[str, float]:
        """Return the figures of the whole market that are known, by the names people see."""
        named = {
            "noise share": self.noise_share,
            "cohesion": self.cohesion,
            "agreement of resamples (ARI)": self.resampled_ari,
        }
        return {name: value for name, value in named.items() if value is not None}


def cluster_quality(
    symbols: list[str],
    returns: Floats,
    clusters: pl.DataFrame,
    settings: ClusterSettings | None = None,
    *,
    resamples: int = 6,
    seed: int = 0,
    on_resample: Callable[[int, int], None] | None = None,
) -> Quality:
    """Return figures of each group, **one row per group**, largest first.

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        The log returns that the groups were found in.
    clusters : DataFrame of CLUSTERS
        The groups of `symbols`; a symbol that it lacks counts as noise.
    resamples : int
        How often the groups are found anew, on bars drawn with replacement in runs of 24.
    on_resample : callable, optional
        Called with (resamples done, resamples in all).

    Returns
    -------
    Quality
        `top_members` are those nearest to the centre. `persistence` is HDBSCAN's. `cohesion` is the mean
        cosine of the members to the centre, `separation` the cosine of the centre to the nearest other
        centre (null where there is none): a good group has a high cohesion above a low separation.
        `stability` is the mean Jaccard similarity to the most similar group of each resample (Hennig, 2007,
        "Cluster-wise assessment of cluster stability": below 0.5 dissolved, from 0.75 on stable).
    """
    settings = settings or ClusterSettings()
    if resamples < 0:
        raise BadInput(f"resamples must be at least 0, was {resamples}")
    if returns.shape[0] != len(symbols):
        raise BadInput(f"returns must have one row per symbol ({len(symbols)}), had {returns.shape[0]}")
    place = dict(clusters.select("symbol", "cluster").iter_rows())
    labels = np.asarray([place.get(symbol, NOISE) for symbol in symbols], dtype=np.int64)
    numbers = sorted(
        {*labels.tolist()} - {NOISE}, key=lambda number: (-int((labels == number).sum()), number)
    )
    noise = float((labels == NOISE).mean()) if len(labels) else 1.0
    if not numbers:
        return Quality(pl.DataFrame(schema=QUALITY), noise, None, None, 0)
    points = _points(returns, settings)
    centres = unit_rows(np.stack([points[labels == number].sum(axis=0) for number in numbers]))
    others = []
    for number, found in enumerate(_resampled(returns, settings, resamples, seed), start=1):
        others.append(found)
        if on_resample is not None:
            on_resample(number, resamples)
    rows = _rows(symbols, points, labels, numbers, centres, others)
    frame = _with_told(pl.DataFrame(rows), clusters)
    own = np.concatenate([points[labels == number] @ centres[row] for row, number in enumerate(numbers)])
    return Quality(frame, noise, float(own.mean()), _agreement(labels, others), resamples)


def _points(returns: Floats, settings: ClusterSettings) -> Floats:
    """Return the unit components that groups are found in; rows of 0 for who had too little history."""
    space = market_free(
        returns, min_share=settings.min_share, components=settings.components, seed=settings.seed
    )
    out = np.zeros((len(returns), space.points.shape[1]))
    out[space.usable] = space.points
    return out


def _resampled(returns: Floats, settings: ClusterSettings, resamples: int, seed: int) -> Iterator[Labels]:
    """Yield the labels of all symbols on bars drawn anew (moving blocks: Kunsch, 1989)."""
    generator, bars = np.random.default_rng(seed), returns.shape[1]
    run = min(_RUN, bars)
    for _ in range(resamples):
        starts = generator.integers(0, bars - run + 1, -(-bars // run))
        drawn = (starts[:, None] + np.arange(run)).ravel()[:bars]
        found = groups(returns[:, drawn], settings)
        labels = np.full(len(returns), NOISE, dtype=np.int64)
        labels[found.usable] = found.labels
        yield labels


def _rows(
    symbols: list[str],
    points: Floats,
    labels: Labels,
    numbers: list[int],
    centres: Floats,
    others: list[Labels],
) -> list[dict[str, object]]:
    between = centres @ centres.T
    np.fill_diagonal(between, -np.inf)
    rows: list[dict[str, object]] = []
    for row, number in enumerate(numbers):
        members = np.flatnonzero(labels == number)
        cosines = points[members] @ centres[row]
        nearest = members[np.argsort(-cosines, kind="stable")[:TOP_MEMBERS]]
        rows.append(
            {
                "cluster": number,
                "size": len(members),
                "top_members": ", ".join(symbols[member].split("/")[0] for member in nearest),
                "cohesion": float(cosines.mean()),
                "separation": float(between[row].max()) if len(numbers) > 1 else None,
                "stability": _stability(labels == number, others),
            }
        )
    return rows


def _stability(
    members: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], others: list[Labels]
) -> float | None:
    if not others:
        return None
    best = []
    for labels in others:
        shared = np.bincount(labels[members & (labels != NOISE)], minlength=1)
        sizes = np.bincount(labels[labels != NOISE], minlength=len(shared))[: len(shared)]
        best.append(float((shared / np.maximum(members.sum() + sizes - shared, 1)).max()))
    return float(np.mean(best))


def _agreement(labels: Labels, others: list[Labels]) -> float | None:
    found = []
    for theirs in others:
        both = (labels != NOISE) & (theirs != NOISE)
        if both.any():
            found.append(float(adjusted_rand_score(labels[both], theirs[both])))
    return float(np.mean(found)) if found else None


def _with_told(rows: pl.DataFrame, clusters: pl.DataFrame) -> pl.DataFrame:
    """Add what the table of clusters says of each group."""
    told = clusters.group_by("cluster").agg(pl.col("cluster_name", "since", "persistence").first())
    joined = rows.cast({"cluster": pl.Int32}).join(told, on="cluster", how="left", maintain_order="left")
    return joined.select(pl.col(name).cast(dtype) for name, dtype in QUALITY.items())
