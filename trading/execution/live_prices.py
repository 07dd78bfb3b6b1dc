"""Quotes of held symbols from the stream: which are followed, which of them the stream serves now.

What it does not serve is the watcher's to poll (`exits.py`), within a reserved part of the rate.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog

from trading.exchange.feed.events import Kind, Origin, Stream
from trading.exchange.feed.health import HealthRow
from trading.exchange.feed.public import PublicFeed
from trading.exchange.gateway import Quote
from trading.market.errors import SluiceError

_log = structlog.get_logger("execution.live_prices")
# A symbol that is not held any more is followed a little longer: it may be entered again.
LINGER_S = 30.0
MOST_SYMBOLS = 900  # 30 connections of 30 streams


class LivePrices:
    """The quotes of one public feed, while one is open. Symbols beyond `most` are polled."""

    def __init__(self, *, most: int = MOST_SYMBOLS, wall: Callable[[], float] = time.monotonic) -> None:
        self._feed: PublicFeed | None = None
        self._most = most
        self._wall = wall
        self._wanted_s: dict[str, float] = {}  # when each symbol was wanted last
        self._refused: set[str] = set()

    async def follow(self, symbols: Iterable[str]) -> None:
        """Stream these from now on; others are let go after a while."""
        feed = self._feed
        if feed is None:
            return
        now_s = self._wall()
        fresh = []
        for symbol in symbols:
            if symbol not in self._wanted_s and symbol not in self._refused:
                fresh.append(symbol)
            if symbol in self._wanted_s:
                self._wanted_s[symbol] = now_s
        gone = [symbol for symbol, at_s in self._wanted_s.items() if now_s - at_s > LINGER_S]
        for symbol in gone:
            del self._wanted_s[symbol]
        if gone:
            await feed.remove(Stream(Kind.QUOTES, symbol) for symbol in gone)
        for symbol in fresh[: max(0, self._most - len(self._wanted_s))]:
            try:
                await feed.add([Stream(Kind.QUOTES, symbol)])
            except SluiceError as error:
                self._refused.add(symbol)
                _log.warning("quotes_not_streamed", symbol=symbol, error=f"{error!r}")
            else:
                self._wanted_s[symbol] = now_s

    def served(self) -> Mapping[str, Quote]:
        """Return the newest quote of each symbol whose stream serves now.

        A quiet stream serves as long as polling behind its back (decision 12) finds nothing it missed.
        """
        found: dict[str, Quote] = {}
        feed = self._feed
        if feed is None:
            return found
        for row in feed.health():
            event = feed.quote(row.symbol) if row.source is Origin.STREAM else None
            if event is not None and isinstance(event.value, Quote):
                found[row.symbol] = event.value
        return found

    def counts(self) -> tuple[int, int]:
        """Return how many symbols are wanted, and how many of them the stream serves now."""
        return len(self._wanted_s) + len(self._refused), len(self.served())

    def health(self) -> Sequence[HealthRow]:
        """Return how each stream fares; nothing while there is no feed."""
        return [] if self._feed is None else self._feed.health()

    async def listen(self, feed: PublicFeed, heard: Callable[[Quote], None]) -> None:
        """Use this feed and tell `heard` of every quote; where that is slow, the newest of each symbol."""
        self._feed = feed
        self._wanted_s.clear()
        reader = feed.subscribe([Kind.QUOTES])
        try:
            async for event in reader:
                if isinstance(event.value, Quote):
                    heard(event.value)
        finally:
            self._feed = None
            feed.leave(reader)
