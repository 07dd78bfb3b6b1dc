"""From a model's raw score to a probability that means what it says: Platt, beta or isotonic.

Fitted on rows that the model was not grown on (`held_out`), inside the fold. Which method is the default,
and what was measured for it, is in docs/decisions/0047.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trading.learning.dataset import Floats, Ints
from trading.market.errors import BadInput

METHODS = ("none", "platt", "beta", "isotonic")
_BLOCKS = 24  # contiguous stretches of rows; every sixth is held out
_EVERY = 6
_LEAST, _MOST = 1e-4, 1 - 1e-4


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A monotone curve from raw score (log-odds) to probability.

    `values` are (slope, shift) for Platt, (a, b, c) for beta, and for isotonic the knots followed by as many
    heights; empty for none.
    """

    method: str = "none"
    values: tuple[float, ...] = ()

    def probability(self, raw: Floats) -> Floats:
        """Return one probability per raw score, never quite 0 or 1."""
        if self.method == "platt":
            slope, shift = self.values
            return _clipped(_sigmoid(slope * raw + shift))
        if self.method == "beta":
            a, b, c = self.values
            high, low = _logs(raw)
            return _clipped(_sigmoid(a * high + b * low + c))
        if self.method == "isotonic":
            half = len(self.values) // 2
            return _clipped(np.interp(raw, self.values[:half], self.values[half:]))
        return _clipped(_sigmoid(raw))

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return {"method": self.method, "values": list(self.values)}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """Read what `as_json` wrote; files of before 0047 hold a Platt curve's slope and shift."""
        if "slope" in told:
            return cls("platt", (float(told["slope"]), float(told["shift"])))
        return cls(str(told["method"]), tuple(float(value) for value in told["values"]))


def fit_calibrator(method: str, raw: Floats, y: Ints, weight: Floats) -> Calibrator:
    """Return the curve of `method` through raw scores of rows the model has not seen.

    With one class only, or fewer than 20 rows, nothing is learnt: the raw score is taken at its word.

    References
    ----------
    Platt (1999); Kull, Silva Filho & Flach (2017), Beta calibration, AISTATS; Zadrozny & Elkan (2002).
    """
    if method not in METHODS:
        raise BadInput(f"calibration must be one of {', '.join(METHODS)}, was {method!r}")
    if method == "none" or len(y) < 20 or len(np.unique(y)) < 2:
        return Calibrator()
    if method == "isotonic":
        return _isotonic(raw, y, weight)
    if method == "platt":
        slopes, shift = _curve(raw[:, None], y, weight)
        return Calibrator("platt", (float(slopes[0]), shift))
    slopes, shift = _curve(np.column_stack(_logs(raw)), y, weight)
    return Calibrator("beta", (float(slopes[0]), float(slopes[1]), shift))


def held_out(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to grow on and the rows to calibrate on, of `n` rows in order of time.

    Every sixth of 24 contiguous stretches is held out, so that old and new markets are in both; 1 % of a
    stretch's neighbours on either side is in neither, because labels overlap there.
    """
    edges = np.linspace(0, n, _BLOCKS + 1).astype(np.int64)
    block = np.searchsorted(edges, np.arange(n), side="right") - 1
    is_held = block % _EVERY == _EVERY // 2
    near = max(1, n // 400)
    spread = np.convolve(is_held, np.ones(2 * near + 1), mode="same") > 0
    return np.flatnonzero(~spread), np.flatnonzero(is_held)


def _curve(x: Floats, y: Ints, weight: Floats) -> tuple[Floats, float]:
    """Return slopes, none below 0, and shift of a logistic curve.

    A falling curve would turn the model's order round: what it knows is then nothing.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - costs seconds

    curve = LogisticRegression(C=1.0).fit(x, y, sample_weight=weight)
    slopes = curve.coef_[0].astype(np.float64)
    if (slopes >= 0).all():
        return slopes, float(curve.intercept_[0])
    kept = slopes >= 0
    out = np.zeros(len(slopes))
    if kept.any():
        out[kept], shift = _curve(x[:, kept], y, weight)
        return out, shift
    share = float(np.clip(np.average(y, weights=weight), _LEAST, _MOST))
    return out, float(np.log(share / (1 - share)))


def _isotonic(raw: Floats, y: Ints, weight: Floats) -> Calibrator:
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 - costs seconds

    curve = IsotonicRegression(out_of_bounds="clip").fit(raw, y, sample_weight=weight)
    return Calibrator("isotonic", (*curve.X_thresholds_.tolist(), *curve.y_thresholds_.tolist()))


def _logs(raw: Floats) -> tuple[Floats, Floats]:
    share = _clipped(_sigmoid(raw))
    return np.log(share), -np.log1p(-share)


def _sigmoid(value: Floats) -> Floats:
    out: Floats = 1 / (1 + np.exp(-np.clip(value, -30, 30)))
    return out


def _clipped(share: Floats) -> Floats:
    out: Floats = np.clip(share, _LEAST, _MOST)
    return out
