"""Scores, by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from trading.learning.scoring import Predictions, auc, break_even, brier_skill, random_choice_percentile


def predictions(p: np.ndarray, net: np.ndarray, threshold: float = 0.5) -> Predictions:
    n = len(p)
    y = (net > 0).astype(np.int64)
    day, fold = np.arange(n) // 4, np.zeros(n, np.int64)
    return Predictions(p, np.full(n, threshold), np.full(n, 0.5), y, net, np.full(n, 0.001), day, fold)


def test_auc_equals_scikit_learns_with_ties() -> None:
    """Probabilities rounded to one digit have many ties."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    p = np.round(rng.random(500) * 0.5 + 0.3 * y, 1)
    assert auc(p, y) == pytest.approx(roc_auc_score(y, p))
    assert np.isnan(auc(p, np.ones(500, np.int64)))


def test_brier_skill_is_one_minus_the_ratio_of_brier_scores() -> None:
    """Against always saying 0.5."""
    rng = np.random.default_rng(1)
    net = rng.normal(size=200)
    p = np.clip(0.5 + 0.2 * np.sign(net) + rng.normal(0, 0.1, 200), 0, 1)
    expected = 1 - brier_score_loss(net > 0, p) / 0.25
    assert brier_skill(predictions(p, net)) == pytest.approx(expected)


def test_break_even_pays_the_mean_loss_with_the_mean_gain() -> None:
    """Gains of 1 %, losses of 3 %: right three times in four is just enough."""
    net = np.array([0.01, 0.01, -0.03])
    assert break_even(net, np.ones(3)) == pytest.approx(0.75)
    assert break_even(np.array([0.01, 0.02]), np.ones(2)) == 0.5


def test_the_best_choice_beats_all_random_ones_and_the_worst_none() -> None:
    """Taking the ten largest of forty returns, or the ten smallest."""
    net = np.linspace(-1, 1, 40)
    rng = np.random.default_rng(2)
    assert random_choice_percentile(predictions((net > 0.48).astype(float), net), 200, rng) == 1.0
    assert random_choice_percentile(predictions((net < -0.48).astype(float), net), 200, rng) == 0.0
    assert random_choice_percentile(predictions(np.zeros(40), net), 200, rng) == 0.0
