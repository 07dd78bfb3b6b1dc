"""One connection that is kept up: opened, subscribed, found dead, opened again with jittered back-off.

It knows streams and time, not what they carry, and it never polls: its owner does, told by `down`.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from trading.exchange.errors import redact
from trading.exchange.feed.bounds import Bounds
from trading.exchange.feed.events import Stream, Value
from trading.exchange.feed.ports import Connection, StreamSource, Wall
from trading.exchange.feed.tasks import start, stop
from trading.market.errors import ExchangeError


class Owner(Protocol):
    """Who the line works for."""

    def pushed(self, stream: Stream, values: Sequence[Value], at: datetime) -> None:
        """These came over the connection, oldest first."""
        ...

    def up(self, streams: Iterable[Stream]) -> None:
        """The venue serves these streams from now on: what came before is to be asked for."""
        ...

    def down(self, streams: Iterable[Stream], reason: str) -> None:
        """These streams bring nothing from now on."""
        ...

    def garbled(self, reason: str) -> None:
        """A message could not be understood and was dropped."""
        ...


class Line:
    """Keeps one connection with up to `bounds.per_connection` streams.

    Parameters
    ----------
    listen_key : callable or None
        Gives the key of a private connection, anew for each attempt.

    `connects` counts connections that were opened, `streams` is what the line is to carry.
    """

    def __init__(
        self,
        source: StreamSource,
        owner: Owner,
        *,
        bounds: Bounds,
        wall: Wall = time.monotonic,
        rng: random.Random | None = None,
        listen_key: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        self.streams: set[Stream] = set()
        self.confirmed: set[Stream] = set()
        self.connects = 0
        self._source = source
        self._owner = owner
        self._bounds = bounds
        self._wall = wall
        self._rng = rng or random.Random()
        self._listen_key = listen_key
        self._connection: Connection | None = None
        self._sink: _Sink | None = None
        self._asked_s: dict[Stream, float] = {}
        self._end: asyncio.Event = asyncio.Event()
        self._reason = ""
        self._task: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None

    def start(self) -> None:
        """Begin to connect; streams may be added before or after."""
        if self._task is None:
            self._task = start(self._run(), "a connection of the live feed")

    async def close(self) -> None:
        """Close for good."""
        await stop(self._task)
        self._task = None
        await self._hang_up()

    def restart(self, reason: str) -> None:
        """Give the connection up, because it brings nothing, and open another."""
        self._reason = self._reason or reason
        self._end.set()

    async def add(self, streams: Iterable[Stream]) -> None:
        """Carry these too."""
        fresh = set(streams) - self.streams
        self.streams |= fresh
        if self._connection is not None and fresh:
            await self._subscribe(sorted(fresh, key=str))

    async def remove(self, streams: Iterable[Stream]) -> None:
        """Carry these no longer."""
        gone = set(streams) & self.streams
        self.streams -= gone
        self.confirmed -= gone
        for stream in gone:
            self._asked_s.pop(stream, None)
        if self._connection is not None and gone:
            try:
                await self._connection.unsubscribe(sorted(gone, key=str))
            except ExchangeError as error:
                self.restart(str(error))

    async def resubscribe(self, stream: Stream) -> None:
        """Ask once more for a stream that was accepted and brings nothing."""
        self.confirmed.discard(stream)
        if self._connection is not None and stream in self.streams:
            await self._subscribe([stream])

    # What the connection says (ports.Sink).

    def pushed(self, stream: Stream, values: Sequence[Value], at: datetime) -> None:
        """Pass on what came, once the subscription stands."""
        if stream not in self.streams:
            return
        if stream not in self.confirmed:
            # It speaks, so it was accepted, whether the answer to that came or not.
            self.confirmed_now([stream])
        self._owner.pushed(stream, values, at)

    def confirmed_now(self, streams: Iterable[Stream]) -> None:
        """Note accepted subscriptions and tell the owner of the new ones."""
        fresh = [stream for stream in streams if stream in self.streams and stream not in self.confirmed]
        self.confirmed.update(fresh)
        for stream in fresh:
            self._asked_s.pop(stream, None)
        if fresh:
            self._owner.up(fresh)

    def refused(self, streams: Iterable[Stream], reason: str) -> None:
        """Note what the venue does not serve: no reason to give up a connection that carries others."""
        waiting = self.streams - self.confirmed
        named = set(streams) & waiting or waiting
        for stream in named:
            self._asked_s.pop(stream, None)
        if named:
            self._owner.down(named, redact(reason))

    def garbled(self, reason: str) -> None:
        """Tell the owner of a message that could not be understood."""
        self._owner.garbled(redact(reason))

    def ended(self, reason: str) -> None:
        """Note that the connection is gone."""
        self.restart(reason)

    # The life of the connection.

    async def _run(self) -> None:
        attempt = 0
        while True:
            began_s = self._wall()
            reason = await self._one_life()
            self.confirmed.clear()
            self._owner.down(set(self.streams), reason)
            await self._hang_up()
            attempt = 0 if self._wall() - began_s > self._bounds.stable_s else attempt
            await asyncio.sleep(self._bounds.backoff(attempt, self._rng))
            attempt += 1

    async def _one_life(self) -> str:
        """Connect, subscribe and stay until the connection is over; return why it is."""
        self._end.clear()
        self._reason = ""
        try:
            key = None if self._listen_key is None else await self._listen_key()
            self._sink = _Sink(self)
            self._connection = await self._source.connect(self._sink, listen_key=key)
            self.connects += 1
            await self._subscribe(sorted(self.streams, key=str))
        except ExchangeError as error:
            return redact(str(error))
        while not self._end.is_set():
            try:
                await asyncio.wait_for(self._end.wait(), self._patience_s())
            except TimeoutError:
                self._judge()
        return redact(self._reason)

    def _patience_s(self) -> float:
        # A thousand connections that are confirmed need no look four times in ten seconds.
        bounds = self._bounds
        return (min(bounds.connection_s, bounds.confirm_s) if self._asked_s else bounds.connection_s) / 4

    def _judge(self) -> None:
        if self._connection is None:
            return
        now = self._wall()
        silent_s = now - self._connection.heard_s
        if silent_s > self._bounds.connection_s:
            self.restart(f"nothing came for {silent_s:.1f} s, not even the answer to a ping")
        late = [s for s, asked in self._asked_s.items() if now - asked > self._bounds.confirm_s]
        if late:
            self.restart(f"the subscription to {late[0]} was not accepted within {self._bounds.confirm_s} s")

    async def _subscribe(self, streams: Sequence[Stream]) -> None:
        connection = self._connection
        if connection is None or not streams:
            return
        for stream in streams:
            self._asked_s[stream] = self._wall()
        try:
            await connection.subscribe(streams)
        except ExchangeError as error:
            self.restart(str(error))

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        self._asked_s.clear()
        if self._sink is not None:
            self._sink.mute()
        if connection is not None:
            await connection.close()


class _Sink:
    """What one connection may call: silent once its line has moved on to another."""

    def __init__(self, line: Line) -> None:
        self._line: Line | None = line

    def pushed(self, stream: Stream, values: Sequence[Value], at: datetime) -> None:
        if self._line is not None:
            self._line.pushed(stream, values, at)

    def confirmed(self, streams: Iterable[Stream]) -> None:
        if self._line is not None:
            self._line.confirmed_now(streams)

    def refused(self, streams: Iterable[Stream], reason: str) -> None:
        if self._line is not None:
            self._line.refused(streams, reason)

    def garbled(self, reason: str) -> None:
        if self._line is not None:
            self._line.garbled(reason)

    def ended(self, reason: str) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.ended(reason)

    def mute(self) -> None:
        self._line = None
