"""Which users try a new strategy, and when it has earned the rest, by hand."""

from decimal import Decimal

import pytest

from trading.market.errors import BadInput
from trading.risk.canary import CanaryRules, drawn, verdict

RULES = CanaryRules(users=2, trades=20, days=1, least=Decimal("-0.02"))


def test_the_draw_is_seeded_and_of_its_strategy():
    """The same again; other strategies and seeds draw others; never more than there are."""
    users = [f"u{n}" for n in range(50)]
    first = drawn(users, "str-1", 0, RULES)
    assert first == drawn(reversed(users), "str-1", 0, RULES)
    assert len(first) == 2
    assert len({tuple(drawn(users, "str-1", seed, RULES)) for seed in range(5)} | {tuple(first)}) > 1
    assert drawn(users, "str-2", 0, RULES) != first
    assert drawn(["a"], "str-1", 0, RULES) == ["a"]


@pytest.mark.parametrize(
    ("trades", "profit", "days", "state"),
    [
        (19, "0.5", 9, "canary"),
        (20, "0.5", 0.9, "canary"),
        (20, "-0.02", 1, "promoted"),  # at the bound
        (20, "-0.0201", 1, "stopped"),
        (0, None, 99, "canary"),
    ],
)
def test_trades_and_days_and_then_the_result(trades, profit, days, state):
    """20 trades and a day; stopped below -2 % of cost."""
    assert verdict(trades, None if profit is None else Decimal(profit), days, RULES) == state


def test_bad_rules_are_refused():
    """With the values."""
    with pytest.raises(BadInput, match="trades >= 1"):
        CanaryRules(trades=0)
    with pytest.raises(BadInput, match="stake_share"):
        CanaryRules(stake_share=Decimal(0))
