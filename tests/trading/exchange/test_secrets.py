"""Whatever goes wrong, no key, secret, signature or signed URL is in what is raised, shown or logged."""

import asyncio
import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.exchange.account import MexcAccount
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.market.errors import SluiceError
from trading.market.orders import OrderRequest, OrderType, Side

from .conftest import START_MS, row

BUY = OrderRequest("BTC/USDT", Side.BUY, OrderType.LIMIT, "coid-1", Decimal("0.5"), Decimal("100.25"))
USES: dict[str, Callable[[MexcAccount], Any]] = {
    "submit": lambda account: account.submit(BUY),
    "cancel": lambda account: account.cancel("BTC/USDT", order_id="C02__1"),
    "order": lambda account: account.order("BTC/USDT", order_id="C02__1"),
    "fills": lambda account: account.fills("BTC/USDT"),
    "balances": lambda account: account.balances(),
}
# What a clumsy or hostile venue might send back; {…} is filled with what the request held.
ECHOES = [
    '{{"code": 700002, "msg": "Signature {signature} for this request is not valid."}}',
    '{{"code": 10072, "msg": "Api key info invalid: {key}"}}',
    '{{"code": {code}, "msg": "bad request {url}"}}',
    '{{"code": {code}, "msg": {{"headers": "X-MEXC-APIKEY: {key}"}}}}',
    '{{"code": "{key}", "msg": "{signature}"}}',
    '{{"orderId": "x", "status": "{key}", "type": "{signature}", "symbol": "{secret}"}}',
    '{{"balances": [{{"asset": "USDT", "free": "{key}", "locked": "{secret}"}}]}}',
    '[{{"id": "1", "orderId": "2", "price": "{key}", "qty": "{signature}", "time": "{secret}"}}]',
    "<html>403 {url} {key}</html>",
    '{{"orderId": "{key}',
    "",
]


@dataclass
class Server:
    """Answers market data as it should, and everything signed as the example says."""

    template: str = ""
    status: int = 200
    cut: str = "no"
    secret: str = ""
    port: int = 0
    seen: list[str] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                if not await self._answer(head, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> bool:
        url = head.split(" ")[1]
        signature = re.search("signature=([0-9a-f]+)", url)
        if signature is None:
            self._send(writer, 200, self._public(url))
            return True
        key = re.search(r"(?i)x-mexc-apikey: (\S+)", head)
        assert key is not None
        self.seen += [key[1], signature[1], url]
        if self.cut == "silent":
            await asyncio.sleep(1.5)
        if self.cut != "no":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{" if self.cut == "half" else b"")
            return False
        body = self.template.format(
            key=key[1], signature=signature[1], url=url, secret=self.secret, code=30000
        )
        self._send(writer, self.status, body)
        return True

    def _public(self, url: str) -> str:
        if "exchangeInfo" in url:
            return json.dumps({"symbols": [row()]})
        return json.dumps({"serverTime": START_MS} if url.endswith("/time") else {"code": 0, "data": []})

    def _send(self, writer: asyncio.StreamWriter, status: int, body: str) -> None:
        raw = body.encode()
        head = f"HTTP/1.1 {status} X\r\nRetry-After: 0\r\nContent-Length: {len(raw)}\r\n\r\n"
        writer.write(head.encode() + raw)


class Kept(logging.Handler):
    """Every log record of every logger, formatted."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(f"{self.format(record)} {record.args!r}")


@dataclass
class Stage:
    runner: asyncio.Runner
    server: Server
    pool: GatewayPool


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    server = Server()
    with asyncio.Runner() as runner:
        listener = runner.run(_listening(server))
        server.port = listener.sockets[0].getsockname()[1]
        pool = runner.run(_opened(f"http://127.0.0.1:{server.port}"))
        yield Stage(runner, server, pool)
        runner.run(pool.close())
        listener.close()


async def _listening(server: Server) -> asyncio.Server:
    return await asyncio.start_server(server.handle, "127.0.0.1", 0)


async def _opened(url: str) -> GatewayPool:
    pool = await GatewayPool(ExchangeSettings(url, rate_per_s=100_000, timeout_s=1.0)).__aenter__()
    await pool.public.markets()
    return pool


def everything(error: BaseException) -> Iterator[str]:
    """Everything of an exception that a handler, a log or a person could come to see."""
    yield "".join(traceback.format_exception(error))
    seen: list[BaseException] = [error]
    for link in seen:
        yield f"{link} {link!r} {link.args!r} {vars(link)!r}"
        seen += [other for other in (link.__cause__, link.__context__) if other and other not in seen]


words = st.text("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", min_size=18, max_size=32)


@settings(max_examples=60, deadline=None)
@given(
    key=words,
    secret=words,
    template=st.sampled_from(ECHOES),
    status=st.sampled_from([200, 400, 401, 403, 418, 429, 500, 503]),
    cut=st.sampled_from(["no", "no", "no", "no", "half", "at once"]),
    use=st.sampled_from(["submit", "submit", "cancel", "cancel", "order", "fills", "balances"]),
)
def test_no_failure_tells_a_secret(
    stage: Stage, key: str, secret: str, template: str, status: int, cut: str, use: str
) -> None:
    """Echoed by the venue in any field, in an error page, or inside aiohttp's own exceptions."""
    assert_nothing_told(stage, key, secret, use, Server(template, status, cut, secret))


@pytest.mark.parametrize("use", ["submit", "cancel"])
@pytest.mark.parametrize("cut", ["silent", "refused"])
def test_no_silence_or_refused_connection_tells_a_secret(stage: Stage, use: str, cut: str) -> None:
    """A time-out's message in aiohttp is the signed URL."""
    assert_nothing_told(stage, "mx0vglTheKeyItself", "TheSecretOfTheAccount", use, Server(cut=cut))


def assert_nothing_told(stage: Stage, key: str, secret: str, use: str, plan: Server) -> None:
    server = stage.server
    server.template, server.status, server.cut = plan.template, plan.status, plan.cut
    server.secret = secret
    server.seen.clear()
    account = stage.pool.account(key, secret)
    if plan.cut == "refused":
        account._venue.urls = {"api": {"spot": {"private": "http://127.0.0.1:1"}}}
    stage.pool.limiter._budget.reset(stage.pool.limiter._wall())  # a 418 of the example before is over
    kept, root = Kept(), logging.getLogger()
    before = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    told: list[str] = []
    try:
        told.append(repr(stage.runner.run(_used(USES[use](account)))))
    except SluiceError as error:
        told += everything(error)
    finally:
        root.setLevel(before)
        root.removeHandler(kept)
    told += [*kept.texts, repr(account), str(account), repr(account._venue), str(account._venue)]
    assert plan.cut == "refused" or server.seen
    for text in told:
        for hidden in {key, secret, *server.seen}:
            assert hidden not in text


async def _used(use: Any) -> Any:
    return await use
