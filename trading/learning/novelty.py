"""Whether a decision looks like anything the model was taught: the out-of-distribution veto.

A model answers any row, also one that no training row resembles. Here a row is measured against the training
fold; one further away than nearly all of what was learnt from is novel, and its probability is not to be
used. FreqAI's dissimilarity index is the same idea; here the scale is robust (median and quartiles), the
bound is a quantile of the training rows' own distances, and unknown features are counted.
"""

import io
import json
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.learning.dataset import Floats, Ints
from trading.market.errors import BadInput, StoreError

REFERENCES = 512  # training rows that are kept to measure against: at 40 features 160 kB
NEAREST = 5  # a lone training row is not enough to make its neighbourhood known
FARTHEST = 1000.0  # times the bound: farther says no more, and tables hold no infinity
_CHUNK = 4096
_WIDEST = 50.0  # quartile ranges: beyond it a feature says "far", whatever it says


@dataclass(frozen=True, slots=True)
class Novelty:
    """A fitted veto.

    `references` are training rows in robust units, shape (r, f); `median` and `spread` make those units of
    raw features; `threshold` is the distance above which a row is novel, `most_unknown` the largest number
    of unknown features a training row had.
    """

    median: Floats = field(repr=False)
    spread: Floats = field(repr=False)
    references: Floats = field(repr=False)
    threshold: float
    most_unknown: int
    quantile: float

    @classmethod
    def fit(cls, x: Floats, quantile: float = 0.99) -> Self:
        """Return the veto of a training fold.

        Parameters
        ----------
        x : array of shape (n, f)
            Features of the fold, oldest first; NaN where unknown. Nothing later than the fold.
        quantile : float
            Share of the training rows that are not novel to the others, in (0, 1): what remains is about
            the share of vetoes while nothing has changed.

        Raises
        ------
        BadInput
            If there are fewer than twice `NEAREST` rows, a value is infinite, or `quantile` is no share.
        """
        if not 0 < quantile < 1:
            raise BadInput(f"quantile must lie between 0 and 1, was {quantile}")
        if x.ndim != 2 or len(x) < 2 * NEAREST:
            raise BadInput(f"novelty needs at least {2 * NEAREST} rows to learn from, was given {x.shape}")
        _refuse_infinite(x)
        median, spread = _scale(x)
        unknown = np.isnan(x).sum(axis=1)
        near = _robust(x, median, spread)
        # Evenly over time, not at random: the same fold gives the same file, and no period is left out.
        kept = np.unique(np.linspace(0, len(near) - 1, min(REFERENCES, len(near))).round().astype(np.int64))
        references = np.ascontiguousarray(near[kept])
        distance = _distance(near, references, skip=_places(len(near), kept))
        return cls(
            median, spread, references, float(np.quantile(distance, quantile)), int(unknown.max()), quantile
        )

    def score(self, x: Floats) -> Floats:
        """Return per row the distance as a part of the threshold: above 1 is novel, NaN never comes.

        A row with more unknown features than any training row had is infinitely far.
        """
        if x.ndim != 2 or x.shape[1] != len(self.median):
            raise BadInput(f"rows must have {len(self.median)} features, were given in shape {x.shape}")
        _refuse_infinite(x)
        distance = _distance(_robust(x, self.median, self.spread), self.references)
        # Where all training rows were equal the threshold is 0: any difference is then novel.
        scale = self.threshold if self.threshold > 0 else np.finfo(np.float64).tiny
        ratio = np.minimum(distance / scale, np.finfo(np.float64).max)
        return np.where(np.isnan(x).sum(axis=1) > self.most_unknown, np.inf, ratio)

    def is_novel(self, x: Floats) -> NDArray[np.bool_]:
        """Return per row whether it looks like nothing of the training fold."""
        return self.score(x) > 1.0

    def columns(self, features: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
        """Return the decision columns of signals: `novelty` (1 = at the bound), `is_novel`, `novel_why`.

        Parameters
        ----------
        features : DataFrame
            One row per decision with the columns `names`; null = unknown. An infinite number is novel, not
            an error: where signals are made, one strange pair must not stop the others.
        names : tuple of str
            The features in the order of the fit.
        """
        x = features.select(pl.col(name).cast(pl.Float64) for name in names).to_numpy().astype(np.float64)
        score = self.score(np.where(np.isinf(x), np.nan, x))
        score = np.minimum(np.where(np.isinf(x).any(axis=1), np.inf, score), FARTHEST)
        is_novel = score > 1.0
        words: list[str | None] = [None] * len(x)
        for row in np.flatnonzero(is_novel):
            words[row] = self._why(x[row], float(score[row]), names)
        told = {"novelty": score, "is_novel": is_novel}
        return pl.DataFrame(told).with_columns(pl.Series("novel_why", words, dtype=pl.String))

    def _why(self, x: Floats, score: float, names: tuple[str, ...]) -> str:
        """Return in one clause what is strange about a novel row."""
        infinite = np.flatnonzero(np.isinf(x))
        if len(infinite):
            return f"{names[infinite[0]]} is infinite"
        unknown = int(np.isnan(x).sum())
        if unknown > self.most_unknown:
            return f"{unknown} features unknown, at most {self.most_unknown} were in its training set"
        apart = np.nan_to_num((x - self.median) / self.spread)
        most = int(np.argmax(np.abs(apart)))
        said = f"{names[most]} {apart[most]:+.1f} quartile ranges from its median"
        return f"{score:.3g} times as far as training rows lie, {said}"

    def to_files(self) -> dict[str, bytes]:
        """Return what `from_files` reads: one plain array and JSON, the same bytes for the same fit."""
        out = io.BytesIO()
        np.save(out, np.vstack([self.median, self.spread, self.references]), allow_pickle=False)
        told = {"most_unknown": self.most_unknown, "quantile": self.quantile, "threshold": self.threshold}
        return {"novelty.npy": out.getvalue(), "novelty.json": json.dumps(told, sort_keys=True).encode()}

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> Self:
        """Read what `to_files` wrote.

        Raises
        ------
        StoreError
            If a file is missing or cannot be read.
        """
        try:
            table = np.load(io.BytesIO(files["novelty.npy"]), allow_pickle=False)
            told = json.loads(files["novelty.json"])
            found = cls(
                table[0], table[1], np.ascontiguousarray(table[2:]), float(told["threshold"]),
                int(told["most_unknown"]), float(told["quantile"]),
            )  # fmt: skip
        except (KeyError, ValueError, IndexError, EOFError) as error:
            raise StoreError(f"novelty veto cannot be read: {type(error).__name__}: {error}") from error
        if table.dtype != np.float64 or table.ndim != 2 or len(table) < 3:
            raise StoreError(f"novelty veto cannot be read: a table of {table.dtype} in shape {table.shape}")
        return found


def _refuse_infinite(x: Floats) -> None:
    bad = np.argwhere(np.isinf(x))
    if len(bad):
        row, column = bad[0]
        raise BadInput(f"a feature must be finite or unknown, was {x[row, column]} in row {row}")


def _scale(x: Floats) -> tuple[Floats, Floats]:
    """Return median and quartile range per feature; a range of 0 becomes the deviation, or 1."""
    median, spread = np.zeros(x.shape[1]), np.ones(x.shape[1])
    for place, column in enumerate(x.T):
        known = column[~np.isnan(column)]
        if len(known) == 0:
            continue
        low, median[place], high = np.quantile(known, [0.25, 0.5, 0.75])
        spread[place] = high - low if high > low else known.std()
    return median, np.where(spread > 0, spread, 1.0)


def _robust(x: Floats, median: Floats, spread: Floats) -> Floats:
    near: Floats = np.clip((np.where(np.isnan(x), median, x) - median) / spread, -_WIDEST, _WIDEST)
    return near


def _places(count: int, kept: Ints) -> Floats:
    """Return per training row its own place among the references, -1 for those that are none."""
    places = np.full(count, -1.0)
    places[kept] = np.arange(len(kept))
    return places


def _distance(near: Floats, references: Floats, skip: Floats | None = None) -> Floats:
    """Return per row the mean distance to its nearest references; `skip` = the reference it is itself."""
    squares = (references**2).sum(axis=1)
    k, out = min(NEAREST, len(references) - 1), np.empty(len(near))
    for first in range(0, len(near), _CHUNK):
        rows = near[first : first + _CHUNK]
        apart = (rows**2).sum(axis=1)[:, None] + squares - 2.0 * (rows @ references.T)
        if skip is not None:
            own = skip[first : first + _CHUNK].astype(np.int64)
            is_one = np.flatnonzero(own >= 0)
            apart[is_one, own[is_one]] = np.inf
        nearest = np.sort(np.partition(apart, k - 1, axis=1)[:, :k], axis=1)
        out[first : first + _CHUNK] = np.sqrt(np.maximum(nearest, 0.0)).mean(axis=1)
    return out
