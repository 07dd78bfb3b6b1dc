"""Fetching many: paced by the limiter alone, batches beside the network, one bad symbol stops nothing."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.scan.virtual import loop_time, run_virtually
from trading.exchange.scan import Batch, Want, fetch_candles
from trading.exchange.throttle import Limiter
from trading.market.errors import BadPayload, Banned, Unreachable
from trading.market.frames import CANDLES, QUARANTINE, empty
from trading.market.timeframes import from_ms

BAR_MS = 900_000


class Fake:
    """A gateway of so many bars a page, `latency_s` away behind a limiter of `rate` a second."""

    def __init__(self, rate: float = 50.0, latency_s: float = 0.0, burst: float | None = None) -> None:
        self.latency_s = latency_s
        self.limiter = Limiter(rate, burst=burst, wall=loop_time)
        self.answer: Callable[[str], Exception | None] = lambda symbol: None
        self.in_flight = self.most_in_flight = 0
        self.asked: list[str] = []

    async def candles(self, symbol, timeframe, *, since_ms=None, limit=500, on_rejected=None) -> pl.DataFrame:
        await self.limiter.acquire()
        self.asked.append(symbol)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.latency_s)
        finally:
            self.in_flight -= 1
        fault = self.answer(symbol)
        if fault is not None:
            raise fault
        if on_rejected is not None and symbol == "ODD/USDT":
            on_rejected(_quarantined(symbol))
        return bars(symbol, since_ms or 0, limit)


def bars(symbol: str, since_ms: int, count: int) -> pl.DataFrame:
    opens = [from_ms(since_ms + place * BAR_MS) for place in range(count)]
    columns = {name: [1.0] * count for name in list(CANDLES)[2:]}
    return pl.DataFrame({"symbol": [symbol] * count, "open_time": opens, **columns}, schema=CANDLES)


def _quarantined(symbol: str) -> pl.DataFrame:
    at = datetime(2025, 3, 1, tzinfo=UTC)
    row = (symbol, "15m", None, "malformed", "[null]", at)
    return pl.DataFrame([row], schema=QUARANTINE, orient="row")


def names(count: int) -> list[str]:
    return [f"S{number:04d}/USDT" for number in range(count)]


@pytest.mark.parametrize("latency_s", [0.02, 0.3, 2.0])
def test_limiter_alone_sets_the_pace(latency_s: float) -> None:
    """2,610 requests at 50 a second, burst 12.5: (2,610 - 12.5) / 50 = 51.95 s, at any distance."""

    async def main() -> float:
        fake, began = Fake(latency_s=latency_s), loop_time()
        result = await fetch_candles(fake, [Want(name, limit=1) for name in names(2_610)], "15m")
        assert result.frame.height == 2_610
        return loop_time() - began

    assert 51.95 <= run_virtually(main()) <= 51.95 * 1.05 + latency_s


def test_one_after_another_is_set_by_the_distance() -> None:
    """The control: with one in flight, 100 requests 0.3 s away take 30 s, whatever the limiter allows."""

    async def main() -> float:
        fake, began = Fake(latency_s=0.3), loop_time()
        await fetch_candles(fake, [Want(name, limit=1) for name in names(100)], "15m", concurrency=1)
        assert fake.most_in_flight == 1
        return loop_time() - began

    assert run_virtually(main()) == pytest.approx(30.0)


async def test_batches_hold_everything_once_while_the_network_goes_on() -> None:
    """With `on_batch` the frames come in a thread, sorted, with the wants they answer."""
    fake, got, threads = Fake(rate=5_000, latency_s=0.001), [], set()

    def take(batch: Batch) -> None:
        threads.add(threading.get_ident())
        got.append(batch)

    wants = [Want(name, limit=3) for name in names(300)]
    result = await fetch_candles(fake, wants, "15m", on_batch=take)
    assert result.frame.is_empty()
    assert result.batches == len(got) > 1
    assert sorted(want.symbol for batch in got for want in batch.wants) == names(300)
    assert sum(batch.frame.height for batch in got) == 900
    for batch in got:
        assert batch.frame.equals(batch.frame.sort("symbol", "open_time"))
        assert set(batch.frame["symbol"]) == {want.symbol for want in batch.wants}
    assert threading.get_ident() not in threads


async def test_failure_in_on_batch_stops_the_fetch_and_is_raised() -> None:
    """A full disk is no failure of a symbol: asking on would be for nothing."""
    fake = Fake(rate=500)

    def refuse(batch: Batch) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await fetch_candles(fake, [Want(name) for name in names(2_000)], "15m", on_batch=refuse)
    assert len(fake.asked) < 1_000


async def test_interrupted_fetch_hands_over_what_has_come() -> None:
    """Cancelled in the middle: each page that came has been in a batch, before the cancellation goes on."""
    fake, kept = Fake(rate=200, latency_s=0.01), []
    wants, half = [Want(name) for name in names(1_000)], asyncio.Event()

    def count(done: int, total: int) -> None:
        if done == 150:
            half.set()

    def keep(batch: Batch) -> None:
        kept.extend(batch.wants)

    fetching = asyncio.create_task(fetch_candles(fake, wants, "15m", on_progress=count, on_batch=keep))
    await half.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert 150 <= len(kept) <= len(fake.asked) < 1_000


async def test_symbol_with_a_failed_page_comes_whole_or_not_at_all() -> None:
    """Three pages each; a failed one in the middle takes the symbol's others with it: no hole is stored."""
    fake, got = Fake(rate=10_000), []
    failing = {(("S0003/USDT"), 1)}
    seen: dict[str, int] = {}

    def answer(symbol: str) -> Exception | None:
        seen[symbol] = seen.get(symbol, 0) + 1
        return BadPayload("truncated") if (symbol, seen[symbol] - 1) in failing else None

    fake.answer = answer
    wants = [Want(name, since_ms=page * 10 * BAR_MS, limit=10) for name in names(40) for page in range(3)]
    result = await fetch_candles(fake, wants, "15m", on_batch=got.append, whole_symbols=True)
    assert set(result.failed) == {"S0003/USDT"}
    for batch in got:
        assert set(batch.frame.group_by("symbol").len()["len"]) <= {30}
    assert sum(batch.frame.height for batch in got) == 39 * 30


@pytest.mark.parametrize(
    "fault", [BadPayload("garbage"), ZeroDivisionError("a bug of ours"), Unreachable("gone")]
)
async def test_one_bad_symbol_is_told_and_the_rest_goes_on(fault: Exception) -> None:
    """Also what nobody foresaw: the symbol is named with the kind of failure."""
    fake = Fake(rate=10_000)
    fake.answer = lambda symbol: fault if symbol == "S0007/USDT" else None
    result = await fetch_candles(fake, [Want(name, limit=1) for name in names(50)], "15m")
    assert list(result.failed) == ["S0007/USDT"]
    assert type(fault).__name__ in result.failed["S0007/USDT"]
    assert result.frame.height == 49


async def test_quarantined_rows_reach_the_batch_and_the_result() -> None:
    """Rows that were not believed are handed on, not lost."""
    fake, got = Fake(rate=10_000), []
    wants = [Want(name) for name in ("A/USDT", "ODD/USDT")]
    result = await fetch_candles(fake, wants, "15m", on_batch=got.append)
    assert result.quarantined["symbol"].to_list() == ["ODD/USDT"]
    assert pl.concat([batch.quarantined for batch in got]).equals(result.quarantined)
    assert (await fetch_candles(fake, wants[:1], "15m")).quarantined.equals(empty(QUARANTINE))


async def test_venue_that_went_away_is_not_asked_for_everything() -> None:
    """After forty unanswered requests in a row the rest is named as not asked for."""
    fake, told = Fake(rate=100_000), []
    fake.answer = lambda symbol: Unreachable("no connection") if symbol >= "S0100" else None
    result = await fetch_candles(
        fake, [Want(name, limit=1) for name in names(1_000)], "15m", on_progress=lambda *at: told.append(at)
    )
    assert result.frame.height == 100
    assert len(result.failed) == 900
    assert result.requests == len(fake.asked) <= 100 + 40 + 64
    assert "not asked for: the venue has gone (Unreachable: no connection)" in result.failed["S0999/USDT"]


async def test_banned_address_asks_for_nothing_more() -> None:
    """Knocking on during a ban makes it longer: one 418 ends the scan."""
    fake = Fake(rate=100_000)
    fake.answer = lambda symbol: Banned("418", retry_after_s=120) if symbol == "S0100/USDT" else None
    result = await fetch_candles(fake, [Want(name, limit=1) for name in names(1_000)], "15m")
    assert len(fake.asked) <= 101 + 64
    assert len(result.failed) == 1_000 - result.frame.height


@settings(max_examples=40, deadline=None)
@given(
    pages=st.lists(st.integers(1, 4), min_size=1, max_size=40),
    failing=st.sets(st.integers(0, 120)),
    concurrency=st.none() | st.integers(1, 9),
    whole=st.booleans(),
    latency_s=st.floats(0, 3),
)
def test_every_want_is_in_one_batch_or_its_symbol_has_failed(
    pages: list[int], failing: set[int], concurrency: int | None, whole: bool, latency_s: float
) -> None:
    """Whatever fails, however far away, whichever number in flight: nothing is lost, nothing comes twice."""
    wants = [
        Want(f"S{number:03d}/USDT", since_ms=page * 5 * BAR_MS, limit=5)
        for number, count in enumerate(pages)
        for page in range(count)
    ]

    async def main() -> tuple[list[Want], dict[str, str]]:
        fake, got = Fake(latency_s=latency_s), []
        calls = iter(range(len(wants)))
        fake.answer = lambda symbol: BadPayload("odd") if next(calls) in failing else None
        result = await fetch_candles(
            fake, wants, "15m", concurrency=concurrency, on_batch=got.append, whole_symbols=whole
        )
        assert sum(batch.frame.height for batch in got) == 5 * sum(len(batch.wants) for batch in got)
        return [want for batch in got for want in batch.wants], result.failed

    came, failed = run_virtually(main())
    assert len(came) == len(set(came))
    lost = set(wants) - set(came)
    assert {want.symbol for want in lost} == set(failed)
    if whole:
        assert not {want.symbol for want in came} & set(failed)
