"""The working pair of classifiers behind one small interface: fit, predict, to bytes, from bytes.

Neural kinds (`trading.learning.deep`) stand beside it. All answer calibrated probabilities of a net gain.
What is good enough is `evaluation`'s matter, where files lie `registry`'s.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, Self

import numpy as np

from trading.learning.dataset import Floats, Ints
from trading.learning.persistence import skops_bytes, skops_load
from trading.market.errors import BadInput, MissingData, StoreError

KINDS = ("logistic", "lightgbm")
EXTRA_KINDS = ("mlp", "sequence")  # of the extra `ai`, imported only when one is asked for


class Classifier(Protocol):
    """A fitted model. Features come as float64 with NaN for unknown."""

    @property
    def kind(self) -> str:
        """One of `KINDS` or `EXTRA_KINDS`."""
        ...

    def predict(self, x: Floats) -> Floats:
        """Return one probability per row."""
        ...

    def to_files(self) -> dict[str, bytes]:
        """Return the files that `load_classifier` needs, the same bytes for the same model."""
        ...


@dataclass(frozen=True, slots=True)
class Logistic:
    """Standardised logistic regression; unknown features become the training median."""

    medians: Floats
    estimator: object = field(repr=False)
    kind: str = "logistic"

    @classmethod
    def fit(cls, x: Floats, y: Ints, weight: Floats, seed: int) -> Self:
        """Return the model fitted to `x` of shape (n, f), labels 0/1, positive weights."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - costs seconds
        from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - costs seconds
        from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - costs seconds

        medians = _medians(x)
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500, random_state=seed))
        pipeline.fit(_filled(x, medians), y, logisticregression__sample_weight=weight)
        return cls(medians, pipeline)

    def predict(self, x: Floats) -> Floats:
        """Return one probability per row."""
        values: Floats = self.estimator.predict_proba(_filled(x, self.medians))[:, 1]  # type: ignore[attr-defined]  # the library has no types
        return values

    def to_files(self) -> dict[str, bytes]:
        """Return the skops archive and the medians."""
        medians = json.dumps(self.medians.tolist()).encode()
        return {"model.skops": skops_bytes(self.estimator), "medians.json": medians}

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> Self:
        """Read what `to_files` wrote."""
        return cls(np.array(json.loads(files["medians.json"]), np.float64), skops_load(files["model.skops"]))


@dataclass(frozen=True, slots=True)
class Trees:
    """Gradient-boosted trees (LightGBM), deterministic on one thread, with a Platt calibration on top."""

    booster: object = field(repr=False)
    slope: float
    shift: float
    kind: str = "lightgbm"

    @classmethod
    def fit(cls, x: Floats, y: Ints, weight: Floats, seed: int) -> Self:
        """Return the model fitted to `x`, oldest row first.

        Calibration: trees grown on the older three quarters are asked about the newest quarter, and a
        logistic curve is laid through the answers; then trees are grown on everything.
        """
        cut = len(y) * 3 // 4
        slope, shift = 1.0, 0.0
        if len(np.unique(y[:cut])) == 2 and len(np.unique(y[cut:])) == 2:
            older = _grow(x[:cut], y[:cut], weight[:cut], seed)
            slope, shift = _platt(_raw(older, x[cut:]), y[cut:], weight[cut:])
        return cls(_grow(x, y, weight, seed), slope, shift)

    def predict(self, x: Floats) -> Floats:
        """Return one probability per row."""
        values: Floats = 1 / (1 + np.exp(-(self.slope * _raw(self.booster, x) + self.shift)))
        return values

    def to_files(self) -> dict[str, bytes]:
        """Return LightGBM's own text and the calibration."""
        calibration = json.dumps({"shift": self.shift, "slope": self.slope}).encode()
        text: str = self.booster.model_to_string()  # type: ignore[attr-defined]  # the library has no types
        return {"model.txt": text.encode(), "calibration.json": calibration}

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> Self:
        """Read what `to_files` wrote."""
        import lightgbm  # noqa: PLC0415 - costs seconds

        calibration = json.loads(files["calibration.json"])
        booster = lightgbm.Booster(model_str=files["model.txt"].decode())
        return cls(booster, float(calibration["slope"]), float(calibration["shift"]))


def fit_classifier(kind: str, x: Floats, y: Ints, weight: Floats, seed: int = 0) -> Classifier:
    """Return a classifier of `kind` fitted to the rows, oldest first.

    Raises
    ------
    BadInput
        If there is no such kind, no row, or only one class.
    MissingData
        If the kind needs the extra `ai` and it is not installed.
    """
    if len(y) == 0 or len(np.unique(y)) < 2:
        raise BadInput(f"a model needs gains and losses to learn from, was given {len(y)} rows of one class")
    if kind == "logistic":
        return Logistic.fit(x, y, weight, seed)
    if kind == "lightgbm":
        return Trees.fit(x, y, weight, seed)
    if kind in EXTRA_KINDS:
        from trading.learning.deep.classifiers import Neural  # noqa: PLC0415 - of the extra

        return Neural.fit(kind, x, y, weight, seed)
    raise BadInput(f"kind must be one of {', '.join(KINDS + EXTRA_KINDS)}, was {kind!r}")


def load_classifier(kind: str, files: dict[str, bytes]) -> Classifier:
    """Return the classifier whose `to_files` gave `files`.

    Raises
    ------
    StoreError
        If the kind is unknown, the files cannot be read, or reading them needs the extra `ai`.
    """
    readers: dict[str, Callable[[dict[str, bytes]], Classifier]] = {
        "logistic": Logistic.from_files,
        "lightgbm": Trees.from_files,
        **{name: partial(_neural, name) for name in EXTRA_KINDS},
    }
    if kind not in readers:
        raise StoreError(f"model kind must be one of {', '.join(readers)}, was {kind!r}")
    try:
        return readers[kind](files)
    except (KeyError, ValueError, MissingData) as error:
        raise StoreError(f"{kind} model cannot be read: {error}") from error


def _neural(kind: str, files: dict[str, bytes]) -> Classifier:
    from trading.learning.deep.classifiers import Neural  # noqa: PLC0415 - of the extra

    return Neural.from_files(kind, files)


def _medians(x: Floats) -> Floats:
    known = ~np.isnan(x).all(axis=0)
    out = np.zeros(x.shape[1])
    out[known] = np.nanmedian(x[:, known], axis=0)
    return out


def _filled(x: Floats, medians: Floats) -> Floats:
    return np.where(np.isnan(x), medians, x)


def _grow(x: Floats, y: Ints, weight: Floats, seed: int) -> object:
    import lightgbm  # noqa: PLC0415 - costs seconds

    settings = {
        "objective": "binary",
        "num_leaves": 7,
        "min_data_in_leaf": 30,
        "learning_rate": 0.05,
        "feature_fraction": 0.7,
        "lambda_l2": 5.0,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    return lightgbm.train(settings, lightgbm.Dataset(x, y, weight=weight), num_boost_round=60)


def _raw(booster: object, x: Floats) -> Floats:
    values: Floats = booster.predict(x, raw_score=True, num_threads=1)  # type: ignore[attr-defined]  # the library has no types
    return values


def _platt(raw: Floats, y: Ints, weight: Floats) -> tuple[float, float]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - costs seconds

    curve = LogisticRegression(C=1.0).fit(raw.reshape(-1, 1), y, sample_weight=weight)
    # A falling curve would turn the trees' order round: what they know is then nothing.
    return max(float(curve.coef_[0, 0]), 0.0), float(curve.intercept_[0])
