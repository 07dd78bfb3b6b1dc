"""Market time as the venue keeps it: offset and rate estimated from samples of `/time`.

The embedded exchange's time may run 900 times as fast as ours, stand still, or change its speed at
any moment; MEXC's runs at 1. Both are the same to this clock. Wall time is monotonic here.
Not here: how `/time` is asked (the sampler is passed in).
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from trading.market.errors import Unreachable
from trading.market.timeframes import from_ms

# Samples older than this no longer shape the rate.
_MEMORY_S = 30.0
# The first estimate of a rate rests on samples this far apart (wall seconds).
_FIRST_LOOK_S = (0.1, 0.15)
_SLACK_S = 0.01
_SLACK_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """The venue said `market_ms` at wall time `wall_s`, give or take `error_s` (half the round trip)."""

    wall_s: float
    error_s: float
    market_ms: int

    @classmethod
    def between(cls, sent_s: float, received_s: float, market_ms: int) -> "Sample":
        """Place the venue's answer in the middle of the round trip, as NTP does."""
        return cls((sent_s + received_s) / 2, (received_s - sent_s) / 2, market_ms)


class SyncedClock:
    """A `trading.market.clock.Clock` that follows the venue; corrections may step it either way."""

    def __init__(
        self, sample: Callable[[], Awaitable[Sample]], *, wall: Callable[[], float] = time.monotonic
    ) -> None:
        self._sample = sample
        self._wall = wall
        self._samples: deque[Sample] = deque()
        self._rate = 1.0
        self._lock = asyncio.Lock()

    @property
    def rate(self) -> float:
        """Market seconds per wall second: 1 on MEXC, 0 while the embedded exchange stands still."""
        return self._rate

    @property
    def age_s(self) -> float:
        """Wall seconds since the newest sample; infinite before the first."""
        return self._wall() - self._samples[-1].wall_s if self._samples else float("inf")

    def now_ms(self) -> int:
        """Return the estimated market time in ms.

        Raises
        ------
        Unreachable
            Before the first answer of the venue: there is no market time to tell.
        """
        last = self._newest()
        return last.market_ms + int(self._rate * (self._wall() - last.wall_s) * 1000)

    def now(self) -> datetime:
        """Return the estimated market time."""
        return from_ms(self.now_ms())

    def known_ms(self) -> int:
        """Return the newest market time the venue itself has told: never ahead of the truth.

        What must not look ahead (is this bar closed?) asks this, because an estimate runs ahead
        when the venue's time was just stopped or slowed.
        """
        return self._newest().market_ms

    async def sync(self) -> None:
        """Take one sample, and more when it does not fit the line the clock was on."""
        async with self._lock:
            await self._take()

    async def fresh(self, max_age_s: float) -> None:
        """Synchronise unless the newest sample is younger than `max_age_s` wall seconds."""
        if self.age_s <= max_age_s:
            return
        async with self._lock:
            if self.age_s > max_age_s:
                await self._take()

    def _newest(self) -> Sample:
        if not self._samples:
            raise Unreachable("market time is unknown: the venue has not answered /time yet")
        return self._samples[-1]

    async def _take(self) -> None:
        sample = await self._sample()
        if self._samples and self._fits(sample):
            self._extend(sample)
            return
        self._samples.clear()
        self._samples.append(sample)
        for pause_s in _FIRST_LOOK_S:
            await asyncio.sleep(pause_s)
            self._extend(await self._sample())

    def _fits(self, sample: Sample) -> bool:
        last = self._samples[-1]
        elapsed = sample.wall_s - last.wall_s
        expected_ms = last.market_ms + self._rate * elapsed * 1000
        slack_s = last.error_s + sample.error_s + _SLACK_S + _SLACK_SHARE * elapsed
        return abs(sample.market_ms - expected_ms) <= 1 + 1000 * max(self._rate, 0.01) * slack_s

    def _extend(self, sample: Sample) -> None:
        self._samples.append(sample)
        while len(self._samples) > 2 and sample.wall_s - self._samples[0].wall_s > _MEMORY_S:
            self._samples.popleft()
        first = self._samples[0]
        span_s = sample.wall_s - first.wall_s
        if span_s <= 0:
            return
        rate = (sample.market_ms - first.market_ms) / 1000 / span_s
        doubt = max(_SLACK_SHARE, 2 * (first.error_s + sample.error_s) / span_s)
        # A real venue's second is a second: noise of short round trips must not bend it.
        self._rate = 1.0 if abs(rate - 1) <= min(doubt, 0.5) else max(rate, 0.0)
