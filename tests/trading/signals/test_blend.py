"""The blend of rules and model: figures by hand, bounds held, reasons and overrides in the row."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.signals.blend import Blend, BlendRules
from trading.signals.opinion import FORCED, with_forced, with_opinion

SAME = dict.fromkeys(("calm", "normal", "turbulent"), 0.02)
AT = datetime(2026, 6, 1, tzinfo=UTC)


def blend(weight: float = 0.5, **changes: object) -> Blend:
    return Blend(**({"weight": weight, "rules_return": -0.002, "gain": SAME, "loss": SAME} | changes))


def told(made: Blend, p: float, regime: str | None = "normal") -> dict:
    rows = pl.DataFrame({"regime": [regime], "probability": [p]}, schema_overrides={"regime": pl.String})
    return rows.select(made.columns()).row(0, named=True)


def test_expected_return_and_threshold_by_hand() -> None:
    """Half of -0.2 % and half of (0.6 - 0.4) × 2 % = 0.1 %; then p: (0.001 / 0.5 + 0.02) / 0.04."""
    row = told(blend(), 0.6)
    assert row["expected_return"] == pytest.approx(-0.001 + 0.5 * 0.2 * 0.02)
    assert row["model_threshold"] == pytest.approx(0.55)
    assert not row["is_threshold_bounded"]


def test_at_its_threshold_the_expectation_is_the_margin() -> None:
    """By definition, for several weights and a margin of 0.3 %."""
    for weight in (0.4, 0.7, 1.0):
        made = blend(weight, margin=0.003)
        assert told(made, told(made, 0.5)["model_threshold"])["expected_return"] == pytest.approx(0.003)


def test_weight_0_asks_for_nothing() -> None:
    """The rules alone: no bound, and what is expected is what the rules earn."""
    row = told(blend(0.0), 0.01)
    assert (row["model_threshold"], row["expected_return"]) == (None, -0.002)
    assert blend(0.0).words()["calm"] == "weight 0: the rules alone"


def test_floor_and_ceiling_hold_and_say_so() -> None:
    """A small weight beside rules that lose asks for more than anybody allowed."""
    row = told(blend(0.05), 0.5)
    assert (row["model_threshold"], row["is_threshold_bounded"]) == (0.8, True)
    assert "held at the ceiling 0.8" in blend(0.05).words()["normal"]
    assert told(blend(0.2, rules_return=0.05), 0.5)["model_threshold"] == 0.3


def test_each_regime_has_its_bound_and_an_unknown_one_counts_as_normal() -> None:
    """Losses of 4 % in a turbulent market: (0.002 + 0.04) / 0.06 = 0.7."""
    made = blend(loss=SAME | {"turbulent": 0.04})
    assert made.thresholds() == pytest.approx({"calm": 0.55, "normal": 0.55, "turbulent": 0.7})
    assert told(made, 0.5, None)["model_threshold"] == pytest.approx(0.55)


def test_a_policy_has_its_share_and_says_nothing_where_it_is_unknown() -> None:
    """0.25 × -0.2 % + 0.25 × 1 % + 0.5 × 0 = 0.2 %; null counts as the rules' mean."""
    made = blend(policy_weight=0.25)
    rows = pl.DataFrame({"regime": ["calm"] * 2, "probability": [0.5] * 2, "policy": [0.01, None]})
    found = rows.select(made.columns(policy="policy"))["expected_return"]
    assert found.to_list() == pytest.approx([0.002, -0.001])


@pytest.mark.parametrize(
    "changes",
    [
        {"weight": -0.1},
        {"weight": 1.1},
        {"policy_weight": 0.6},
        {"gain": {"normal": 0.1}},
        {"loss": SAME | {"calm": 0.0}},
    ],
)
def test_a_blend_without_meaning_is_refused(changes: dict) -> None:
    """Weights beyond 1 together, a regime without figures."""
    with pytest.raises(BadInput):
        blend(**({"weight": 0.5} | changes))
    with pytest.raises(BadInput, match="margin"):
        BlendRules(margin=-0.1)


class Said:
    """A model that says what it is told to."""

    model_id, threshold, known_at = "mdl-t", 0.5, None

    def __init__(self, p: float, made: Blend | None) -> None:
        self.p, self.blend = p, made

    def predict(self, features: pl.DataFrame) -> np.ndarray:
        return np.full(len(features), self.p)

    policy = None

    def novelty(self, features: pl.DataFrame) -> None:
        return None

    def explain(self, features: pl.DataFrame) -> pl.DataFrame:
        return features.select(pl.lit(0.25).alias("f_atr"), pl.lit(-0.5).alias("f_rsi"))


def rows() -> pl.DataFrame:
    from trading.signals.features import FEATURES

    told = {"symbol": "A/USDT", "is_candidate": True, "decided_ms": int(AT.timestamp() * 1000), "score": 0.2}
    frame = pl.DataFrame([told | {"regime": "normal"} | dict.fromkeys(FEATURES, 0.1)] * 2)
    return frame.with_columns(is_candidate=pl.Series([True, False]))


def test_a_candidate_gets_the_opinion_with_its_reasons_and_an_exit_gets_none() -> None:
    """Score 0.6 × 0.5 + 0.4 × 0.8; the largest contribution first, whatever its sign."""
    first, second = with_opinion(rows(), Said(0.8, blend(0.5))).to_dicts()
    assert (first["probability"], first["model_weight"], first["score"]) == (0.8, 0.5, pytest.approx(0.5))
    assert json.loads(first["top_features"]) == [
        {"feature": "f_rsi", "value": 0.1, "contribution": -0.5},
        {"feature": "f_atr", "value": 0.1, "contribution": 0.25},
    ]
    assert first["model_threshold_why"].startswith("normal: gain 2.00%, loss 2.00%, margin 0.00%")
    assert (second["probability"], second["top_features"], second["model_threshold"]) == (None, None, None)
    assert second["score"] == 0.2


def test_without_a_model_or_with_weight_0_the_rules_score_alone() -> None:
    """And nothing is asked for."""
    assert with_opinion(rows(), None)["score"].to_list() == [0.2, 0.2]
    found = with_opinion(rows(), Said(0.1, blend(0.0)))
    assert found["score"].to_list() == [0.2, 0.2]
    assert found["model_threshold"].to_list() == [None, None]


def test_a_forced_entry_holds_for_its_pair_and_its_time_only() -> None:
    """From its beginning to before its end."""

    def forced(since: timedelta, until: timedelta, symbol: str = "A/USDT") -> list:
        row = (symbol, AT + since, AT + until, "ann", "listing")
        table = pl.DataFrame([row], schema=FORCED, orient="row")
        return with_forced(rows(), table)["forced_by"].to_list()

    hour, none = timedelta(hours=1), timedelta(0)
    assert forced(none, hour) == ["ann: listing"] * 2
    assert forced(-hour, none) == [None, None]
    assert forced(hour, 2 * hour) == [None, None]
    assert forced(none, hour, "B/USDT") == [None, None]
