"""The weight of a policy's expectation: earned where it tells gains from losses, 0 where it does not."""

import numpy as np
import pytest

from trading.learning.policy_weight import fit_policy_sizes, fit_policy_weight
from trading.market.errors import BadInput


def signals(seed: int, link: float, n: int = 1000) -> tuple[np.ndarray, ...]:
    """Net returns of 1.5 % scatter and -0.1 % mean over 50 days; the policy sees `link` of each and noise."""
    rng = np.random.default_rng(seed)
    net = rng.normal(-0.001, 0.015, n)
    expected = link * net + rng.normal(0.0, 0.01, n)
    return expected, net, np.repeat(np.arange(50), n // 50), np.repeat(np.arange(5), n // 5)


def test_an_expectation_that_tells_gains_from_losses_earns_a_weight_drawn_to_the_rules() -> None:
    """n / (n + 200) of the best of 1/4 to 1; later folds gained by it."""
    found = fit_policy_weight(*signals(0, 0.5))
    best = found.tried.filter("is_chosen")["weight"][0]
    assert best > 0
    assert found.weight == pytest.approx(best * 1000 / 1200)
    assert found.p_value <= 0.05
    assert found.uplift > 0


def test_noise_seldom_earns_anything() -> None:
    """Forty policies that say nothing, beside rules that lose: at most five get any weight."""
    earned = [fit_policy_weight(*signals(seed, 0.0)).weight > 0 for seed in range(40)]
    assert sum(earned) <= 5


def test_one_fold_is_no_evidence() -> None:
    """Nothing was chosen before and tested later: p is 1."""
    expected, net, day, fold = signals(0, 0.5)
    found = fit_policy_weight(expected, net, day, fold * 0)
    assert (found.weight, found.p_value) == (0.0, 1.0)


def test_lengths_that_differ_are_refused() -> None:
    """All four are named."""
    expected, net, day, fold = signals(0, 0.5)
    with pytest.raises(BadInput, match=r"\(999, 1000, 1000, 1000\)"):
        fit_policy_weight(expected[1:], net, day, fold)


def test_sizes_that_are_large_where_it_gains_are_followed_and_the_uplift_is_by_hand() -> None:
    """Whole stakes on gains, half on losses: half of all losses is saved, over 1,000 signals."""
    _, net, day, fold = signals(0, 0.0)
    found = fit_policy_sizes(np.where(net > 0, 1.0, 0.5), net, day, fold)
    assert found.is_earned
    assert found.uplift == pytest.approx(-0.5 * net[net < 0].sum() / 1000)
    assert found.p_value <= 0.01


def test_smaller_stakes_by_chance_or_throughout_are_not_followed() -> None:
    """Rules that lose: any smaller stake saves money, and that is no merit. At most five of forty by luck."""
    earned = []
    for seed in range(40):
        _, net, day, fold = signals(seed, 0.0)
        sizes = np.random.default_rng(seed).choice([0.0, 0.5, 1.0], len(net))
        earned.append(fit_policy_sizes(sizes, net, day, fold).is_earned)
        assert not fit_policy_sizes(np.full(len(net), 0.5), net, day, fold).is_earned
    assert sum(earned) <= 5


def test_a_size_above_the_rules_is_refused() -> None:
    """A policy may take less, never more."""
    _, net, day, fold = signals(0, 0.0)
    with pytest.raises(BadInput, match=r"sizes must lie in \[0, 1\], were 0.5 to 1.5"):
        fit_policy_sizes(np.where(net > 0, 1.5, 0.5), net, day, fold)
    with pytest.raises(BadInput, match=r"\(999, 1000, 1000, 1000\)"):
        fit_policy_sizes(np.ones(999), net, day, fold)
