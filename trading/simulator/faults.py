"""A fault plan: every request asks it what shall happen.

The same plan and the same order of requests give the same faults: each draw is a hash of seed, rule,
route, key and how many such requests came before. Nothing is random in any other sense, so a failing
run can be replayed. Off by default. What a rule is stands in `fault_rules`, the kinds in `fault_kinds`.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from trading.market.errors import BadInput
from trading.simulator.fault_kinds import DELAY, GATE
from trading.simulator.fault_rules import FaultRule

__all__ = ["Fault", "FaultPlan", "FaultRule", "Struck", "plan_from_json"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule that hit one request; `dice` seeds whatever it still has to choose."""

    rule: FaultRule
    delay_s: float
    dice: int

    @property
    def kind(self) -> str:
        """Name of the kind."""
        return self.rule.kind

    def rng(self) -> random.Random:
        """Return the generator of this very hit; the same whenever the plan is replayed."""
        return random.Random(self.dice)


@dataclass(slots=True)
class Struck:
    """All that happens to one request: at most one fault of each kind, at most one instead of handling."""

    faults: dict[str, Fault] = field(default_factory=dict)
    delay_s: float = 0.0
    delay_after_s: float = 0.0

    def __getitem__(self, kind: str) -> Fault | None:
        return self.faults.get(kind)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.faults.values())

    @property
    def gate(self) -> Fault | None:
        """What happens instead of handling."""
        return next((fault for fault in self if fault.rule.about.phase == GATE), None)

    @property
    def names(self) -> str:
        """Kinds for the request log."""
        return "+".join(self.faults)

    def add(self, fault: Fault) -> None:
        """Take a hit in; delays add up, of every other kind the first counts."""
        phase = fault.rule.about.phase
        if phase == DELAY:
            if fault.kind == "delay":
                self.delay_s += fault.delay_s
            else:
                self.delay_after_s += fault.delay_s
        self.faults.setdefault(fault.kind, fault)


@dataclass(slots=True)
class _Count:
    matched: int = 0
    hits: int = 0
    first_market_ms: int | None = None
    last_market_ms: int | None = None


@dataclass(slots=True)
class FaultPlan:
    """Rules in order. Kinds combine; of one kind, and of what replaces handling, the first hit counts.

    `started_s` is the wall time from which the rules' wall windows count; None: the first request.
    """

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0
    started_s: float | None = None
    _counts: dict[tuple[int, str, str], int] = field(default_factory=dict)
    _tally: dict[int, _Count] = field(default_factory=dict)

    def decide(
        self,
        method: str,
        name: str,
        *,
        symbol: str = "",
        key: str = "",
        market_ms: int = 0,
        wall_s: float = 0.0,
    ) -> Struck | None:
        """Return what happens to the next request of this route; None, as a rule, is nothing."""
        if not self.rules:
            return None
        if self.started_s is None:
            self.started_s = wall_s
        route = f"{method} {name}"
        struck: Struck | None = None
        for index, rule in enumerate(self.rules):
            if not rule.matches(route, symbol, key) or not rule.is_on(market_ms, wall_s - self.started_s):
                continue
            if rule.about.phase == GATE and struck is not None and struck.gate is not None:
                continue
            fault = self._draw(index, rule, route, key, market_ms)
            if fault is not None:
                struck = struck or Struck()
                struck.add(fault)
        return struck

    def standing(self, kind: str, symbol: str, market_ms: int, wall_s: float) -> bool:
        """Return whether a rule of this kind is sure to hit orders in `symbol` now (for exchangeInfo)."""
        started = wall_s if self.started_s is None else self.started_s
        return any(
            rule.kind == kind and rule.probability == 1 and not rule.nth and rule.covers(symbol)
            and rule.key == "*" and rule.is_on(market_ms, wall_s - started)
            for rule in self.rules
        )  # fmt: skip

    def skew_ms(self, struck: Struck, kind: str, wall_s: float) -> int:
        """Return by how much a clock is wrong at wall time `wall_s`, in ms; 0 without that fault."""
        fault = struck[kind]
        if fault is None:
            return 0
        since_s = wall_s - (wall_s if self.started_s is None else self.started_s)
        return round(fault.rule.number("step_ms") + fault.rule.number("drift_ms_per_s") * since_s)

    def first_hit_ms(self, fault: Fault) -> int:
        """Return the market time at which this rule hit for the first time."""
        first = self._tally[self.rules.index(fault.rule)].first_market_ms
        assert first is not None  # it has hit
        return first

    @property
    def hits(self) -> dict[str, int]:
        """How often each kind has hit."""
        found: dict[str, int] = {}
        for index, count in self._tally.items():
            if count.hits:
                kind = self.rules[index].kind
                found[kind] = found.get(kind, 0) + count.hits
        return found

    def listing(self) -> list[dict[str, object]]:
        """Return every rule with how many requests it matched and how many it hit."""
        rows = []
        for index, rule in enumerate(self.rules):
            count = self._tally.get(index, _Count())
            seen = {"matched": count.matched, "hits": count.hits, "last_market_ms": count.last_market_ms}
            rows.append(rule.to_json() | seen)
        return rows

    def _draw(self, index: int, rule: FaultRule, route: str, key: str, market_ms: int) -> Fault | None:
        tally = self._tally.setdefault(index, _Count())
        if rule.max_hits is not None and tally.hits >= rule.max_hits:
            return None
        tally.matched += 1
        if rule.nth and tally.matched not in rule.nth:
            return None
        # Counted per route and key: neither other routes nor other accounts shift the faults of one.
        place = (index, route, key)
        count = self._counts[place] = self._counts.get(place, 0) + 1
        text = f"{self.seed}|{index}|{route}|{key}|{count}"
        raw = blake2b(text.encode(), digest_size=24).digest()
        chance, late, dice = (int.from_bytes(raw[at : at + 8], "little") for at in (0, 8, 16))
        if chance / 2**64 >= rule.probability:
            return None
        tally.hits += 1
        tally.last_market_ms = market_ms
        if tally.first_market_ms is None:
            tally.first_market_ms = market_ms
        delay_s = rule.delay.sample_ms(late / 2**64) / 1000 if rule.delay is not None else 0.0
        return Fault(rule, delay_s, dice)


def plan_from_json(raw: Mapping[str, object], *, seed: int) -> FaultPlan:
    """Read ``{"seed": 1, "rules": [...]}``; without a seed, `seed` is taken.

    Raises
    ------
    BadInput
        If a rule is wrong; the message says which and why.
    """
    rules = raw.get("rules", [])
    if not isinstance(rules, list) or not all(isinstance(rule, Mapping) for rule in rules):
        raise BadInput("rules must be a list of objects")
    own = raw.get("seed", seed)
    if not isinstance(own, int) or isinstance(own, bool):
        raise BadInput(f"seed must be a whole number, was {own!r}")
    made = []
    for number, rule in enumerate(rules, 1):
        try:
            made.append(FaultRule.from_json(rule))
        except BadInput as wrong:
            raise BadInput(f"rule {number}: {wrong}") from None
    return FaultPlan(tuple(made), own)
