"""An exchange over the handmade market, and a client that speaks to it without a socket."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import uvicorn

from tests.trading.simulator.handmade import SEED, START_MS, FakeMarket
from trading.simulator.accounts import AccountBook, demo_credentials
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import Exchange, make_exchange
from trading.simulator.limits import LimitSettings
from trading.simulator.serve import _Protocol, open_socket
from trading.simulator.server import build_app
from trading.simulator.signing import sign
from trading.simulator.source import MarketSource


@dataclass
class Wall:
    """A wall clock that moves only when told to."""

    ns: int = 10**12

    def forward(self, ms: float) -> None:
        self.ns += int(ms * 1_000_000)

    def read(self) -> int:
        return self.ns


@dataclass
class Answer:
    status: int
    body: Any
    headers: dict[str, str]
    raw: bytes


@dataclass
class Client:
    """Speaks to the application without a socket; signs as demo account `who`."""

    exchange: Exchange
    wall: Wall
    log: Any = None
    address: str = "10.0.0.1"
    defaults: dict[str, Any] = field(default_factory=dict)

    def get(self, path: str, *, headers: dict[str, str] | None = None, **params: Any) -> Answer:
        return self.ask("GET", path, urlencode(params), headers or {})

    def signed(self, method: str, name: str, *, who: int = 1, **params: Any) -> Answer:
        key, secret = demo_credentials(SEED, who)
        sent = params | {"timestamp": self.exchange.clock.now_ms()}
        query = urlencode(sent)
        query += f"&signature={sign(secret, query)}"
        return self.ask(method, f"/api/v3/{name}", query, {"x-mexc-apikey": key})

    def ask(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
            "client": (self.address, 1),
        }
        asyncio.run(build_app(self.exchange, log=self.log)(scope, receive, send))
        raw = b"".join(m.get("body", b"") for m in sent)
        shown = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
        return Answer(sent[0]["status"], _json(raw), shown, raw)

    def forward(self, market_ms: int) -> None:
        """Let market time (speed 1) and wall time pass."""
        self.wall.forward(market_ms)


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


type MakeClient = Callable[..., Client]


@pytest.fixture
def make_client() -> MakeClient:
    """Return a maker of clients: of `market`, with `rate` (0 = no limit) and other settings."""

    def make(
        market: MarketSource | None = None,
        *,
        limits: LimitSettings | None = None,
        accounts: AccountBook | None = None,
        speed: float = 1.0,
        start_ms: int = START_MS,
        **more: Any,
    ) -> Client:
        wall = Wall()
        exchange = make_exchange(
            market or FakeMarket(),
            MarketClock(start_ms, speed, wall_ns=wall.read),
            seed=SEED,
            accounts=accounts or AccountBook(SEED),
            limits=limits or LimitSettings(rate_per_s=0),
            wall_s=lambda: wall.ns / 1e9,
            **more,
        )
        return Client(exchange, wall)

    return make


@pytest.fixture
def client(make_client: MakeClient) -> Client:
    """Return a client of an exchange with one pair at 100.00 and no rate limit."""
    return make_client()


@pytest.fixture
def serve_here() -> Iterator[Callable[[Exchange], tuple[str, int]]]:
    """Return a function that serves an exchange on a free port in a thread and gives host and port."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(exchange: Exchange) -> tuple[str, int]:
        listener = open_socket("127.0.0.1", 0)
        config = uvicorn.Config(
            build_app(exchange), http=_Protocol, lifespan="off", log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        running.append((server, thread))
        return "127.0.0.1", listener.getsockname()[1]

    yield start
    for server, thread in running:
        server.should_exit = True
        server.force_exit = True
        thread.join(5)
