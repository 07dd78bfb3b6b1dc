"""Orders of trades: small enough to list, and what must stay the same in all of them."""

from itertools import permutations

import numpy as np
import pytest

from trading.backtest.validation.trade_order import redrawn, shuffled_order
from trading.market.errors import BadInput


def drawdown(returns: tuple[float, ...]) -> float:
    wealth = np.concatenate([[1.0], np.cumprod(1 + np.array(returns))])
    return float((1 - wealth / np.maximum.accumulate(wealth)).max())


def test_the_distribution_is_that_of_all_orders() -> None:
    """Four trades, 24 orders: every drawdown by hand, the mean and the worst of them."""
    trades = (0.1, -0.1, 0.05, -0.2)
    every = np.array([drawdown(order) for order in permutations(trades)])
    found = shuffled_order(np.array(trades), 20_000, np.random.default_rng(1))
    assert found.drawdown == pytest.approx(drawdown(trades))
    assert found.drawdown_worst == pytest.approx(every.max())
    expected = np.mean(every < found.drawdown - 1e-12) + 0.5 * np.mean(np.isclose(every, found.drawdown))
    assert found.percentile == pytest.approx(expected, abs=0.015)


def test_a_kind_history_has_a_low_percentile_and_a_cruel_one_a_high() -> None:
    """Wins and losses in turn fall less than all losses in a row."""
    turns = np.tile([0.02, -0.02], 30)
    assert shuffled_order(turns, 500, np.random.default_rng(2)).percentile < 0.02
    assert shuffled_order(np.sort(turns)[::-1].copy(), 500, np.random.default_rng(2)).percentile > 0.98


def test_redrawn_trades_lose_as_often_as_luck_lets_them() -> None:
    """100 trades of ±1 % without edge end below the start about half the time; with an edge rarely."""
    rng = np.random.default_rng(3)
    fair = redrawn(np.tile([0.01, -0.01], 50), 4000, rng)
    assert fair.loss_probability == pytest.approx(0.5, abs=0.07)
    assert redrawn(np.tile([0.02, -0.01], 50), 4000, rng).loss_probability < 0.01
    assert fair.low_5 < fair.median < fair.high_95


def test_a_smaller_stake_falls_less() -> None:
    """A tenth of the equity in each trade: a tenth of the drawdown, nearly."""
    trades = np.array([-0.1, -0.1, 0.3])
    whole = shuffled_order(trades, 200, np.random.default_rng(4))
    tenth = shuffled_order(trades, 200, np.random.default_rng(4), stake=0.1)
    assert tenth.drawdown == pytest.approx(1 - 0.99**2)
    assert whole.drawdown == pytest.approx(0.19)


@pytest.mark.parametrize(
    ("trades", "draws", "stake", "said"),
    [
        ([], 10, 1.0, "were 0"),
        ([-1.0], 10, 1.0, "above -1"),
        ([0.1], 0, 1.0, "draws"),
        ([0.1], 9, 1.1, "stake must lie"),
    ],
)
def test_what_cannot_be_shuffled_is_refused(trades: list[float], draws: int, stake: float, said: str) -> None:
    """The bound is named."""
    with pytest.raises(BadInput, match=said):
        shuffled_order(np.array(trades), draws, np.random.default_rng(0), stake)
