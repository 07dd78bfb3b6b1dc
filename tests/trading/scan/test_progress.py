"""The time left: by the pace that is seen, and never less than the limiter needs."""

import pytest

from trading.scan.progress import Estimate, Progress


def test_burst_at_the_start_promises_nothing() -> None:
    """100 of 600 came within the first second: the other 500 still take 10 s at 50 a second."""
    now = [0.0]
    estimate = Estimate(600, 50.0, wall=lambda: now[0])
    assert estimate.left_s(0) == 12.0
    for done in range(1, 101):
        now[0] = done / 100
        left = estimate.left_s(done)
    assert left == 10.0


def test_slow_venue_is_believed() -> None:
    """Ten a second where 50 are allowed: 400 left take 40 s."""
    now = [0.0]
    estimate = Estimate(600, 50.0, wall=lambda: now[0])
    for done in range(201):
        now[0] = done / 10
        left = estimate.left_s(done)
    assert left == pytest.approx(40.0)
    assert Progress("candles", 200, 600, left).sentence == "candles: 200 of 600, about 40 s left"


def test_nothing_to_do_takes_no_time() -> None:
    """No request planned, or all done."""
    estimate = Estimate(0, 50.0)
    assert estimate.left_s(0) == 0.0
