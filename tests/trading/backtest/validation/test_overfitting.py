"""CSCV against a plain loop over the splits, and its meaning on noise and on skill."""

from itertools import combinations

import numpy as np
import pytest

from trading.backtest.validation.overfitting import backtest_overfitting
from trading.market.errors import BadInput


def plain_loop(returns: np.ndarray, blocks: int) -> float:
    """The definition, split by split, without block sums."""
    parts = np.array_split(returns, blocks)
    below = []
    for chosen in combinations(range(blocks), blocks // 2):
        here = np.concatenate([parts[k] for k in chosen])
        there = np.concatenate([parts[k] for k in range(blocks) if k not in chosen])
        best = np.argmax(here.mean(axis=0) / here.std(axis=0))
        outside = there.mean(axis=0) / there.std(axis=0)
        rank = int((outside < outside[best]).sum()) + 1
        below.append(rank / (returns.shape[1] + 1) <= 0.5)
    return float(np.mean(below))


@pytest.mark.parametrize("seed", range(4))
def test_the_probability_is_that_of_the_plain_loop(seed: int) -> None:
    """70 splits of 20 configurations."""
    returns = np.random.default_rng(seed).standard_t(4, (160, 20)) * 0.01
    assert backtest_overfitting(returns, 8).probability == pytest.approx(plain_loop(returns, 8))


def test_two_configurations_that_take_turns_are_always_overfitted() -> None:
    """Each wins where the other loses: with two blocks the best of one half is the worst of the other."""
    swing = np.tile([1.1, 0.9], 5) * 0.01
    returns = np.concatenate([np.stack([swing, -swing], axis=1), np.stack([-swing, swing], axis=1)])
    found = backtest_overfitting(returns, 2)
    assert (found.probability, found.loss_probability, found.splits) == (1.0, 1.0, 2)


def test_noise_is_overfitted_in_half_of_the_splits_and_skill_in_none() -> None:
    """Mean over 30 panels of noise near one half; one real edge among 40 is picked and keeps its place."""
    rng = np.random.default_rng(5)
    noise = [backtest_overfitting(rng.normal(0, 0.01, (240, 40)), 10).probability for _ in range(30)]
    assert np.mean(noise) == pytest.approx(0.5, abs=0.12)
    skilled = rng.normal(0, 0.01, (240, 40))
    skilled[:, 7] += 0.005
    found = backtest_overfitting(skilled, 10)
    assert found.probability < 0.02
    assert found.loss_probability < 0.02


def test_the_probability_falls_as_the_edge_grows() -> None:
    """The mean of five panels per edge."""
    rng = np.random.default_rng(6)
    means = []
    for edge in (0.0, 0.001, 0.003):
        panels = [rng.normal(0, 0.01, (240, 20)) + edge * (np.arange(20) == 3) for _ in range(5)]
        means.append(np.mean([backtest_overfitting(panel, 10).probability for panel in panels]))
    assert means == sorted(means, reverse=True)
    assert means[0] - means[2] > 0.3


def test_configurations_that_never_trade_do_not_divide_by_zero() -> None:
    """A flat column has a ratio of 0, neither best nor not a number."""
    returns = np.random.default_rng(7).normal(0, 0.01, (64, 4))
    returns[:, 2] = 0.0
    assert np.isfinite(backtest_overfitting(returns, 4).logits).all()


@pytest.mark.parametrize(
    ("shape", "blocks", "said"),
    [((64, 4), 5, "even"), ((64, 4), 22, "2..20"), ((64, 1), 4, "2 configurations"), ((7, 4), 4, "8 rows")],
)
def test_what_cannot_be_split_is_refused(shape: tuple[int, int], blocks: int, said: str) -> None:
    """The bound is named."""
    with pytest.raises(BadInput, match=said):
        backtest_overfitting(np.ones(shape), blocks)
