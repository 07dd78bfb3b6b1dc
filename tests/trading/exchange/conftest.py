"""A venue made of canned answers on loopback: what the gateway sends is kept, what it gets is chosen."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from trading.exchange.pool import ExchangeSettings, GatewayPool

START_MS = 1_740_830_400_000  # 2025-03-01 12:00 UTC


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    raw_query: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def whole(self) -> str:
        """Everything that went over the wire but the address of the host."""
        return f"{self.method} {self.path}?{self.raw_query} {self.headers} {self.body!r}"


@dataclass
class Answer:
    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang_s: float = 0.0


def row(symbol: str = "BTCUSDT", base: str = "BTC", quote: str = "USDT", **changes: Any) -> dict[str, Any]:
    """One market as exchangeInfo has it."""
    return {
        "symbol": symbol,
        "status": "1",
        "baseAsset": base,
        "baseAssetPrecision": 6,
        "quoteAsset": quote,
        "quotePrecision": 2,
        "quoteAssetPrecision": 2,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
        "isSpotTradingAllowed": True,
        "quoteAmountPrecision": "1.000000000000000000000000000000",
        "baseSizePrecision": "0.000001",
        "maxQuoteAmount": "2000000.000000000000000000000000000000",
        "makerCommission": "0",
        "takerCommission": "0.0005",
        "fullName": base.title(),
        "tradeSideType": "1",
    } | changes


class Venue:
    """Answers by (method, path after /api/v3/); an answer may be a function of the request."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.base_url = ""
        self.speed = 1.0
        self._began = time.monotonic()
        self.answers: dict[tuple[str, str], Answer | Callable[[Request], Answer]] = {
            ("GET", "time"): lambda _: Answer({"serverTime": self.now_ms()}),
            ("GET", "exchangeInfo"): Answer({"symbols": [row(), row("ETHUSDT", "ETH")]}),
            ("GET", "defaultSymbols"): Answer({"code": 0, "data": ["BTCUSDT", "ETHUSDT"], "msg": None}),
        }

    def now_ms(self) -> int:
        return START_MS + int((time.monotonic() - self._began) * 1000 * self.speed)

    def jump_s(self, seconds: float) -> None:
        """Move market time ahead at once."""
        self._began -= seconds

    def of(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/api/v3/")
        seen = Request(
            request.method,
            path,
            dict(request.query),
            request.raw_path.partition("?")[2],
            dict(request.headers),
            await request.read(),
        )
        self.requests.append(seen)
        answer = self.answers.get((request.method, path), Answer({"code": 404, "msg": "no such path"}, 404))
        if callable(answer):
            answer = answer(seen)
        if answer.hang_s:
            await asyncio.sleep(answer.hang_s)
        body = answer.raw if answer.raw is not None else json.dumps(answer.body).encode()
        headers = {"Content-Type": "application/json", **answer.headers}
        return web.Response(body=body, status=answer.status, headers=headers)


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    stub = Venue()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", stub.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stub.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stub
    await runner.cleanup()


@pytest.fixture
async def pool(venue: Venue) -> AsyncIterator[GatewayPool]:
    async with GatewayPool(ExchangeSettings(venue.base_url, rate_per_s=10_000, timeout_s=2)) as opened:
        yield opened
