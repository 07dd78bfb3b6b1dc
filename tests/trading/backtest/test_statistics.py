"""p-values and false discovery, against numbers worked by hand or by theory."""

import numpy as np
import pytest

from trading.backtest.statistics import benjamini_hochberg, random_entry_p_value, random_entry_percentile


def test_benjamini_hochberg_rejects_up_to_the_largest_rank_under_its_line() -> None:
    """The worked example of Benjamini & Hochberg (1995), section 3.2: 15 p-values at 0.05, four rejected."""
    p = np.array(
        [
            0.0001,
            0.0004,
            0.0019,
            0.0095,
            0.0201,
            0.0278,
            0.0298,
            0.0344,
            0.0459,
            0.3240,
            0.4262,
            0.5719,
            0.6528,
            0.7590,
            1.0,
        ]
    )
    rejected, bounds = benjamini_hochberg(p[::-1].copy(), 0.05)
    assert rejected[::-1].tolist() == [True] * 4 + [False] * 11
    assert bounds[::-1][:5] == pytest.approx([4 * 0.05 / 15] * 4 + [5 * 0.05 / 15])
    assert ((p[::-1] <= bounds) == rejected).all()


def test_a_larger_p_value_under_its_line_lifts_smaller_ones_above_theirs() -> None:
    """p = (0.03, 0.04) at 0.05: 0.03 > 0.025, but 0.04 <= 0.05, so both are rejected."""
    assert benjamini_hochberg(np.array([0.03, 0.04]), 0.05)[0].tolist() == [True, True]
    assert benjamini_hochberg(np.zeros(0), 0.05)[0].tolist() == []


def test_eight_wins_in_a_row_at_even_odds_are_one_in_256() -> None:
    """Outcomes of +1 and -1: the chance that eight random ones all win."""
    outcomes = np.tile([1.0, -1.0], 500)
    p = random_entry_p_value(1.0, 8, outcomes, 500, np.random.default_rng(1))
    assert p == pytest.approx(1 / 256, rel=0.35)


def test_what_is_too_rare_to_be_drawn_still_has_its_chance() -> None:
    """Thirty wins in a row at even odds: 2^-30, exactly. 28 of 30 or better: 466 × 2^-30, within a fifth."""
    outcomes, rng = np.tile([1.0, -1.0], 500), np.random.default_rng(5)
    assert random_entry_p_value(1.0, 30, outcomes, 500, rng) == pytest.approx(2**-30)
    p = random_entry_p_value(26 / 30, 30, outcomes, 500, rng)
    assert 466 * 2**-30 * 0.95 < p < 466 * 2**-30 * 1.2


def test_a_rare_mean_of_normal_outcomes_has_the_normal_s_tail() -> None:
    """Means of 12 at 4.5 and 5.5 deviations: 3.4e-6 and 1.9e-8, as far as 20,000 outcomes are normal."""
    rng = np.random.default_rng(6)
    outcomes = rng.normal(0, 0.02, 20_000)
    outcomes = (outcomes - outcomes.mean()) / outcomes.std() * 0.02
    for deviations, tail in ((4.5, 3.398e-6), (5.5, 1.899e-8)):
        p = random_entry_p_value(deviations * 0.02 / np.sqrt(12), 12, outcomes, 500, rng)
        assert p == pytest.approx(tail, rel=0.5)


def test_a_falling_symbol_is_not_a_reason_to_call_standing_still_skill() -> None:
    """Every entry loses 1 % on average; earning 0 % must not look significant."""
    rng = np.random.default_rng(2)
    outcomes = rng.normal(-0.01, 0.02, 2000)
    assert random_entry_p_value(0.0, 20, outcomes, 500, rng) > 0.3


def test_a_rising_symbol_is_not_a_reason_to_call_being_in_it_skill() -> None:
    """Every entry earns 1 %: earning 1 % is what any entry does."""
    rng = np.random.default_rng(3)
    outcomes = rng.normal(0.01, 0.02, 2000)
    assert random_entry_p_value(0.01, 20, outcomes, 500, rng) > 0.3


def test_p_values_of_random_entries_are_uniform() -> None:
    """Of 300 strategies that enter at random, about 5 % fall below 0.05 (at most 9 %)."""
    rng = np.random.default_rng(4)
    outcomes = rng.standard_t(4, 1000) * 0.02
    outcomes -= outcomes.mean()
    p = [
        random_entry_p_value(float(rng.choice(outcomes, 12).mean()), 12, outcomes, 200, rng)
        for _ in range(300)
    ]
    assert 0.02 <= np.mean(np.array(p) < 0.05) <= 0.09


def test_too_little_to_say_is_never_significant() -> None:
    """One trade, or no outcomes to compare with."""
    rng = np.random.default_rng(0)
    assert random_entry_p_value(9.0, 1, np.ones(5), 10, rng) == 1.0
    assert random_entry_p_value(9.0, 5, np.zeros(0), 10, rng) == 1.0
    assert np.isnan(random_entry_percentile(1.0, 0, np.ones(5), 10, rng))


def test_the_percentile_counts_ties_half() -> None:
    """All outcomes equal: the strategy is in the middle."""
    assert random_entry_percentile(1.0, 3, np.ones(10), 50, np.random.default_rng(0)) == 0.5
