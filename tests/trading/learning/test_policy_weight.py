"""The weight of a policy's expectation: earned where it tells gains from losses, 0 where it does not."""

import numpy as np
import pytest

from trading.learning.policy_weight import fit_policy_weight
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
