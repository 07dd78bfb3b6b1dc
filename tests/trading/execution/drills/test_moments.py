"""Kill moments: repeatable, and every stretch of a process's life among any ten."""

from collections import Counter

import pytest

from trading.execution.drills.moments import When, moments
from trading.market.errors import BadInput


def test_the_same_seed_gives_the_same_moments_and_more_runs_begin_with_those_of_fewer():
    """A drill that failed is run again as it was."""
    assert moments(5, 30) == moments(5, 30)
    assert moments(5, 30)[:7] == moments(5, 7)
    assert moments(5, 30) != moments(6, 30)


def test_ten_kills_are_four_in_flight_three_recovering_two_whenever_and_one_while_starting():
    """The weights hold in every ten, so that a short drill has all kinds."""
    plan = moments(1, 40)
    for ten in range(0, 40, 10):
        counted = Counter(moment.when for moment in plan[ten : ten + 10])
        assert counted == {When.IN_FLIGHT: 4, When.RECOVERING: 3, When.ANY: 2, When.STARTING: 1}
    assert all(0 <= moment.after_s <= 1.5 for moment in plan)


@pytest.mark.parametrize("runs", [0, 100_001])
def test_a_number_of_runs_out_of_bounds_is_refused(runs):
    """Nothing to do, or more than anybody meant."""
    with pytest.raises(BadInput, match=str(runs)):
        moments(1, runs)
