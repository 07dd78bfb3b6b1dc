"""The live public feed: quotes, prints and bars of many symbols as one sequence per stream.

Streams are spread over as many connections as the venue's cap asks for; whatever they do not bring is
polled. Not here: how a connection is kept (line.py), what is polled when (tracks.py, polls.py).
"""

import asyncio
import random
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Self

from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.buffers import Subscription
from trading.exchange.feed.events import Event, Kind, Origin, Stream, Value
from trading.exchange.feed.health import HealthRow
from trading.exchange.feed.line import Line
from trading.exchange.feed.polls import PRIORITIES, Polls
from trading.exchange.feed.ports import StreamSource, TradeReader, Wall
from trading.exchange.feed.tasks import start, stop
from trading.exchange.feed.tracks import CandleTrack, QuoteTrack, Track, TradeTrack
from trading.exchange.gateway import PublicGateway, Quote
from trading.exchange.throttle import Priority
from trading.market.errors import BadInput
from trading.market.orders import Balance


class PublicFeed:
    """Live market data. Use as an async context manager, or `open` and `close`.

    Parameters
    ----------
    gateway : PublicGateway
        Market time, and the way to poll; its limiter is shared with everything else.
    source : StreamSource
        Opens connections.
    trades : TradeReader or None
        Prints over REST; without it, prints missed by the stream are lost.
    priorities : mapping
        Who the polls overtake at the limiter, by kind.
    """

    def __init__(
        self,
        gateway: PublicGateway,
        source: StreamSource,
        *,
        trades: TradeReader | None = None,
        bounds: Bounds | None = None,
        wall: Wall = time.monotonic,
        rng: random.Random | None = None,
        priorities: Mapping[Kind, Priority] = PRIORITIES,
    ) -> None:
        self.bounds = bounds or Bounds()
        self._gateway = gateway
        self._source = source
        self._wall = wall
        self._rng = rng or random.Random()
        self._tracks: dict[Stream, Track] = {}
        self._lines: list[Line] = []
        self._line_of: dict[Stream, Line] = {}
        self._readers: list[Subscription] = []
        self._last: dict[str, Event] = {}
        self._polls = Polls(gateway, trades, self._tell, bounds=self.bounds, wall=wall, priorities=priorities)
        self._task: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """How many connections the streams are spread over."""
        return len(self._lines)

    def subscribe(
        self,
        kinds: Collection[Kind] | None = None,
        symbols: Collection[str] | None = None,
        *,
        size: int = 10_000,
    ) -> Subscription:
        """Return a queue of events from now on, of these kinds and symbols only; `size` bounds it."""
        reader = Subscription(kinds=kinds, symbols=symbols, size=size, on_drop=self._dropped)
        self._readers.append(reader)
        return reader

    def leave(self, reader: Subscription) -> None:
        """Stop filling this queue."""
        reader.end()
        if reader in self._readers:
            self._readers.remove(reader)

    async def open(self, streams: Iterable[Stream] = ()) -> None:
        """Synchronise the market clock, then stream `streams`.

        Raises
        ------
        ExchangeError
            If market time is not to be had.
        """
        if self._task is None:
            await self._gateway.sync_clock()
            self._task = start(self._run(), "the public feed")
        await self.add(streams)

    async def add(self, streams: Iterable[Stream]) -> None:
        """Stream these too; a connection with room takes them, else a new one is opened.

        Raises
        ------
        BadInput
            If a stream is private, or names no listed symbol, or candles no timeframe that is streamed.
        """
        fresh = [stream for stream in dict.fromkeys(streams) if stream not in self._tracks]
        for stream in fresh:
            _check(stream)
            self._source.check(stream)
        for stream in fresh:
            self._tracks[stream] = self._track(stream)
        given: dict[Line, list[Stream]] = {}
        for stream in fresh:
            line = self._roomy_line(given)
            given.setdefault(line, []).append(stream)
            self._line_of[stream] = line
        for line, share in given.items():
            await line.add(share)
            line.start()

    async def remove(self, streams: Iterable[Stream]) -> None:
        """Stream these no longer; a connection without streams is closed."""
        for stream in streams:
            if self._tracks.pop(stream, None) is None:
                continue
            line = self._line_of.pop(stream)
            await line.remove([stream])
            if not line.streams:
                self._lines.remove(line)
                await line.close()

    def quote(self, symbol: str) -> Event | None:
        """Return the newest quote told of `symbol`, or None before the first."""
        return self._last.get(symbol)

    def health(self) -> list[HealthRow]:
        """Return one row per stream, sorted by symbol and kind."""
        now_s = self._wall()
        rows = (track.health.row(now_s) for track in self._tracks.values())
        return sorted(rows, key=lambda row: (row.symbol, row.stream))

    async def close(self) -> None:
        """Close all connections and end all queues."""
        await stop(self._task)
        self._task = None
        await self._polls.close()
        await asyncio.gather(*(line.close() for line in self._lines))
        self._lines.clear()
        for reader in list(self._readers):
            self.leave(reader)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # What the lines say (line.Owner).

    def pushed(self, stream: Stream, values: Sequence[Value], at: datetime) -> None:
        """Take a push."""
        track = self._tracks.get(stream)
        if track is None:
            return
        self._polls.venue_said(at)
        track.heard(self._wall())
        if isinstance(track, QuoteTrack | TradeTrack | CandleTrack):
            for value in track.pushed(values):
                self._tell(stream, Origin.STREAM, value)

    def up(self, streams: Iterable[Stream]) -> None:
        """Note what is served, and close the gaps before it."""
        for stream in streams:
            track = self._tracks.get(stream)
            if track is None:
                continue
            track.up(self._wall(), again=self._line_of[stream].connects > 1)
            if isinstance(track, TradeTrack):
                self._polls.fill(track)

    def down(self, streams: Iterable[Stream], reason: str) -> None:
        """Note what is not served: it is polled from the next tick on."""
        for stream in streams:
            track = self._tracks.get(stream)
            if track is not None:
                track.down(reason)

    def garbled(self, reason: str) -> None:
        """Note a message that could not be understood; it may have been any stream's."""
        for track in self._tracks.values():
            track.health.failed(reason)

    async def _run(self) -> None:
        while True:
            self._polls.start_due(list(self._tracks.values()))
            await self._doubt()
            await asyncio.sleep(self.bounds.tick_s)

    async def _doubt(self) -> None:
        now_s = self._wall()
        for track in list(self._tracks.values()):
            line = self._line_of.get(track.stream)
            if line is None or not track.is_doubtful(now_s):
                continue
            others = line.streams - {track.stream}
            if not any(self._tracks[other].health.source is Origin.STREAM for other in others):
                line.restart(f"{track.stream} and all with it are silent while the market moves")
            elif track.doubts == 1:
                await line.resubscribe(track.stream)
            else:
                await self._move(track.stream, line)

    async def _move(self, stream: Stream, line: Line) -> None:
        """Give a stream that stays silent to another connection; its neighbours keep theirs."""
        await line.remove([stream])
        other = self._roomy_line({line: [stream] * self.bounds.per_connection})
        self._line_of[stream] = other
        await other.add([stream])
        other.start()

    def _tell(self, stream: Stream, source: Origin, value: Value) -> None:
        assert not isinstance(value, Balance)  # public values have a time of their own
        event = Event(stream, source, value.at, value)
        if isinstance(value, Quote):
            self._last[value.symbol] = event
        for reader in self._readers:
            reader.put(event)

    def _track(self, stream: Stream) -> Track:
        now_s = self._wall()
        if stream.kind is Kind.QUOTES:
            return QuoteTrack(stream, self.bounds, now_s)
        market_ms = self._polls.market_ms()
        if stream.kind is Kind.TRADES:
            return TradeTrack(stream, self.bounds, now_s, market_ms)
        return CandleTrack(stream, self.bounds, now_s, market_ms)

    def _roomy_line(self, given: Mapping[Line, Sequence[Stream]]) -> Line:
        for line in self._lines:
            if len(line.streams) + len(given.get(line, ())) < self.bounds.per_connection:
                return line
        line = Line(self._source, self, bounds=self.bounds, wall=self._wall, rng=self._rng)
        self._lines.append(line)
        return line

    def _dropped(self, stream: Stream) -> None:
        track = self._tracks.get(stream)
        if track is not None:
            track.health.dropped += 1


def _check(stream: Stream) -> None:
    if stream.kind.is_private:
        raise BadInput(f"a public feed has quotes, trades and candles; {stream.kind} belong to an account")
    if not stream.symbol:
        raise BadInput(f"a stream of {stream.kind} needs a symbol")
    if (stream.kind is Kind.CANDLES) != (stream.timeframe is not None):
        raise BadInput(f"candles need a timeframe and nothing else has one; {stream} had {stream.timeframe}")
