"""Bounded queues between a feed and its readers: a slow reader costs memory up to a bound, never more.

Quotes, forming bars and balances: the newest waits in its predecessor's place. Everything else is kept
up to the bound; beyond it the oldest goes and is counted: nothing is lost without a number.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Collection

from trading.exchange.feed.events import Candle, Event, Kind, Stream
from trading.market.errors import BadInput
from trading.market.orders import Balance


class Subscription(AsyncIterator[Event]):
    """One reader's queue; iterate over it, or `get` with a patience. Ends when the feed closes.

    `dropped` counts what this reader lost, by stream.
    """

    def __init__(
        self,
        *,
        kinds: Collection[Kind] | None = None,
        symbols: Collection[str] | None = None,
        size: int = 10_000,
        on_drop: Callable[[Stream], None] = lambda _: None,
    ) -> None:
        if size < 1:
            raise BadInput(f"a subscription's size must be at least 1, was {size}")
        self.dropped: Counter[Stream] = Counter()
        self._kinds = None if kinds is None else frozenset(kinds)
        self._symbols = None if symbols is None else frozenset(symbols)
        self._size = size
        self._on_drop = on_drop
        self._waiting: OrderedDict[object, Event] = OrderedDict()
        self._arrived = asyncio.Event()
        self._ended = False
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, event: Event) -> None:
        """Take an event, if it is of the kinds and symbols asked for."""
        if self._ended or not self._wants(event.stream):
            return
        key = _newest_wins(event)
        if key is None:
            self._count += 1
            key = self._count
        elif key in self._waiting:
            self._waiting[key] = event
            return
        if len(self._waiting) >= self._size:
            _, lost = self._waiting.popitem(last=False)
            self.dropped[lost.stream] += 1
            self._on_drop(lost.stream)
        self._waiting[key] = event
        self._arrived.set()

    def end(self) -> None:
        """Let the reader finish what is waiting, and then stop."""
        self._ended = True
        self._arrived.set()

    async def get(self, timeout_s: float | None = None) -> Event | None:
        """Return the next event; None when the feed has closed or `timeout_s` wall seconds have passed."""
        while not self._waiting:
            if self._ended:
                return None
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout_s)
            except TimeoutError:
                return None
        return self._waiting.popitem(last=False)[1]

    async def __anext__(self) -> Event:
        event = await self.get()
        if event is None:
            raise StopAsyncIteration
        return event

    def _wants(self, stream: Stream) -> bool:
        if self._kinds is not None and stream.kind not in self._kinds:
            return False
        return self._symbols is None or stream.symbol is None or stream.symbol in self._symbols


def _newest_wins(event: Event) -> object | None:
    """Return what the event replaces while it waits, or None where each one counts."""
    if event.stream.kind is Kind.QUOTES:
        return event.stream
    if isinstance(event.value, Candle) and not event.value.is_closed:
        return (event.stream, event.value.open_time)
    if isinstance(event.value, Balance):
        return (event.stream, event.value.asset)
    return None
