"""One limiter: never faster than the rate, most urgent first, slower after a refusal."""

import asyncio

import pytest

from trading.exchange.throttle import Limiter, Priority, chosen_priority, priority
from trading.market.errors import BadInput


class Wall:
    """A wall clock that the test moves, together with the event loop's timers."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def limiter_at(wall: Wall, rate: float, burst: float | None = None) -> Limiter:
    return Limiter(rate, burst=burst, wall=wall)


async def advance(limiter: Limiter, wall: Wall, seconds: float) -> None:
    wall.now += seconds
    limiter._pump()
    await settle()


async def test_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    """Bucket of 5 at 10/s: five at once, then one every 0.1 s, whatever the number of waiters."""
    wall = Wall()
    limiter = limiter_at(wall, 10, burst=5)
    done: list[int] = []

    async def one(number: int) -> None:
        await limiter.acquire(1, Priority.EXIT)
        done.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(12)]
    await settle()
    assert done == [0, 1, 2, 3, 4]
    await advance(limiter, wall, 0.1)
    assert done == [0, 1, 2, 3, 4, 5]
    await advance(limiter, wall, 0.35)
    assert len(done) == 9
    await advance(limiter, wall, 0.25)
    assert done == list(range(12))
    await asyncio.gather(*tasks)
    assert limiter.stats.requests == limiter.stats.weight == 12


async def test_long_pause_refills_no_more_than_the_burst() -> None:
    """After an hour of silence five go at once, not thousands."""
    wall = Wall()
    limiter = limiter_at(wall, 10, burst=5)
    wall.now += 3600
    tasks = [asyncio.create_task(limiter.acquire(1, Priority.EXIT)) for _ in range(8)]
    await settle()
    assert sum(task.done() for task in tasks) == 5
    await advance(limiter, wall, 1)
    await asyncio.gather(*tasks)


async def test_heavy_request_is_paid_off_afterwards() -> None:
    """Weight 40 with a bucket of 5: it goes when the bucket is full, the next waits for the debt."""
    wall = Wall()
    limiter = limiter_at(wall, 10, burst=5)
    await limiter.acquire(40)
    waiting = asyncio.create_task(limiter.acquire(1, Priority.EXIT))
    await settle()
    await advance(limiter, wall, 3.5)
    assert not waiting.done()
    await advance(limiter, wall, 0.11)
    assert waiting.done()


async def test_exits_overtake_scans() -> None:
    """Waiters go by priority, within one by arrival."""
    wall = Wall()
    limiter = limiter_at(wall, 10, burst=1)
    await limiter.acquire()
    order: list[str] = []

    async def one(name: str, level: Priority) -> None:
        await limiter.acquire(1, level)
        order.append(name)

    wanted = [("scan1", Priority.SCAN), ("entry", Priority.ENTRY), ("scan2", Priority.SCAN)]
    wanted += [("reconcile", Priority.RECONCILE), ("exit", Priority.EXIT)]
    tasks = [asyncio.create_task(one(name, level)) for name, level in wanted]
    await settle()
    for _ in range(5):
        await advance(limiter, wall, 0.1001)
    await asyncio.gather(*tasks)
    assert order == ["exit", "reconcile", "entry", "scan1", "scan2"]


async def test_scans_leave_some_of_the_burst_so_that_an_exit_need_not_wait() -> None:
    """Of a bucket of 10 entries take 5, scans 3 more; two exits then go in the same instant."""
    wall = Wall()
    limiter = limiter_at(wall, 10, burst=10)
    for level, goes in ((Priority.ENTRY, 5), (Priority.SCAN, 3), (Priority.EXIT, 2)):
        tasks = [asyncio.create_task(limiter.acquire(1, level)) for _ in range(12)]
        await settle()
        assert sum(task.done() for task in tasks) == goes
        for task in tasks:
            task.cancel()
        await settle()


async def test_what_scans_leave_is_at_most_a_fifth_of_a_second() -> None:
    """A venue that lets 500 go at once is not kept waiting for a hundred of them: 10/s leave 2."""
    wall = Wall()
    limiter = limiter_at(wall, 10, burst=500)
    tasks = [asyncio.create_task(limiter.acquire()) for _ in range(510)]
    await settle()
    assert sum(task.done() for task in tasks) == 498
    for task in tasks:
        task.cancel()
    await settle()


async def test_reconciliation_keeps_its_share_under_a_flood_of_exits() -> None:
    """A twentieth of the rate is theirs however many exits wait; the scans get nothing meanwhile."""
    wall = Wall()
    limiter = limiter_at(wall, 10, burst=1)
    went: list[Priority] = []

    async def one(level: Priority) -> None:
        await limiter.acquire(1, level)
        went.append(level)

    tasks = [asyncio.create_task(one(level)) for _ in range(150) for level in Priority]
    await settle()
    for _ in range(100):
        await advance(limiter, wall, 0.1001)
    shares = {level: went.count(level) / len(went) for level in Priority}
    assert shares[Priority.RECONCILE] == pytest.approx(0.05, abs=0.01)
    assert shares[Priority.EXIT] == pytest.approx(0.95, abs=0.02)
    for task in tasks:
        task.cancel()
    await settle()


async def test_refusal_stops_everything_for_as_long_as_the_venue_asks() -> None:
    """Retry-After is honoured to the moment, then the pace is half and grows back."""
    wall = Wall()
    limiter = limiter_at(wall, 10, burst=1)
    limiter.refused(3.0)
    limiter.refused(3.0)  # a second one of the same burst slows down no further
    waiting = asyncio.create_task(limiter.acquire())
    await settle()
    await advance(limiter, wall, 2.99)
    assert not waiting.done()
    assert limiter.pace_per_s == 5
    await advance(limiter, wall, 0.22)
    assert waiting.done()
    assert 5 < limiter.pace_per_s < 6
    await advance(limiter, wall, 5)
    assert limiter.pace_per_s == 10
    assert limiter.stats.http_429 == 2


async def test_pace_never_falls_under_a_tenth() -> None:
    """However often the venue refuses, requests still trickle."""
    wall = Wall()
    limiter = limiter_at(wall, 10)
    for _ in range(20):
        limiter.refused(0.0)
        wall.now += 0.001
    assert limiter.pace_per_s == pytest.approx(1.0, abs=0.1)


async def test_cancelled_waiter_takes_no_budget() -> None:
    """Who gave up does not hold up the next one."""
    wall = Wall()
    limiter = limiter_at(wall, 10, burst=1)
    await limiter.acquire()
    gone = asyncio.create_task(limiter.acquire())
    next_one = asyncio.create_task(limiter.acquire())
    await settle()
    gone.cancel()
    await advance(limiter, wall, 0.1001)
    assert next_one.done()


async def test_real_time_rate_is_kept() -> None:
    """Forty requests at 200/s with a bucket of 10 take at least (40 - 10) / 200 s of wall time."""
    limiter = Limiter(200, burst=10)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(limiter.acquire() for _ in range(40)))
    assert loop.time() - began >= 0.149
    assert limiter.stats.wait_s > 0


async def test_priority_block_covers_tasks_started_inside() -> None:
    """The contextvar travels into tasks and ends with the block."""

    async def look() -> Priority:
        return chosen_priority(Priority.SCAN)

    with priority(Priority.EXIT):
        inside = await asyncio.create_task(look())
    assert inside is Priority.EXIT  # EXIT is 0: a truth test would lose it
    assert await look() is Priority.SCAN


def test_burst_must_let_one_request_through() -> None:
    """A bucket that holds less than one request would never let any go."""
    with pytest.raises(BadInput, match=r"burst must be at least 1 and finite, was 0\.5"):
        Limiter(10, burst=0.5)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_rate_must_be_positive(rate: float) -> None:
    """The message names the value."""
    with pytest.raises(BadInput, match="rate_per_s must be above 0"):
        Limiter(rate)


async def test_held_seconds_are_those_of_the_wall() -> None:
    """Three wait 1, 2 and 3 s side by side: 6 s of waiting in sum, 3 s of the wall."""
    wall = Wall()
    limiter = limiter_at(wall, 1, burst=1)
    await limiter.acquire()
    tasks = [asyncio.create_task(limiter.acquire()) for _ in range(3)]
    await settle()
    for _ in range(3):
        await advance(limiter, wall, 1.0)
    await asyncio.gather(*tasks)
    assert limiter.stats.wait_s == pytest.approx(6.0)
    assert limiter.stats.held_s == pytest.approx(3.0)
