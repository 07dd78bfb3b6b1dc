"""How often a search of parameters calls luck an edge on markets without one, and what it finds."""

import numpy as np
import pytest

from bench import search
from bench.fair import bridge_extreme, fair_market


@pytest.mark.parametrize("base", [search.BASE, search.FREE], ids=["costs", "free"])
def test_twenty_searches_over_fair_markets_call_at_most_two_an_edge(base: search.Base) -> None:
    """48 configurations, stops among them; at a true rate of 4 % three of twenty are one case in 23."""
    assert search.false_edges(range(20), base) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("base", [search.BASE, search.FREE], ids=["costs", "free"])
def test_four_hundred_searches_over_fair_markets_call_at_most_five_percent_an_edge(
    base: search.Base,
) -> None:
    """The nightly count: `python -m bench search` prints it with its interval and the power curve."""
    assert search.false_edges(range(400), base) <= 20


def test_a_rise_of_two_percent_after_each_dip_is_found() -> None:
    """Six markets of thirty days, default costs: at least four say so; without the rise at most one."""
    seeds = range(1000, 1006)
    assert search.power(0.02, seeds) >= 4
    assert search.power(0.0, seeds) <= 1


def test_a_stop_in_a_fair_market_is_no_gift() -> None:
    """Buying every fourth bar's open and selling at 0.5 % below or at its close earns nothing on average.

    60 symbols x 2,880 bars; three standard errors, by hand: a stop is filled at its price where the low
    reached it. In a market of leaps the same sale is a gift of several basis points.
    """
    frame = fair_market(3, 60, 2_880)
    opened, low, close = (frame[name].to_numpy()[::4] for name in ("open", "low", "close"))
    stop = opened * 0.995
    earned = np.where(low <= stop, stop, close) / opened - 1
    assert np.mean(low <= stop) > 0.2
    assert abs(earned.mean()) < 3 * earned.std() / np.sqrt(len(earned))


def test_the_bridge_s_extremes_are_those_of_fine_steps() -> None:
    """From 0 to 0.3, variance 1: the mean highest point is that of 4,000 paths of 2,000 steps, to 2 %."""
    rng = np.random.default_rng(1)
    flat = np.zeros(200_000)
    top = bridge_extreme(flat, flat + 0.3, flat + 1.0, 1.0, rng)
    walk = np.cumsum(rng.normal(0, np.sqrt(1 / 2_000), (4_000, 2_000)), axis=1)
    way = np.arange(1, 2_001) / 2_000
    paths = walk - way * (walk[:, -1:] - 0.3)
    # Steps overshoot a continuous path's extreme by 0.5826 of their deviation, on average, from below.
    fine = np.maximum(paths.max(axis=1), 0.0).mean() + 0.5826 / np.sqrt(2_000)
    assert top.mean() == pytest.approx(fine, rel=0.02)
