"""The least capital: worked out by hand, and held against the sizing that it reads backwards."""

from decimal import Decimal

import pytest

from tests.trading.execution.fake_venue import Venue
from trading.market.clock import ManualClock
from trading.market.errors import BadInput
from trading.risk.limits import PositionLimits
from trading.risk.sizing import SizingRules, position_size
from trading.risk.smallest import smallest_capital, smallest_position

D = Decimal


def test_smallest_position_survives_stop_fee_and_a_second_order():
    """2 × 1 / (0.9 × 0.99) = 2.2446689."""
    assert smallest_position(D(1), D("0.1"), D("0.01")).quantize(D("1e-7")) == D("2.2446689")


@pytest.mark.parametrize(
    ("positions", "risk", "expected"),
    [
        (1, "0.05", 23),  # the largest share: 2.2447 / 0.1 = 22.45
        (1, "0.001", 225),  # the risk: 2.2447 × 0.1 / 0.001 = 224.5
        (20, "0.05", 57),  # the exposure: 20 × 2.2447 / 0.8 = 56.1
    ],
)
def test_the_tightest_bound_counts(positions, risk, expected):
    """Each of the bounds decides once; the result is rounded up to whole quote units."""
    rules, limits = SizingRules(risk_per_trade=D(risk)), PositionLimits(max_positions=positions)
    found = smallest_capital(rules, limits, stop=D("0.1"), min_cost=D(1), fee=D("0.01"))
    assert found == expected


@pytest.mark.parametrize("risk", ["0.002", "0.01", "0.05"])
@pytest.mark.parametrize("stop", ["0.02", "0.1", "0.3"])
def test_with_the_least_capital_an_entry_is_sized_and_with_a_third_it_is_not(risk, stop):
    """Property of the two together: the sizing accepts what this calls enough, and refuses much less."""
    venue = Venue(ManualClock(0), None)
    venue.list_pair("AAA/USDT", "100")
    market = venue.markets["AAA/USDT"]
    rules, limits = SizingRules(risk_per_trade=D(risk)), PositionLimits(max_positions=3)
    least = smallest_capital(rules, limits, stop=D(stop), min_cost=market.min_cost, fee=market.taker_fee)
    assert position_size(least, least, D(stop), market, D("0.5"), rules).skip_reason is None
    one = PositionLimits(max_positions=1)
    poor = smallest_capital(rules, one, stop=D(stop), min_cost=market.min_cost, fee=market.taker_fee) / 3
    assert position_size(poor, poor, D(stop), market, D("0.5"), rules).skip_reason is not None


def test_impossible_stop_or_minimum_is_refused():
    """Both named."""
    for stop, cost in (("0", "1"), ("1", "1"), ("0.1", "0")):
        with pytest.raises(BadInput):
            smallest_capital(SizingRules(), PositionLimits(), stop=D(stop), min_cost=D(cost))
