"""ccxt's websocket client as we use it, against a server on loopback that misbehaves on demand."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper

from tests.trading.exchange.feed.fakes import until
from tests.trading.exchange.feed.test_mexc_wire import LISTED, SENT_MS, kline
from trading.exchange.feed.events import Kind, Stream, Value
from trading.exchange.feed.mexc_socket import MexcConnection, MexcSocket, _names
from trading.market.errors import BadInput, UnknownSymbol, Unreachable
from trading.market.symbols import Market

BTC = Stream(Kind.QUOTES, "BTC/USDT")
BARS = Stream(Kind.CANDLES, "BTC/USDT", "1m")
SECRET = "pqia91ma19a5s61cv6a81va65sdf19v8"


@dataclass
class Server:
    """What clients sent, and their open sockets."""

    url: str = ""
    sent: list[Any] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    is_refusing: bool = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(request.query_string)
        if self.is_refusing:
            return web.Response(status=403, text="<html>firewall</html>")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            command = json.loads(message.data)
            self.sent.append(command)
            if command["method"] == "ping":
                await socket.send_json({"id": 0, "code": 0, "msg": "PONG"})
        return socket


@dataclass
class Ear:
    told: list[tuple[str, Any]] = field(default_factory=list)

    def pushed(self, stream: Stream, values: Sequence[Value], at: datetime) -> None:
        self.told.append(("pushed", stream))

    def confirmed(self, streams: Iterable[Stream]) -> None:
        self.told.append(("confirmed", list(streams)))

    def refused(self, streams: Iterable[Stream], reason: str) -> None:
        self.told.append(("refused", (list(streams), reason)))

    def garbled(self, reason: str) -> None:
        self.told.append(("garbled", reason))

    def ended(self, reason: str) -> None:
        self.told.append(("ended", reason))

    def count(self, what: str) -> int:
        return sum(name == what for name, _ in self.told)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_get("/ws", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/ws"
    yield made
    for socket in made.sockets:
        await socket.close()
    await runner.cleanup()


def called(symbol: str) -> Market:
    for market in LISTED.values():
        if market.symbol == symbol:
            return market
    raise UnknownSymbol(f"no symbol {symbol!r}")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=1.0, sock_read=1.0)
    async with aiohttp.ClientSession(timeout=timeout) as made:
        yield made


def source(url: str, session: aiohttp.ClientSession) -> MexcSocket:
    return MexcSocket(
        url, lambda: session, market_of=LISTED.get, market_called=called, unify=str, timeout_s=2.0
    )


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
async def connection(
    server: Server, session: aiohttp.ClientSession, ear: Ear
) -> AsyncIterator[MexcConnection]:
    made = await source(server.url, session).connect(ear)
    await until(lambda: server.sockets)
    yield made
    await made.close()


async def test_thirty_streams_are_asked_for_in_one_message(
    connection: MexcConnection, server: Server
) -> None:
    """MEXC counts messages too: 100 a second."""
    await connection.subscribe([BTC, BARS])
    await until(lambda: server.sent)
    assert server.sent == [
        {
            "method": "SUBSCRIPTION",
            "params": [
                "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT",
                "spot@public.kline.v3.api.pb@BTCUSDT@Min1",
            ],
        }
    ]


async def test_pair_that_was_delisted_is_refused_and_the_others_are_asked_for(
    connection: MexcConnection, server: Server, ear: Ear
) -> None:
    """A resubscription after a new listing: one unknown name must not end the connection."""
    gone = Stream(Kind.QUOTES, "GONE/USDT")
    await connection.subscribe([gone, BTC])
    await until(lambda: server.sent)
    assert server.sent[0]["params"] == ["spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT"]
    assert ear.told == [("refused", ([gone], "no symbol 'GONE/USDT'"))]


async def test_streams_that_do_not_exist_are_refused_before_anything_is_sent(
    session: aiohttp.ClientSession,
) -> None:
    """In one sentence, by the listing."""
    made = source("ws://127.0.0.1:9/ws", session)
    with pytest.raises(UnknownSymbol, match="GONE/USDT"):
        made.check(Stream(Kind.QUOTES, "GONE/USDT"))
    with pytest.raises(BadInput, match="asked for 3m"):
        made.check(Stream(Kind.CANDLES, "BTC/USDT", "3m"))


async def test_pushes_are_heard_in_the_order_they_were_sent(
    connection: MexcConnection, server: Server, ear: Ear
) -> None:
    """Five hundred in one burst: none is passed over, as ccxt's own `watch` would."""
    for _ in range(500):
        await server.sockets[0].send_bytes(kline().SerializeToString())
    await until(lambda: ear.count("pushed") == 500)
    assert connection.heard_s > 0


async def test_session_time_out_does_not_end_a_quiet_connection(
    connection: MexcConnection, server: Server, ear: Ear
) -> None:
    """The gateway's time-outs are for requests; a stream may be silent for longer."""
    await asyncio.sleep(1.5)
    await server.sockets[0].send_bytes(kline().SerializeToString())
    await until(lambda: ear.count("pushed") == 1)
    assert ear.count("ended") == 0


async def test_garbage_is_told_and_survived(connection: MexcConnection, server: Server, ear: Ear) -> None:
    """Bytes that are no message, text that is no JSON (ccxt's loop would end there), an unknown symbol."""
    socket = server.sockets[0]
    await socket.send_bytes(b"\xff\xff\xff")
    await socket.send_str('{"broken": ')
    await socket.send_str("[1, 2]")
    unknown = kline()
    unknown.symbol = "NOPEUSDT"
    await socket.send_bytes(unknown.SerializeToString())
    await socket.send_bytes(PushDataV3ApiWrapper(channel="x", sendTime=SENT_MS).SerializeToString())
    await socket.send_bytes(kline().SerializeToString())
    await until(lambda: ear.count("pushed") == 1)
    assert ear.count("garbled") == 3
    assert ear.count("ended") == 0


async def test_unknown_listen_key_ends_the_connection(
    connection: MexcConnection, server: Server, ear: Ear
) -> None:
    """MEXC says it as plain text and keeps the connection open."""
    await server.sockets[0].send_str("Invalid listen key")
    await until(lambda: ear.count("ended"))
    assert "does not know the listen key" in str(ear.told)


async def test_connection_closed_by_the_venue_is_told_once(
    connection: MexcConnection, server: Server, ear: Ear
) -> None:
    """However many ways the client notices."""
    await server.sockets[0].close(code=1008, message=b"policy")
    await until(lambda: ear.count("ended"))
    await connection.close()
    await asyncio.sleep(0.1)
    assert ear.count("ended") == 1


async def test_failed_dial_raises_and_names_no_key(
    server: Server, session: aiohttp.ClientSession, ear: Ear
) -> None:
    """Refused by a firewall, or nobody there: `Unreachable`, in time, without the listen key."""
    server.is_refusing = True
    with pytest.raises(Unreachable) as refused:
        await source(server.url, session).connect(ear, listen_key=SECRET)
    with pytest.raises(Unreachable) as nobody:
        await source("ws://127.0.0.1:9/ws", session).connect(ear, listen_key=SECRET)
    assert server.queries == [f"listenKey={SECRET}"]
    assert SECRET not in str(refused.value) + str(nobody.value)
    assert refused.value.__cause__ is None
    assert ear.told == []


async def test_key_is_in_no_repr_and_no_reason(
    server: Server, session: aiohttp.ClientSession, ear: Ear
) -> None:
    """ccxt's own errors quote the URL."""
    connection = await source(server.url, session).connect(ear, listen_key=SECRET)
    connection._client.on_error(TimeoutError(f"Connection to {server.url}?listenKey={SECRET} timed out"))
    await until(lambda: ear.count("ended"))
    assert "timed out" in str(ear.told)
    assert SECRET not in str(ear.told) + repr(connection)
    await connection.close()


async def test_sending_on_a_dead_connection_raises_unreachable(
    connection: MexcConnection, server: Server, ear: Ear
) -> None:
    """The line then opens another."""
    await server.sockets[0].close()
    await until(lambda: ear.count("ended"))
    with pytest.raises(Unreachable):
        await connection.subscribe([BTC])


async def test_pong_is_this_machines_time(connection: MexcConnection, server: Server) -> None:
    """ccxt compares it with the machine's clock; market time would look like years of silence."""
    await connection._client.send({"method": "ping"})
    await until(lambda: connection._client.lastPong)
    assert abs(connection._client.lastPong - connection._client.connectionEstablished) < 60_000


GOOD = "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT"
OTHER = "spot@public.aggre.bookTicker.v3.api.pb@100ms@NOPE"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, ([GOOD], None)),
        (f"{GOOD},{OTHER}", ([GOOD, OTHER], None)),
        (
            f"Subscribed successful! [{GOOD}]. Not Subscribed successfully! [{OTHER}].  Reason: Blocked! ",
            ([GOOD], [OTHER]),
        ),
        (f"Not Subscribed successfully! [{OTHER}].  Reason: Blocked! ", ([], [OTHER])),
        ("msg format invalid", ([], [])),
    ],
)
def test_answers_to_subscriptions_are_taken_apart(
    text: str, expected: tuple[list[str], list[str] | None]
) -> None:
    """All granted, some, none, or something else: which is a refusal of whatever waits."""
    assert _names(text) == expected


async def test_answers_reach_the_sink(connection: MexcConnection, server: Server, ear: Ear) -> None:
    """Granted and refused streams, each to its own call."""
    text = f"Subscribed successful! [{GOOD}]. Not Subscribed successfully! [{OTHER}].  Reason: Blocked! "
    await server.sockets[0].send_json({"id": 0, "code": 0, "msg": text})
    await until(lambda: ear.count("refused"))
    assert ear.told[0] == ("confirmed", [BTC])
    assert ear.told[1][1][0] == []
