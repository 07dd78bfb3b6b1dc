"""Entry sizes survive stop, fee and one partial fill; what does not survive has an account."""

from decimal import ROUND_DOWN, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.market.symbols import Market
from trading.risk.limits import PositionLimits
from trading.risk.sizing import SizingRules, position_size
from trading.risk.smallest import smallest_capital

D = Decimal
decimals = st.integers(0, 8)
money = st.decimals("0.0001", "90000", places=4)


@st.composite
def markets(draw) -> Market:
    step, tick = D(1).scaleb(-draw(decimals)), D(1).scaleb(-draw(decimals))
    return Market(
        symbol="A/USDT", exchange_id="AUSDT", base="A", quote="USDT", status="1", is_scannable=True,
        is_api_tradable=True, tick=tick, step=step, min_amount=draw(st.sampled_from([D(0), step, 7 * step])),
        min_cost=draw(st.decimals("0.1", "20", places=2)), max_cost=D(0), maker_fee=D(0),
        taker_fee=draw(st.decimals("0", "0.004", places=4)),
    )  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(markets(), money, money, money, st.decimals("0.005", "0.9", places=3), st.decimals("0", "1", places=3))
def test_after_fee_stop_and_a_partial_fill_the_rest_is_sellable_or_less_than_an_order(
    market: Market, capital: Decimal, free: Decimal, price: Decimal, stop: Decimal, share: Decimal
):
    """Up to half sold first: the rest is at the minimums or above; beyond it, dust is below one order."""
    size = position_size(capital, free, stop, market, price)
    if size.is_skipped:
        return
    held = _steps(size.amount * (1 - market.taker_fee), market)  # the fee taken in coins: the worse case
    at_stop = price * (1 - stop)
    sold = _steps(held * share, market)
    rest = _steps(held - sold, market)
    if sold <= held / 2:
        assert rest >= market.min_amount
        assert rest > 0
        assert rest * at_stop >= market.min_cost
    elif rest * at_stop < market.min_cost or rest < market.min_amount:
        assert sold >= market.min_amount  # what was sold was an order
        assert rest * at_stop < market.min_cost or rest < market.min_amount  # goes to the dust account
        assert rest <= held / 2
    assert size.cost * (1 + market.taker_fee) <= free  # nor more than there is


@settings(max_examples=200, deadline=None)
@given(markets(), st.decimals("0.01", "0.5", places=3), st.integers(1, 20))
def test_the_smallest_capital_said_opens_a_position(market: Market, stop: Decimal, positions: int):
    """At the capital that `users add` calls the least, an entry is not skipped as too small (fine steps)."""
    rules = SizingRules()
    least = smallest_capital(
        rules, PositionLimits(max_positions=positions), stop=stop, min_cost=market.min_cost,
        fee=market.taker_fee,
    )  # fmt: skip
    fine = Market(
        **{n: getattr(market, n) for n in Market.__slots__} | {"step": D("1e-12"), "min_amount": D(0)}
    )
    least *= 1 + D("1e-9")  # what the fine step cuts off
    assert not position_size(least, least, stop, fine, D("3.1"), rules).is_skipped


def _steps(amount: Decimal, market: Market) -> Decimal:
    return (amount / market.step).to_integral_value(ROUND_DOWN) * market.step
