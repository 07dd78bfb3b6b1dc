"""Figures out of samples: percentiles by rank, and what each place in a queue got. Pure."""

import math
from collections.abc import Sequence

from trading.market.errors import BadInput


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all do not exceed (nearest rank, no interpolation).

    Raises
    ------
    BadInput
        If there are no values, or `share` is not in (0, 1].
    """
    if not values:
        raise BadInput("a percentile needs at least one value")
    if not 0 < share <= 1:
        raise BadInput(f"share must lie in (0, 1], was {share}")
    return sorted(values)[math.ceil(share * len(values)) - 1]


def spread(values: Sequence[float], digits: int = 3) -> dict[str, float]:
    """Return count, median, p99 and most, rounded; count alone where there is nothing."""
    if not values:
        return {"n": 0}
    found = {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99), "max": max(values)}
    return {"n": len(values)} | {name: round(value, digits) for name, value in found.items()}


def by_place(rows: Sequence[tuple[float, float]], parts: int = 5) -> list[dict[str, float]]:
    """Return what each part of a queue got, first come first: seconds waited and the price's share.

    Parameters
    ----------
    rows : sequence of (seconds, share) pairs
        One for each order: when it left after the trouble began, and what it fetched over what stood there
        then (0.99 = 1 % less).
    parts : int
        Into how many parts of about the same size the queue is cut.
    """
    ordered = sorted(rows)
    found = []
    for part in range(parts):
        mine = ordered[part * len(ordered) // parts : (part + 1) * len(ordered) // parts]
        if not mine:
            continue
        found.append(
            {
                "orders": len(mine),
                "first_s": round(mine[0][0], 3),
                "last_s": round(mine[-1][0], 3),
                "mean_price_share": round(sum(share for _, share in mine) / len(mine), 5),
            }
        )
    return found
