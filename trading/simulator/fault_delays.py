"""How long an answer takes when it is late on purpose: distributions, sampled from one draw in [0, 1)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from trading.market.errors import BadInput

DISTRIBUTIONS = ("constant", "uniform", "lognormal", "pareto")
MAX_DELAY_MS = 600_000.0
_FIELDS = {
    "constant": ("ms",),
    "uniform": ("low_ms", "high_ms"),
    "lognormal": ("median_ms", "sigma"),
    "pareto": ("least_ms", "alpha"),
}
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Delay:
    """A distribution of wall ms.

    `first` and `second` are what the distribution is made of: constant (ms, ms), uniform (low, high),
    lognormal (median, sigma of the logarithm), pareto (least, alpha: smaller is wilder). Nothing is
    longer than `cap_ms`.
    """

    distribution: str = "uniform"
    first: float = 0.0
    second: float = 0.0
    cap_ms: float = 60_000.0

    def __post_init__(self) -> None:
        """Refuse a distribution that cannot be sampled."""
        if self.distribution not in DISTRIBUTIONS:
            known = ", ".join(DISTRIBUTIONS)
            raise BadInput(f"delay distribution must be one of {known}, was {self.distribution!r}")
        if not 0 <= self.first <= MAX_DELAY_MS:
            raise BadInput(f"delay must be between 0 and {MAX_DELAY_MS:.0f} ms, was {self.first}")
        if self.distribution == "uniform" and not self.first <= self.second <= MAX_DELAY_MS:
            raise BadInput(f"delay_ms must be two ascending numbers, was {self.first}, {self.second}")
        if self.distribution in ("lognormal", "pareto") and not 0 < self.second <= 100:
            raise BadInput(f"delay {_FIELDS[self.distribution][1]} must be in (0, 100], was {self.second}")
        if not 0 < self.cap_ms <= MAX_DELAY_MS:
            raise BadInput(f"delay cap_ms must be in (0, {MAX_DELAY_MS:.0f}], was {self.cap_ms}")

    def sample_ms(self, draw: float) -> float:
        """Return the delay that a draw in [0, 1) stands for, by the inverse of the distribution."""
        if self.distribution in ("constant", "uniform"):
            ms = self.first + (self.second - self.first) * draw
        elif self.distribution == "lognormal":
            ms = self.first * math.exp(self.second * _NORMAL.inv_cdf(min(max(draw, 1e-12), 1 - 1e-12)))
        else:
            ms = self.first / (1 - draw) ** (1 / self.second)
        return min(ms, self.cap_ms)

    def to_json(self) -> dict[str, object]:
        """Return it as `delay_from_json` reads it."""
        values = (self.first, self.second)
        named = dict(zip(_FIELDS[self.distribution], values, strict=False))
        return {"distribution": self.distribution, **named, "cap_ms": self.cap_ms}


def delay_from_json(raw: object) -> Delay:
    """Read ``{"distribution": "lognormal", "median_ms": 80, "sigma": 0.6, "cap_ms": 5000}``.

    Raises
    ------
    BadInput
        If a field is unknown, missing or out of bounds.
    """
    if not isinstance(raw, Mapping):
        raise BadInput(f"delay must be an object with a distribution, was {raw!r}")
    name = raw.get("distribution")
    if not isinstance(name, str) or name not in _FIELDS:
        raise BadInput(f"delay distribution must be one of {', '.join(DISTRIBUTIONS)}, was {name!r}")
    unknown = sorted(set(raw) - {"distribution", "cap_ms", *_FIELDS[name]})
    if unknown:
        known = ", ".join((*_FIELDS[name], "cap_ms"))
        raise BadInput(f"a {name} delay has {known}; unknown: {', '.join(unknown)}")
    values = [_number(raw, field) for field in _FIELDS[name]]
    return Delay(name, values[0], values[-1], _number(raw, "cap_ms") if "cap_ms" in raw else 60_000.0)


def _number(raw: Mapping[str, object], name: str) -> float:
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"delay {name} must be a number, was {value!r}")
    return float(value)
