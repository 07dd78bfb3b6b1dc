"""The synced clock follows a venue that runs at any speed, stops, and changes its mind."""

import asyncio
import random

import pytest

from trading.exchange.clock_sync import Sample, SyncedClock
from trading.market.errors import Unreachable


class Venue:
    """Market time as a function of a wall clock that only sleeping and asking moves."""

    def __init__(self, speed: float, *, trip_s: float = 0.002, seed: int = 1) -> None:
        self.wall = 50.0
        self.speed = speed
        self.trip_s = trip_s
        self.asked = 0
        self._market_ms = 1_740_000_000_000.0
        self._since = self.wall
        self._random = random.Random(seed)

    def market_ms(self) -> float:
        return self._market_ms + (self.wall - self._since) * 1000 * self.speed

    def change(self, speed: float) -> None:
        self._market_ms, self._since, self.speed = self.market_ms(), self.wall, speed

    async def sample(self) -> Sample:
        self.asked += 1
        sent = self.wall
        self.wall += self.trip_s * self._random.uniform(0.2, 1.0)
        told = int(self.market_ms())
        self.wall += self.trip_s * self._random.uniform(0.2, 1.0)
        return Sample.between(sent, self.wall, told)


@pytest.fixture(autouse=True)
def instant_sleep(monkeypatch: pytest.MonkeyPatch) -> list[Venue]:
    """Sleeping moves the venue's wall clock instead of waiting."""
    venues: list[Venue] = []

    async def sleep(seconds: float) -> None:
        for venue in venues:
            venue.wall += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return venues


def clock_of(venue: Venue, venues: list[Venue]) -> SyncedClock:
    venues.append(venue)
    return SyncedClock(venue.sample, wall=lambda: venue.wall)


def off_wall_s(clock: SyncedClock, venue: Venue) -> float:
    return abs(clock.now_ms() - venue.market_ms()) / 1000 / max(venue.speed, 1)


@pytest.mark.parametrize("speed", [0.0, 0.5, 1.0, 60.0, 900.0, 5000.0])
async def test_clock_follows_any_speed(speed: float, instant_sleep: list[Venue]) -> None:
    """Ten seconds after one synchronisation the error is far inside the venue's window (5 s, 1 s ahead)."""
    venue = Venue(speed)
    clock = clock_of(venue, instant_sleep)
    await clock.sync()
    venue.wall += 10
    assert off_wall_s(clock, venue) < 0.3
    assert clock.rate == pytest.approx(speed, rel=0.03)


async def test_real_venue_runs_at_exactly_one(instant_sleep: list[Venue]) -> None:
    """Noisy round trips must not bend the second of a real exchange."""
    for seed in range(20):
        venue = Venue(1.0, trip_s=0.08, seed=seed)
        clock = clock_of(venue, instant_sleep)
        await clock.sync()
        assert clock.rate == 1.0
        venue.wall += 600
        assert off_wall_s(clock, venue) < 0.1
        instant_sleep.clear()


@pytest.mark.parametrize(
    ("before", "after"), [(900.0, 0.0), (0.0, 900.0), (900.0, 1.0), (1.0, 900.0), (900.0, 450.0)]
)
async def test_change_of_speed_is_noticed_at_the_next_look(
    before: float, after: float, instant_sleep: list[Venue]
) -> None:
    """One more synchronisation after a change gives the new speed and the right time."""
    venue = Venue(before)
    clock = clock_of(venue, instant_sleep)
    await clock.sync()
    venue.wall += 3
    venue.change(after)
    venue.wall += 2
    await clock.sync()
    venue.wall += 5
    assert clock.rate == pytest.approx(after, rel=0.03, abs=0.01)
    assert off_wall_s(clock, venue) < 0.3


async def test_known_time_is_never_ahead_of_the_venue(instant_sleep: list[Venue]) -> None:
    """The estimate runs ahead of a venue that was just stopped; what is known does not."""
    venue = Venue(900.0)
    clock = clock_of(venue, instant_sleep)
    await clock.sync()
    venue.change(0.0)
    venue.wall += 4
    assert clock.now_ms() > venue.market_ms() + 3_000_000
    assert clock.known_ms() <= venue.market_ms()


async def test_steady_synchronisation_is_one_request(instant_sleep: list[Venue]) -> None:
    """As long as the line holds a look costs one sample; a young sample costs none."""
    venue = Venue(900.0)
    clock = clock_of(venue, instant_sleep)
    await clock.sync()
    for _ in range(20):
        before = venue.asked
        venue.wall += 3
        await clock.fresh(5.0)
        await clock.fresh(2.0)
        await clock.fresh(2.0)
        assert venue.asked - before == 1
        assert off_wall_s(clock, venue) < 0.05
    assert clock.rate == pytest.approx(900, rel=0.001)


async def test_slow_answers_are_trusted_less(instant_sleep: list[Venue]) -> None:
    """One answer that took a second does not shift a clock that quick answers have set."""
    venue = Venue(900.0)
    clock = clock_of(venue, instant_sleep)
    for _ in range(5):
        await clock.sync()
        venue.wall += 2
    sent = venue.wall
    told = int(venue.market_ms())
    venue.wall += 1.0  # the answer was made at once and then lay in a queue
    clock._extend(Sample.between(sent, venue.wall, told))
    assert off_wall_s(clock, venue) < 0.05


async def test_there_is_no_time_before_the_first_answer(instant_sleep: list[Venue]) -> None:
    """Guessing this machine's time would be wrong by years on a virtual market."""
    clock = clock_of(Venue(1.0), instant_sleep)
    for ask in (clock.now_ms, clock.now, clock.known_ms):
        with pytest.raises(Unreachable, match="market time is unknown"):
            ask()
    assert clock.age_s == float("inf")


def test_a_held_clock_tells_what_the_venue_told_last_and_asks_once() -> None:
    """Whoever moves the venue sees its times exactly: no rate, no second look, no estimate between."""
    venue = Venue(900.0)
    clock = SyncedClock(venue.sample, wall=lambda: venue.wall)
    clock.hold()
    asyncio.run(clock.sync())
    told = clock.now_ms()
    venue.wall += 5.0
    assert (clock.now_ms(), clock.rate, venue.asked) == (told, 0.0, 1)
    asyncio.run(clock.sync())
    assert clock.now_ms() == int(clock.known_ms()) > told
    assert venue.asked == 2
