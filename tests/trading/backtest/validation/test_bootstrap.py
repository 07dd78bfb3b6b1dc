"""Block resampling: against theory on white noise, and its false alarms on series that remember."""

import math

import numpy as np
import pytest

from trading.backtest.validation import bootstrap
from trading.market.errors import BadInput


def remembering(rng: np.random.Generator, n: int, memory: float) -> np.ndarray:
    """An autoregression of order 1 with mean 0."""
    steps = rng.normal(0, 0.01, n + 50)
    out = np.zeros(n + 50)
    for t in range(1, n + 50):
        out[t] = memory * out[t - 1] + steps[t]
    return out[50:]


def test_with_blocks_of_one_the_spread_of_the_mean_is_that_of_theory() -> None:
    """The plain bootstrap: deviation / √n, and every mean within the data."""
    returns = np.random.default_rng(1).normal(0.001, 0.02, 400)
    means, deviations = bootstrap.resampled(returns, 4000, np.random.default_rng(2), block=1.0)
    assert means.std() == pytest.approx(returns.std() / 20, rel=0.05)
    assert means.mean() == pytest.approx(returns.mean(), abs=4 * returns.std() / 20 / math.sqrt(4000))
    assert deviations.mean() == pytest.approx(returns.std(), rel=0.02)


def test_long_blocks_find_the_spread_that_memory_adds() -> None:
    """An autoregression of 0.6 has a long-run deviation of 1 / (1 - 0.6) = 2.5 times its shocks'."""
    returns = remembering(np.random.default_rng(3), 4000, 0.6)
    means, _ = bootstrap.resampled(returns, 2000, np.random.default_rng(4))
    assert means.std() * math.sqrt(4000) / 0.01 == pytest.approx(2.5, rel=0.15)
    plain, _ = bootstrap.resampled(returns, 2000, np.random.default_rng(4), block=1.0)
    assert plain.std() * math.sqrt(4000) / 0.01 == pytest.approx(1.25, rel=0.1)


def test_block_lengths_grow_with_memory() -> None:
    """Short for noise, longer for 0.5, longest for 0.9; never more than 3√n."""
    lengths = [
        np.mean([bootstrap.block_length(remembering(np.random.default_rng(k), 500, m)) for k in range(20)])
        for m in (0.0, 0.5, 0.9)
    ]
    assert lengths[0] < 4 < lengths[1] < lengths[2] <= 3 * math.sqrt(500)
    assert bootstrap.block_length(np.zeros(100)) == 1.0


def alarms(memory: float, block: float | None) -> float:
    """The share of 600 series of 150 days without a mean that are called significant at 5 %."""
    rng = np.random.default_rng(5)
    series = (remembering(rng, 150, memory) for _ in range(600))
    return float(np.mean([bootstrap.mean_p_value(one, 199, rng, block) <= 0.05 for one in series]))


def test_false_alarms_are_at_their_level_without_memory_and_near_it_with_some() -> None:
    """About 5 % on noise; of an autoregression of 0.3 at most 10 %, where single days give more than that."""
    assert 0.025 <= alarms(0.0, None) <= 0.08
    assert alarms(0.3, None) <= 0.1 < alarms(0.3, 1.0)


def test_power_grows_with_the_edge() -> None:
    """Means of 0, 0.1 and 0.3 deviations a day over 100 days."""
    rng = np.random.default_rng(6)
    power = [
        np.mean([bootstrap.mean_p_value(rng.normal(edge, 1, 100), 199, rng) <= 0.05 for _ in range(100)])
        for edge in (0.0, 0.1, 0.3)
    ]
    assert power[0] < 0.13
    assert power[0] < power[1] < power[2]
    assert power[2] > 0.8


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    """90 % intervals of the mean of 120 days: between 83 and 95 % of 300 hold it."""
    rng = np.random.default_rng(7)
    found = [bootstrap.mean_interval(rng.normal(0.2, 1, 120), 300, rng, level=0.9) for _ in range(300)]
    assert 0.83 <= np.mean([interval.low <= 0.2 <= interval.high for interval in found]) <= 0.95


def test_the_sharpe_interval_is_about_as_wide_as_its_standard_error_says() -> None:
    """Normal days, SR 0.1: 2 × 1.96 × √((1 + SR²/2) / n)."""
    returns = np.random.default_rng(8).normal(0.1, 1, 1000)
    found = bootstrap.sharpe_interval(returns, 2000, np.random.default_rng(9), block=1.0)
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(1.005 / 1000), rel=0.08)
    assert found.low < found.value < found.high


def test_a_panel_s_p_values_are_those_of_its_columns() -> None:
    """Same law as one column by itself; a symbol that never moved has no evidence."""
    rng = np.random.default_rng(10)
    panel = rng.normal(0, 1, (200, 3)) + np.array([0.0, 0.15, 0.3])
    panel[:, 0] = 0.0
    together = bootstrap.panel_p_values(panel, 4000, rng, block=1.0)
    alone = [bootstrap.mean_p_value(panel[:, k], 4000, rng, block=1.0) for k in range(3)]
    assert together == pytest.approx(alone, abs=0.015)
    assert together[0] == 1.0


def test_nothing_to_resample_is_refused_or_no_evidence() -> None:
    """One return is no evidence; NaN and a block below 1 are errors."""
    rng = np.random.default_rng(0)
    assert bootstrap.mean_p_value(np.array([1.0]), 10, rng) == 1.0
    assert bootstrap.mean_p_value(np.ones(10), 10, rng) == 1.0
    with pytest.raises(BadInput, match="finite"):
        bootstrap.resampled(np.array([1.0, np.nan]), 10, rng)
    with pytest.raises(BadInput, match=r"block must be at least 1, was 0\.5"):
        bootstrap.resampled(np.arange(5.0), 10, rng, block=0.5)
    with pytest.raises(BadInput, match="level must lie"):
        bootstrap.mean_interval(np.arange(5.0), 10, rng, level=1.0)
    with pytest.raises(BadInput, match="2 dimensions"):
        bootstrap.panel_p_values(np.arange(5.0), 10, rng)
