import numpy as np
import pytest

from trading.xray.symbol.readings import indicator_columns
from trading.xray.symbol.trend import trend_of, volatility_of


@pytest.mark.parametrize(("step", "direction", "where"), [(0.002, "up", "above"), (-0.002, "down", "below")])
def test_a_steady_move_is_a_trend_with_its_strength(one, step, direction, where):
    """900 bars of the same step: every mean lies behind the close, ADX at the top."""
    trend = trend_of(indicator_columns(one(100 * np.exp(step * np.arange(900)))))
    assert trend.direction == direction
    assert trend.words == (
        f"A strong {direction}trend: the close stands {where} EMA 20, EMA 50 and EMA 200, "
        f"ADX {trend.strength:.0f}."
    )
    assert trend.changes["4 bars"] == pytest.approx(np.exp(4 * step) - 1)


def test_a_market_that_goes_nowhere_is_sideways(one):
    """A fast swing around 100 has an ADX under 20."""
    closes = 100 + np.tile([0.0, 0.5, 0.0, -0.5], 225)
    assert trend_of(indicator_columns(one(closes))).direction == "sideways"


def test_a_flat_price_stands_on_its_means(one):
    """One price for 900 bars: no mean is above or below it, whatever rounding left between them."""
    for price in (0.1, 5.0, 1e-9 / 3, 1e12 / 7):
        trend = trend_of(indicator_columns(one([price] * 900)))
        assert "the close stands on its means" in trend.words
        assert trend.direction == "sideways"


def test_too_little_history_names_nothing(one):
    """Ten bars: no mean has a value, no direction is guessed."""
    trend = trend_of(indicator_columns(one([100.0 + n for n in range(10)])))
    assert (trend.direction, trend.words) == ("unknown", "Too little history to name a trend.")
    assert trend.changes == {"4 bars": pytest.approx(109 / 105 - 1)}


def test_volatility_is_named_by_its_own_past(one):
    """600 quiet bars, then 40 at four times the width: wild; a day is 96 bars."""
    generator = np.random.default_rng(0)
    widths = np.r_[np.full(600, 0.002), np.full(40, 0.008)]
    found = volatility_of(one(100 * np.exp(np.cumsum(generator.normal(0, 1, 640) * widths))), 900_000)
    assert found.regime == "wild"
    assert found.percentile > 0.95
    assert found.per_day == pytest.approx(found.per_bar * np.sqrt(96))


def test_the_width_is_the_weighted_one_by_hand(one):
    """Returns of 1 % and 2 % with a half-life of 24: sqrt((d·1 + 4) / (d + 1)) %, d = 0.5^(1/24)."""
    decay = 0.5 ** (1 / 24)
    found = volatility_of(one(100 * np.exp([0.0, 0.01, 0.03])), 900_000)
    assert found.per_bar == pytest.approx(0.01 * np.sqrt((decay + 4) / (decay + 1)))
    assert found.regime == "unknown"


@pytest.mark.parametrize(
    ("closes", "regime"), [([5.0] * 300, "dead"), ([5.0], "unknown"), ([5.0, 6.0], "unknown")]
)
def test_a_dead_price_and_a_single_bar_are_no_error(one, closes, regime):
    """Nothing divides by zero, nothing is named that was not measured."""
    assert volatility_of(one(closes), 900_000).regime == regime
