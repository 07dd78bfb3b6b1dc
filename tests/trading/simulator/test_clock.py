"""Market time over wall time: speed, freeze, and ages in wall ms."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market.errors import BadInput
from trading.simulator.clock import MarketClock

START = 1_780_000_000_000


class Wall:
    """A wall clock that moves when told to."""

    def __init__(self) -> None:
        self.ns = 5_000_000_000

    def __call__(self) -> int:
        return self.ns

    def pass_ms(self, ms: float) -> None:
        self.ns += int(ms * 1_000_000)


def test_market_time_runs_speed_times_as_fast() -> None:
    """At speed 900 one wall second is fifteen market minutes."""
    wall = Wall()
    clock = MarketClock(START, 900, wall_ns=wall)
    wall.pass_ms(1000)
    assert clock.now_ms() == START + 15 * 60_000


def test_change_of_speed_does_not_move_market_time() -> None:
    """Pieces join: 2 s at 10, then 3 s at 100, are 320 market seconds."""
    wall = Wall()
    clock = MarketClock(START, 10, wall_ns=wall)
    wall.pass_ms(2000)
    clock.set_speed(100)
    assert clock.now_ms() == START + 20_000
    wall.pass_ms(3000)
    assert clock.now_ms() == START + 320_000


def test_frozen_clock_stands_and_keeps_its_nominal_speed() -> None:
    """Speed 0 stops market time; the speed before it still scales windows."""
    wall = Wall()
    clock = MarketClock(START, 900, wall_ns=wall)
    clock.set_speed(0)
    wall.pass_ms(60_000)
    assert (clock.now_ms(), clock.speed) == (START, 0)
    assert clock.wall_age_ms(START) == 0
    assert clock.wall_age_ms(START - 9000) == pytest.approx(10)


def test_market_time_stands_at_the_end_of_a_piece_however_late_somebody_looks() -> None:
    """At speed 1,000 up to a minute ahead: 30 ms later half of it, after any longer time the minute."""
    wall = Wall()
    clock = MarketClock(START, 1.0, wall_ns=wall)
    clock.set_speed(1_000.0, START + 60_000)
    wall.pass_ms(30)
    assert (clock.now_ms(), clock.speed) == (START + 30_000, 1_000.0)
    wall.pass_ms(5_000.7)
    assert (clock.now_ms(), clock.speed) == (START + 60_000, 0.0)
    clock.set_speed(0.0)
    assert clock.now_ms() == START + 60_000
    with pytest.raises(BadInput, match="until_ms"):
        clock.set_speed(1.0, START)


def test_age_is_wall_time_not_market_time() -> None:
    """A request stamped 4.5 market seconds ago at speed 900 is 5 wall ms old."""
    wall = Wall()
    clock = MarketClock(START, 900, wall_ns=wall)
    wall.pass_ms(1000)
    assert clock.wall_age_ms(clock.now_ms() - 4500) == pytest.approx(5)
    assert clock.wall_age_ms(clock.now_ms() + 9000) == pytest.approx(-10)


def test_age_reaches_back_over_a_change_of_speed() -> None:
    """A moment before the change is aged with the speed it was lived at."""
    wall = Wall()
    clock = MarketClock(START, 10, wall_ns=wall)
    wall.pass_ms(1000)  # market + 10 s
    clock.set_speed(1000)
    wall.pass_ms(500)  # market + 510 s
    assert clock.wall_age_ms(START + 5000) == pytest.approx(500 + 500)
    assert clock.wall_age_ms(START - 3000) == pytest.approx(1500 + 3)


def test_slow_clock_never_stretches_the_future() -> None:
    """Below speed 1 a timestamp ahead counts in market ms, so a client at wall speed is not shut out."""
    clock = MarketClock(START, 0.01, wall_ns=Wall())
    assert clock.wall_age_ms(START + 500) == pytest.approx(-500)


@pytest.mark.parametrize("speed", [-1, math.nan, math.inf, 1e9])
def test_impossible_speed_is_refused(speed: float) -> None:
    """The message names the bound."""
    with pytest.raises(BadInput, match="speed must be between 0"):
        MarketClock(START, speed)


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 0.5, 1, 60, 900]), st.floats(0.01, 5000)), min_size=1, max_size=12
    ),
    st.floats(0, 1),
)
def test_market_time_never_goes_back_and_age_inverts_it(
    moves: list[tuple[float, float]], share: float
) -> None:
    """Whatever the speeds, time is monotone, and the age of a past running moment leads back to it."""
    wall = Wall()
    clock = MarketClock(START, 1, wall_ns=wall)
    seen = [(wall.ns, clock.now_ms())]
    for speed, ms in moves:
        clock.set_speed(speed)
        wall.pass_ms(ms * share)
        seen.append((wall.ns, clock.now_ms()))
        wall.pass_ms(ms * (1 - share))
        seen.append((wall.ns, clock.now_ms()))
    times = [market for _, market in seen]
    assert times == sorted(times)
    clock.set_speed(7)
    wall.pass_ms(10)
    before = (wall.ns, clock.now_ms())
    wall.pass_ms(1000)
    assert clock.wall_age_ms(before[1]) == pytest.approx((wall.ns - before[0]) / 1e6, abs=1.0)
