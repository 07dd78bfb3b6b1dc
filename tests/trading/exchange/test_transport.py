"""When to try again: reads after a pause that varies, writes never; and what a broken way is called."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

import pytest

from trading.exchange.clock_sync import Sample, SyncedClock
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.throttle import Limiter, Priority
from trading.exchange.transport import Caller, Transport
from trading.market import errors as tree

from .conftest import Answer, Venue


class Attempts:
    """Fails with the errors given, one a time, then answers; knows when it was called."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = iter(failures)
        self.times: list[float] = []

    async def __call__(self) -> str:
        self.times.append(time.monotonic())
        for failure in self._failures:
            raise failure
        return "answer"


async def nothing() -> None:
    """What is done about a refused timestamp."""


def caller(on_skew: Callable[[], Awaitable[None]] = nothing) -> Caller:
    return Caller(Limiter(100_000), on_skew=on_skew)


READ_FAILURES = [tree.Unreachable("x"), tree.Timeout("x"), tree.BadPayload("x")]


@pytest.mark.parametrize("failure", READ_FAILURES, ids=lambda error: type(error).__name__)
async def test_read_is_tried_three_times_and_write_once(failure: Exception) -> None:
    """The third failure is told; a write is told at the first."""
    twice = Attempts(failure, failure)
    assert await caller().run(twice, weight=1, default=Priority.SCAN) == "answer"
    always, once = Attempts(*[failure] * 9), Attempts(*[failure] * 9)
    with pytest.raises(type(failure)):
        await caller().run(always, weight=1, default=Priority.SCAN)
    with pytest.raises(type(failure)):
        await caller().run(once, weight=1, default=Priority.ENTRY, is_write=True)
    assert (len(always.times), len(once.times)) == (3, 1)


@pytest.mark.parametrize("is_write", [False, True])
@pytest.mark.parametrize(
    "failure",
    [
        tree.OutcomeUnknown("x"),
        tree.VenueFailed("x"),
        tree.Banned("x", retry_after_s=0.01),
        tree.BadCredentials("x"),
        tree.InsufficientFunds("x"),
        tree.NothingToCancel("x"),
        tree.OrderNotFound("x"),
        tree.ClockDrift("x"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_final_or_unknown_is_never_tried_again(failure: Exception, is_write: bool) -> None:
    """A ban grows when knocked at; an order with an unknown outcome could be doubled."""
    attempts = Attempts(*[failure] * 9)
    with pytest.raises(type(failure)):
        await caller().run(attempts, weight=1, default=Priority.SCAN, is_write=is_write)
    assert len(attempts.times) == 1


async def test_refused_rate_is_waited_out_for_reads_and_told_for_writes() -> None:
    """429 says that nothing was accepted; whether an order still makes sense is not for us to say."""
    refusal = tree.RateLimited("x", retry_after_s=0.05)
    reads, write = Attempts(refusal, refusal), Attempts(refusal)
    limited = Caller(limiter := Limiter(1000), on_skew=nothing)
    assert await limited.run(reads, weight=1, default=Priority.SCAN) == "answer"
    assert min(later - before for before, later in itertools.pairwise(reads.times)) >= 0.049
    assert limiter.stats.http_429 == 2
    with pytest.raises(tree.RateLimited):
        await limited.run(write, weight=1, default=Priority.EXIT, is_write=True)


async def test_endless_429_is_told_in_the_end() -> None:
    """Six refusals in a row: the caller learns of it instead of waiting for ever."""
    attempts = Attempts(*[tree.RateLimited("x", retry_after_s=0.0)] * 50)
    with pytest.raises(tree.RateLimited):
        await caller().run(attempts, weight=1, default=Priority.SCAN)
    assert len(attempts.times) == 6


async def test_pauses_vary_so_that_callers_do_not_come_back_together() -> None:
    """Twenty reads that failed in the same instant return spread over a tenth of a second."""
    many = [Attempts(tree.Unreachable("x")) for _ in range(20)]
    await asyncio.gather(*(caller().run(one, weight=1, default=Priority.SCAN) for one in many))
    pauses = [one.times[1] - one.times[0] for one in many]
    assert min(pauses) >= 0.15
    assert max(pauses) - min(pauses) > 0.03


async def test_refused_timestamp_is_looked_at_and_signed_anew_but_not_for_ever() -> None:
    """700003 proves that nothing was accepted, so even a write may be signed again."""
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1

    once, always = Attempts(tree.ClockSkew("x")), Attempts(*[tree.ClockSkew("x")] * 9)
    assert await caller(look).run(once, weight=1, default=Priority.EXIT, is_write=True) == "answer"
    with pytest.raises(tree.ClockSkew):
        await caller(look).run(always, weight=1, default=Priority.EXIT, is_write=True)
    assert (looks, len(always.times)) == (3, 3)


async def test_order_is_not_signed_anew_but_the_clock_is_looked_at() -> None:
    """Its client id is used up; the next attempt is another order, and finds the right time."""
    looks = 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        raise tree.Unreachable("no time either")

    order = Attempts(tree.ClockSkew("x"))
    with pytest.raises(tree.ClockSkew):
        await caller(look).once(order, weight=1, default=Priority.EXIT)
    assert (looks, len(order.times)) == (1, 1)


@pytest.mark.parametrize(("method", "expected"), [("GET", tree.Timeout), ("POST", tree.OutcomeUnknown)])
async def test_silence_is_a_time_out_for_a_read_and_unknown_for_a_write(
    venue: Venue, method: str, expected: type[Exception]
) -> None:
    """Sent is sent."""
    venue.answers[method, "x"] = Answer({}, hang_s=2)
    transport = Transport(timeout_s=0.2)
    with pytest.raises(expected, match=r"no answer within 0\.2 s"):
        await transport.send(method, venue.base_url + "/api/v3/x?signature=abc")
    await transport.close()


async def test_clock_of_this_machine_that_is_off_stops_signed_calls(venue: Venue) -> None:
    """The stub's time is of March 2025: nothing is signed or sent, reads of market data go on."""
    venue.answers["GET", "account"] = Answer({"balances": []})
    async with GatewayPool(ExchangeSettings(venue.base_url, rate_per_s=10_000, max_drift_s=2.0)) as pool:
        account = pool.account("some-key", "some-secret")
        assert await pool.public.markets()
        with pytest.raises(tree.ClockDrift, match=r"s ahead of the venue's, at most 2 s"):
            await account.balances()
    assert venue.of("account") == []


@pytest.mark.parametrize(
    ("off_s", "is_refused"), [(-2.5, True), (-1.5, False), (0.0, False), (1.5, False), (2.5, True)]
)
async def test_drift_is_measured_and_refused_beyond_the_bound(off_s: float, is_refused: bool) -> None:
    """The difference between this machine's clock and the venue's, corrected for the age of the sample."""
    wall = [100.0]

    async def sample() -> Sample:
        wall[0] += 0.05
        return Sample(wall[0], 0.01, int(wall[0] * 1000))

    clock = SyncedClock(sample, wall=lambda: wall[0], system=lambda: wall[0] - off_s, max_drift_s=2.0)
    await clock.sync()
    wall[0] += 7.0
    assert clock.drift_s == pytest.approx(off_s, abs=0.01)
    if is_refused:
        with pytest.raises(tree.ClockDrift, match="behind" if off_s > 0 else "ahead"):
            clock.check_drift()
    else:
        clock.check_drift()
