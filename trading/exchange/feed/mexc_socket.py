"""Connections to MEXC's streams: ccxt.pro's websocket client over the gateway's session.

ccxt's `Client` dials, pings every 8 s and notices missing pongs. Its `watch_*` methods are not used:
they keep one connection for all public streams (MEXC allows 30 on one), give the newest value to whoever
waits and drop what came between, and ask for a listen key with ccxt's own session and clock.

Traps met in ccxt 4.5.90:

- `lastPong` must be this machine's time: ccxt sets it from `milliseconds()`, which in our gateway is
  market time, and then compares it with the machine's.
- its errors quote the whole URL, listen key included: every text is redacted here.
- when a dial fails, the future that `Client.connect` returns stays open for ever; `open` is awaited.
- an exception while a frame is handled (text that is no JSON is enough) ends its receive loop and leaves
  the connection open: nothing may get out of `handle_message`.
- a text push "Invalid listen key" is no JSON and ends nothing by itself.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp

from trading.exchange.errors import redact
from trading.exchange.feed.events import Stream
from trading.exchange.feed.mexc_wire import Reader, channel, stream_of
from trading.exchange.feed.ports import Sink, Wall
from trading.exchange.only_mexc import Client, Exchange
from trading.market.errors import BadInput, BadPayload, Unreachable
from trading.market.symbols import Market

REAL_URL = "wss://wbs-api.mexc.com/ws"
_PING_MS = 8000
_GRANTED = re.compile(r"^Subscribed successful! \[([^]]*)]")
_REFUSED = re.compile(r"Not Subscribed successfully! \[([^]]*)]")
# Handshakes at once: a thousand private connections are opened in turns, not in one blow.
_HANDSHAKES = 20


class MexcSocket:
    """A `ports.StreamSource` over one shared session.

    Parameters
    ----------
    url : str
        ``ws://`` or ``wss://``, with path.
    session : callable
        Returns the process's aiohttp session: one TLS context and one connector for all connections.
    market_of, market_called : callable
        Wire id -> market or None; symbol -> market, raising `UnknownSymbol`.
    """

    def __init__(
        self,
        url: str,
        session: Callable[[], aiohttp.ClientSession],
        *,
        market_of: Callable[[str], Market | None],
        market_called: Callable[[str], Market],
        unify: Callable[[str], str],
        timeout_s: float = 10.0,
        wall: Wall = time.monotonic,
    ) -> None:
        self._url = url
        self._session = session
        self._market_of = market_of
        self._market_called = market_called
        self._reader = Reader(market_of, unify)
        self._timeout_s = timeout_s
        self._wall = wall
        self._turns = asyncio.Semaphore(_HANDSHAKES)

    async def connect(self, sink: Sink, *, listen_key: str | None = None) -> "MexcConnection":
        """Open one connection; `Unreachable` if none comes about within the time-out."""
        url = self._url if listen_key is None else f"{self._url}?listenKey={listen_key}"
        connection = MexcConnection(url, self, sink)
        async with self._turns:
            await connection.dial(self._session(), self._timeout_s)
        return connection

    def check(self, stream: Stream) -> None:
        """Raise `BadInput` if the symbol is not listed or the timeframe not streamed."""
        self.name(stream)

    def name(self, stream: Stream) -> str:
        """Return the channel of `stream`."""
        market = None if stream.symbol is None else self._market_called(stream.symbol)
        return channel(stream, market)

    def named(self, name: str) -> Stream | None:
        """Return the stream behind a channel."""
        return stream_of(name, self._market_of)

    @property
    def reader(self) -> Reader:
        """What understands pushes."""
        return self._reader

    @property
    def wall(self) -> Wall:
        """Wall time in seconds."""
        return self._wall


class MexcConnection:
    """A `ports.Connection`: one ccxt client, its frames passed on to one sink."""

    def __init__(self, url: str, source: MexcSocket, sink: Sink) -> None:
        self._source = source
        self._sink = sink
        self._heard_s = source.wall()
        self._is_over = self._is_dialled = False
        self._client = _Heard(
            url,
            self._message,
            lambda _client, error: self._over(str(error)),
            lambda _client, code: self._over(f"the venue closed the connection (code {code})"),
            lambda _client: None,
            {
                "keepAlive": _PING_MS,
                "ping": lambda _client: {"method": "ping"},
                "decompressBinary": False,
                "asyncio_loop": asyncio.get_running_loop(),
                "on_frame": self._frame,
                "on_broken": self._broken,
                # Frames are small and many; deflating them costs more than it saves.
                "compress": 0,
            },
        )

    def __repr__(self) -> str:
        return "MexcConnection(<url hidden>)"

    @property
    def heard_s(self) -> float:
        """Wall time of the last frame."""
        return self._heard_s

    async def dial(self, session: aiohttp.ClientSession, timeout_s: float) -> None:
        """Connect, or raise `Unreachable`."""
        client = self._client
        client.connectionTimeout = max(1000, int(timeout_s * 1000))
        client.connecting = True
        try:
            await client.open(session)
        except asyncio.CancelledError:
            await self.close()
            raise
        if client.error is not None or client.closed():
            reason = redact(str(client.error or "the venue closed the connection at once"))
            await self.close()
            raise Unreachable(f"websocket: {reason}")
        self._is_dialled = True
        self._heard_s = self._source.wall()

    async def subscribe(self, streams: Sequence[Stream]) -> None:
        """Ask for these streams in one message."""
        await self._send("SUBSCRIPTION", streams)

    async def unsubscribe(self, streams: Sequence[Stream]) -> None:
        """Stop these streams."""
        await self._send("UNSUBSCRIPTION", streams)

    async def close(self) -> None:
        """Close the connection; the sink hears no more."""
        self._is_over = True
        try:
            async with asyncio.timeout(1.0):
                await self._client.close()
        except (TimeoutError, OSError, aiohttp.ClientError):
            return

    async def _send(self, method: str, streams: Sequence[Stream]) -> None:
        names = []
        for stream in streams:
            try:
                names.append(self._source.name(stream))
            except BadInput as error:  # delisted since it was first asked for
                self._sink.refused([stream], str(error))
        if not names:
            return
        try:
            await self._client.send({"method": method, "params": names})
        except (OSError, aiohttp.ClientError) as error:
            raise Unreachable(f"websocket: {redact(str(error))}") from None

    def _frame(self) -> None:
        self._heard_s = self._source.wall()

    def _broken(self, error: Exception) -> None:
        if isinstance(error, ValueError):
            self._sink.garbled(f"a text that is no JSON ({type(error).__name__})")
        else:
            self._over(f"a frame could not be handled: {type(error).__name__}: {error}")

    def _message(self, client: Client, message: Any) -> None:
        if self._is_over:
            return
        if isinstance(message, bytes | bytearray):
            self._push(bytes(message))
        elif isinstance(message, dict):
            self._answer(client, str(message.get("msg", "")))
        elif "listen key" in str(message).lower():
            self._over("the venue does not know the listen key")

    def _push(self, data: bytes) -> None:
        try:
            push = self._source.reader.read(data)
        except BadPayload as error:
            self._sink.garbled(str(error))
            return
        if push is not None:
            self._sink.pushed(push.stream, push.values, push.at)

    def _answer(self, client: Client, text: str) -> None:
        if text == "PONG":
            client.lastPong = Exchange.milliseconds()
            return
        granted, refused = _names(text)
        if granted:
            self._sink.confirmed(self._known(granted))
        if refused is not None:
            self._sink.refused(self._known(refused), redact(text))

    def _known(self, names: Sequence[str]) -> list[Stream]:
        return [stream for name in names if (stream := self._source.named(name)) is not None]

    def _over(self, reason: str) -> None:
        # A failed dial is told by `dial` itself.
        if self._is_over or not self._is_dialled:
            return
        self._is_over = True
        self._sink.ended(redact(reason))


class _Heard(Client):  # type: ignore[misc]  # ccxt ships no types
    """ccxt's client that also tells of every frame, pongs included, and survives what a frame causes."""

    on_frame: Callable[[], None]
    on_broken: Callable[[Exception], None]

    def handle_message(self, message: aiohttp.WSMessage) -> None:
        self.on_frame()
        try:
            super().handle_message(message)
        except Exception as error:  # one that gets out ends the receive loop: see the traps above
            self.on_broken(error)


def _names(text: str) -> tuple[list[str], list[str] | None]:
    """Return the channels an answer grants and those it refuses; None where it refuses nothing.

    All granted: their names with commas. Otherwise (worded as MEXC does): "Subscribed successful! [a,b].
    Not Subscribed successfully! [c]. Reason: Blocked!"
    """
    refused = _REFUSED.search(text)
    granted = _GRANTED.search(text)
    plain = text if text.startswith("spot@") else ""
    names = plain or (granted.group(1) if granted else "")
    if refused is None:
        return _split(names), None if names else []
    return _split(names), _split(refused.group(1))


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
