"""Caps of the fleet, one by one, on numbers worked out by hand; and what nobody can tell."""

from dataclasses import fields, replace
from decimal import Decimal

import pytest

from trading.market.errors import BadInput
from trading.risk.fleet import FleetRules, Room, Taken, Wanted, fleet_refusal

D = Decimal
NONE = FleetRules(**{each.name: None for each in fields(FleetRules)})
WANTED = Wanted("A/USDT", D(100), cluster=3, beta=D("1.5"))
RATE = D(20)


def refused(rules: FleetRules, taken: Taken, room: Room = Room(), wanted: Wanted = WANTED):  # noqa: B008 - frozen
    return fleet_refusal(wanted, taken, room, rules, exit_rate_per_s=RATE)


CASES = [
    # rule, bound setting, what is taken, room, value with 100 more, bound
    ("fleet_minute_volume", {"minute_share": D("0.5")}, {"symbol_minute": D(150)}, Room(D(500)), 250, 250),
    ("fleet_depth", {"depth_share": D("0.25")}, {"symbol_out": D(150)}, Room(ask_depth=D(1000)), 250, 250),
    (
        "fleet_holding_depth",
        {"holding_depths": D(2)},
        {"symbol_held": D(900)},
        Room(bid_depth=D(500)),
        1000,
        1000,
    ),
    ("fleet_symbol", {"symbol_share": D("0.2")}, {"symbol_held": D(1900)}, Room(), 2000, 2000),
    ("fleet_cluster", {"cluster_share": D("0.4")}, {"cluster_held": D(3900)}, Room(), 4000, 4000),
    # 100 × 1.5 more.
    ("fleet_beta", {"beta_share": D("0.8")}, {"beta_held": D(7850)}, Room(), 8000, 8000),
    ("fleet_drawdown", {"drawdown_per_hour": D("0.03")}, {"drawdown": D(300)}, Room(), 300, 300),
    # 3,600 positions at 20 a second.
    ("fleet_exit_budget", {"exit_budget_s": D(180)}, {"positions": 3599}, Room(), 180, 180),
]


@pytest.mark.parametrize(
    ("rule", "setting", "has", "room", "value", "bound"), CASES, ids=lambda v: str(v)[:20]
)
def test_a_cap_allows_its_bound_and_refuses_what_is_beyond(rule, setting, has, room, value, bound):
    """Exactly at the bound: allowed. A hair more (or one position more): refused with value and bound."""
    rules = replace(NONE, **setting)
    taken = Taken(D(10_000), **has)
    assert refused(rules, taken, room) is None
    (name,) = has
    more = replace(taken, **{name: has[name] + (1 if name == "positions" else D("0.01"))})
    found = refused(rules, more, room)
    assert found is not None
    assert (found.rule, found.bound) == (rule, bound)
    assert found.value > value
    assert str(bound) in found.reason.replace(".00", "")
    assert refused(NONE, more, room) is None


def test_what_nobody_can_tell_lets_pass_and_no_cluster_is_no_cap():
    """No volume, no depth, no rate: those caps are silent; the shares of capital still bind."""
    taken = Taken(D(10_000), symbol_minute=D(9**9), symbol_out=D(9**9), positions=10**9, cluster_held=D(9**9))
    rules = replace(FleetRules(), exit_budget_s=None)
    assert refused(rules, taken, wanted=replace(WANTED, cluster=-1)) is None
    assert (
        fleet_refusal(WANTED, Taken(D(10_000), positions=10**9), Room(), FleetRules(), exit_rate_per_s=None)
        is None
    )
    full = refused(rules, replace(taken, symbol_held=D(2000)))
    assert full is not None
    assert full.rule == "fleet_symbol"


def test_the_defaults_bear_what_approvals_assume():
    """A tenth of a 15-minute bar is 1.5 average minutes."""
    rules = FleetRules()
    assert rules.minute_share == D("0.1") * 15
    assert refused(rules, Taken(D(10_000)), Room(D(100))) is None
    assert refused(rules, Taken(D(10_000), symbol_minute=D(51)), Room(D(100))).rule == "fleet_minute_volume"


@pytest.mark.parametrize("bad", [D(0), D(-1), D("NaN"), D("Infinity")])
def test_a_bound_that_bounds_nothing_is_refused(bad):
    """Name and value are said."""
    with pytest.raises(BadInput, match="symbol_share must be above 0"):
        FleetRules(symbol_share=bad)
