"""The exchange on HTTP: a bare ASGI application that walks every request through the same gates.

Order of the gates: body, parameters, fault plan, ban, signature and timing (signed endpoints), rate
limit, handler, faults of the answer. No framework stands between socket and handler. Paths under
/sluice/ know no faults: the lever that ends a fault must be in reach.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from trading.simulator import routes_private, routes_public
from trading.simulator.exchange import Exchange
from trading.simulator.fault_answers import answer
from trading.simulator.fault_transport import SILENT_BEFORE, cut, hold_s, silence_after, stand_in, stay_silent
from trading.simulator.faults import Struck
from trading.simulator.limits import weight_of
from trading.simulator.requestlog import RequestLog
from trading.simulator.routes_admin import answer_other
from trading.simulator.routes_public import Handler
from trading.simulator.signing import check_signature, check_timing, parse_params
from trading.simulator.wire import Call, Refusal, Reply
from trading.simulator.ws_hub import StreamHub
from trading.simulator.ws_session import StreamSettings

API = "/api/v3/"
CONTRACT_DETAIL = "/api/v1/contract/detail"
MAX_BODY = 256 * 1024
_ADMIN = "/sluice/"
# Put into the ASGI scope by `serve`'s HTTP protocol; lets a fault hang up without an answer.
TRANSPORT_KEY = "sluice.transport"

type Scope = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its handler, its weight, and whether it must be signed."""

    name: str
    handler: Handler
    weight: int
    is_signed: bool


def _routes() -> dict[tuple[str, str], Route]:
    table: dict[tuple[str, str], Route] = {}
    for routes, is_signed in ((routes_public.ROUTES, False), (routes_private.ROUTES, True)):
        for (method, name), handler in routes.items():
            table[(method, API + name)] = Route(name, handler, weight_of(method, name), is_signed)
    table[("GET", CONTRACT_DETAIL)] = Route("contract/detail", routes_public.contract_detail, 1, False)
    return table


@dataclass(slots=True)
class _Asked:
    """One request on its way through the gates: what the log will say of it."""

    method: str
    path: str
    query: str
    key: str | None
    admin: str | None
    address: str
    body: str = ""
    params: dict[str, str] = field(default_factory=dict)
    code: int | None = None
    is_known_path: bool = False
    struck: Struck | None = None


def build_app(
    exchange: Exchange, *, log: RequestLog | None = None, streaming: StreamSettings | None = None
) -> App:
    """Return the ASGI application of `exchange`; with `log`, every request leaves a line.

    `streaming` holds limits and paces of the websocket streams. Websockets need a server that puts
    the socket into the scope, as `serve` does.
    """
    streams = StreamHub(exchange, streaming)
    routes = _routes()
    paths = {path for _, path in routes}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] == "websocket":
            await streams.serve(scope, receive, send)
            return
        began = exchange.wall_s()
        asked = _asked(scope)
        route = routes.get((asked.method, asked.path))
        asked.is_known_path = asked.path in paths
        early = await _read(asked, receive)
        asked.struck = _strike(exchange, route, asked)
        if asked.struck is None:
            reply = early or _handled(exchange, route, asked)
            if log is not None:
                _log(log, exchange, asked, reply, began)
            await _send(send, reply)
            return
        answer = await _stricken(exchange, route, asked, early, receive)
        if log is not None:
            _log(log, exchange, asked, answer, began)
        await _send_stricken(scope, send, asked.struck, answer)

    return app


async def _read(asked: _Asked, receive: Receive) -> Reply | None:
    """Fill in body and parameters; return a refusal if there is no reading them."""
    try:
        if asked.method != "GET":
            asked.body = await _body(receive)
    except Refusal as refusal:
        asked.code = refusal.code
        return refusal.reply()
    asked.params = parse_params(asked.query)
    return None


def _strike(exchange: Exchange, route: Route | None, asked: _Asked) -> Struck | None:
    if not exchange.faults.rules or asked.path.startswith(_ADMIN):
        return None
    symbol = asked.params.get("symbol") or parse_params(asked.body).get("symbol", "")
    return exchange.faults.decide(
        asked.method,
        route.name if route else asked.path,
        symbol=symbol,
        key=asked.key or "",
        market_ms=exchange.clock.now_ms(),
        wall_s=exchange.wall_s(),
    )


async def _stricken(
    exchange: Exchange, route: Route | None, asked: _Asked, early: Reply | None, receive: Receive
) -> Reply | None:
    """Return the answer of a request that faults have hit; None for none at all."""
    struck = asked.struck
    assert struck is not None  # the caller looked
    if struck.delay_s > 0:
        await asyncio.sleep(struck.delay_s)
    gate = struck.gate
    if gate is not None:
        if gate.kind in SILENT_BEFORE:
            await stay_silent(receive, hold_s(gate))
        return stand_in(gate)
    reply = early or _handled(exchange, route, asked)
    if struck.delay_after_s > 0:
        await asyncio.sleep(struck.delay_after_s)
    silence = silence_after(struck)
    if silence is not None:
        await stay_silent(receive, hold_s(silence))
        return None
    return None if struck["drop_after"] is not None else reply


def _handled(exchange: Exchange, route: Route | None, asked: _Asked) -> Reply:
    try:
        exchange.catch_up()
        if route is None and asked.is_known_path:
            asked.code = 405
            return Refusal(405, f"Request method '{asked.method}' not supported", status=405).reply()
        if route is None:
            return answer_other(
                exchange, asked.method, asked.path, asked.body, asked.admin, asker=asked.address
            )
        return Reply(_answer(exchange, route, asked))
    except Refusal as refusal:
        asked.code = refusal.code
        return refusal.reply()


def _answer(exchange: Exchange, route: Route, asked: _Asked) -> bytes:
    wall_s = exchange.wall_s()
    struck = asked.struck
    skew_ms = 0 if struck is None else exchange.faults.skew_ms(struck, "venue_skew", wall_s)
    if not route.is_signed:
        exchange.limiter.spend(asked.address, route.weight, wall_s)
        call = Call(asked.params, exchange.clock.now_ms(), struck=struck)
        return _finished(exchange, route, call)
    exchange.limiter.check_ban(asked.address, wall_s)
    if asked.body:
        for name, value in parse_params(asked.body).items():
            asked.params.setdefault(name, value)
    try:
        account = exchange.accounts.find(asked.key)
        check_signature(account.secret, asked.query, asked.body, asked.params)
        check_timing(exchange.clock, asked.params, skew_ms)
        account.check_use(asked.address, exchange.clock.now_ms())
    except Refusal:
        exchange.limiter.spend(asked.address, route.weight, wall_s)
        raise
    exchange.limiter.spend(f"key {account.key}", route.weight, wall_s)
    return _finished(exchange, route, Call(asked.params, exchange.clock.now_ms(), account, struck))


def _finished(exchange: Exchange, route: Route, call: Call) -> bytes:
    if call.struck is None:
        return route.handler(exchange, call)
    return answer(exchange, route.name, route.handler, call)


def _asked(scope: Scope) -> _Asked:
    key = admin = None
    for name, value in scope["headers"]:
        if name == b"x-mexc-apikey":
            key = value.decode("latin-1")
        elif name == b"x-sluice-admin":
            admin = value.decode("latin-1")
    client = scope.get("client")
    return _Asked(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        key=key,
        admin=admin,
        address=client[0] if client else "local",
    )


async def _body(receive: Receive) -> str:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise Refusal(413, f"body must be at most {MAX_BODY} bytes", status=413)
        parts.append(part)
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return b"".join(parts).decode("utf-8", "replace")


async def _send(send: Send, reply: Reply) -> None:
    headers = [
        (b"content-type", reply.content_type),
        (b"content-length", str(len(reply.body)).encode()),
        *reply.headers,
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _send_stricken(scope: Scope, send: Send, struck: Struck, reply: Reply | None) -> None:
    if reply is None:
        _hang_up(scope)
        return
    reply, cut_at = cut(struck, reply)
    if cut_at is None:
        await _send(send, reply)
        return
    headers = [(b"content-type", reply.content_type), (b"content-length", str(len(reply.body)).encode())]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body[:cut_at], "more_body": True})
    await asyncio.sleep(0.05)  # let the bytes leave: a reset may overtake them
    _hang_up(scope)


def _hang_up(scope: Scope) -> None:
    transport = scope.get(TRANSPORT_KEY)
    if transport is None:
        # Without our protocol class there is no socket to cut: the server turns this into a 500.
        raise ConnectionError("fault on purpose: connection dropped")
    transport.abort()


def _log(log: RequestLog, exchange: Exchange, asked: _Asked, reply: Reply | None, began: float) -> None:
    log.write(
        method=asked.method,
        path=asked.path,
        params=asked.params,
        key=asked.key,
        status=reply.status if reply is not None else 0,
        code=asked.code,
        seconds=exchange.wall_s() - began,
        market_ms=exchange.clock.now_ms(),
        fault=asked.struck.names if asked.struck is not None else None,
    )


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
