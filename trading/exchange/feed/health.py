"""How each stream fares: age of its last word, how often it came back, which way its values come now.

Ages are wall seconds: a stream is dead or alive in our time, whatever the market's clock does.
"""

from dataclasses import dataclass, field

from trading.exchange.errors import redact
from trading.exchange.feed.events import Origin, Stream

_LONG = 200


@dataclass(frozen=True, slots=True)
class HealthRow:
    """One line of `feed.health()`.

    `symbol` is the account's label for private streams; `age_s` is null before the first message.
    `missed` counts values that only polling brought; `dropped` those a slow reader lost.
    """

    stream: str
    symbol: str
    source: Origin
    age_s: float | None
    messages: int
    polls: int
    reconnects: int
    missed: int
    dropped: int
    last_error: str | None


@dataclass(slots=True)
class StreamHealth:
    """The record of one stream. `source` is POLL until the stream has proven itself."""

    stream: Stream
    source: Origin = Origin.POLL
    heard_s: float | None = None
    messages: int = 0
    polls: int = 0
    reconnects: int = 0
    missed: int = 0
    dropped: int = 0
    last_error: str | None = None
    silent_from_s: float = field(default=0.0)

    def heard(self, wall_s: float) -> None:
        """A message of this stream came."""
        self.heard_s = self.silent_from_s = wall_s
        self.messages += 1
        self.source = Origin.STREAM

    def lost(self, reason: str) -> None:
        """The stream does not bring anything now, for this reason."""
        self.source = Origin.POLL
        self.failed(reason)

    def failed(self, reason: str) -> None:
        """Something went wrong that does not by itself end the stream."""
        self.last_error = redact(reason)[:_LONG]

    def silence_s(self, wall_s: float) -> float:
        """Return for how long nothing has come, counted from the subscription or the last message."""
        return wall_s - self.silent_from_s

    def row(self, wall_s: float, label: str = "") -> HealthRow:
        """Return the record as a line of a table."""
        name = str(self.stream.kind)
        if self.stream.timeframe is not None:
            name = f"{name} {self.stream.timeframe}"
        return HealthRow(
            stream=name,
            symbol=self.stream.symbol or label,
            source=self.source,
            age_s=None if self.heard_s is None else max(0.0, wall_s - self.heard_s),
            messages=self.messages,
            polls=self.polls,
            reconnects=self.reconnects,
            missed=self.missed,
            dropped=self.dropped,
            last_error=self.last_error,
        )
