"""Curves from raw scores to probabilities: what they find, that they never turn the order, that they last."""

import json

import numpy as np
import pytest

from trading.learning.calibration import METHODS, Calibrator, fit_calibrator, held_out
from trading.market.errors import BadInput

RNG = np.random.default_rng(0)
RAW = RNG.normal(0, 2, 6000)
# The score is three times too sure of itself, and half a unit too high.
Y = (RNG.random(6000) < 1 / (1 + np.exp(-(RAW - 0.5) / 3))).astype(np.int64)
ONES = np.ones(6000)


@pytest.mark.parametrize("method", ["platt", "beta", "isotonic"])
def test_a_score_too_sure_of_itself_is_brought_to_what_was_seen(method: str) -> None:
    """Within a few points of the truth over the middle of the scores; without a curve it is far off."""
    grid = np.linspace(-3, 3, 13)
    truth = 1 / (1 + np.exp(-(grid - 0.5) / 3))
    found = fit_calibrator(method, RAW, Y, ONES).probability(grid)
    assert np.abs(found - truth).max() < 0.07
    assert np.abs(Calibrator().probability(grid) - truth).max() > 0.2


@pytest.mark.parametrize("method", METHODS)
def test_no_curve_turns_the_order_round_and_all_survive_json(method: str) -> None:
    """Also where the scores are upside down: then they say nothing, never the opposite."""
    grid = np.linspace(-30, 30, 601)
    for sign in (1, -1):
        made = fit_calibrator(method, sign * RAW, Y, ONES)
        shares = made.probability(grid)
        assert (np.diff(shares) >= -1e-12).all()
        assert ((shares > 0) & (shares < 1)).all()
        again = Calibrator.from_json(json.loads(json.dumps(made.as_json())))
        assert np.array_equal(again.probability(grid), shares)


def test_files_of_before_are_read() -> None:
    """A slope and a shift are a Platt curve."""
    assert Calibrator.from_json({"slope": 0.5, "shift": -1.0}) == Calibrator("platt", (0.5, -1.0))


def test_what_is_held_out_was_not_grown_on_nor_lies_next_to_it() -> None:
    """A sixth in four stretches; between the parts a gap of a four-hundredth of the rows."""
    grow, check = held_out(2400)
    assert len(check) == 400
    assert not set(grow) & set(check)
    nearest = np.abs(check[:, None] - grow[None, :]).min(axis=1).min()
    assert nearest > 2400 // 400


def test_too_little_to_learn_from_leaves_the_score_as_it_is() -> None:
    """Nineteen rows, or one class."""
    assert fit_calibrator("platt", RAW[:19], Y[:19], ONES[:19]) == Calibrator()
    assert fit_calibrator("beta", RAW, np.ones(6000, np.int64), ONES) == Calibrator()
    with pytest.raises(BadInput, match="calibration must be one of"):
        fit_calibrator("guess", RAW, Y, ONES)
