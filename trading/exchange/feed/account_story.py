"""What was told of one account, and to whom: sequences, readers, and the state of its three streams."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from trading.exchange.feed.account_sequence import BalanceSequence, FillSequence, OrderSequence
from trading.exchange.feed.backing import Backing
from trading.exchange.feed.buffers import Subscription
from trading.exchange.feed.events import Event, Kind, Origin, Stream, Value
from trading.exchange.feed.health import HealthRow, StreamHealth
from trading.exchange.feed.ports import Wall
from trading.market.orders import Balance, Fill, OrderState
from trading.market.timeframes import to_ms

STREAMS = (Stream(Kind.ORDERS), Stream(Kind.FILLS), Stream(Kind.BALANCES))


class AccountStory:
    """Takes values from either way and tells each reader what is news, in order.

    While it is on hold, what the stream says waits, so that what REST knows of before comes first.
    """

    def __init__(self, backing: Backing, wall: Wall) -> None:
        self._backing = backing
        self._wall = wall
        self.orders = OrderSequence()
        self.fills = FillSequence()
        self.balances = BalanceSequence()
        self._health = {stream: StreamHealth(stream) for stream in STREAMS}
        self._readers: list[Subscription] = []
        self._held: list[tuple[Value, datetime]] | None = None

    @property
    def is_streaming(self) -> bool:
        """Whether all three streams serve now."""
        return all(health.source is Origin.STREAM for health in self._health.values())

    def subscribe(self, kinds: Collection[Kind] | None, size: int) -> Subscription:
        """Return a queue of the account's events from now on."""
        reader = Subscription(kinds=kinds, size=size, on_drop=self._dropped)
        self._readers.append(reader)
        return reader

    def leave(self, reader: Subscription) -> None:
        """Stop filling this queue."""
        reader.end()
        if reader in self._readers:
            self._readers.remove(reader)

    def end(self) -> None:
        """End all queues."""
        for reader in list(self._readers):
            self.leave(reader)

    def heard(self, stream: Stream, values: Sequence[Value], at: datetime) -> None:
        """Take a push that the venue sent at `at`."""
        self._health[stream].heard(self._wall())
        for value in values:
            if self._held is not None:
                self._held.append((value, at))
            else:
                self._take(value, at, Origin.STREAM)

    def hold(self) -> None:
        """Let pushes wait."""
        self._held = []

    def release(self) -> None:
        """Tell what has waited."""
        held, self._held = self._held or [], None
        for value, at in held:
            self._take(value, at, Origin.STREAM)

    def polled(self, values: Iterable[Value], at: datetime) -> None:
        """Take what REST answered; it was asked at `at` (market time)."""
        # Executions bear their own time; orders and balances are as they were when asked.
        for value in sorted(values, key=lambda value: value.at if isinstance(value, Fill) else at):
            self._take(value, at, Origin.POLL)

    def up(self, streams: Iterable[Stream], *, again: bool) -> None:
        """These streams serve."""
        for stream in streams:
            health = self._health[stream]
            health.source = Origin.STREAM
            health.silent_from_s = self._wall()
            health.reconnects += again

    def down(self, streams: Iterable[Stream], reason: str) -> None:
        """These streams do not serve."""
        for stream in streams:
            self._health[stream].lost(reason)

    def failed(self, reason: str) -> None:
        """Something went wrong that touches all streams."""
        for health in self._health.values():
            health.failed(reason)

    def polls(self) -> None:
        """REST is asked."""
        for health in self._health.values():
            health.polls += 1

    def reconnects(self) -> int:
        """Return how often a stream came back, all streams together."""
        return sum(health.reconnects for health in self._health.values())

    def health(self, label: str) -> list[HealthRow]:
        """Return one row per stream."""
        now_s = self._wall()
        return [health.row(now_s, label) for health in self._health.values()]

    def _take(self, value: Value, at: datetime, source: Origin) -> None:
        if isinstance(value, Fill):
            for fill in self.fills.offer([value]):
                self._backing.filled(fill)
                self._tell(Kind.FILLS, source, fill.at, fill)
        elif isinstance(value, OrderState):
            if self.orders.offer(value) is not None:
                self._backing.claims(value, self._wall())
                self._tell(Kind.ORDERS, source, at, value)
        elif isinstance(value, Balance) and self.balances.offer(value, to_ms(at), source) is not None:
            self._tell(Kind.BALANCES, source, at, value)

    def _tell(self, kind: Kind, source: Origin, at: datetime, value: Value) -> None:
        stream = Stream(kind)
        if source is Origin.POLL:
            self._health[stream].missed += 1
        event = Event(stream, source, at, value)
        for reader in self._readers:
            reader.put(event)

    def _dropped(self, stream: Stream) -> None:
        self._health[stream].dropped += 1
