"""A served exchange for the stream tests, and how to read what it sends."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import ccxt.pro
import orjson
import uvicorn
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper
from google.protobuf.json_format import MessageToDict
from websockets.sync.client import ClientConnection, connect

from tests.trading.simulator.handmade import SEED, START_MS, FakeMarket
from trading.simulator.accounts import AccountBook, demo_credentials
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import Exchange, make_exchange
from trading.simulator.limits import LimitSettings
from trading.simulator.listenkeys import ListenKeys
from trading.simulator.serve import _Protocol, base_urls, open_socket
from trading.simulator.server import build_app
from trading.simulator.ws_protocol import websocket_options
from trading.simulator.ws_session import StreamSettings

PATIENCE_S = 10.0


def exchange_of(market: Any = None, *, speed: float = 1.0, key_life_s: float = 3600.0) -> Exchange:
    """Return an exchange without rate limit, in real wall time."""
    exchange = make_exchange(
        market or FakeMarket(),
        MarketClock(START_MS, speed),
        seed=SEED,
        accounts=AccountBook(SEED),
        limits=LimitSettings(rate_per_s=0),
    )
    exchange.listen_keys = ListenKeys(key_life_s)
    return exchange


@contextlib.contextmanager
def served(exchange: Exchange, settings: StreamSettings | None = None) -> Iterator[int]:
    """Serve on a free port in a thread; give the port."""
    listener = open_socket("127.0.0.1", 0)
    config = uvicorn.Config(
        build_app(exchange, streaming=settings),
        http=_Protocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        **websocket_options(),
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(5)
        listener.close()


def ccxt_client(exchange: Exchange, port: int, *, who: int = 1) -> Any:
    """Return ccxt's own websocket class, pointed here by its urls and set to market time."""
    key, secret = demo_credentials(SEED, who)
    client = ccxt.pro.mexc(
        {"urls": base_urls("127.0.0.1", port), "apiKey": key, "secret": secret, "enableRateLimit": False}
    )
    client.nonce = exchange.clock.now_ms
    return client


class Ear:
    """A plain websocket client that understands both kinds of frames."""

    def __init__(self, port: int, query: str = "") -> None:
        self.socket: ClientConnection = connect(
            f"ws://127.0.0.1:{port}/ws{query}", compression=None, ping_interval=None, max_queue=None
        )

    def __enter__(self) -> "Ear":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, method: str, *params: str, **more: Any) -> None:
        self.socket.send(orjson.dumps({"method": method, "params": list(params), **more}).decode())

    def hear(self, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Return the next message, protobuf as a dict."""
        raw = self.socket.recv(timeout_s)
        return read(raw) if isinstance(raw, bytes) else orjson.loads(raw)

    def ask(self, method: str, *params: str, **more: Any) -> dict[str, Any]:
        """Send a command and return its answer, whatever data comes between."""
        self.say(method, *params, **more)
        while True:
            heard = self.hear()
            if "msg" in heard:
                return heard

    def data(self, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """Return the next message of a stream."""
        while True:
            heard = self.hear(timeout_s)
            if "channel" in heard:
                return heard


def read(raw: bytes) -> dict[str, Any]:
    """Parse a stream message with the classes that ccxt ships."""
    message = PushDataV3ApiWrapper()
    message.ParseFromString(raw)
    return MessageToDict(message)


def payload(frame: bytes) -> bytes:
    """Return what is inside a binary frame made by the server."""
    size = frame[1]
    return frame[{126: 4, 127: 10}.get(size, 2) :]


def until(condition: Any, timeout_s: float = PATIENCE_S) -> bool:
    """Wait for a condition; return whether it came."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


async def within(awaitable: Any, timeout_s: float = PATIENCE_S) -> Any:
    """Await with an end."""
    return await asyncio.wait_for(awaitable, timeout_s)
