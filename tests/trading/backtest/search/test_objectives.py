"""Twelve losses by hand-worked numbers: four trades over four days, one on each."""

import math

import numpy as np
import pytest

from trading.backtest.search.objectives import OBJECTIVES, WORST, objective
from trading.backtest.search.outcome import Outcome, drawdown
from trading.market.errors import BadInput

# A capital of 2 stakes; trades of +20 %, -10 %, +20 %, -10 % of a stake, on symbols A, B, A, B, a day each.
# So r = 0.10, -0.05, 0.10, -0.05 of the capital, P = 0.10, equity 1, 1.10, 1.05, 1.15, 1.10.
DAILY = np.array([0.2, -0.1, 0.2, -0.1])
OUTCOME = Outcome(
    trades=4,
    total=0.2,
    deviation=math.sqrt(0.03),  # squares of 0.15, -0.15, 0.15, -0.15 over 3
    win_share=0.5,
    profit_factor=2.0,
    daily=DAILY,
    capital=2.0,
    minutes=300.0,
    downside=math.sqrt(0.005),  # 0.01 and 0.01 over 4
    pairs=np.stack([[0.2, 0.0, 0.2, 0.0], [0.0, -0.1, 0.0, -0.1]], axis=1),
)
YEAR = math.sqrt(365)
EXPECTED = {
    "ShortTradeDurHyperOptLoss": 0.5 + 0.5 - math.tanh(0.2),
    "OnlyProfitHyperOptLoss": -0.1,
    "SharpeHyperOptLoss": -(0.1 / 4) / (math.sqrt(0.03) / 2) * YEAR,
    "SharpeHyperOptLossDaily": -0.025 / math.sqrt(0.0075) * YEAR,
    "SortinoHyperOptLoss": -(0.1 / 4) / (math.sqrt(0.005) / 2) * YEAR,
    "SortinoHyperOptLossDaily": -0.025 / math.sqrt(0.00125) * YEAR,
    "MaxDrawDownHyperOptLoss": -0.1 / 0.05,
    # The fall of 0.05 from 1.10 is 4.545 % of its peak, that from 1.15 less.
    "MaxDrawDownRelativeHyperOptLoss": -2 * (1 - 0.05 / 1.1),
    # A: +0.2 and no fall, 0.2 / 0.001; B: -0.1, a fall of 0.1.
    "MaxDrawDownPerPairHyperOptLoss": 1.0,
    "CalmarHyperOptLoss": -0.1 * 365 / 4 / (0.05 / 1.1),
    "ProfitDrawDownHyperOptLoss": -(0.1 - 0.05),
    # F = 2, mean 0.05 over mean loss 0.1: X = 0.5.
    "MultiMetricHyperOptLoss": -0.1 * math.log(3) * math.log(1.5) * 1.0 * (1 - 0.05 / 1.1) * 4 / 54,
}


@pytest.mark.parametrize("name", list(EXPECTED))
def test_each_loss_is_its_documented_formula(name: str) -> None:
    """Worked out by hand from four trades."""
    assert objective(name)(OUTCOME) == pytest.approx(EXPECTED[name], rel=1e-12)


def test_there_are_the_twelve_that_freqtrade_users_know() -> None:
    """By name, in its order."""
    assert list(OBJECTIVES) == list(EXPECTED)
    with pytest.raises(BadInput, match="must be one of"):
        objective("BestHyperOptLoss")


@pytest.mark.parametrize("name", list(EXPECTED))
def test_no_trade_is_the_worst_there_is(name: str) -> None:
    """Doing nothing is never the winner."""
    nothing = Outcome(0, 0.0, 0.0, 0.0, 0.0, np.zeros(4), 2.0, 0.0, 0.0, np.zeros((4, 0)))
    assert objective(name)(nothing) == WORST
    assert objective(name)(OUTCOME) < WORST


def test_a_fall_is_measured_from_the_start_too() -> None:
    """Losing 0.1 at once and never winning is a fall of 0.1, of 10 % of the peak, which was the start."""
    assert drawdown(np.array([-0.1, 0.05])) == pytest.approx((0.1, 0.1))
