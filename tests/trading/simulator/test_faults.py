"""Faults on purpose: seeded, replayable, off by default."""

import pytest

from trading.market.errors import BadInput
from trading.simulator.faults import FaultPlan, FaultRule


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


@pytest.mark.parametrize(
    "raw",
    [{"route": "*"}, {"route": 1, "kind": "error"}, {"route": "*", "kind": "explode"}, {"route": "*", "kind": "error", "probability": 2},
     {"route": "*", "kind": "delay", "delay_ms": [5, 1]}, {"route": "*", "kind": "error", "colour": "red"},
     {"route": "*", "kind": "delay", "delay_ms": "soon"}, {"route": "*", "kind": "error", "status": 7}],
)  # fmt: skip
def test_senseless_rules_are_refused(raw: dict[str, object]) -> None:
    """Every wrong field is named in one sentence."""
    with pytest.raises(BadInput):
        FaultRule.from_json(raw)
