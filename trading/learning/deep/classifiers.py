"""Neural classifiers behind `trading.learning.models`: standardised inside, stopped early, calibrated.

``mlp`` takes features as the other kinds do; ``sequence`` takes raw windows (`windows`). Files are
safetensors and JSON; nothing else is read.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from trading.learning.dataset import Floats, Ints
from trading.learning.deep.extra import require_extra
from trading.learning.deep.files import from_bytes, to_bytes
from trading.learning.deep.networks import Convolutions, Mlp, Network, Parameters
from trading.learning.deep.units import standard, units_of
from trading.learning.deep.windows import CHANNELS
from trading.market.errors import BadInput, StoreError

_FEWEST = 80  # with fewer rows no tail is left to stop by: epochs are fixed, nothing is calibrated
_FIXED_EPOCHS = 15


@dataclass(frozen=True, slots=True)
class Neural:
    """A fitted network with its units and its calibration."""

    kind: str
    network: Network
    parameters: Parameters = field(repr=False)
    slope: float
    shift: float
    epochs: int

    @classmethod
    def fit(cls, kind: str, x: Floats, y: Ints, weight: Floats, seed: int) -> Self:
        """Return the network of `kind` fitted to `x` of shape (n, f), labels 0/1, the oldest row first.

        On the older rows it is fitted until the newest quarter (purged, see `fitting.inner_tail`) gets no
        better; that quarter also calibrates. Then it is fitted anew to everything, as many epochs.

        Raises
        ------
        MissingData
            If the extra `ai` is not installed.
        BadInput
            If the kind is ``sequence`` and the columns are no whole windows.
        """
        require_extra(f"model kind {kind}")
        from trading.learning.deep.fitting import Fitting, fitted, inner_tail  # noqa: PLC0415 - JAX: costs seconds

        network, how = _network(kind, x.shape[1]), Fitting()
        epochs, slope, shift = _FIXED_EPOCHS, 1.0, 0.0
        older, newest = inner_tail(len(y))
        if len(y) >= _FEWEST and all(len(np.unique(y[part])) == 2 for part in (older, newest)):
            units = units_of(x[older])
            tail, labels, counts = standard(x[newest], units), y[newest], weight[newest]

            def loss(parameters: Parameters) -> float:
                return _log_loss(network.logits(np, parameters, tail), labels, counts)

            rows = (standard(x[older], units), y[older], weight[older])
            found, epochs = fitted(network, how, rows, seed, loss=loss)
            slope, shift = platt(network.logits(np, _wide(found), tail), labels, counts)
        units = units_of(x)
        parameters, _ = fitted(network, how, (standard(x, units), y, weight), seed, epochs=epochs)
        return cls(kind, network, _wide(parameters | units), slope, shift, epochs)

    def predict(self, x: Floats) -> Floats:
        """Return one probability per row."""
        if x.shape[1] != self.parameters["x.mean"].shape[0]:
            raise BadInput(
                f"{self.kind} model takes {self.parameters['x.mean'].shape[0]} features, got {x.shape[1]}"
            )
        raw = self.network.logits(np, self.parameters, standard(x, self.parameters))
        values: Floats = 1 / (1 + np.exp(-(self.slope * raw + self.shift)))
        return values

    def to_files(self) -> dict[str, bytes]:
        """Return the parameters as safetensors, and JSON that says which network they are of."""
        told = {"epochs": self.epochs, "kind": self.kind, "shift": self.shift, "slope": self.slope}
        narrow = {
            name: value if name.startswith("x.") else value.astype(np.float32)
            for name, value in self.parameters.items()
        }
        return {
            "network.safetensors": to_bytes(narrow),
            "network.json": json.dumps(told, sort_keys=True).encode(),
        }

    @classmethod
    def from_files(cls, kind: str, files: dict[str, bytes]) -> Self:
        """Read what `to_files` wrote.

        Raises
        ------
        StoreError
            If a file is missing, damaged, of another kind or of another shape.
        """
        told = json.loads(files["network.json"])
        if told["kind"] != kind:
            raise StoreError(f"{kind} model cannot be read: its files are of kind {told['kind']}")
        parameters = _wide(from_bytes(files["network.safetensors"], f"{kind} model"))
        network = _network(kind, len(parameters["x.mean"]))
        _check_shapes(kind, network, parameters)
        return cls(kind, network, parameters, float(told["slope"]), float(told["shift"]), int(told["epochs"]))


def _network(kind: str, features: int) -> Network:
    if kind == "mlp":
        return Mlp(features)
    if features == 0 or features % CHANNELS:
        raise BadInput(
            f"a sequence model takes windows of {CHANNELS} columns a bar, was given {features} columns"
        )
    return Convolutions(features // CHANNELS, CHANNELS)


def _check_shapes(kind: str, network: Network, parameters: Parameters) -> None:
    wanted = {name: value.shape for name, value in network.start(np.random.default_rng(0)).items()}
    found = {name: value.shape for name, value in parameters.items() if not name.startswith("x.")}
    if wanted != found:
        raise StoreError(f"{kind} model cannot be read: its arrays are not those of the network")


def _wide(parameters: Parameters) -> dict[str, Any]:
    return {name: value.astype(np.float64) for name, value in parameters.items()}


def _log_loss(logits: Floats, y: Ints, weight: Floats) -> float:
    each = np.logaddexp(0.0, logits) - y * logits
    return float(np.sum(weight * each) / np.sum(weight))


def platt(logits: Floats, y: Ints, weight: Floats, rounds: int = 25) -> tuple[float, float]:
    """Return slope and shift of the logistic curve through the answers: Newton's, lightly held to (1, 0).

    A falling curve would turn the network's order round: what it knows is then nothing, and its slope 0.
    """
    table, at = np.column_stack([logits, np.ones(len(logits))]), np.array([1.0, 0.0])
    counts, hold = weight / weight.mean(), np.array([1.0, 0.0])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(-(table @ at)))
        slope = table.T @ (counts * (p - y)) + hold * (at - [1.0, 0.0])
        bend = (table * (counts * p * (1 - p))[:, None]).T @ table + np.diag(hold + 1e-9)
        at = at - np.linalg.solve(bend, slope)
    if at[0] >= 0:
        return float(at[0]), float(at[1])
    base = np.clip(np.average(y, weights=weight), 1e-6, 1 - 1e-6)
    return 0.0, float(np.log(base / (1 - base)))
