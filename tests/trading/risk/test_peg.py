"""A dollar coin off its peg: two looks on one side, and back only when it is well back."""

from decimal import Decimal

import pytest

from trading.market.errors import BadInput
from trading.risk.peg import PegRules, PegWatch

PAIR = "USDC/USDT"


def looks(*prices: str) -> list[bool]:
    """Whether the pair is off after each look."""
    watch = PegWatch()
    found = []
    for price in prices:
        watch.look({PAIR: Decimal(price)})
        found.append(PAIR in watch.off)
    return found


@pytest.mark.parametrize(
    ("prices", "off"),
    [
        (("0.97", "0.97"), [False, True]),
        (("0.97", "1.00", "0.97"), [False, False, False]),  # one bad print each time
        (("0.97", "1.03"), [False, False]),  # on both sides: no coin does that
        (("0.98", "0.98"), [False, False]),  # exactly 2 %: at the bound, not beyond
        (("1.03", "1.03", "1.015", "1.015"), [False, True, True, True]),  # not yet well back
        (("0.97", "0.97", "0.995", "0.97", "0.995", "0.995"), [False, True, True, True, True, False]),
    ],
)
def test_looks_in_a_row_decide(prices, off):
    """Off beyond 2 % twice on one side; back within 1 % twice."""
    assert looks(*prices) == off


def test_a_pair_that_is_missing_keeps_its_state():
    """No quote is no news."""
    watch = PegWatch()
    for _ in range(2):
        watch.look({PAIR: Decimal("0.9")})
    watch.look({})
    assert watch.off == {PAIR: Decimal("0.9")}


def test_bounds_that_flap_are_refused():
    """Back must lie below most."""
    with pytest.raises(BadInput, match="back < most"):
        PegRules(most=Decimal("0.01"), back=Decimal("0.01"))
