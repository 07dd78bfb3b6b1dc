"""Sizing: exact amounts, hand-worked."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market.errors import BadInput
from trading.market.symbols import Market
from trading.risk.sizing import SizingRules, position_size, stake_share

D = Decimal


def market(step: str = "0.01", min_amount: str = "0", min_cost: str = "5", max_cost: str = "0") -> Market:
    return Market(
        "A/USDT", "AUSDT", "A", "USDT", "1", True, True, D("0.0001"), D(step), D(min_amount), D(min_cost),
        D(max_cost), D(0), D("0.001"),
    )  # fmt: skip


def test_the_stop_loses_the_risked_share_of_capital() -> None:
    """1 % of 10,000 is 100; at a stop of 4 % that is a position of 2,500, cut to 10 % = 1,000 by share."""
    rules = SizingRules(D("0.01"), D("0.5"))
    assert position_size(D(10_000), D(10_000), D("0.04"), market(), D(7), rules).amount == D("357.14")
    capped = position_size(D(10_000), D(10_000), D("0.04"), market(), D(7), SizingRules())
    assert (capped.amount, capped.cost) == (D("142.85"), D("999.95"))


def test_free_balance_bounds_the_position_fee_and_reserve_included() -> None:
    """100 free x 0.98 / 1.001 = 97.9 quote: 13.98 units at 7."""
    assert position_size(D(10_000), D(100), D("0.04"), market(), D(7)).amount == D("13.98")


def test_the_venues_largest_order_bounds_the_position() -> None:
    """A maximum of 50 quote units is 7.14 at 7."""
    assert position_size(D(10_000), D(10_000), D("0.04"), market(max_cost="50"), D(7)).amount == D("7.14")


def test_a_position_that_could_not_be_sold_at_its_stop_is_skipped() -> None:
    """52 capital: 5.2 quote now is above the minimum of 5, at a stop of 10 % it would be 4.6."""
    found = position_size(D(52), D(52), D("0.1"), market(), D(1), SizingRules())
    assert found.is_skipped
    assert found.skip_reason is not None
    assert "below the minimum order of 5" in found.skip_reason


def test_an_amount_below_the_minimum_after_the_fee_is_skipped() -> None:
    """10 units bought, 9.99 left after a fee in base: the minimum of 10 is missed."""
    found = position_size(D(1000), D(1000), D("0.05"), market(step="0.01", min_amount="100"), D(1))
    assert found.amount == 0
    assert "after the fee is below twice the minimum of 100" in str(found.skip_reason)


def test_a_whole_step_too_dear_is_skipped() -> None:
    """One step of 1 BTC costs more than the share allows."""
    found = position_size(D(1000), D(1000), D("0.05"), market(step="1"), D(60_000))
    assert "less than one step" in str(found.skip_reason)


@pytest.mark.parametrize(
    ("stop", "price", "capital"), [("0", "1", "1"), ("1", "1", "1"), ("0.1", "0", "1"), ("0.1", "1", "-1")]
)
def test_nonsense_is_refused(stop: str, price: str, capital: str) -> None:
    """A stop of 0 would make the position infinite."""
    with pytest.raises(BadInput, match=r"was|were"):
        position_size(D(capital), D(1), D(stop), market(), D(price))


@given(
    capital=st.decimals("1", "100000", places=2),
    free=st.decimals("0", "100000", places=2),
    stop=st.decimals("0.001", "0.5", places=3),
    price=st.decimals("0.0001", "90000", places=4),
    step=st.sampled_from(["1", "0.1", "0.001", "0.00001"]),
)
def test_a_sized_position_always_fits_and_can_always_be_left(
    capital: Decimal, free: Decimal, stop: Decimal, price: Decimal, step: str
) -> None:
    """Whole steps; within balance with fee and within risk; sellable at the stop."""
    pair = market(step=step)
    found = position_size(capital, free, stop, pair, price)
    assert found.amount % pair.step == 0
    assert found.cost * (1 + pair.taker_fee) <= free
    assert found.cost * stop <= capital * D("0.01") + D("1e-12")
    if not found.is_skipped:
        left = pair.floor_amount(found.amount * (1 - pair.taker_fee))
        assert left * price * (1 - stop) >= pair.min_cost


@pytest.mark.parametrize("said", [1.5, 0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_share_counts_as_the_whole_stake(said: float) -> None:
    """A policy never takes more than the rules do; nothing said is the whole."""
    assert stake_share({"policy_size": said}) == stake_share({}) == D(1)
    assert stake_share({"policy_size": 0.5}) == D("0.5")
