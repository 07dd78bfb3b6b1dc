"""A bid a step below the one that stood has to stand a second; numbers by hand: 0.5 % a market second."""

import pytest

from tests.trading.execution.fake_venue import D
from trading.execution.stop_steps import StopSteps

AAA = "AAA/USDT"


def looks(*rows, quiet_ms=float("inf"), seed=None):
    """Give each (bid, market ms, wall ms) to a fresh judge; return what it said of each."""
    steps = StopSteps(0.005, 1.0)
    return [
        steps.look(AAA, D(bid), at_ms=at_ms, wall_ms=wall_ms, quiet_ms=quiet_ms, seed=seed)
        for bid, at_ms, wall_ms in rows
    ]


def test_small_move_is_no_step_and_a_larger_one_has_to_stand_a_second():
    """99.6 is 0.4 % below 100, 99.0 another 0.6 % below that."""
    assert looks(("100", 0, 0), ("99.6", 100, 100), ("99.0", 200, 200)) == [0, 0, 1000]


def test_wrong_price_that_comes_back_leaves_the_old_one_as_the_measure():
    """98.2 three times within 0.3 s, 100 again, 98.2 again: the second has to stand a second of its own."""
    rows = [("100", 0, 0), ("98.2", 100, 100), ("98.1", 200, 200), ("98.2", 300, 300)]
    assert looks(*rows, ("100", 400, 400), ("98.2", 500, 500)) == [0, 1000, 900, 800, 0, 1000]


def test_price_that_stays_is_believed_after_a_second_and_is_the_measure_then():
    """98.2 from 100 ms on; at 1,100 ms it has stood; 97.9 is 0.3 % below it."""
    rows = [("100", 0, 0), ("98.2", 100, 100), ("98.2", 1099, 1099), ("98.2", 1100, 1100)]
    assert looks(*rows, ("97.9", 1200, 1200)) == [0, 1000, 1, 0, 0]


def test_longer_time_between_two_looks_allows_a_wider_move():
    """16 s between two polls: 0.5 % times 4 = 2 %; 1.9 % is no step, over a stream that serves it is."""
    rows = [("100", 0, 0), ("98.1", 16_000, 16_000)]
    assert looks(*rows) == [0, 0]
    assert looks(*rows, quiet_ms=100) == [0, 1000]


def test_rise_is_no_step():
    """Nothing stops on a rise; it is the measure at once."""
    assert looks(("100", 0, 0), ("103", 100, 100), ("100", 200, 200)) == [0, 0, 1000]


@pytest.mark.parametrize(("bid", "left"), [("99.6", 0), ("95", 1000)])
def test_first_look_is_held_against_what_was_paid(bid, left):
    """After a start nothing is remembered: the price paid, a moment ago, stands in."""
    assert looks((bid, 500, 500), seed=(D(100), 0)) == [left]
