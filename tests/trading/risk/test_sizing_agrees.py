"""Live and backtest size the same: one function, exact numbers here, compiled floats there."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from trading.backtest import portfolio
from trading.market.symbols import Market
from trading.risk.sizing import SizingRules, position_size, stake_by_risk

D = Decimal
RULES = SizingRules(risk_per_trade=D("0.01"), max_position_share=D("0.10"), reserve=D("0.02"))


def market(fee: Decimal) -> Market:
    return Market(
        symbol="A/USDT", exchange_id="AUSDT", base="A", quote="USDT", status="1", is_scannable=True,
        is_api_tradable=True, tick=D("0.01"), step=D("0.000001"), min_amount=D("0.000001"), min_cost=D(1),
        max_cost=D(0), maker_fee=fee, taker_fee=fee,
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    capital=st.integers(1_000, 10**7),
    free=st.integers(0, 10**7),
    stop=st.integers(1, 90),
    fee=st.integers(0, 20),
    price=st.integers(1, 10**5),
)
def test_the_compiled_stake_is_the_live_stake_on_the_same_inputs(capital, free, stop, fee, price):
    """To 1e-12 of the stake; and what live buys is that stake over the price, floored to the step."""
    fraction, share = D(stop) / 100, D(fee) / 10_000
    shares = (RULES.risk_per_trade, RULES.max_position_share, RULES.reserve)
    exact = stake_by_risk(D(capital), D(free), fraction, share, shares)
    floats = tuple(float(each) for each in shares)
    compiled = portfolio._stake_by_risk(float(capital), float(free), float(fraction), float(share), floats)
    assert abs(compiled - float(exact)) <= 1e-12 * max(1.0, float(exact))
    size = position_size(D(capital), D(free), fraction, market(share), D(price), RULES)
    if not size.is_skipped:
        assert size.amount == market(share).floor_amount(exact / price)


def test_which_of_the_three_bounds_binds():
    """10,000: risk 1 % at a stop of 5 % = 2,000; a tenth = 1,000; free 500 less 2 %, fee 0 = 490."""
    shares = (D("0.01"), D("0.10"), D("0.02"))
    assert stake_by_risk(D(10_000), D(10_000), D("0.2"), D(0), shares) == 500
    assert stake_by_risk(D(10_000), D(10_000), D("0.05"), D(0), shares) == 1_000
    assert stake_by_risk(D(10_000), D(500), D("0.05"), D(0), shares) == 490
