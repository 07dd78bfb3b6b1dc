"""How often a search of parameters calls luck an edge on markets without one, and what it finds."""

import pytest

from bench import search


def test_twenty_searches_over_shuffled_markets_call_at_most_one_an_edge() -> None:
    """5 % of 20 is one; every search picks the best of 48 configurations that pay no costs."""
    assert search.false_edges(range(20)) <= 1


@pytest.mark.slow
def test_two_hundred_searches_over_shuffled_markets_call_at_most_five_percent_an_edge() -> None:
    """The nightly count: `python -m bench search` prints it with the power curve."""
    assert search.false_edges(range(200)) <= 10


def test_a_rise_of_one_percent_after_each_dip_is_found() -> None:
    """Six markets of thirty days: at least four searches say so; without the rise at most one does."""
    seeds = range(1000, 1006)
    assert search.power(0.01, seeds) >= 4
    assert search.power(0.0, seeds) <= 1
