"""Limits over open positions."""

from decimal import Decimal

import pytest

from trading.market.errors import BadInput
from trading.risk.limits import PositionLimits, refusal

D = Decimal

HELD = {"A/USDT": Decimal(100), "B/USDT": Decimal(200)}


@pytest.mark.parametrize(
    ("symbol", "cost", "limits", "rule", "said"),
    [
        ("C/USDT", D(100), PositionLimits(), None, ""),
        ("A/USDT", D(100), PositionLimits(), "held", "already has a position"),
        (
            "C/USDT",
            D(100),
            PositionLimits(max_positions=2),
            "max_positions",
            "2 positions are open, the limit is 2",
        ),
        (
            "C/USDT",
            D(100),
            PositionLimits(max_symbol_cost=D(99)),
            "symbol_cost",
            "the limit per symbol is 99",
        ),
        ("C/USDT", D(501), PositionLimits(), "max_exposure", "exposure would be 801, the limit is 800"),
        ("C/USDT", D(500), PositionLimits(), None, ""),
    ],
)
def test_each_bound_refuses_with_its_own_sentence(
    symbol: str, cost: Decimal, limits: PositionLimits, rule: str | None, said: str
) -> None:
    """Capital 1,000, 300 held: up to 500 more fit into 80 %."""
    found = refusal(symbol, cost, HELD, D(1000), limits)
    assert (found and found.rule) == rule
    assert found is None or said in found.reason


def test_a_bound_that_counts_says_what_was_measured_and_the_most_allowed() -> None:
    """Two positions of two; 300 held and 501 more against 800."""
    full = refusal("C/USDT", D(1), HELD, D(1000), PositionLimits(max_positions=2))
    much = refusal("C/USDT", D(501), HELD, D(1000), PositionLimits())
    assert full is not None
    assert much is not None
    assert (full.value, full.bound) == (D(2), D(2))
    assert (much.value, much.bound) == (D(801), D(800))


def test_limits_that_allow_nothing_are_refused() -> None:
    """Zero positions is a switched-off user, not a limit."""
    with pytest.raises(BadInput, match="was 0"):
        PositionLimits(max_positions=0)
