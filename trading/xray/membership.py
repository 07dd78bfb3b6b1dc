"""Which group one symbol was in at any moment, and with whom. Groups are found in clusters.py."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from trading.market.errors import MissingData
from trading.store.lake import Lake
from trading.xray.clusters import NOISE

TABLE = "clusters"


@dataclass(frozen=True, slots=True)
class Membership:
    """One symbol's place among the groups, as it was known at a moment.

    `cluster` is -1 where the symbol was in no group; then `is_soft` says whether it was near enough to one
    to be guessed into it, and `soft_cluster`, `name`, `since`, `size` and `members` are of that group (-1,
    None, None, 0 and empty where it was not). `similarity` is the cosine to the centre of the nearest group,
    None where there was too little history or no group. `members` are the most similar first, without the
    symbol itself.
    """

    symbol: str
    cluster: int
    soft_cluster: int
    name: str | None
    since: datetime | None
    size: int
    strength: float
    similarity: float | None
    is_soft: bool
    members: tuple[str, ...]


def cluster_at(lake: Lake, symbol: str, at: datetime | None = None, *, n: int = 10) -> Membership | None:
    """Return the group of `symbol` as it was known at market time `at`; None where it was not looked at.

    Parameters
    ----------
    at : datetime, optional
        Aware market time; what was published later is not seen. Left out, the newest table.
    n : int
        Most members named.

    Raises
    ------
    MissingData
        If no groups were known at `at`.
    """
    version_id = None if at is None else lake.version_id_at(TABLE, at)
    if at is not None and version_id is None:
        raise MissingData(f"no clusters were known at {at.isoformat()}: the first look came later")
    table = lake.read(TABLE, version_id)
    own = table.filter(pl.col("symbol") == symbol)
    if own.is_empty():
        return None
    row = own.row(0, named=True)
    group = table.filter(pl.col("cluster") == row["soft_cluster"], pl.col("cluster") != NOISE)
    others = group.filter(pl.col("symbol") != symbol).sort("similarity", "symbol", descending=[True, False])
    return Membership(
        symbol=symbol,
        cluster=row["cluster"],
        soft_cluster=row["soft_cluster"],
        name=row["soft_name"],
        since=group["since"].first() if group.height else None,  # type: ignore[arg-type]  # a column of times
        size=group.height,
        strength=row["strength"],
        similarity=row["similarity"],
        is_soft=row["cluster"] == NOISE and row["soft_cluster"] != NOISE,
        members=tuple(others["symbol"].head(n).to_list()),
    )
