"""A bound between floor and ceiling: worked by hand, and the same for one decision as for a frame."""

import math

import numpy as np
import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.market.thresholds import MovingThreshold, alerts, shrunk

RSI = MovingThreshold(30.0, 15.0, 40.0, turbulent=0.8, is_upper=True)


def test_a_regime_multiplies_the_base_and_says_so():
    """30 x 0.8 = 24, inside 15..40."""
    met = RSI.met("turbulent")
    assert (met.value, met.asked, met.regime, met.is_bounded) == (24.0, 24.0, "turbulent", False)
    assert met.why == "30 × 0.8 (turbulent) = 24"


def test_asking_for_more_raises_a_lower_bound_and_lowers_an_upper_one():
    """A multiplier of 1.25: volume 1,000 becomes 1,250; spread 0.005 becomes 0.004."""
    assert MovingThreshold(1_000, 500, 2_000).met("normal", 1.25).value == 1_250
    assert MovingThreshold(0.005, 0.001, 0.01, is_upper=True).met("normal", 1.25).value == pytest.approx(
        0.004
    )


@pytest.mark.parametrize(
    ("multiplier", "value", "words"),
    [(4.0, 2_000, "held at the ceiling 2000"), (0.1, 500, "held at the floor 500")],
)
def test_floor_and_ceiling_hold_and_are_an_alert(multiplier, value, words):
    """1,000 x 4 and 1,000 x 0.1 both leave 500..2,000."""
    met = MovingThreshold(1_000, 500, 2_000).met("normal", multiplier)
    assert met.value == value
    assert met.is_bounded
    assert alerts({"volume": met, "rsi": RSI.met("calm")}) == [f"volume: {met.why}"]
    assert met.why.endswith(words)


@pytest.mark.parametrize("regime", [None, "", "sideways"])
def test_an_unknown_regime_counts_as_normal_and_is_named_unknown(regime):
    """Nothing is guessed: the normal factor, and the word unknown."""
    met = MovingThreshold(10, 1, 100, calm=2, normal=3, turbulent=4).met(regime, float("nan"))
    assert (met.value, met.regime) == (30, "unknown")


def test_a_frame_meets_what_single_decisions_meet():
    """Row by row the expressions and `met` agree, words too; null multipliers count as 1."""
    frame = pl.DataFrame(
        {
            "regime": ["calm", "turbulent", None, "normal", "turbulent"],
            "multiplier": [1.0, 2.5, None, float("nan"), 0.3],
        }
    )
    for rule in (RSI, MovingThreshold(1_000, 700, 1_300, calm=0.9, turbulent=1.4)):
        got = frame.select(
            *rule.columns(multiplier="multiplier"), rule.why_column(multiplier="multiplier")
        ).rows()
        want = [rule.met(*row) for row in frame.rows()]
        assert got == [(one.value, one.asked, one.is_bounded, one.why) for one in want]


def test_little_data_is_drawn_to_the_whole():
    """n / (n + 200): none, half-way, and almost its own."""
    assert shrunk(5.0, 0, 1.0) == 1.0
    assert shrunk(5.0, 200, 1.0) == 3.0
    assert shrunk(5.0, 1_800, 1.0) == pytest.approx(4.6)


def test_an_estimate_per_regime_is_shrunk_by_hand():
    """300 calm ones at 1 and 100 turbulent ones at 4: the median of all is 1.

    Turbulent: 100 / 300 of its own 4 and two thirds of 1 = 2. Normal was never seen: the whole's 1.
    """
    values = np.array([1.0] * 300 + [4.0] * 100 + [math.nan])
    regimes = ["calm"] * 300 + ["turbulent"] * 100 + ["normal"]
    found = MovingThreshold.estimated(values, regimes, 0.5, floor=0.5, ceiling=3.0)
    assert [found.met(name).value for name in ("calm", "normal", "turbulent")] == pytest.approx([1, 1, 2])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MovingThreshold(0, 1, 2), "base .* above 0 and finite, was 0"),
        (lambda: MovingThreshold(1, 3, 2), r"floor must not be above ceiling \(2\), was 3"),
        (lambda: MovingThreshold(1, 1, 2, calm=math.nan), "calm .* was nan"),
        (lambda: RSI.met("calm", -1.0), "multiplier .* was -1.0"),
        (lambda: shrunk(1, -1, 1), "bars must not be negative, was -1"),
        (lambda: shrunk(1, 1, 1, prior_bars=0), "prior_bars must be above 0, was 0"),
        (lambda: MovingThreshold.estimated([1.0], [], 0.5, floor=1, ceiling=2), "one per value"),
        (lambda: MovingThreshold.estimated([math.nan], [None], 0.5, floor=1, ceiling=2), "at least 1"),
        (lambda: MovingThreshold.estimated([1.0], [None], 2, floor=1, ceiling=2), "quantile .* was 2"),
    ],
)
def test_what_cannot_be_meant_is_refused(make, words):
    """One clear error that names value and bound."""
    with pytest.raises(BadInput, match=words):
        make()
