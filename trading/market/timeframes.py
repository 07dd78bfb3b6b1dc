"""Bar lengths: their unified names, MEXC's wire names, and arithmetic on bar times in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trading.market.errors import UnknownTimeframe

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
# 1970-01-01 was a Thursday; MEXC's weekly bars open on Monday 00:00 UTC.
_MONDAY_OFFSET_MS = 4 * DAY_MS


@dataclass(frozen=True, slots=True)
class Timeframe:
    """One bar length.

    Parameters
    ----------
    name : str
        Unified name as ccxt writes it (``15m``, ``1h``, ``1M``).
    wire : str
        MEXC spot's name for it (``60m`` for one hour, ``1W`` for a week).
    ms : int
        Length in milliseconds; for ``1M`` the nominal 30 days (its bars follow the calendar).
    """

    name: str
    wire: str
    ms: int

    @property
    def delta(self) -> timedelta:
        """Nominal length as a timedelta."""
        return timedelta(milliseconds=self.ms)

    def floor_ms(self, at_ms: int) -> int:
        """Return the open time (ms since epoch, UTC) of the bar that contains `at_ms`."""
        if self.name == "1M":
            at = datetime.fromtimestamp(at_ms / 1000, UTC)
            return int(at.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
        if self.name == "1w":
            return (at_ms - _MONDAY_OFFSET_MS) // self.ms * self.ms + _MONDAY_OFFSET_MS
        return at_ms // self.ms * self.ms

    def next_ms(self, open_ms: int) -> int:
        """Return the open time of the bar after the one that opens at `open_ms`."""
        if self.name == "1M":
            return self.floor_ms(open_ms + 32 * DAY_MS)
        return open_ms + self.ms


_ALL = (
    Timeframe("1m", "1m", MINUTE_MS),
    Timeframe("5m", "5m", 5 * MINUTE_MS),
    Timeframe("15m", "15m", 15 * MINUTE_MS),
    Timeframe("30m", "30m", 30 * MINUTE_MS),
    Timeframe("1h", "60m", HOUR_MS),
    Timeframe("4h", "4h", 4 * HOUR_MS),
    Timeframe("1d", "1d", DAY_MS),
    Timeframe("1w", "1W", 7 * DAY_MS),
    Timeframe("1M", "1M", 30 * DAY_MS),
)
TIMEFRAMES: dict[str, Timeframe] = {timeframe.name: timeframe for timeframe in _ALL}
BY_WIRE: dict[str, Timeframe] = {timeframe.wire: timeframe for timeframe in _ALL}


def timeframe(name: str) -> Timeframe:
    """Return the timeframe called `name`.

    Raises
    ------
    UnknownTimeframe
        If MEXC spot has no such bar; the message lists those it has.
    """
    found = TIMEFRAMES.get(name)
    if found is None:
        raise UnknownTimeframe(f"timeframe must be one of {', '.join(TIMEFRAMES)}, was {name!r}")
    return found


def to_ms(at: datetime) -> int:
    """Return `at` (aware) as whole milliseconds since the epoch, without float rounding."""
    delta = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000


def from_ms(at_ms: int) -> datetime:
    """Return the aware UTC datetime at `at_ms` milliseconds since the epoch."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
