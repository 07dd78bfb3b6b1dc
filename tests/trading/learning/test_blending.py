"""Weights beside the rules: earned out of sample, or 0; every answer explained by numbers that add up."""

import numpy as np
import pytest

from trading.learning.blending import figures_by_regime, fit_blend, taken
from trading.learning.contributions import contributions
from trading.learning.evaluation import EvaluationRules
from trading.learning.models import fit_classifier
from trading.learning.scoring import Predictions
from trading.learning.terms import Terms, terms_of
from trading.market.errors import BadInput


def answers(seed: int, skill: float, n: int = 1000) -> tuple[Predictions, np.ndarray]:
    """Ten folds of three days; `skill` 1: the probability is the true one, 0: it is noise."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0.2, 0.8, n)
    y = (rng.random(n) < truth).astype(np.int64)
    net = np.where(y == 1, 0.02, -0.02) - 0.002
    said = skill * truth + (1 - skill) * rng.permutation(truth)
    day = np.arange(n) * 30 // n
    found = Predictions(said, np.full(n, 0.5), np.full(n, 0.5), y, net, np.zeros(n), day, day // 3)
    return found, rng.integers(0, 3, n)


def test_a_model_that_knows_gets_weight_drawn_to_the_rules() -> None:
    """Whatever was best, n / (n + 200) of it: at 1,000 decisions five sixths."""
    found, regimes = answers(1, skill=1.0)
    fit = fit_blend(found, regimes)
    best = fit.tried.filter("is_chosen")["weight"].item()
    assert fit.is_earned
    assert fit.uplift > 0.003
    assert fit.blend.weight == pytest.approx(best * 1000 / 1200)


def test_a_model_that_knows_nothing_gets_no_weight() -> None:
    """Of 60 models that guess beside rules that lose 0.2 % a time, at most 6 are given any (3 are expected).

    Where rules lose, entering less is an improvement whoever does it: no credit for that.
    """
    given = 0
    for seed in range(60):
        found, regimes = answers(seed, skill=0.0)
        given += fit_blend(found, regimes).is_earned
    assert given <= 6


def test_later_folds_never_change_what_an_earlier_choice_was_tested_on() -> None:
    """The evidence of the first folds is the same with and without the last ones."""
    from trading.learning.blending import _later_folds
    from trading.signals.blend import BlendRules

    found, regimes = answers(3, skill=0.7)
    early = found.fold < 6
    cut = Predictions(*(getattr(found, name)[early] for name in Predictions.__slots__))
    whole, _, _ = _later_folds(found, regimes, BlendRules())
    part, _, _ = _later_folds(cut, regimes[early], BlendRules())
    assert whole[: len(part)].tolist() == part.tolist()


def test_a_regime_with_little_data_is_drawn_to_the_whole() -> None:
    """200 turbulent rows of their own count half: (0.05 + overall) / 2; one never seen is the whole's."""
    net = np.concatenate([np.full(800, 0.01), np.full(200, 0.05), np.full(1000, -0.01)])
    regimes = np.concatenate([np.zeros(800), np.full(200, 2), np.zeros(1000)]).astype(np.int64)
    gain, loss = figures_by_regime(net, regimes, prior=200)
    overall = (800 * 0.01 + 200 * 0.05) / 1000
    assert gain["turbulent"] == pytest.approx((0.05 + overall) / 2)
    assert gain["normal"] == pytest.approx(overall)
    assert loss["turbulent"] == pytest.approx(0.01)


def test_without_weight_everything_is_entered() -> None:
    """Rules only is rules only."""
    found, regimes = answers(1, skill=0.0)
    fit = fit_blend(found, regimes)
    assert taken(fit.blend, found.probability, regimes).all() == (not fit.is_earned)
    with pytest.raises(BadInput, match="one per prediction"):
        fit_blend(found, regimes[:-1])


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_contributions_and_a_constant_add_up_to_the_answer(kind: str) -> None:
    """Log-odds less the sum of contributions is one number for all rows, unknown features included."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4))
    y = (x[:, 0] + rng.normal(size=600) > 0).astype(np.int64)
    model = fit_classifier(kind, x, y, np.ones(600))
    asked = x[:50].copy()
    asked[::7, 2] = np.nan
    p = model.predict(asked)
    shares = contributions(model, asked, np.zeros(4))
    rest = np.log(p / (1 - p)) - shares.sum(axis=1)
    assert np.ptp(rest) < 1e-6
    assert np.abs(shares).mean(axis=0).argmax() == 0


def test_another_kind_is_explained_by_leaving_features_out() -> None:
    """Log-odds that are 2 x0 - x1: each contribution is the coefficient × distance from the median."""

    class Odds:
        kind = "odds"

        def predict(self, x: np.ndarray) -> np.ndarray:
            return 1 / (1 + np.exp(-(2 * x[:, 0] - x[:, 1])))

        def to_files(self) -> dict[str, bytes]:
            return {}

    shares = contributions(Odds(), np.array([[1.0, 2.0]]), np.array([0.5, 0.0]))
    assert shares[0].tolist() == pytest.approx([1.0, -2.0])


def test_terms_travel_with_a_model_through_json(pools) -> None:
    """Blend, limits and shape; a planted edge earns weight."""
    rules = EvaluationRules(kinds=("logistic",), draws=100)
    made = terms_of(pools.made(1, strength=1.0), "logistic", rules)
    assert made is not None
    terms, fit = made
    assert Terms.from_dict(terms.to_dict()).to_dict() == terms.to_dict()
    assert fit.is_earned
    nothing = terms_of(pools.made(1, shuffle=True), "logistic", rules)
    assert nothing[0].blend.weight == 0.0
