"""Groups of symbols that move together once the market's own movement is taken out (HDBSCAN).

Distances are taken between unit-length principal components: on features of single symbols HDBSCAN
finds nothing (93 % noise on a market with 12 planted sectors), on these it finds the sectors.
"""

from dataclasses import dataclass

import hdbscan
import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.decomposition import PCA

from trading.market.errors import BadInput
from trading.xray.returns import Floats

Labels = npt.NDArray[np.int64]
NOISE = -1
CLUSTERS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "cluster": pl.Int32,
    "cluster_name": pl.String,
    "strength": pl.Float64,
    "size": pl.Int32,
}


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """How groups are looked for.

    Parameters
    ----------
    components : int
        Principal components kept.
    min_share : float
        Share of the bars a symbol must have; others are noise.
    min_cluster_size : int or None
        Fewest members of a group; None takes about 1 in 170 symbols, at least 5.
    seed : int
        Of the randomised decomposition.
    """

    components: int = 15
    min_share: float = 0.6
    min_cluster_size: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.components < 2:
            raise BadInput(f"components must be at least 2, was {self.components}")
        if not 0 < self.min_share <= 1:
            raise BadInput(f"min_share must be above 0 and at most 1, was {self.min_share}")
        if self.min_cluster_size is not None and self.min_cluster_size < 2:
            raise BadInput(f"min_cluster_size must be at least 2, was {self.min_cluster_size}")

    def smallest(self, symbols: int) -> int:
        """Return the fewest members of a group among `symbols` symbols."""
        return self.min_cluster_size or max(5, round(symbols / 170))


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
        probability (0 for noise), `size` the number of members (noise: of all noise).
    """
    settings = settings or ClusterSettings()
    if returns.shape[0] != len(symbols):
        raise BadInput(f"returns must have one row per symbol ({len(symbols)}), had {returns.shape[0]}")
    labels = np.full(len(symbols), NOISE, dtype=np.int64)
    strength = np.zeros(len(symbols))
    names: dict[int, str] = {}
    usable = np.flatnonzero(_has_enough(returns, settings.min_share))
    smallest = settings.smallest(len(usable))
    if len(usable) >= 2 * smallest and returns.shape[1] >= settings.components:
        points = _unit_components(residuals(returns[usable]), settings)
        # Leaves, not excess of mass: on real perpetuals the latter puts half the market into one group.
        engine = hdbscan.HDBSCAN(
            min_cluster_size=smallest, cluster_selection_method="leaf", core_dist_n_jobs=1
        )
        found = engine.fit(points)
        own = [symbols[i] for i in usable]
        labels[usable], names = _by_size(np.asarray(found.labels_, dtype=np.int64), points, own)
        strength[usable] = np.where(labels[usable] == NOISE, 0.0, found.probabilities_)
    return _frame(symbols, labels, strength, names)


def _has_enough(returns: Floats, share: float) -> npt.NDArray[np.bool_]:
    present = ~np.isnan(returns)
    moved = np.nanmax(np.where(present, np.abs(returns), 0.0), axis=1, initial=0.0) > 0
    return np.asarray((present.mean(axis=1) >= share) & moved) if returns.shape[1] else moved


def residuals(returns: Floats) -> Floats:
    """Return standardised returns with the market factor taken out, 0 where missing; same shape.

    The market is the mean return of all symbols at each bar; each symbol's loading on it is the least
    squares slope over its own bars.
    """
    present = ~np.isnan(returns)
    filled = np.where(present, returns, 0.0)
    market = filled.sum(axis=0) / np.maximum(present.sum(axis=0), 1)
    market = market - market.mean()
    power = present @ (market * market)
    beta = (filled @ market) / np.where(power > 0, power, 1.0)
    rest = np.where(present, returns - beta[:, None] * market, 0.0)
    count = np.maximum(present.sum(axis=1, keepdims=True), 1)
    rest = np.where(present, rest - rest.sum(axis=1, keepdims=True) / count, 0.0)
    norm = np.sqrt((rest * rest).sum(axis=1, keepdims=True))
    return np.asarray(rest / np.where(norm > 0, norm, 1.0))


def _unit_components(rest: Floats, settings: ClusterSettings) -> Floats:
    count = min(settings.components, rest.shape[0] - 1, rest.shape[1])
    pca = PCA(count, svd_solver="randomized", random_state=settings.seed)
    points = np.asarray(pca.fit_transform(rest), dtype=np.float64)
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.where(length > 0, length, 1.0))


def _by_size(labels: Labels, points: Floats, symbols: list[str]) -> tuple[Labels, dict[int, str]]:
    """Number groups by size (ties by name), and name each after its medoid."""
    groups = []
    for label in range(int(labels.max(initial=NOISE)) + 1):
        members = np.flatnonzero(labels == label)
        nearness = points[members] @ points[members].sum(axis=0)
        groups.append((-len(members), symbols[members[int(nearness.argmax())]], members))
    out = np.full(len(labels), NOISE, dtype=np.int64)
    names: dict[int, str] = {}
    for rank, (_, medoid, members) in enumerate(sorted(groups, key=lambda group: group[:2])):
        out[members] = rank
        names[rank] = medoid
    return out, names


def _frame(symbols: list[str], labels: Labels, strength: Floats, names: dict[int, str]) -> pl.DataFrame:
    sizes = {label: int((labels == label).sum()) for label in (NOISE, *names)}
    numbers = labels.tolist()
    rows = {
        "symbol": symbols,
        "cluster": numbers,
        "cluster_name": [names.get(label) for label in numbers],
        "strength": strength,
        "size": [sizes[label] for label in numbers],
    }
    return pl.DataFrame(rows, schema=CLUSTERS).sort("symbol")
