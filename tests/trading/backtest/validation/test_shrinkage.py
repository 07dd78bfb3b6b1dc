"""Estimates pulled toward the pool: by hand, and closer to the truth than what was measured."""

import numpy as np
import pytest

from trading.backtest.validation.shrinkage import pool_strength, shrink
from trading.market.errors import BadInput


def test_three_symbols_by_hand() -> None:
    """Means 1, 2, 6 with errors of 1: spread² = 7 - 1 = 6, each keeps 6/7 of its way to 3."""
    found = shrink(np.array([1.0, 2.0, 6.0]), np.ones(3))
    assert (found.pool_mean, found.between_sd**2) == pytest.approx((3.0, 6.0))
    assert found.mean == pytest.approx(3 + np.array([-2, -1, 3]) * 6 / 7)


def test_what_scatters_no_more_than_its_errors_becomes_the_pool() -> None:
    """Means of 0.9 and 1.1 with errors of 1 tell nothing apart."""
    found = shrink(np.array([0.9, 1.1]), np.ones(2))
    assert found.between_sd == 0.0
    assert found.mean == pytest.approx([1.0, 1.0])


def test_a_sure_symbol_is_shrunk_less_than_an_unsure_one() -> None:
    """Same estimate, ten times the error: nearer to the pool."""
    found = shrink(np.array([5.0, 5.0, -1.0, 0.0, 1.0]), np.array([0.2, 2.0, 0.5, 0.5, 0.5]))
    assert found.mean[0] > found.mean[1]
    assert found.weight[0] > 0.9


def test_shrunk_estimates_are_nearer_to_the_truth() -> None:
    """200 pools of 30 symbols with 10 noisy trades each: a third less squared error."""
    rng = np.random.default_rng(1)
    plain = pulled = 0.0
    for _ in range(200):
        truth = rng.normal(0.001, 0.003, 30)
        seen = truth + rng.normal(0, 0.006, 30)
        plain += np.sum((seen - truth) ** 2)
        pulled += np.sum((shrink(seen, np.full(30, 0.006)).mean - truth) ** 2)
    assert pulled < plain * 0.67


def test_posterior_intervals_hold_the_truth() -> None:
    """Two deviations around the posterior mean: 92 to 98 % of 3,000 truths."""
    rng = np.random.default_rng(2)
    held = []
    for _ in range(100):
        truth = rng.normal(0, 1, 30)
        found = shrink(truth + rng.normal(0, 0.7, 30), np.full(30, 0.7))
        held.append(np.abs(found.mean - truth) < 2 * found.sd)
    assert 0.92 <= np.mean(held) <= 0.98


def test_the_pool_counts_as_many_trades_as_the_symbols_are_alike() -> None:
    """Trades of deviation 0.02, symbols of deviation 0.005: 16 trades; alike symbols reach the ceiling."""
    rng = np.random.default_rng(3)
    counts = np.full(2000, 40.0)
    means = rng.normal(0, 0.005, 2000) + rng.normal(0, 0.02 / np.sqrt(40), 2000)
    assert pool_strength(means, counts, 0.02, least=1.0) == pytest.approx(16, rel=0.1)
    assert pool_strength(np.full(5, 0.01), np.full(5, 8.0), 0.02, least=10.0) == 1000.0
    assert pool_strength(means[:2], counts[:2], 0.02, least=10.0) == 10.0


def test_one_symbol_keeps_its_estimate_and_bad_errors_are_refused() -> None:
    """There is no pool of one."""
    assert shrink(np.array([2.0]), np.array([9.0])).mean.tolist() == [2.0]
    with pytest.raises(BadInput, match="errors positive"):
        shrink(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
