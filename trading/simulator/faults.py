"""Faults on purpose, by seed: every request asks the plan what shall happen to it.

The same plan and the same order of requests give the same faults. Nothing is random in any other
sense, so a failing run can be replayed. Off by default.
"""

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from trading.market.errors import BadInput

KINDS = ("delay", "error", "drop_before", "drop_after")


@dataclass(frozen=True, slots=True)
class FaultRule:
    """What may happen to requests whose route matches.

    Parameters
    ----------
    route : str
        Shell pattern over ``"METHOD name"`` (``"POST order"``, ``"GET *"``, ``"*"``).
    kind : str
        ``delay`` (wait, then answer), ``error`` (answer `status` instead of handling),
        ``drop_before`` (hang up before handling), ``drop_after`` (handle, then hang up: the caller
        cannot know what became of its order).
    probability : float
        In [0, 1].
    delay_ms : tuple of two ints
        Bounds of the uniform delay in wall ms.
    status, code : int
        Of an ``error``; `code` stands in the body.
    """

    route: str
    kind: str
    probability: float = 1.0
    delay_ms: tuple[int, int] = (0, 0)
    status: int = 503
    code: int = 503

    def __post_init__(self) -> None:
        """Refuse a rule that could not mean anything."""
        if self.kind not in KINDS:
            raise BadInput(f"fault kind must be one of {', '.join(KINDS)}, was {self.kind!r}")
        if not 0 <= self.probability <= 1:
            raise BadInput(f"fault probability must be between 0 and 1, was {self.probability}")
        if not 0 <= self.delay_ms[0] <= self.delay_ms[1]:
            raise BadInput(f"fault delay_ms must be two ascending non-negative numbers, was {self.delay_ms}")
        if not 100 <= self.status <= 599:
            raise BadInput(f"fault status must be between 100 and 599, was {self.status}")

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> "FaultRule":
        """Read one rule of the admin endpoint's JSON.

        Raises
        ------
        BadInput
            If a field is unknown, missing or out of bounds; the message names it.
        """
        unknown = sorted(set(raw) - set(cls.__slots__))
        if unknown:
            known = ", ".join(cls.__slots__)
            raise BadInput(f"fault rule has fields {known}; unknown: {', '.join(unknown)}")
        route, kind = raw.get("route"), raw.get("kind")
        if not isinstance(route, str) or not isinstance(kind, str):
            raise BadInput("fault rule needs route and kind, both text")
        bounds = raw.get("delay_ms", [0, 0])
        if not isinstance(bounds, list) or len(bounds) != 2:
            raise BadInput(f"fault delay_ms must be two numbers, was {bounds!r}")
        low, high = bounds
        status = _number(raw, "status", 503)
        return cls(
            route=route,
            kind=kind,
            probability=_number(raw, "probability", 1.0),
            delay_ms=(
                int(_number({"delay_ms": low}, "delay_ms", 0)),
                int(_number({"delay_ms": high}, "delay_ms", 0)),
            ),
            status=int(status),
            code=int(_number(raw, "code", status)),
        )


def _number(raw: Mapping[str, object], name: str, default: float) -> float:
    value = raw.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput(f"fault {name} must be a number, was {value!r}")
    return float(value)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request."""

    kind: str
    delay_s: float = 0.0
    status: int = 503
    code: int = 503


@dataclass(slots=True)
class FaultPlan:
    """Rules in order; the first that hits decides."""

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0
    _counts: dict[str, int] = field(default_factory=dict)
    hits: dict[str, int] = field(default_factory=dict)

    def decide(self, method: str, name: str) -> Fault | None:
        """Return what happens to the next request of this route; None, as a rule, is nothing."""
        if not self.rules:
            return None
        route = f"{method} {name}"
        count = self._counts[route] = self._counts.get(route, 0) + 1
        for index, rule in enumerate(self.rules):
            if not fnmatch.fnmatchcase(route, rule.route):
                continue
            first, second = _draws(self.seed, index, route, count)
            if first < rule.probability:
                self.hits[rule.kind] = self.hits.get(rule.kind, 0) + 1
                low, high = rule.delay_ms
                return Fault(rule.kind, (low + (high - low) * second) / 1000, rule.status, rule.code)
        return None


def _draws(seed: int, index: int, route: str, count: int) -> tuple[float, float]:
    raw = blake2b(f"{seed}|{index}|{route}|{count}".encode(), digest_size=16).digest()
    return int.from_bytes(raw[:8], "little") / 2**64, int.from_bytes(raw[8:], "little") / 2**64
