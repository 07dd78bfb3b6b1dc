"""What the feed needs from outside, as small ports: streams, listen keys, public trades, time.

Implementations: mexc_socket.py (ccxt), listen_key.py, trades_rest.py; tests bring their own.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from trading.exchange.feed.events import Stream, Trade, Value


class Sink(Protocol):
    """Who listens to one connection. All calls come from the event loop; none may block."""

    def pushed(self, stream: Stream, values: Sequence[Value], at: datetime) -> None:
        """The venue pushed these, oldest first; it sent them at `at` (market time)."""
        ...

    def confirmed(self, streams: Iterable[Stream]) -> None:
        """The venue has accepted the subscription to these."""
        ...

    def refused(self, streams: Iterable[Stream], reason: str) -> None:
        """The venue does not serve these (none named: those it has not accepted yet)."""
        ...

    def garbled(self, reason: str) -> None:
        """Something came that cannot be understood; it was dropped."""
        ...

    def ended(self, reason: str) -> None:
        """The connection is gone. Called once, also after `Connection.close`."""
        ...


class Connection(Protocol):
    """One open connection."""

    @property
    def heard_s(self) -> float:
        """Wall time (monotonic) of the last frame of any kind, answers to pings included."""
        ...

    async def subscribe(self, streams: Sequence[Stream]) -> None:
        """Ask for these streams; the answer comes as `Sink.confirmed`. Asking again is harmless."""
        ...

    async def unsubscribe(self, streams: Sequence[Stream]) -> None:
        """Stop these streams."""
        ...

    async def close(self) -> None:
        """Close; never raises."""
        ...


class StreamSource(Protocol):
    """Opens connections to the venue's streams."""

    def check(self, stream: Stream) -> None:
        """Raise `BadInput` (unknown symbol or timeframe) if the venue has no such stream."""
        ...

    async def connect(self, sink: Sink, *, listen_key: str | None = None) -> Connection:
        """Open one connection; with `listen_key` it is the private one of that key's account.

        Raises
        ------
        ExchangeError
            If no connection came about; the message holds no listen key.
        """
        ...


class ListenKeys(Protocol):
    """The listen key of one account."""

    @property
    def due_s(self) -> float | None:
        """Wall time at which `keep` has to be called next; None while there is no key."""
        ...

    async def usable(self) -> str:
        """Return a key that the venue knows now: the one in use, kept alive, or a new one.

        Raises
        ------
        ExchangeError
            If the venue gives none.
        """
        ...

    async def keep(self) -> bool:
        """Keep the key alive if half of its life is over; False when the venue no longer knows it."""
        ...

    async def close(self) -> None:
        """End the key at the venue; never raises."""
        ...


class TradeReader(Protocol):
    """Public trades over REST."""

    async def trades(self, symbol: str, since_ms: int) -> list[Trade]:
        """Return the prints of `symbol` at or after `since_ms` (market time), oldest first."""
        ...


type Wall = Callable[[], float]
