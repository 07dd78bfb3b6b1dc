"""Time is passed in. A `Clock` is the only way logic learns what time it is; all of it is UTC.

Market time is the venue's time: virtual on the embedded exchange, real on MEXC. Wall time is this
machine's; rate limits, retries and time-outs live in wall time and never in market time.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from trading.market.timeframes import from_ms, to_ms


class Clock(Protocol):
    """Something that knows market time."""

    def now_ms(self) -> int:
        """Return market time in milliseconds since the epoch, UTC."""
        ...

    def now(self) -> datetime:
        """Return market time as an aware UTC datetime."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """Market time equals this machine's time."""

    def now_ms(self) -> int:
        """Return this machine's time in ms."""
        return time.time_ns() // 1_000_000

    def now(self) -> datetime:
        """Return this machine's time."""
        return from_ms(self.now_ms())


@dataclass(slots=True)
class ManualClock:
    """Market time moves only when told to: for tests and for replay at virtual times."""

    at_ms: int

    @classmethod
    def at(cls, moment: datetime) -> "ManualClock":
        """Return a clock that stands at `moment`."""
        return cls(to_ms(moment))

    def now_ms(self) -> int:
        """Return the time it was set to."""
        return self.at_ms

    def now(self) -> datetime:
        """Return the time it was set to."""
        return from_ms(self.at_ms)

    def advance(self, ms: int) -> None:
        """Move forward by `ms` milliseconds."""
        self.at_ms += ms
