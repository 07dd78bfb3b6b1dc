"""Groups keep number and name from look to look; what was born, ended, split or merged is told.

Not here: how groups are found (clusters.py).
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import linear_sum_assignment

from trading.market.errors import BadInput
from trading.xray.clusters import CLUSTERS, NOISE

Counts = npt.NDArray[np.int64]
_Event = tuple[str, int, str | None, int | None, str | None, int, int, int]
EVENTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "event": pl.String,  # kept | born | split | merged | ended
    "cluster": pl.Int32,
    "cluster_name": pl.String,
    "other": pl.Int32,  # whom it was split from or merged into
    "other_name": pl.String,
    "before": pl.Int32,  # members then, of those that are still looked at
    "now": pl.Int32,  # members now, of those that were looked at then
    "shared": pl.Int32,
}
# Of the smaller side: with less in common two groups are not the same one, nor parts of one.
_LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Continued:
    """`frame` of CLUSTERS with numbers, names and `since` carried on, and `events` of EVENTS.

    `stayed` is the share of symbols grouped at both looks that kept their number; None without any.
    """

    frame: pl.DataFrame
    events: pl.DataFrame
    stayed: float | None


@dataclass(frozen=True, slots=True)
class _Overlap:
    """Groups before and now, and how many members each two share."""

    before: list[int]
    now: list[int]
    shared: Counts
    sizes_before: Counts
    sizes_now: Counts


def carried_on(before: pl.DataFrame | None, now: pl.DataFrame, *, at: datetime) -> Continued:
    """Return `now` with the numbers and names that its groups had in `before`.

    Parameters
    ----------
    before : DataFrame of CLUSTERS or None
        The look before; None at the first, or where an older version of the table lacks `since`.
    now : DataFrame of CLUSTERS
        As `cluster_symbols` returns it.
    at : datetime
        Market time of `now`, aware; new groups are `since` then.

    Notes
    -----
    Groups are matched by optimal assignment (Kuhn, 1955) on the number of shared members, counted among the
    symbols of both looks; two that share less than half of the smaller one are never matched. A matched
    group keeps its number, its `since`, and its name while the name is still a member. A new group takes
    the smallest number that no group had at either look. An unmatched group now with half of its members
    from one group before is split from it, else born; one before that gave half to one group now is merged
    into it, else ended.
    """
    if at.tzinfo is None:
        raise BadInput(f"market time of clusters must be aware (UTC), was {at.isoformat()}")
    known = pl.DataFrame(schema=CLUSTERS) if before is None or "since" not in before.columns else before
    overlap = _overlap(known, now)
    matched = _match(overlap)
    numbers = _numbers(overlap, matched)
    frame = _renumbered(known, now, dict(zip(overlap.now, numbers, strict=True)), at)
    return Continued(frame, _events(known, frame, overlap, matched, numbers), _stayed(known, frame))


def _overlap(before: pl.DataFrame, now: pl.DataFrame) -> _Overlap:
    both = before.select("symbol", then="cluster").join(now.select("symbol", "cluster"), on="symbol")
    old = sorted({*before["cluster"].to_list()} - {NOISE})
    new = sorted({*now["cluster"].to_list()} - {NOISE})
    then, today = both["then"].to_numpy(), both["cluster"].to_numpy()
    shared = [[int(((then == i) & (today == j)).sum()) for j in new] for i in old]
    return _Overlap(
        before=old,
        now=new,
        shared=np.asarray(shared, dtype=np.int64).reshape(len(old), len(new)),
        sizes_before=np.asarray([int((then == i).sum()) for i in old], dtype=np.int64),
        sizes_now=np.asarray([int((today == j).sum()) for j in new], dtype=np.int64),
    )


def _match(overlap: _Overlap) -> dict[int, int]:
    """Return place now -> place before of the groups that are the same."""
    smaller = np.minimum(overlap.sizes_before[:, None], overlap.sizes_now[None, :])
    close = (overlap.shared > 0) & (overlap.shared >= _LEAST_SHARE * smaller)
    rows, columns = linear_sum_assignment(np.where(close, overlap.shared, 0), maximize=True)
    return {int(j): int(i) for i, j in zip(rows, columns, strict=True) if close[i, j]}


def _numbers(overlap: _Overlap, matched: dict[int, int]) -> list[int]:
    """Return the number of each group now."""
    free = iter(n for n in range(len(overlap.before) + len(overlap.now) + 1) if n not in overlap.before)
    return [overlap.before[matched[j]] if j in matched else next(free) for j in range(len(overlap.now))]


def _renumbered(
    before: pl.DataFrame, now: pl.DataFrame, numbers: dict[int, int], at: datetime
) -> pl.DataFrame:
    new = numbers | {NOISE: NOISE}
    frame = now.with_columns(
        pl.col(name).replace_strict(new, return_dtype=pl.Int32) for name in ("cluster", "soft_cluster")
    )
    told = (
        before.filter(pl.col("cluster") != NOISE)
        .group_by("cluster")
        .agg(pl.col("cluster_name").first().alias("old_name"), pl.col("since").first().alias("old_since"))
    )
    members = frame.select("cluster", old_name="symbol", is_member=pl.lit(value=True))
    groups = (
        frame.filter(pl.col("cluster") != NOISE)
        .group_by("cluster")
        .agg(pl.col("cluster_name").first())
        .join(told, on="cluster", how="left")
        .join(members, on=["cluster", "old_name"], how="left")
        .select(
            "cluster",
            pl.when("is_member").then("old_name").otherwise("cluster_name").alias("name"),
            pl.col("old_since").fill_null(pl.lit(at, CLUSTERS["since"])).alias("born"),
        )
    )
    soft = groups.select(soft_cluster="cluster", soft="name")
    return (
        frame.join(groups, on="cluster", how="left", maintain_order="left")
        .join(soft, on="soft_cluster", how="left", maintain_order="left")
        .with_columns(cluster_name="name", since="born", soft_name="soft")
        .select(*CLUSTERS)
    )


def _events(
    before: pl.DataFrame, frame: pl.DataFrame, overlap: _Overlap, matched: dict[int, int], numbers: list[int]
) -> pl.DataFrame:
    names_before, names_now = _names(before), _names(frame)
    rows: list[_Event] = []
    for j, number in enumerate(numbers):
        size, name = int(overlap.sizes_now[j]), names_now[number]
        if j in matched:
            told = int(overlap.sizes_before[matched[j]]), size, int(overlap.shared[matched[j], j])
            rows.append(("kept", number, name, None, None, *told))
            continue
        parent, shared = _most(overlap.shared[:, j], size)
        other = None if parent is None else overlap.before[parent]
        event = "born" if other is None else "split"
        rows.append((event, number, name, other, names_before.get(other), 0, size, shared))
    for i, number in enumerate(overlap.before):
        if i not in matched.values():
            size, name = int(overlap.sizes_before[i]), names_before[number]
            heir, shared = _most(overlap.shared[i], size)
            other = None if heir is None else numbers[heir]
            event = "ended" if other is None else "merged"
            rows.append((event, number, name, other, names_now.get(other), size, 0, shared))
    return pl.DataFrame(rows, schema=EVENTS, orient="row")


def _most(shared: Counts, size: int) -> tuple[int | None, int]:
    """Return the place that shares most and how much, if it is half of `size`; else None and 0."""
    if not len(shared) or shared.max() == 0 or shared.max() < _LEAST_SHARE * size:
        return None, 0
    return int(shared.argmax()), int(shared.max())


def _names(frame: pl.DataFrame) -> dict[int | None, str | None]:
    return dict(frame.select("cluster", "cluster_name").unique("cluster").iter_rows())


def _stayed(before: pl.DataFrame, now: pl.DataFrame) -> float | None:
    both = before.select("symbol", then="cluster").join(now.select("symbol", "cluster"), on="symbol")
    grouped = both.filter(pl.col("then") != NOISE, pl.col("cluster") != NOISE)
    if grouped.is_empty():
        return None
    return float(grouped.select((pl.col("then") == pl.col("cluster")).mean()).item())
