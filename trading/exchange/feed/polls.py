"""The REST side of the public feed: what is asked while streams do not serve, and to close gaps.

It decides when (by the tracks' own word) and asks under the limiter; what comes goes back to the tracks
and from there, through `tell`, to the readers.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.events import Kind, Origin, Stream, Trade, Value, candles_of
from trading.exchange.feed.ports import TradeReader, Wall
from trading.exchange.feed.tasks import start, stop
from trading.exchange.feed.tracks import CandleTrack, QuoteTrack, Track, TradeTrack
from trading.exchange.gateway import PublicGateway, Quote
from trading.exchange.throttle import Priority, priority
from trading.market.errors import SluiceError, UnknownSymbol
from trading.market.timeframes import from_ms

type Tell = Callable[[Stream, Origin, Value], None]

# Stops hang on quotes; bars and prints can wait like any scan.
PRIORITIES: Mapping[Kind, Priority] = {
    Kind.QUOTES: Priority.RECONCILE,
    Kind.CANDLES: Priority.SCAN,
    Kind.TRADES: Priority.SCAN,
}
# Bars asked for at once, so that thirty that close together do not crowd the limiter's queue.
_TOGETHER = 8


class Polls:
    """Asks for what the streams do not bring. `start_due` is called often and returns at once."""

    def __init__(
        self,
        gateway: PublicGateway,
        trades: TradeReader | None,
        tell: Tell,
        *,
        bounds: Bounds,
        wall: Wall,
        priorities: Mapping[Kind, Priority] = PRIORITIES,
    ) -> None:
        self._gateway = gateway
        self._trades = trades
        self._tell = tell
        self._bounds = bounds
        self._wall = wall
        self._priorities = priorities
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._venue_ms = 0

    def venue_said(self, at: datetime) -> None:
        """A push was sent at this market time: it has passed."""
        self._venue_ms = max(self._venue_ms, int(at.timestamp() * 1000))

    def market_ms(self) -> int:
        """Return market time as far as it is known; it may run ahead of a venue that was stopped."""
        return max(self._venue_ms, self._gateway.clock.now_ms())

    def start_due(self, tracks: Sequence[Track]) -> None:
        """Begin whatever is due now and not under way."""
        now_s = self._wall()
        # One request answers for all symbols: when one is due, all that are polled come along.
        quotes = [t for t in tracks if isinstance(t, QuoteTrack) and t.is_polled(now_s)]
        if any(track.is_due(now_s, self._bounds.poll_quotes_s) for track in quotes):
            self._start("quotes", self._quotes(quotes))
        market_ms = self.market_ms()
        candles = [t for t in tracks if isinstance(t, CandleTrack) and t.is_to_settle(market_ms, now_s)]
        if candles:
            self._start("candles", self._candles(candles))
        for track in tracks:
            if isinstance(track, TradeTrack) and track.is_due(now_s, self._bounds.poll_trades_s):
                self.fill(track)

    def fill(self, track: TradeTrack) -> None:
        """Ask for the prints since the last one told; pushes wait meanwhile."""
        if self._trades is not None and not track.is_filling:
            track.is_filling = True
            track.asked(self._wall())
            self._start(f"trades {track.stream.symbol}", self._prints(track, self._trades))

    async def close(self) -> None:
        """Stop asking."""
        await stop(*self._jobs.values())
        self._jobs.clear()

    def _start(self, name: str, job: Coroutine[Any, Any, None]) -> None:
        running = self._jobs.get(name)
        if running is not None and not running.done():
            job.close()
            return
        self._jobs[name] = start(job, f"polling of {name}")

    async def _quotes(self, tracks: Sequence[QuoteTrack]) -> None:
        for track in tracks:
            track.asked(self._wall())
        by_symbol = {str(track.stream.symbol): track for track in tracks}
        try:
            with priority(self._priorities[Kind.QUOTES]):
                # The answer carries no time: it is at least as young as the clock was before.
                await self._gateway.sync_clock()
                asked_at = from_ms(self._gateway.clock.now_ms())
                quotes = await self._quotes_of(list(by_symbol))
        except SluiceError as error:
            _note(tracks, error)
            return
        for symbol, quote in quotes.items():
            track = by_symbol[symbol]
            news = track.polled(quote, asked_at)
            track.brought(len(news), self._wall())
            for value in news:
                self._tell(track.stream, Origin.POLL, value)

    async def _quotes_of(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return the quotes of those that are listed: one delisted pair must not blind the others."""
        try:
            return await self._gateway.quotes(symbols)
        except UnknownSymbol:
            if len(symbols) == 1:
                return {}
            middle = len(symbols) // 2
            first = await self._quotes_of(symbols[:middle])
            return first | await self._quotes_of(symbols[middle:])

    async def _candles(self, tracks: Sequence[CandleTrack]) -> None:
        for track in tracks:
            track.is_settling = True
        turns = asyncio.Semaphore(_TOGETHER)
        try:
            with priority(self._priorities[Kind.CANDLES]):
                await self._gateway.sync_clock()
                until_ms = self._gateway.clock.now_ms()
                await asyncio.gather(*(self._settle(track, until_ms, turns) for track in tracks))
        except SluiceError as error:
            _note(tracks, error)
            self._unsettled(tracks)
        finally:
            for track in tracks:
                track.is_settling = False

    async def _settle(self, track: CandleTrack, until_ms: int, turns: asyncio.Semaphore) -> None:
        was_polled = track.is_polled(self._wall())
        since_ms = track.sequence.ask()
        track.asked(self._wall())
        try:
            async with turns:
                symbol = str(track.stream.symbol)
                frame = await self._gateway.candles(symbol, track.bar.name, since_ms=since_ms)
        except SluiceError as error:
            _note([track], error)
            self._unsettled([track])
            return
        told = track.settled(candles_of(frame, track.bar), until_ms, self._wall())
        for source, value in told:
            self._tell(track.stream, source, value)
        if was_polled:
            # A bar without volume is no news: there was nothing to push.
            traded = frame.filter(frame["volume"] > 0).height
            track.brought(traded if told else 0, self._wall())

    def _unsettled(self, tracks: Sequence[CandleTrack]) -> None:
        for track in tracks:
            for value in track.unsettled(self._wall()):
                self._tell(track.stream, Origin.STREAM, value)

    async def _prints(self, track: TradeTrack, reader: TradeReader) -> None:
        trades: list[Trade] | None = None
        try:
            with priority(self._priorities[Kind.TRADES]):
                trades = await reader.trades(str(track.stream.symbol), track.since_ms)
        except SluiceError as error:
            _note([track], error)
        finally:
            if trades is None:
                for value in track.unfilled():
                    self._tell(track.stream, Origin.STREAM, value)
        if trades is None:
            return
        told = track.filled(trades)
        track.brought(sum(source is Origin.POLL for source, _ in told), self._wall())
        for source, value in told:
            self._tell(track.stream, source, value)


def _note(tracks: Sequence[Track], error: Exception) -> None:
    for track in tracks:
        track.health.failed(str(error))
