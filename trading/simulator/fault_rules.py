"""One rule of a fault plan: which requests it is about, when, how often, and what happens to them."""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime

from trading.market.errors import BadInput
from trading.market.timeframes import to_ms
from trading.simulator.fault_delays import Delay, delay_from_json
from trading.simulator.fault_kinds import ANSWER, DELAY, KINDS, TIME, Kind

_BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class FaultRule:
    """What may happen to requests that match.

    Parameters
    ----------
    route : str
        Shell pattern over ``"METHOD name"`` (``"POST order"``, ``"GET {klines,depth}"``, ``"*"``); empty
        means the kind's usual route.
    kind : str
        One of `KINDS`.
    probability : float
        In [0, 1], of each matching request.
    delay_ms : tuple of two ints
        Bounds of a uniform delay in wall ms: short for `delay`.
    status, code : int
        Of an ``error``; `code` stands in the body.
    symbol, key : str
        Shell patterns over the request's symbol and API key. A rule about one symbol changes that
        symbol's rows only, where the answer is about all.
    nth : tuple of int
        Only these matching requests, counted from 1.
    max_hits : int or None
        No more often than this.
    market_from_ms, market_until_ms : int or None
        Window of market time, [from, until).
    wall_from_s, wall_until_s : float
        Window of wall time, in seconds since the plan was set.
    delay : Delay or None
        Distribution of a ``delay`` or ``delay_after``.
    settings : mapping of str to float
        The kind's own numbers, see `KINDS`.
    """

    route: str
    kind: str
    probability: float = 1.0
    delay_ms: tuple[int, int] = (0, 0)
    status: int = 503
    code: int = 503
    symbol: str = "*"
    key: str = "*"
    nth: tuple[int, ...] = ()
    max_hits: int | None = None
    market_from_ms: int | None = None
    market_until_ms: int | None = None
    wall_from_s: float = 0.0
    wall_until_s: float = float("inf")
    delay: Delay | None = None
    settings: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a rule that could not mean anything."""
        if self.kind not in KINDS:
            raise BadInput(f"fault kind must be one of {', '.join(KINDS)}, was {self.kind!r}")
        if not 0 <= self.probability <= 1:
            raise BadInput(f"fault probability must be between 0 and 1, was {self.probability}")
        if not 100 <= self.status <= 599:
            raise BadInput(f"fault status must be between 100 and 599, was {self.status}")
        if any(number < 1 for number in self.nth):
            raise BadInput(f"fault nth must be counted from 1, was {list(self.nth)}")
        if self.max_hits is not None and self.max_hits < 1:
            raise BadInput(f"fault max_hits must be at least 1, was {self.max_hits}")
        if self.delay is not None and self.about.phase != DELAY:
            raise BadInput(f"delay belongs to the kinds delay and delay_after, not to {self.kind}")
        _check_settings(self.about, self.settings)
        if self.delay is None and self.about.phase == DELAY:
            low, high = self.delay_ms
            object.__setattr__(self, "delay", Delay("uniform", low, high, cap_ms=600_000.0))

    @property
    def about(self) -> Kind:
        """The catalogue's entry."""
        return KINDS[self.kind]

    def number(self, name: str) -> float:
        """Return one of the kind's own numbers."""
        setting = self.about.setting(name)
        assert setting is not None  # asked for by the code of this very kind
        return self.settings.get(name, setting.default)

    def matches(self, route: str, symbol: str, key: str) -> bool:
        """Return whether a request is one that this rule is about."""
        pattern = self.route or self.about.route
        if route.startswith("WS ") and not pattern.startswith("WS"):
            return False  # a rule about "*" means requests
        if not any(fnmatch.fnmatchcase(route, one) for one in _alternatives(pattern)):
            return False
        if self.about.signed_only and not key:
            return False
        if self.key != "*" and not fnmatch.fnmatchcase(key, self.key):
            return False
        if self.symbol == "*" or (not symbol and self.about.phase in (ANSWER, TIME)):
            return True
        return self.covers(symbol)

    def covers(self, symbol: str) -> bool:
        """Return whether a row about `symbol` is one that this rule is about."""
        return any(fnmatch.fnmatchcase(symbol, one) for one in self.symbol.split(","))

    def is_on(self, market_ms: int, wall_s: float) -> bool:
        """Return whether its windows are open; `wall_s` since the plan was set."""
        if self.market_from_ms is not None and market_ms < self.market_from_ms:
            return False
        if self.market_until_ms is not None and market_ms >= self.market_until_ms:
            return False
        return self.wall_from_s <= wall_s < self.wall_until_s

    @classmethod
    def from_json(cls, raw: Mapping[str, object]) -> "FaultRule":
        """Read one rule of a fault file or of the admin endpoint's JSON.

        Raises
        ------
        BadInput
            If a field is unknown, missing or out of bounds; the message names it.
        """
        kind, route = raw.get("kind"), raw.get("route", "")
        if not isinstance(kind, str) or not isinstance(route, str):
            raise BadInput("fault rule needs kind (and may have route), both text")
        if kind not in KINDS:
            raise BadInput(f"fault kind must be one of {', '.join(KINDS)}, was {kind!r}")
        own = {setting.name for setting in KINDS[kind].settings}
        _refuse_unknown(raw, kind, own)
        status = _number(raw, "status", 503)
        hits = raw.get("max_hits")
        return cls(
            route=route,
            kind=kind,
            probability=_number(raw, "probability", 1.0),
            delay_ms=_bounds(raw.get("delay_ms", [0, 0])),
            status=int(status),
            code=int(_number(raw, "code", status)),
            symbol=_text(raw, "symbol"),
            key=_text(raw, "key"),
            nth=_counts(raw.get("nth", ())),
            max_hits=None if hits is None else int(_number(raw, "max_hits", 1)),
            market_from_ms=moment_ms(raw.get("market_from"), "market_from"),
            market_until_ms=moment_ms(raw.get("market_until"), "market_until"),
            wall_from_s=_number(raw, "wall_from_s", 0.0),
            wall_until_s=_number(raw, "wall_until_s", float("inf")),
            delay=delay_from_json(raw["delay"]) if "delay" in raw else None,
            settings={name: _number(raw, name, 0.0) for name in own & set(raw)},
        )

    def to_json(self) -> dict[str, object]:
        """Return what differs from a plain rule of this kind, for the listing."""
        shown: dict[str, object] = {"kind": self.kind, "route": self.route or self.about.route}
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in ("kind", "route", "settings", "delay", "delay_ms") or value == one.default:
                continue
            shown[one.name] = list(value) if isinstance(value, tuple) else value
        if self.delay is not None:
            shown["delay"] = self.delay.to_json()
        return shown | {setting.name: self.number(setting.name) for setting in self.about.settings}


_KNOWN = ("route", "kind", "probability", "delay_ms", "delay", "status", "code", "symbol", "key", "nth",
          "max_hits", "market_from", "market_until", "wall_from_s", "wall_until_s")  # fmt: skip


def moment_ms(raw: object, name: str) -> int | None:
    """Return a market time: whole ms, an ISO text or a TOML datetime; UTC where it does not say.

    Raises
    ------
    BadInput
        If it is none of these.
    """
    if raw is None:
        return None
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    try:
        moment = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw))
    except ValueError:
        raise BadInput(f"{name} must be ms or a time such as 2026-03-02T00:00Z, was {raw!r}") from None
    return to_ms(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def _alternatives(pattern: str) -> list[str]:
    """Return `pattern` with one ``{a,b}`` spelled out: shell patterns of fnmatch have none."""
    found = _BRACES.search(pattern)
    if found is None:
        return [pattern]
    return [pattern[: found.start()] + word + pattern[found.end() :] for word in found.group(1).split(",")]


def _refuse_unknown(raw: Mapping[str, object], kind: str, own: set[str]) -> None:
    unknown = sorted(set(raw) - set(_KNOWN) - own)
    if unknown:
        known = ", ".join([*_KNOWN, *sorted(own)])
        raise BadInput(f"a {kind} rule has fields {known}; unknown: {', '.join(unknown)}")


def _check_settings(kind: Kind, settings: Mapping[str, float]) -> None:
    for name, value in settings.items():
        setting = kind.setting(name)
        if setting is None:
            raise BadInput(f"a {kind.name} rule has no {name}")
        if not setting.low <= value <= setting.high:
            bounds = f"{setting.low:g} and {setting.high:g}"
            raise BadInput(f"fault {name} must be between {bounds}, was {value:g}")


def _bounds(raw: object) -> tuple[int, int]:
    numbers = raw if isinstance(raw, list) and len(raw) == 2 else None
    if numbers is None or any(isinstance(n, bool) or not isinstance(n, int | float) for n in numbers):
        raise BadInput(f"fault delay_ms must be two numbers, was {raw!r}")
    return int(numbers[0]), int(numbers[1])


def _counts(raw: object) -> tuple[int, ...]:
    rows = [raw] if isinstance(raw, int) else raw
    if not isinstance(rows, list | tuple) or any(isinstance(n, bool) or not isinstance(n, int) for n in rows):
        raise BadInput(f"fault nth must be whole numbers, was {raw!r}")
    return tuple(rows)


def _text(raw: Mapping[str, object], name: str) -> str:
    value = raw.get(name, "*")
    if not isinstance(value, str):
        raise BadInput(f"fault {name} must be text, was {value!r}")
    return value


def _number(raw: Mapping[str, object], name: str, default: float) -> float:
    value = raw.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        raise BadInput(f"fault {name} must be a number, was {value!r}")
    return float(value)
