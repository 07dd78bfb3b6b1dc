"""Nights that spend a budget: by hand, and the error they cost over many nights."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from trading.backtest.statistics import benjamini_hochberg
from trading.backtest.validation.budget import ErrorBudget, NightBook, batch_level, lord_levels
from trading.market.errors import BadInput

AT = datetime(2026, 1, 1, tzinfo=UTC)
FIRST = date(2025, 12, 27)  # 20,449 days after 1970: the middle of a period of 30


def test_shares_add_up_to_the_budget() -> None:
    """ζ(1.6) = 2.28577: the first night gets 43.75 %, and 100,000 nights not more than all."""
    budget = ErrorBudget()
    assert budget.share(1) == pytest.approx(1 / 2.2857656, rel=1e-6)
    total = sum(budget.share(k) for k in range(1, 100_001))
    assert 0.998 < total < 1.0
    # ζ(2) is known exactly.
    assert ErrorBudget(exponent=2.0).share(1) == pytest.approx(6 / np.pi**2)


def test_a_night_s_level_is_its_share_and_grows_with_what_was_approved_before() -> None:
    """5 % × share × (100 tested + 20 approved before) / 100."""
    budget = ErrorBudget()
    assert batch_level(budget, 1, 100, 0) == pytest.approx(0.05 * budget.share(1))
    assert batch_level(budget, 2, 100, 20) == pytest.approx(0.05 * budget.share(2) * 1.2)
    assert batch_level(budget, 1, 1, 1000) == 0.05
    assert batch_level(budget, 1, 0, 0) == 0.0


def test_passes_of_one_day_are_one_night_and_asking_again_gives_the_same(tmp_path: Path) -> None:
    """The second day is the second night, however often the first was run; a new period begins anew."""
    nights, budget = NightBook(tmp_path / "nights.jsonl"), ErrorBudget()
    for approved in (5, 3):
        assert nights.level(budget, FIRST, 100) == pytest.approx(0.05 * budget.share(1))
        nights.record(FIRST, tested=100, approved=approved, level=0.02, at=AT)
    next_day = FIRST + timedelta(days=1)
    # The pass with the fewest approvals counts.
    assert nights.level(budget, next_day, 100) == pytest.approx(0.05 * budget.share(2) * 1.03)
    nights.record(next_day, tested=0, approved=0, level=0.0, at=AT)
    assert nights.spent(budget, next_day) == pytest.approx(budget.share(1))
    assert nights.level(budget, FIRST + timedelta(days=30), 100) == pytest.approx(0.05 * budget.share(1))


def test_thirty_nights_of_nothing_cost_five_percent_together_and_not_each() -> None:
    """1,000 months of 30 nights × 40 nulls: months with an approval; at 5 % a night most have one."""
    rng = np.random.default_rng(1)
    budget, false_months, careless = ErrorBudget(), 0, 0
    for _ in range(1000):
        approved, nightly = 0, 0
        for night in range(1, 31):
            p = rng.random(40)
            approved += int(benjamini_hochberg(p, batch_level(budget, night, 40, approved))[0].sum())
            nightly += int(benjamini_hochberg(p, 0.05)[0].sum())
        false_months += approved > 0
        careless += nightly > 0
    assert false_months <= 1000 * 0.05 + 3 * np.sqrt(1000 * 0.05 * 0.95)
    assert careless > 600


def test_with_something_to_find_the_share_of_false_approvals_stays_in_budget() -> None:
    """8 of 40 symbols carry an edge of 3.5 deviations: it is found, night after night."""
    rng = np.random.default_rng(2)
    budget, shares, found = ErrorBudget(), [], []
    for _ in range(200):
        approved, false = 0, 0
        for night in range(1, 11):
            z = rng.normal(size=40) + 3.5 * (np.arange(40) < 8)
            p = np.array([0.5 * _erfc(value) for value in z])
            hit = benjamini_hochberg(p, batch_level(budget, night, 40, approved))[0]
            approved, false = approved + int(hit.sum()), false + int(hit[8:].sum())
        shares.append(false / max(approved, 1))
        found.append(approved - false)
    assert np.mean(shares) <= 0.05
    assert np.mean(found) > 10 * 8 * 0.3


def _erfc(z: float) -> float:
    from math import erfc, sqrt

    return erfc(z / sqrt(2))


def test_lord_s_first_levels_by_hand() -> None:
    """γ(1) = 0.0722 ln 2, w = 0.025; a rejection at t = 1 gives 0.025 γ(1) to t = 2, the second one 0.05."""
    g = [0.0722 * np.log(max(k, 2)) / (k * np.exp(np.sqrt(np.log(k)))) for k in (1, 2, 3)]
    rejected, levels = lord_levels(np.array([0.0, 0.0, 1.0]), 0.05)
    assert rejected.tolist() == [True, True, False]
    assert levels == pytest.approx(
        [0.025 * g[0], 0.025 * g[1] + 0.025 * g[0], 0.025 * g[2] + 0.025 * g[1] + 0.05 * g[0]]
    )


def test_lord_s_stream_keeps_its_rate_and_finds_what_bonferroni_does_not() -> None:
    """300 streams of 200 with a fifth true at 4 deviations; and streams of nulls alone."""
    rng = np.random.default_rng(3)
    shares, found, plain, any_false = [], 0, 0, 0
    for _ in range(300):
        real = rng.random(200) < 0.2
        p = np.array([0.5 * _erfc(z) for z in rng.normal(size=200) + 4 * real])
        hit, _ = lord_levels(p, 0.1)
        shares.append((hit & ~real).sum() / max(1, hit.sum()))
        found += int((hit & real).sum())
        plain += int((p[real] <= 0.1 / 200).sum())
        any_false += lord_levels(rng.random(200), 0.1)[0].any()
    assert np.mean(shares) <= 0.1
    assert found > plain
    assert any_false / 300 <= 0.1


def test_bad_budgets_are_refused() -> None:
    """One error each, with the bound."""
    with pytest.raises(BadInput, match="rate must lie between 0 and 1, was 0"):
        ErrorBudget(rate=0.0)
    with pytest.raises(BadInput, match="exponent must be above 1, was 1"):
        ErrorBudget(exponent=1.0)
    with pytest.raises(BadInput, match="night must be at least 1"):
        ErrorBudget().share(0)
    with pytest.raises(BadInput, match=r"wealth must lie in \(0, rate\]"):
        lord_levels(np.ones(3), 0.05, wealth=0.1)
