"""Groups of symbols that move together once the market's own movement is taken out (HDBSCAN).

Not here: the points that are grouped (components.py), how a group keeps its number from day to day
(continuity.py), how good the groups are (cluster_quality.py).
"""

from dataclasses import dataclass

import hdbscan
import numpy as np
import numpy.typing as npt
import polars as pl

from trading.market.errors import BadInput
from trading.market.frames import UTC_MS
from trading.xray.components import market_free, strongest_of_chance, unit_rows
from trading.xray.group_rules import ClusterSettings
from trading.xray.returns import Floats
from trading.xray.threads import one_thread

Labels = npt.NDArray[np.int64]
NOISE = -1
CLUSTERS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "cluster": pl.Int32,
    "cluster_name": pl.String,
    "strength": pl.Float64,
    "size": pl.Int32,
    "since": UTC_MS,
    "persistence": pl.Float64,
    "soft_cluster": pl.Int32,
    "soft_name": pl.String,
    "similarity": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups as arrays over the symbols that could be grouped.

    `usable` are their rows among all symbols; `points` (n_usable, k) of unit length; `labels` and `strength`
    (n_usable,), groups numbered by size from 0; `centres` (n_groups, k) of unit length; `medoids` rows of
    `points`; `persistence` (n_groups,) is HDBSCAN's, 0..1.
    """

    usable: npt.NDArray[np.intp]
    points: Floats
    labels: Labels
    strength: Floats
    centres: Floats
    medoids: npt.NDArray[np.intp]
    persistence: Floats


def cluster_symbols(
    symbols: list[str], returns: Floats, settings: ClusterSettings | None = None
) -> pl.DataFrame:
    """Return the group of each symbol, **one row per symbol**.

    Parameters
    ----------
    returns : array of shape (n_symbols, n_bars)
        Log returns, NaN where missing.

    Returns
    -------
    DataFrame of CLUSTERS
        Sorted by symbol. Groups are numbered by size, largest 0; `cluster` -1 is noise and has a null
        name. A name is the member nearest to the group's centre. `strength` is HDBSCAN's membership
        probability (0 for noise), `size` the number of members (noise: of all noise), `persistence` how
        long the group holds together while the distance shrinks (0..1). `similarity` is the cosine to the
        centre of the nearest group (own group for members; null where there is too little history or no
        group at all). `soft_cluster` is the own group, or for noise the nearest one from `min_cosine` on,
        else -1: a guess, and labelled as one. `since` is null here (see `continuity`).
    """
    settings = settings or ClusterSettings()
    if returns.shape[0] != len(symbols):
        raise BadInput(f"returns must have one row per symbol ({len(symbols)}), had {returns.shape[0]}")
    # Groups of one size are ordered by name, and so must be independent of where a symbol stands.
    order = sorted(range(len(symbols)), key=lambda row: symbols[row])
    found = groups(returns[order], settings)
    return _frame([symbols[row] for row in order], found, settings)


def groups(returns: Floats, settings: ClusterSettings) -> Groups:
    """Return the groups among the rows of `returns`; parameters as of `cluster_symbols`."""
    space = market_free(
        returns, min_share=settings.min_share, components=settings.components, seed=settings.seed
    )
    usable, smallest = space.usable, settings.smallest(len(space.usable))
    if len(usable) < 2 * smallest or returns.shape[1] < settings.components:
        return _none(usable)
    # HDBSCAN finds groups of five in pure noise, too: without one strong component nothing is looked for.
    if space.strongest < settings.least_strength * strongest_of_chance(returns[usable], settings.seed):
        return _none(usable)
    # Leaves, not excess of mass: on real perpetuals the latter puts half the market into one group.
    engine = hdbscan.HDBSCAN(min_cluster_size=smallest, cluster_selection_method="leaf", core_dist_n_jobs=1)
    with one_thread():
        return _by_size(usable, space.points, engine.fit(space.points))


def _none(usable: npt.NDArray[np.intp]) -> Groups:
    n = len(usable)
    nothing = np.zeros(0, dtype=np.intp)
    labels = np.full(n, NOISE, dtype=np.int64)
    return Groups(usable, np.zeros((n, 1)), labels, np.zeros(n), np.zeros((0, 1)), nothing, np.zeros(0))


def _by_size(usable: npt.NDArray[np.intp], points: Floats, found: hdbscan.HDBSCAN) -> Groups:
    """Number groups by size (ties by the medoid's place), and find centre and medoid of each."""
    theirs = np.asarray(found.labels_, dtype=np.int64)
    count = int(theirs.max(initial=NOISE)) + 1
    members = [np.flatnonzero(theirs == label) for label in range(count)]
    centres = unit_rows(np.stack([points[own].sum(axis=0) for own in members])) if count else points[:0]
    medoids = [int(own[(points[own] @ centres[label]).argmax()]) for label, own in enumerate(members)]
    order = sorted(range(count), key=lambda label: (-len(members[label]), medoids[label]))
    labels = np.full(len(theirs), NOISE, dtype=np.int64)
    for rank, label in enumerate(order):
        labels[members[label]] = rank
    return Groups(
        usable=usable,
        points=points,
        labels=labels,
        strength=np.where(labels == NOISE, 0.0, found.probabilities_),
        centres=centres[order],
        medoids=np.asarray([medoids[label] for label in order], dtype=np.intp),
        persistence=np.asarray(found.cluster_persistence_, dtype=np.float64)[order],
    )


def _frame(symbols: list[str], found: Groups, settings: ClusterSettings) -> pl.DataFrame:
    n, count = len(symbols), len(found.centres)
    labels, soft = np.full(n, NOISE, dtype=np.int64), np.full(n, NOISE, dtype=np.int64)
    strength, similarity = np.zeros(n), np.full(n, np.nan)
    labels[found.usable], strength[found.usable] = found.labels, found.strength
    if count:
        cosines = found.points @ found.centres.T
        nearest = np.where(found.labels == NOISE, cosines.argmax(axis=1), found.labels)
        similarity[found.usable] = np.clip(cosines[np.arange(len(nearest)), nearest], -1.0, 1.0)
        is_near = (found.labels != NOISE) | (similarity[found.usable] >= settings.min_cosine)
        soft[found.usable] = np.where(is_near, nearest, NOISE)
    names = [symbols[found.usable[medoid]] for medoid in found.medoids] + [None]
    sizes = [int((labels == label).sum()) for label in [*range(count), NOISE]]
    rows = {
        "symbol": symbols,
        "cluster": labels,
        "cluster_name": [names[label] for label in labels],
        "strength": strength,
        "size": [sizes[label] for label in labels],
        "since": [None] * n,
        "persistence": [None if label == NOISE else found.persistence[label] for label in labels],
        "soft_cluster": soft,
        "soft_name": [names[label] for label in soft],
        "similarity": similarity,
    }
    return pl.DataFrame(rows, schema=CLUSTERS, strict=False).with_columns(pl.col("similarity").fill_nan(None))
