"""Ratios of daily returns against empyrical-reloaded, ratios of trades against numbers worked by hand."""

import math

import empyrical
import numpy as np
import pytest

from trading.backtest.figures import ratios

# What empyrical calls them; a year has 365 days.
AGREED = {
    ratios.sharpe: lambda r: empyrical.sharpe_ratio(r, annualization=365),
    ratios.sortino: lambda r: empyrical.sortino_ratio(r, annualization=365),
    ratios.calmar: lambda r: empyrical.calmar_ratio(r, annualization=365),
    ratios.volatility: lambda r: empyrical.annual_volatility(r, annualization=365),
    ratios.max_drawdown: lambda r: -empyrical.max_drawdown(r),
    ratios.omega: lambda r: empyrical.omega_ratio(r, annualization=365),
    ratios.value_at_risk: empyrical.value_at_risk,
    ratios.expected_shortfall: empyrical.conditional_value_at_risk,
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("ours", "theirs"), AGREED.items(), ids=[f.__name__ for f in AGREED])
def test_a_ratio_of_daily_returns_is_empyrical_s(ours, theirs, seed: int) -> None:
    """200 fat-tailed days: the same number to nine digits."""
    returns = np.random.default_rng(seed).standard_t(4, 200) * 0.01 + 0.001
    assert ours(returns) == pytest.approx(theirs(returns), rel=1e-9)


def test_growth_is_empyrical_s_yearly_return() -> None:
    """The compounded end of 200 days, to the power of 365 / 200."""
    returns = np.random.default_rng(9).normal(0.001, 0.01, 200)
    assert ratios.cagr(1.0, float(np.prod(1 + returns)), 200) == pytest.approx(
        empyrical.cagr(returns, annualization=365)
    )


def test_trade_ratios_follow_freqtrade_s_definitions_by_hand() -> None:
    """+30, -10, +20, -20 on 1,000 over 10 days.

    Per day 20 / 1,000 / 10 = 0.002; deviation of 0.03, -0.01, 0.02, -0.02 (mean 0.005, squares summing to
    0.0017) is 0.0206155; of the losses alone 0.005. Percent a day 0.2 over a drawdown of 0.02.
    """
    profits = np.array([30.0, -10.0, 20.0, -20.0])
    year = math.sqrt(365)
    assert ratios.trade_sharpe(profits, 1000.0, 10) == pytest.approx(0.002 / 0.0206155 * year, rel=1e-5)
    assert ratios.trade_sortino(profits, 1000.0, 10) == pytest.approx(0.002 / 0.005 * year)
    assert ratios.trade_calmar(profits, 1000.0, 10, 0.02) == pytest.approx(0.2 / 0.02 * year)
    assert ratios.sqn(profits) == pytest.approx(2 * 5 / 23.80476, rel=1e-5)


def test_expectancy_counts_draws_among_the_trades() -> None:
    """Wins of 30 and 20, a loss of 10, a draw: 0.5 × 25 - 0.25 × 10 = 10; (1 + 25/10) × 0.5 - 1 = 0.75."""
    assert ratios.expectancy(np.array([30.0, 20.0, -10.0, 0.0])) == pytest.approx((10.0, 0.75))
    assert ratios.profit_factor(np.array([30.0, 20.0, -10.0, 0.0])) == pytest.approx(5.0)


def test_a_ratio_without_meaning_is_nan_and_never_infinite() -> None:
    """No loss, no deviation, no trade: nothing is divided by zero."""
    flat, none = np.full(5, 0.01), np.zeros(0)
    for ratio in (ratios.sharpe, ratios.sortino, ratios.calmar, ratios.omega, ratios.sqn):
        assert math.isnan(ratio(flat)), ratio
        assert math.isnan(ratio(none)), ratio
    assert math.isnan(ratios.profit_factor(np.array([1.0, 2.0])))
    assert all(math.isnan(value) for value in ratios.expectancy(none))
    assert ratios.cagr(100.0, 0.0, 30) == -1.0


@pytest.mark.parametrize(
    ("profits", "longest"),
    [
        ([], (0, 0)),
        ([1, 1, -1, 1], (2, 1)),
        ([1, 0, 1, -1, -1, -1], (1, 3)),
        ([0, 0], (0, 0)),
        ([-1], (0, 1)),
    ],
)
def test_a_draw_ends_a_streak(profits: list[float], longest: tuple[int, int]) -> None:
    """Win, draw, win are two streaks of one."""
    assert ratios.streaks(np.array(profits, dtype=np.float64)) == longest
