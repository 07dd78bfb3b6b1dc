"""Has what a model is asked about moved away from what it learnt on: PSI per feature, in fixed bins.

The bins are the training set's deciles, kept with the model, so that a figure of today and one of last month
are measured against the same thing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from trading.learning.dataset import Floats
from trading.market.errors import BadInput

BINS = 10
_LEAST = 1e-4  # an empty bin would make the index infinite
# One row per feature. `psi`: below 0.1 nothing, above 0.25 another population (credit scoring says).
DRIFT = {
    "feature": pl.String,
    "psi": pl.Float64,
    "rows": pl.Int64,
    "outside": pl.Float64,  # share of known values beyond the training set's smallest or largest
    "unknown": pl.Float64,  # share of nulls
    "unknown_in_training": pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One feature of a training set: inner edges of its bins, share of rows in each, unknown last."""

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    lowest: float
    highest: float
    median: float


@dataclass(frozen=True, slots=True)
class Reference:
    """The shapes of all features, by name."""

    shapes: Mapping[str, Shape]

    @property
    def medians(self) -> Floats:
        """The training medians, in the order of the features."""
        return np.array([shape.median for shape in self.shapes.values()], np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            name: [list(shape.edges), list(shape.shares), shape.lowest, shape.highest, shape.median]
            for name, shape in self.shapes.items()
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Reference":
        """Read what `to_dict` wrote."""
        shapes = {
            name: Shape(tuple(edges), tuple(shares), low, high, median)
            for name, (edges, shares, low, high, median) in raw.items()
        }
        return cls(shapes)


def reference_of(x: Floats, features: tuple[str, ...]) -> Reference:
    """Return the shapes of a training set's features.

    Parameters
    ----------
    x : array, shape (n, f)
        NaN for unknown; n at least 1.
    """
    if not len(x):
        raise BadInput("a reference needs at least 1 row, had 0")
    return Reference({name: _shape(x[:, place]) for place, name in enumerate(features)})


def drift(reference: Reference, rows: pl.DataFrame) -> pl.DataFrame:
    """Return one row per feature (`DRIFT`): how `rows` differ from the training set; worst first.

    PSI = sum over bins of (share now - share then) × ln(share now / share then); unknown is a bin of its own.
    A feature that `rows` lack counts as unknown in all of them. Without rows the table is empty.
    """
    if rows.is_empty():
        return pl.DataFrame(schema=DRIFT)
    told = []
    for name, shape in reference.shapes.items():
        column = rows[name].cast(pl.Float64) if name in rows.columns else pl.Series([None] * len(rows))
        values = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        known = values[~np.isnan(values)]
        outside = float(np.mean((known < shape.lowest) | (known > shape.highest))) if len(known) else 0.0
        shares = _shares(values, np.array(shape.edges))
        unknown = 1 - len(known) / len(values)
        told.append(
            (name, psi(np.array(shape.shares), shares), len(values), outside, unknown, shape.shares[-1])
        )
    return pl.DataFrame(told, schema=DRIFT, orient="row").sort("psi", "feature", descending=[True, False])


def psi(then: Floats, now: Floats) -> float:
    """Return the population stability index of two lists of shares; a share below 0.0001 counts as that."""
    a, b = np.maximum(then, _LEAST), np.maximum(now, _LEAST)
    return float(np.sum((b - a) * np.log(b / a)))


def _shape(values: Floats) -> Shape:
    known = values[~np.isnan(values)]
    if not len(known):
        return Shape((), (0.0, 1.0), 0.0, 0.0, 0.0)
    # A feature with few values has fewer bins.
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS))
    shares = _shares(values, edges)
    ends = float(known.min()), float(known.max()), float(np.median(known))
    return Shape(tuple(edges.tolist()), tuple(shares.tolist()), *ends)


def _shares(values: Floats, edges: Floats) -> Floats:
    is_unknown = np.isnan(values)
    bins = np.searchsorted(edges, values[~is_unknown], side="left")
    counts = np.append(np.bincount(bins, minlength=len(edges) + 1), is_unknown.sum())
    shares: Floats = counts / len(values)
    return shares
