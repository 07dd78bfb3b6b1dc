"""A policy beside rules and model: its share moves the bound of entries, and the row says by how much."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.signals.blend import Blend
from trading.signals.features import FEATURES
from trading.signals.opinion import with_opinion

AT = datetime(2026, 6, 1, tzinfo=UTC)
SAME = dict.fromkeys(("calm", "normal", "turbulent"), 0.02)


class Advises:
    """A policy that expects the first feature."""

    policy_id, weight, known_at, is_sizing = "pol-t", 0.25, AT, False

    def expected(self, features: pl.DataFrame, probability: np.ndarray) -> np.ndarray:
        assert np.isfinite(probability).all()
        return features["f_rsi"].cast(pl.Float64).fill_null(float("nan")).to_numpy()


class Says:
    """A model that says 0.52."""

    model_id, threshold, known_at = "mdl-t", 0.5, None

    def __init__(self, policy: Advises | None, weight: float = 0.5) -> None:
        self.policy, self.blend = policy, Blend(weight, -0.002, SAME, SAME)

    def predict(self, features: pl.DataFrame) -> np.ndarray:
        return np.full(len(features), 0.52)

    def novelty(self, features: pl.DataFrame) -> None:
        return None

    def explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select("f_atr")


def rows(*expectations: float | None, at: datetime = AT) -> pl.DataFrame:
    told = {"is_candidate": True, "decided_ms": int(at.timestamp() * 1000), "score": 0.2, "regime": "normal"}
    plain = told | dict.fromkeys(FEATURES, 0.1)
    frame = pl.DataFrame([plain] * len(expectations))
    return frame.with_columns(f_rsi=pl.Series(expectations, dtype=pl.Float64))


def test_expectation_and_bound_by_hand() -> None:
    """0.25 × -0.2 % + 0.25 × 1 % + 0.5 × 0.04 × 2 % = 0.24 %; bound (-0.002 / 0.5 + 0.02) / 0.04 = 0.4.

    At -1 % the bound is (0.003 / 0.5 + 0.02) / 0.04 = 0.65: what rules and model (bound 0.55) say is moved
    both ways.
    """
    good, bad, none = with_opinion(rows(0.01, -0.01, None), Says(Advises())).to_dicts()
    assert good["expected_return"] == pytest.approx(0.0024)
    assert good["model_threshold"] == pytest.approx(0.4)
    assert bad["model_threshold"] == pytest.approx(0.65)
    assert none["model_threshold"] == pytest.approx(0.55)
    assert (good["policy_return"], good["policy_weight"], good["policy_id"]) == (0.01, 0.25, "pol-t")
    assert good["model_threshold_why"].endswith("; policy pol-t expects 1.0% at weight 0.25: 0.4")
    assert (none["policy_return"], none["policy_weight"], none["policy_id"]) == (None, None, None)
    assert none["model_threshold_why"].endswith("= 0.55")


def test_before_the_policy_was_there_and_without_one_nothing_differs() -> None:
    """A bar that closed a second earlier: rules and model, to the last digit."""
    early = rows(0.01, at=AT - timedelta(seconds=1))
    with_policy, alone = with_opinion(early, Says(Advises())), with_opinion(early, Says(None))
    assert with_policy.rows() == alone.rows()
    assert alone["policy_id"].to_list() == [None]


def test_the_model_keeps_its_share() -> None:
    """Weight 0.9 leaves 0.1 for the policy, whatever it earned."""
    row = with_opinion(rows(0.01), Says(Advises(), weight=0.9)).row(0, named=True)
    assert row["policy_weight"] == pytest.approx(0.1)
    assert row["model_weight"] == 0.9


class Sizes(Advises):
    """A policy without a word on entries whose sizes are followed: the first feature."""

    weight, is_sizing = 0.0, True

    def expected(self, features: pl.DataFrame, probability: np.ndarray) -> np.ndarray:
        raise AssertionError("its expectation earned nothing: nobody asks")

    def sizes(self, features: pl.DataFrame, probability: np.ndarray) -> np.ndarray:
        return features["f_rsi"].to_numpy()


@pytest.mark.parametrize("weight", [0.5, 0.0])
def test_sizes_are_told_and_move_no_bound_beside_any_model(weight: float) -> None:
    """Half, whole and nothing, also beside a model of weight 0; bound and score are the model's."""
    told = with_opinion(rows(0.5, 1.0, 0.0), Says(Sizes(), weight))
    assert told["policy_size"].to_list() == [0.5, 1.0, 0.0]
    assert told["policy_id"].to_list() == ["pol-t"] * 3
    assert told["policy_return"].is_null().all()
    alone = with_opinion(rows(0.5, 1.0, 0.0), Says(None, weight))
    same = [name for name in alone.columns if name not in ("policy_size", "policy_id")]
    assert told.select(same).rows() == alone.select(same).rows()
    assert alone["policy_size"].is_null().all()


@pytest.mark.parametrize("size", [1.0001, -0.1, float("nan")])
def test_a_size_beyond_the_rules_stake_is_refused(size: float) -> None:
    """More than the whole, less than nothing, no number."""
    with pytest.raises(BadInput, match=r"pol-t must answer sizes in \[0, 1\]"):
        with_opinion(rows(size), Says(Sizes()))
