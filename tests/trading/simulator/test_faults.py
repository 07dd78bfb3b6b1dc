"""Faults on purpose: seeded, replayable, off by default."""

import pytest

from trading.market.errors import BadInput
from trading.simulator.faults import FaultPlan, FaultRule, plan_from_json


def kinds(plan: FaultPlan, calls: int = 200) -> list[str | None]:
    return [hit.names if (hit := plan.decide("POST", "order")) else None for _ in range(calls)]


def test_nothing_happens_by_default() -> None:
    """A plan without rules never decides anything."""
    assert kinds(FaultPlan()) == [None] * 200


def test_same_seed_same_faults() -> None:
    """Two plans of one seed agree call by call; another seed differs."""
    rules = (FaultRule("POST order", "drop_after", 0.3),)
    assert kinds(FaultPlan(rules, 1)) == kinds(FaultPlan(rules, 1))
    assert kinds(FaultPlan(rules, 1)) != kinds(FaultPlan(rules, 2))


def test_faults_come_about_as_often_as_asked() -> None:
    """30 % of 2,000 calls is 600, within four standard deviations (82)."""
    hits = kinds(FaultPlan((FaultRule("*", "error", 0.3),), 5), 2_000).count("error")
    assert 518 <= hits <= 682


def test_rules_apply_to_their_routes_only() -> None:
    """A rule for orders leaves candles alone."""
    plan = FaultPlan((FaultRule("* order", "error"),), 1)
    assert plan.decide("GET", "klines") is None
    assert plan.decide("DELETE", "order") is not None


def test_one_route_does_not_shift_anothers_faults() -> None:
    """What happens to the n-th order does not depend on how many candles were asked between."""
    rules = (FaultRule("*", "error", 0.5),)
    calm, busy = FaultPlan(rules, 3), FaultPlan(rules, 3)
    expected = kinds(calm, 50)
    seen = []
    for _ in range(50):
        busy.decide("GET", "klines")
        hit = busy.decide("POST", "order")
        seen.append(hit.names if hit else None)
    assert seen == expected


def test_only_the_named_occurrences_are_hit() -> None:
    """nth = 2 and 5 of the requests that match, others do not count."""
    plan = FaultPlan((FaultRule("POST order", "error", nth=(2, 5)),), 1)
    plan.decide("GET", "klines")
    assert kinds(plan, 6) == [None, "error", None, None, "error", None]


def test_a_rule_ends_after_its_last_hit() -> None:
    """max_hits = 3 of ten requests."""
    assert kinds(FaultPlan((FaultRule("*", "error", max_hits=3),), 1), 10) == ["error"] * 3 + [None] * 7


@pytest.mark.parametrize(
    ("market_ms", "wall_s", "is_hit"),
    [(99, 0, False), (100, 0, True), (199, 0, True), (200, 0, False), (150, 4.9, True), (150, 5, False)],
)
def test_windows_open_and_close(market_ms: int, wall_s: float, is_hit: bool) -> None:
    """Market time in [100, 200), wall time in [0, 5) since the plan was set (at 1,000)."""
    rule = FaultRule("*", "error", market_from_ms=100, market_until_ms=200, wall_until_s=5)
    plan = FaultPlan((rule,), 1, started_s=1_000)
    assert (plan.decide("GET", "ping", market_ms=market_ms, wall_s=1_000 + wall_s) is not None) is is_hit


def test_rules_about_a_symbol_or_a_key_leave_others_alone() -> None:
    """Patterns of symbol and key; a rule about one symbol does not gate a request about all."""
    rule = FaultRule("*", "error", symbol="AAA*", key="*0002")
    plan = FaultPlan((rule,), 1)
    assert plan.decide("GET", "order", symbol="AAAUSDT", key="demo-key-0002") is not None
    assert plan.decide("GET", "order", symbol="BBBUSDT", key="demo-key-0002") is None
    assert plan.decide("GET", "order", symbol="AAAUSDT", key="demo-key-0001") is None
    assert plan.decide("GET", "ticker/24hr", key="demo-key-0002") is None


def test_one_account_does_not_shift_anothers_faults() -> None:
    """The n-th order of account 1 is hit or not, whatever account 2 does between."""
    rules = (FaultRule("*", "error", 0.5),)
    calm, busy = FaultPlan(rules, 3), FaultPlan(rules, 3)
    expected = [calm.decide("POST", "order", key="one") is not None for _ in range(50)]
    seen = []
    for _ in range(50):
        busy.decide("POST", "order", key="two")
        seen.append(busy.decide("POST", "order", key="one") is not None)
    assert seen == expected


def test_kinds_combine_but_only_one_replaces_handling() -> None:
    """Two delays add up, of two gates the first in the plan counts."""
    rules = (
        FaultRule("*", "delay", delay_ms=(100, 100)), FaultRule("*", "delay", delay_ms=(50, 50)),
        FaultRule("*", "maintenance"), FaultRule("*", "drop_before"), FaultRule("*", "truncated"),
    )  # fmt: skip
    struck = FaultPlan(rules, 1).decide("GET", "ping")
    assert struck is not None
    assert (round(struck.delay_s, 3), struck.gate and struck.gate.kind) == (0.15, "maintenance")
    assert struck.names == "delay+maintenance+truncated"


def test_the_listing_counts_matches_and_hits() -> None:
    """A rule at one half has matched all and hit some; it tells its own numbers."""
    plan = FaultPlan((FaultRule("", "partial_fill", 0.5, settings={"share": 0.25}),), 1)
    for _ in range(100):
        plan.decide("POST", "order", market_ms=7)
    (row,) = plan.listing()
    assert (row["matched"], row["share"], row["route"]) == (100, 0.25, "POST {order,batchOrders}")
    assert row["hits"] == plan.hits["partial_fill"]
    assert 30 <= plan.hits["partial_fill"] <= 70


@pytest.mark.parametrize(
    "raw",
    [
        {"route": "*"}, {"route": 1, "kind": "error"}, {"route": "*", "kind": "explode"},
        {"kind": "error", "probability": 2}, {"kind": "delay", "delay_ms": [5, 1]},
        {"kind": "error", "colour": "red"}, {"kind": "delay", "delay_ms": "soon"},
        {"kind": "error", "status": 7}, {"kind": "error", "nth": [0]}, {"kind": "error", "max_hits": 0},
        {"kind": "error", "share": 0.5}, {"kind": "partial_fill", "share": 1.5},
        {"kind": "error", "market_from": "noon"}, {"kind": "error", "symbol": 7},
        {"kind": "error", "delay": {"distribution": "constant", "ms": 1}},
        {"kind": "delay", "delay": {"distribution": "gaussian"}},
        {"kind": "delay", "delay": {"distribution": "pareto", "least_ms": 1, "alpha": 0}},
        {"kind": "delay", "delay": {"distribution": "lognormal", "median_ms": 1, "sigma": 1, "ms": 1}},
        {"kind": "error", "probability": float("nan")},
    ],
)  # fmt: skip
def test_senseless_rules_are_refused(raw: dict[str, object]) -> None:
    """Every wrong field is named in one sentence."""
    with pytest.raises(BadInput):
        FaultRule.from_json(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"rules": [{"kind": "error"}, {"kind": "x"}]}, "rule 2"),
        ({"rules": 3}, "rules"),
        ({"seed": "a"}, "seed"),
    ],
)
def test_a_plan_says_which_rule_is_wrong(raw: dict[str, object], words: str) -> None:
    """Counted from 1, as a person counts."""
    with pytest.raises(BadInput, match=words):
        plan_from_json(raw, seed=1)
