"""Sharpe ratios under doubt: the published example, and chances measured on noise."""

import math

import numpy as np
import pytest

from trading.backtest.validation import sharpe
from trading.backtest.validation.sharpe import SharpeEstimate
from trading.market.errors import BadInput

# Bailey & López de Prado (2014): yearly Sharpe 2.5 over 1,250 days, skew -3, kurtosis 10, best of 100
# trials with a yearly variance of 1/2; 250 days a year.
EXAMPLE = SharpeEstimate(2.5 / math.sqrt(250), 1250, -3.0, 10.0)


def test_the_deflated_sharpe_ratio_is_that_of_its_inventors_example() -> None:
    """SR0 = 0.1132 a day and DSR = 0.9004, as printed in the paper."""
    assert sharpe.expected_best_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)
    assert sharpe.deflated_sharpe(EXAMPLE, 100, 0.5 / 250) == pytest.approx(0.9004, abs=5e-5)


def test_one_trial_deflates_nothing_and_a_million_leave_little() -> None:
    """With one trial DSR is PSR against 0; it falls with every further trial."""
    assert sharpe.deflated_sharpe(EXAMPLE, 1) == sharpe.probabilistic_sharpe(EXAMPLE)
    falling = [sharpe.deflated_sharpe(EXAMPLE, n, 0.5 / 250) for n in (1, 10, 100, 10_000, 1_000_000)]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < 0.1


def test_the_normal_error_of_a_sharpe_ratio_by_hand() -> None:
    """Normal returns, SR 0.1, n = 101: √((1 + 0.01 / 2) / 100) = 0.10025; PSR = Φ(0.99751) = 0.84074."""
    found = SharpeEstimate(0.1, 101)
    assert found.standard_error == pytest.approx(0.100250, abs=1e-6)
    assert sharpe.probabilistic_sharpe(found) == pytest.approx(0.84074, abs=1e-5)


def test_a_minimum_track_record_is_what_makes_the_probability_reach_its_level() -> None:
    """At that many observations PSR is the confidence; an estimate that is not ahead never gets there."""
    needed = sharpe.minimum_track_record(EXAMPLE, 0.05, 0.95)
    at_last = SharpeEstimate(EXAMPLE.sharpe, round(needed), -3.0, 10.0)
    assert sharpe.probabilistic_sharpe(at_last, 0.05) == pytest.approx(0.95, abs=1e-3)
    assert sharpe.minimum_track_record(EXAMPLE, 1.0) == math.inf


def test_without_skill_one_in_twenty_has_a_probability_above_95_percent() -> None:
    """4,000 series of 250 normal days without edge: 5 % (3 standard errors: 1 %) pass at 0.95."""
    rng = np.random.default_rng(1)
    passed = [
        sharpe.probabilistic_sharpe(sharpe.estimate(returns)) > 0.95
        for returns in rng.normal(0, 0.01, (4000, 250))
    ]
    assert np.mean(passed) == pytest.approx(0.05, abs=0.0105)


def test_the_best_of_many_without_skill_is_no_discovery_and_one_with_skill_is() -> None:
    """Best of 50 noises: plain PSR is nearly always fooled, the deflated one in at most 8 % of 300 runs."""
    rng = np.random.default_rng(2)
    fooled, deflated, found = 0, 0, 0
    for _ in range(300):
        panel = rng.normal(0, 0.01, (250, 50))
        ratios = panel.mean(axis=0) / panel.std(axis=0, ddof=1)
        best = sharpe.estimate(panel[:, ratios.argmax()])
        fooled += sharpe.probabilistic_sharpe(best) > 0.95
        deflated += sharpe.deflated_sharpe(best, 50, float(ratios.var(ddof=1))) > 0.95
        skilled = sharpe.estimate(rng.normal(0.004, 0.01, 250))
        found += sharpe.deflated_sharpe(skilled, 50, 1 / 249) > 0.95
    assert fooled > 250
    assert deflated <= 24
    assert found > 280


def test_correlated_trials_count_for_less() -> None:
    """Ten copies are one trial, ten independent ones nearly ten; what does not move is none."""
    rng = np.random.default_rng(3)
    one = rng.normal(size=(5000, 1))
    assert sharpe.effective_trials(np.repeat(one, 10, axis=1)) == pytest.approx(1.0)
    assert sharpe.effective_trials(rng.normal(size=(5000, 10))) == pytest.approx(10.0, rel=0.02)
    assert sharpe.effective_trials(np.zeros((10, 3))) == 0.0


def test_returns_that_do_not_vary_have_no_sharpe_ratio() -> None:
    """One error that says so, and one for each broken bound."""
    with pytest.raises(BadInput, match="returns must vary"):
        sharpe.estimate(np.full(10, 0.01))
    with pytest.raises(BadInput, match="at least 2 finite"):
        sharpe.estimate(np.array([0.1]))
    with pytest.raises(BadInput, match=r"trials must be at least 1, was 0"):
        sharpe.expected_best_sharpe(0.0, 0.1)
    with pytest.raises(BadInput, match="confidence must lie"):
        sharpe.minimum_track_record(EXAMPLE, confidence=1.0)
