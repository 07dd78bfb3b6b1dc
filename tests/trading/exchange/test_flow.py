"""How many requests are kept in flight: found by trying, bounded, and less for a venue in trouble."""

import pytest

from trading.exchange.flow import Flow
from trading.market.errors import BadInput


class Wall:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def settle(latency_s: float, limit_per_s: float, rounds: int = 30) -> tuple[Flow, float]:
    """Play a venue `latency_s` away behind a limiter; return the flow and the last answers a second."""
    wall = Wall()
    flow, per_s = Flow(wall=wall), 0.0
    for _ in range(rounds):
        # Little's law: what is in flight over the time each takes, but no more than the limiter lets go.
        per_s = min(flow.limit / latency_s, limit_per_s)
        for _ in range(flow.limit):
            wall.now += 1 / per_s
            flow.answered()
    return flow, per_s


@pytest.mark.parametrize(
    ("latency_s", "limit_per_s"), [(0.08, 50), (1.0, 50), (2.5, 50), (0.5, 300), (4, 50)]
)
def test_limiter_is_kept_busy_at_any_distance(latency_s: float, limit_per_s: float) -> None:
    """Rate x latency are in flight in the end, found without knowing either."""
    flow, per_s = settle(latency_s, limit_per_s)
    assert per_s == limit_per_s
    assert flow.limit >= latency_s * limit_per_s


def test_more_is_not_kept_in_flight_where_it_brings_nothing() -> None:
    """80 ms away at 50 a second four would do: the 64 it starts with stay, trials are taken back."""
    flow, _ = settle(0.08, 50, rounds=31)
    assert flow.limit <= 97


def test_number_in_flight_is_bounded() -> None:
    """A venue that answers after a minute does not get thousands of connections."""
    flow, _ = settle(60.0, 500)
    assert 250 <= flow.limit <= 256


def test_venue_that_does_not_answer_is_asked_for_less() -> None:
    """A round with every fifth request unanswered halves it, down to four; answers let it grow again."""
    wall = Wall()
    flow = Flow(wall=wall)
    for number in range(600):
        wall.now += 0.01
        if number % 5 == 0:
            flow.unanswered()
        flow.answered()
    assert flow.limit == 4
    for _ in range(3_000):
        wall.now += 0.1 / flow.limit
        flow.answered()
    assert flow.limit >= 250


def test_number_that_was_asked_for_is_kept() -> None:
    """A fixed concurrency never changes; 0 is refused with the bound."""
    wall = Wall()
    flow = Flow(7, wall=wall)
    for _ in range(100):
        wall.now += 0.01
        flow.unanswered()
        flow.answered()
    assert flow.limit == 7
    with pytest.raises(BadInput, match="concurrency must be at least 1, was 0"):
        Flow(0)
