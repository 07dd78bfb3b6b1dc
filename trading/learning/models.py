"""The working pair of classifiers behind one small interface: fit, predict, to bytes, from bytes.

Neural kinds (`trading.learning.deep`) stand beside it. All answer calibrated probabilities of a net gain.
What is good enough is `evaluation`'s matter, where files lie `registry`'s.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, Self

import numpy as np

from trading.learning.calibration import Calibrator, fit_calibrator, held_out
from trading.learning.dataset import Floats, Ints
from trading.learning.persistence import skops_bytes, skops_load
from trading.market.errors import BadInput, MissingData, StoreError

KINDS = ("logistic", "lightgbm")
EXTRA_KINDS = ("mlp", "sequence")  # of the extra `ai`, imported only when one is asked for
# The same data give the same model whatever the seed: one run says all.
DETERMINISTIC = ("logistic",)
# What a search may set, and where it stands by default.
SETTINGS: dict[str, dict[str, float]] = {
    "logistic": {"C": 0.1},
    "lightgbm": {
        "num_leaves": 7,
        "min_data_in_leaf": 30,
        "learning_rate": 0.05,
        "feature_fraction": 0.7,
        "lambda_l2": 5.0,
        "rounds": 60,
    },
}
CALIBRATION = "platt"


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
    calibrator: Calibrator = field(default_factory=Calibrator)
    kind: str = "logistic"

    @classmethod
    def fit(
        cls, x: Floats, y: Ints, weight: Floats, seed: int, settings: Mapping[str, float], method: str
    ) -> Self:
        """Return the model fitted to `x` of shape (n, f), labels 0/1, positive weights; oldest row first."""
        medians = _medians(x)
        filled = _filled(x, medians)
        whole = _line(filled, y, weight, seed, settings)
        grow, check = held_out(len(y))
        if method == "none" or len(np.unique(y[grow])) < 2:
            return cls(medians, whole)
        part = _line(filled[grow], y[grow], weight[grow], seed, settings)
        raw = part.decision_function(filled[check])  # type: ignore[attr-defined]  # the library has no types
        return cls(medians, whole, fit_calibrator(method, raw, y[check], weight[check]))

    @property
    def slope(self) -> float:
        """By what the calibration multiplies the line's log-odds; 1 where its curve is no straight line."""
        return self.calibrator.values[0] if self.calibrator.method == "platt" else 1.0

    def predict(self, x: Floats) -> Floats:
        """Return one probability per row."""
        raw = self.estimator.decision_function(_filled(x, self.medians))  # type: ignore[attr-defined]  # the library has no types
        return self.calibrator.probability(raw)

    def to_files(self) -> dict[str, bytes]:
        """Return the skops archive, the medians and the calibration."""
        medians = json.dumps(self.medians.tolist()).encode()
        return {
            "model.skops": skops_bytes(self.estimator),
            "medians.json": medians,
            "calibration.json": _written(self.calibrator),
        }

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> Self:
        """Read what `to_files` wrote; models of before 0047 were not calibrated."""
        medians = np.array(json.loads(files["medians.json"]), np.float64)
        told = json.loads(files.get("calibration.json", b'{"method": "none", "values": []}'))
        return cls(medians, skops_load(files["model.skops"]), Calibrator.from_json(told))


@dataclass(frozen=True, slots=True)
class Trees:
    """Gradient-boosted trees (LightGBM), deterministic on one thread, calibrated on rows held out."""

    booster: object = field(repr=False)
    calibrator: Calibrator = field(default_factory=Calibrator)
    kind: str = "lightgbm"

    @classmethod
    def fit(
        cls, x: Floats, y: Ints, weight: Floats, seed: int, settings: Mapping[str, float], method: str
    ) -> Self:
        """Return the model fitted to `x`, oldest row first.

        Grown once, on five sixths of the rows, and calibrated on the last sixth, which lies in four
        stretches between them: growing twice would cost twice (docs/decisions/0047).
        """
        grow, check = held_out(len(y))
        if method == "none" or len(np.unique(y[grow])) < 2:
            return cls(_grow(x, y, weight, seed, settings))
        booster = _grow(x[grow], y[grow], weight[grow], seed, settings)
        return cls(booster, fit_calibrator(method, _raw(booster, x[check]), y[check], weight[check]))

    @property
    def slope(self) -> float:
        """By what the calibration multiplies the trees' log-odds; 1 where its curve is no straight line."""
        return self.calibrator.values[0] if self.calibrator.method == "platt" else 1.0

    def predict(self, x: Floats) -> Floats:
        """Return one probability per row."""
        return self.calibrator.probability(_raw(self.booster, x))

    def to_files(self) -> dict[str, bytes]:
        """Return LightGBM's own text and the calibration."""
        text: str = self.booster.model_to_string()  # type: ignore[attr-defined]  # the library has no types
        return {"model.txt": text.encode(), "calibration.json": _written(self.calibrator)}

    @classmethod
    def from_files(cls, files: dict[str, bytes]) -> Self:
        """Read what `to_files` wrote."""
        import lightgbm  # noqa: PLC0415 - costs seconds

        told = json.loads(files["calibration.json"])
        booster = lightgbm.Booster(model_str=files["model.txt"].decode())
        return cls(booster, Calibrator.from_json(told))


def fit_classifier(
    kind: str,
    x: Floats,
    y: Ints,
    weight: Floats,
    seed: int = 0,
    *,
    settings: Mapping[str, float] | None = None,
    calibration: str = CALIBRATION,
) -> Classifier:
    """Return a classifier of `kind` fitted to the rows, oldest first.

    Parameters
    ----------
    settings : mapping of str to float, optional
        Of `SETTINGS`; what is not named stands at its default. Neural kinds take none.
    calibration : str
        One of `calibration.METHODS`; neural kinds bring their own.

    Raises
    ------
    BadInput
        If there is no such kind or setting, no row, or only one class.
    MissingData
        If the kind needs the extra `ai` and it is not installed.
    """
    if len(y) == 0 or len(np.unique(y)) < 2:
        raise BadInput(f"a model needs gains and losses to learn from, was given {len(y)} rows of one class")
    if kind in EXTRA_KINDS:
        from trading.learning.deep.classifiers import Neural  # noqa: PLC0415 - of the extra

        return Neural.fit(kind, x, y, weight, seed)
    if kind not in KINDS:
        raise BadInput(f"kind must be one of {', '.join(KINDS + EXTRA_KINDS)}, was {kind!r}")
    unknown = set(settings or {}) - set(SETTINGS[kind])
    if unknown:
        raise BadInput(f"{kind} has no setting {', '.join(sorted(unknown))}; it has {list(SETTINGS[kind])}")
    chosen = SETTINGS[kind] | dict(settings or {})
    maker = Logistic if kind == "logistic" else Trees
    return maker.fit(x, y, weight, seed, chosen, calibration)


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


def _written(calibrator: Calibrator) -> bytes:
    return json.dumps(calibrator.as_json(), sort_keys=True).encode()


def _medians(x: Floats) -> Floats:
    known = ~np.isnan(x).all(axis=0)
    out = np.zeros(x.shape[1])
    out[known] = np.nanmedian(x[:, known], axis=0)
    return out


def _filled(x: Floats, medians: Floats) -> Floats:
    return np.where(np.isnan(x), medians, x)


def _line(x: Floats, y: Ints, weight: Floats, seed: int, settings: Mapping[str, float]) -> object:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - costs seconds
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415 - costs seconds
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415 - costs seconds

    line = LogisticRegression(C=float(settings["C"]), max_iter=500, random_state=seed)
    pipeline = make_pipeline(StandardScaler(), line)
    pipeline.fit(x, y, logisticregression__sample_weight=weight)
    return pipeline


def _grow(x: Floats, y: Ints, weight: Floats, seed: int, settings: Mapping[str, float]) -> object:
    import lightgbm  # noqa: PLC0415 - costs seconds

    chosen = dict(settings)
    rounds = int(chosen.pop("rounds"))
    whole = {name: int(chosen.pop(name)) for name in ("num_leaves", "min_data_in_leaf")}
    asked = {
        "objective": "binary",
        **whole,
        **chosen,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    return lightgbm.train(asked, lightgbm.Dataset(x, y, weight=weight), num_boost_round=rounds)


def _raw(booster: object, x: Floats) -> Floats:
    values: Floats = booster.predict(x, raw_score=True, num_threads=1)  # type: ignore[attr-defined]  # the library has no types
    return values
