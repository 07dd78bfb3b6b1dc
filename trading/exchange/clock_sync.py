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
from math import inf

from trading.market.errors import ClockDrift, Unreachable
from trading.market.timeframes import from_ms

# Samples older than this no longer shape the rate.
_MEMORY_S = 30.0
# A new line is looked at this often, until its rate is known to a few per cent.
_LOOK_S = 0.1
_LOOKS = (2, 10)
_GOOD_DOUBT = 0.03
# What a correction must exceed before it counts as a change of speed.
_SLACK_S = 0.005
_SLACK_SHARE = 0.01


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
    """A `trading.market.clock.Clock` that follows the venue; corrections may step it either way.

    Parameters
    ----------
    sample : callable
        Asks the venue for its time.
    max_drift_s : float or None
        How far this machine's own clock may be from the venue's before `check_drift` refuses; None
        where the venue's time is not real time.
    """

    def __init__(
        self,
        sample: Callable[[], Awaitable[Sample]],
        *,
        wall: Callable[[], float] = time.monotonic,
        system: Callable[[], float] = time.time,
        max_drift_s: float | None = None,
    ) -> None:
        self._sample = sample
        self._wall = wall
        self._system = system
        self._max_drift_s = max_drift_s
        self._samples: deque[Sample] = deque()
        self._rate = 1.0
        self._doubt = inf  # the rate is known to this share
        self._reference: Sample | None = None
        self._lock = asyncio.Lock()
        self._is_held = False

    def hold(self) -> None:
        """From now on the time is what the venue told last: for who moves the venue's time himself.

        Nothing is estimated between two looks, so that the same moves give the same times in every run.
        """
        self._is_held = True

    @property
    def rate(self) -> float:
        """Market seconds per wall second: 1 on MEXC, 0 while the embedded exchange stands still."""
        return self._rate

    @property
    def age_s(self) -> float:
        """Wall seconds since the newest sample; infinite before the first."""
        return self._wall() - self._samples[-1].wall_s if self._samples else inf

    def now_ms(self) -> int:
        """Return the estimated market time in ms.

        Raises
        ------
        Unreachable
            Before the first answer of the venue: there is no market time to tell.
        """
        return int(self._at(self._wall()))

    def now(self) -> datetime:
        """Return the estimated market time."""
        return from_ms(self.now_ms())

    def known_ms(self) -> int:
        """Return the newest market time the venue itself has told: never ahead of the truth.

        What must not look ahead (is this bar closed?) asks this, because an estimate runs ahead
        when the venue's time was just stopped or slowed.
        """
        if not self._samples:
            raise Unreachable(_UNKNOWN)
        return self._samples[-1].market_ms

    @property
    def drift_s(self) -> float:
        """Seconds by which this machine's clock is behind the venue's; negative when it is ahead.

        Only of use where the venue's time is real time. Our requests carry the venue's time whatever
        this says; days, schedules and logs are this machine's.
        """
        if not self._samples:
            raise Unreachable(_UNKNOWN)
        newest = self._samples[-1]
        return newest.market_ms / 1000 - (self._system() - (self._wall() - newest.wall_s))

    def check_drift(self) -> None:
        """Refuse to go on while this machine's clock is off.

        Raises
        ------
        ClockDrift
            If it is further from the venue's than the bound.
        """
        if self._max_drift_s is None or abs(drift_s := self.drift_s) <= self._max_drift_s:
            return
        side = "behind" if drift_s > 0 else "ahead of"
        raise ClockDrift(
            f"this machine's clock is {abs(drift_s):.1f} s {side} the venue's, at most "
            f"{self._max_drift_s:g} s are allowed: nothing was signed; "
            "set the clock (NTP) or raise SLUICE_EXCHANGE__MAX_DRIFT_S"
        )

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

    def _at(self, wall_s: float) -> float:
        if self._reference is None:
            raise Unreachable(_UNKNOWN)
        return self._reference.market_ms + self._rate * (wall_s - self._reference.wall_s) * 1000

    async def _take(self) -> None:
        sample = await self._sample()
        if self._is_held:
            self._samples.clear()
            self._samples.append(sample)
            self._rate, self._reference = 0.0, sample
            return
        if self._fits(sample):
            self._extend(sample)
            return
        self._samples.clear()
        self._rate, self._doubt, self._reference = 1.0, inf, sample
        self._samples.append(sample)
        least, most = _LOOKS
        for look in range(most):
            if look >= least and self._doubt <= _GOOD_DOUBT:
                return
            await asyncio.sleep(_LOOK_S)
            self._extend(await self._sample())

    def _fits(self, sample: Sample) -> bool:
        known = self._reference
        if known is None or self._doubt == inf:
            return False
        elapsed = abs(sample.wall_s - known.wall_s)
        slack_s = known.error_s + sample.error_s + _SLACK_S + max(self._doubt, _SLACK_SHARE) * elapsed
        off_ms = abs(sample.market_ms - self._at(sample.wall_s))
        return off_ms <= 1 + 1000 * max(self._rate, 0.01) * slack_s

    def _extend(self, sample: Sample) -> None:
        self._samples.append(sample)
        while len(self._samples) > 2 and sample.wall_s - self._samples[0].wall_s > _MEMORY_S:
            self._samples.popleft()
        # The pair whose round trips leave the least doubt about the slope between them.
        partner = min(self._samples, key=lambda other: _doubt(other, sample))
        doubt = _doubt(partner, sample)
        if doubt <= max(self._doubt, _SLACK_SHARE):
            rate = (sample.market_ms - partner.market_ms) / 1000 / (sample.wall_s - partner.wall_s)
            # A real venue's second is a second: the noise of short round trips must not bend it.
            is_real = abs(rate - 1) <= min(doubt + _SLACK_SHARE, 0.5)
            self._rate, self._doubt = (1.0 if is_real else max(rate, 0.0)), doubt
        share = min(self._doubt, 1.0)
        self._reference = min(
            self._samples, key=lambda other: other.error_s + share * (sample.wall_s - other.wall_s)
        )


_UNKNOWN = "market time is unknown: the venue has not answered /time yet"


def _doubt(earlier: Sample, later: Sample) -> float:
    span_s = later.wall_s - earlier.wall_s
    return (earlier.error_s + later.error_s) / span_s if span_s > 0 else inf
