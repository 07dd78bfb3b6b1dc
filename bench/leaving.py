"""What exits cost and how soon they leave: 5,000 positions watched, ten stops among entries, a mass stop.

The engine's own parts (log on disk, index, second look, seller, wire, limiter, booking) against a venue in
this process, which takes an order at once and tells its outcome as a private stream would: what the venue and
the network add is in no figure. Quotes are pushed every 100 ms, as MEXC's streams do. CPU is of this process;
times are wall time, so on a busy machine they are upper bounds (`load` is the system's, at the end).
"""

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.exit_positions import Venue, hold
from trading.exchange.feed.events import Event, Kind, Origin, Stream
from trading.exchange.gateway import Quote
from trading.exchange.throttle import Limiter, Priority
from trading.execution.account_streams import Outcomes
from trading.execution.desk import Desk
from trading.execution.exits import Exits
from trading.execution.follow import Follow
from trading.execution.settings import EngineSettings
from trading.execution.wire import EXITS_FIRST_S, Wire
from trading.store.order_log import OrderLog

WATCHED, WATCHED_SYMBOLS, WATCH_S, MOST_CORE = 5_000, 500, 20.0, 0.25
HELD, HELD_SYMBOLS, RATE = 3_000, 100, 50.0
ROUNDS, AT_ONCE, MOST_MS, MOST_RATIO = 20, 10, 250.0, 1.1
PUSH_S = 0.1
ENTRY_SLOTS = 4  # as EngineSettings.entry_slots


def run() -> list[dict[str, Any]]:
    """Return a line for watching, for isolated exits, and for a mass stop."""
    return [
        asyncio.run(_watched()),
        asyncio.run(_isolated(RATE, None)),
        asyncio.run(_isolated(20.0, 10.0)),
        asyncio.run(_mass()),
    ]


@dataclass
class _Streams:
    """Quotes and private streams that always serve."""

    quotes: dict[str, Quote] = field(default_factory=dict)
    outcomes: Outcomes = field(default_factory=Outcomes)

    async def follow(self, symbols: object) -> None:
        """Everything is followed."""

    def served(self) -> Mapping[str, Quote]:
        """Return what was pushed last."""
        return self.quotes

    def is_streaming(self, _user_id: str) -> bool:
        """It does."""
        return True


class _Stand:
    """An engine's exits over positions that are in the log."""

    def __init__(self, log: OrderLog, venue: Venue, limiter: Limiter) -> None:
        self.log, self.venue, self.limiter = log, venue, limiter
        self.streams = _Streams()
        self.desk = Desk(log, venue, lambda user: venue.account(user.user_id, limiter), EngineSettings())
        self.desk.exit_rate_per_s = Decimal(repr(limiter.rate_per_s))
        self.desk.markets = venue.listed
        venue.told = self._told
        self.wire = wire = Wire(self.desk)
        self.follow = Follow(self.desk, wire, self.streams)  # type: ignore[arg-type]
        self.exits = Exits(self.desk, wire, self.streams)  # type: ignore[arg-type]
        self.follow.booked = self.exits.booked

    def _told(self, kind: Kind, value: Any) -> None:
        self.streams.outcomes.take(Event(Stream(kind), Origin.STREAM, value.at, value))

    def push(self, symbol: str, bid: Decimal) -> None:
        """Push a quote, as the stream's reader does."""
        quote = Quote(symbol, bid, bid + self.venue.tick, Decimal(10**9), Decimal(10**9), datetime.now(UTC))
        self.venue.prices[symbol] = bid
        self.streams.quotes[symbol] = quote
        self.exits.heard(quote)

    async def loops(self) -> None:
        """Run what the engine runs over exits, until cancelled."""
        await asyncio.gather(self._ticks(), self._following())

    async def _ticks(self) -> None:
        while True:
            await self.exits.tick()
            await asyncio.sleep(self.desk.settings.watch_s)

    async def _following(self) -> None:
        news = self.streams.outcomes.news
        while True:
            news.clear()
            await self.follow.step()
            try:
                await asyncio.wait_for(news.wait(), self.desk.settings.follow_s)
            except TimeoutError:
                continue


@contextmanager
def _stand(positions: int, symbols: int, rate: float, burst: float | None = None) -> Iterator[_Stand]:
    with tempfile.TemporaryDirectory() as folder:
        log = OrderLog(f"sqlite:///{Path(folder) / 'orders.db'}")
        venue = Venue(symbols)
        hold(log, venue, positions)
        limiter = Limiter(rate, burst=burst)
        try:
            yield _Stand(log, venue, limiter)
        finally:
            limiter.close()
            log.close()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _watched() -> dict[str, Any]:
    """CPU of one push per symbol and second over positions none of which is crossed."""
    rng = random.Random(7)
    with _stand(WATCHED, WATCHED_SYMBOLS, RATE) as stand:
        for symbol in stand.venue.prices:
            stand.push(symbol, Decimal(100))
        await stand.exits.step()
        loops = asyncio.create_task(stand.loops())
        await asyncio.sleep(1.0)
        cpu, began, pushes = time.process_time(), time.monotonic(), 0
        names = list(stand.venue.prices)
        while (passed := time.monotonic() - began) < WATCH_S:
            due = int(passed * len(names))
            while pushes < due:
                stand.push(names[pushes % len(names)], Decimal(rng.randint(9900, 10100)) / 100)
                pushes += 1
            await asyncio.sleep(0.01)
        share = (time.process_time() - cpu) / (time.monotonic() - began)
        await _ended(loops)
    return {
        "name": "exits watched",
        "work": f"{WATCHED:,} positions in {WATCHED_SYMBOLS} symbols, {pushes:,} pushes in {WATCH_S:.0f} s",
        "ours_cpu_s": round(share * WATCH_S, 2),
        "core_percent": round(share * 100, 1),
        "bound": MOST_CORE * 100,
        "ok": share <= MOST_CORE and not stand.venue.sent,
        "load": round(os.getloadavg()[0], 1),
    }


async def _isolated(rate: float, burst: float | None) -> dict[str, Any]:
    """Time from the first crossing push to the order's leave of ten exits at once, entries saturating."""
    waits: list[float] = []
    spent: list[float] = []  # CPU of all that this process did meanwhile
    with _stand(HELD, HELD_SYMBOLS, rate, burst) as stand:
        await _fall(stand, Decimal("98.1"))
        await stand.exits.step()
        loops = asyncio.create_task(stand.loops())
        entries = asyncio.create_task(_entries(stand))
        await asyncio.sleep(2.0)
        names = sorted(stand.venue.prices)
        for number in range(ROUNDS):
            chosen = [names[(number * AT_ONCE + each) % len(names)] for each in range(AT_ONCE)]
            bids = {name: stand.venue.next_stop(name) for name in chosen}
            for name, bid in bids.items():  # prices come down to a stop: one that falls from afar is doubted
                stand.push(name, bid * Decimal("1.002"))
            await asyncio.sleep(PUSH_S)
            known, crossed, cpu = len(stand.venue.sent), time.monotonic(), time.process_time()
            for _ in range(2):
                for name, bid in bids.items():
                    stand.push(name, bid)
                await asyncio.sleep(PUSH_S)
            await asyncio.sleep(1.5 - 2 * PUSH_S)
            spent += [at_s - cpu for at_s in stand.venue.cpu_s[known:]]
            waits += [at_s - crossed for _, at_s, _ in stand.venue.sent[known:]]
        entered, passed_s = stand.venue.entries, time.monotonic() - stand.venue.entries_since
        await _ended(entries)
        await _ended(loops)
        await stand.exits.close()
    expected = ROUNDS * AT_ONCE
    waits.sort()
    p99 = waits[max(0, int(len(waits) * 0.99) - 1)] * 1000
    return {
        "name": f"exits isolated {rate:.0f}/s",
        "work": f"{expected} exits, {AT_ONCE} at once, while entries use {entered / passed_s:.0f} weight/s",
        "burst": stand.limiter.burst,
        "left": len(waits),
        "p50_ms": round(statistics.median(waits) * 1000),
        "p99_ms": round(p99),
        "max_ms": round(waits[-1] * 1000),
        "cpu_p99_ms": round(sorted(spent)[max(0, int(len(spent) * 0.99) - 1)] * 1000),
        "of_it_second_push_ms": PUSH_S * 1000,
        "bound": MOST_MS,
        "ok": p99 <= MOST_MS and len(waits) == expected,
        "load": round(os.getloadavg()[0], 1),
    }


async def _mass() -> dict[str, Any]:
    """Everything stopped at once, entries waiting: the last order's leave over the limiter's floor."""
    with _stand(HELD, HELD_SYMBOLS, RATE) as stand:
        await _fall(stand, Decimal("98.1"))
        await stand.exits.step()
        loops = asyncio.create_task(stand.loops())
        entries = asyncio.create_task(_entries(stand))
        await asyncio.sleep(1.0)
        began, cpu = time.monotonic(), time.process_time()
        await _fall(stand, Decimal(79))
        entered = stand.venue.entries
        floor_s = (HELD - stand.limiter.burst) / RATE
        while len(stand.venue.sent) < HELD and time.monotonic() - began < 4 * floor_s:
            await asyncio.sleep(0.5)
            for name, bid in list(stand.venue.prices.items()):
                stand.push(name, bid * Decimal("0.9999"))
        entered = stand.venue.entries - entered
        cpu_ms = (time.process_time() - cpu) * 1000 / max(1, len(stand.venue.sent))
        await _ended(entries)
        await _ended(loops)
        await stand.exits.close()
    places = [at_s - began for _, at_s, _ in stand.venue.sent]
    prices = [float(price) for _, _, price in stand.venue.sent]
    users = len({user for user, _, _ in stand.venue.sent})
    ratio = places[-1] / floor_s
    at = {f"{share:.0%}": max(0, int(len(places) * share) - 1) for share in (0.0, 0.25, 0.5, 0.75, 1.0)}
    closes = stand.venue.sent
    return {
        "name": "exits mass stop",
        "work": f"{len(closes):,} of {HELD:,} positions of {users} users, {RATE:.0f} weight/s",
        "last_s": round(places[-1], 1),
        "floor_s": round(floor_s, 1),
        "ratio": round(ratio, 3),
        "bound": MOST_RATIO,
        "entries_meanwhile": entered,
        "cpu_ms_per_exit": round(cpu_ms, 2),
        "seconds_by_place": {name: round(places[place], 1) for name, place in at.items()},
        "limit_by_place": {name: round(prices[place], 2) for name, place in at.items()},
        "ok": ratio <= MOST_RATIO and len(closes) == HELD,
        "load": round(os.getloadavg()[0], 1),
    }


async def _fall(stand: _Stand, to: Decimal) -> None:
    """Let all prices fall by less than the jump guard doubts, a step a push."""
    bid = next(iter(stand.venue.prices.values()))
    while bid > to:
        bid = max(to, bid * Decimal("0.985"))
        for _ in range(2 if bid == to else 1):
            for name in stand.venue.prices:
                stand.push(name, bid.quantize(stand.venue.tick))
            await asyncio.sleep(PUSH_S)


async def _entries(stand: _Stand) -> None:
    """Keep the limiter full of entries: each takes a turn of weight 1, as an order does."""

    async def one() -> None:
        while True:
            while stand.wire.exits_wait():  # noqa: ASYNC110 - as `Wire` does before an entry
                await asyncio.sleep(EXITS_FIRST_S)
            await stand.limiter.acquire(1, Priority.ENTRY)
            stand.venue.entries += 1

    stand.venue.entries_since = time.monotonic()
    await asyncio.gather(*(one() for _ in range(ENTRY_SLOTS)))
