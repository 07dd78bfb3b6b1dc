"""Limits over open positions."""

from decimal import Decimal

import pytest

from trading.market.errors import BadInput
from trading.risk.limits import PositionLimits, refusal

D = Decimal

HELD = {"A/USDT": Decimal(100), "B/USDT": Decimal(200)}


@pytest.mark.parametrize(
    ("symbol", "cost", "limits", "expected"),
    [
        ("C/USDT", D(100), PositionLimits(), None),
        ("A/USDT", D(100), PositionLimits(), "already has a position"),
        ("C/USDT", D(100), PositionLimits(max_positions=2), "2 positions are open, the limit is 2"),
        ("C/USDT", D(100), PositionLimits(max_symbol_cost=D(99)), "the limit per symbol is 99"),
        ("C/USDT", D(501), PositionLimits(), "exposure would be 801, the limit is 800"),
        ("C/USDT", D(500), PositionLimits(), None),
    ],
)
def test_each_bound_refuses_with_its_own_sentence(
    symbol: str, cost: Decimal, limits: PositionLimits, expected: str | None
) -> None:
    """Capital 1,000, 300 held: up to 500 more fit into 80 %."""
    found = refusal(symbol, cost, HELD, D(1000), limits)
    assert found is None if expected is None else expected in str(found)


def test_limits_that_allow_nothing_are_refused() -> None:
    """Zero positions is a switched-off user, not a limit."""
    with pytest.raises(BadInput, match="was 0"):
        PositionLimits(max_positions=0)
