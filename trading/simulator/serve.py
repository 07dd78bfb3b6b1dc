"""The exchange as a process: socket, signals, background tick, saving, and what it prints at start."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trading.market.errors import SluiceError
from trading.simulator.accounts import demo_credentials
from trading.simulator.durable import Keeper, durable
from trading.simulator.exchange import Exchange
from trading.simulator.requestlog import RequestLog
from trading.simulator.server import TRANSPORT_KEY, build_app
from trading.simulator.state import StateFile
from trading.simulator.ws_protocol import websocket_options

TICK_S = 0.5
SAVE_EVERY_TICKS = 6


class ServeError(SluiceError):
    """The exchange cannot start; the message is one sentence."""


class _Protocol(HttpToolsProtocol):
    """Hands the socket to the application, so that a fault can hang up without an answer."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[TRANSPORT_KEY] = self.transport  # type: ignore[literal-required]  # an extension of ours


class _Server(uvicorn.Server):
    """A uvicorn server whose signals are ours to handle."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # uvicorn's own generator, replaced by nothing
        yield


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises
    ------
    ServeError
        If the address cannot be used; the message says why.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as refused:
        listener.close()
        raise ServeError(f"cannot listen on {host} port {port}: {refused}") from None
    return listener


def base_urls(host: str, port: int) -> dict[str, object]:
    """Return the `urls` argument that points ccxt's mexc class at this exchange."""
    shown = f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - compared, not bound
    base = f"http://{shown}:{port}"
    return {
        "api": {
            "spot": {"public": base, "private": base},
            "ws": {"spot": f"{base.replace('http', 'ws', 1)}/ws"},
            "contract": {"public": f"{base}/api/v1/contract", "private": f"{base}/api/v1/private"},
        }
    }


def greeting(exchange: Exchange, host: str, port: int) -> list[str]:
    """Return the first lines: what to paste into ccxt, and one funded demo account."""
    key, secret = demo_credentials(exchange.accounts.seed, 1)
    return [f"urls: {base_urls(host, port)!r}", f"api_key: {key}", f"secret: {secret}"]


def serve(
    exchange: Exchange,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    state: StateFile | None = None,
    json_log: Path | None = None,
    is_durable: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Run the exchange until SIGTERM or SIGINT; save its state at the end.

    Parameters
    ----------
    state : StateFile | None
        Where to save, every few seconds and at the end; restoring is the caller's doing.
    is_durable : bool
        Whether each answer waits until what it tells is saved.
    say : callable
        Takes each line of the greeting; the last one says that the exchange is ready.
    """
    listener = open_socket(host, port)
    log = RequestLog(json_log) if json_log is not None else None
    try:
        for line in greeting(exchange, host, listener.getsockname()[1]):
            say(line)
        uvicorn_loop = uvicorn.Config(app=lambda: None, loop="uvloop").get_loop_factory()
        with asyncio.Runner(loop_factory=uvicorn_loop) as runner:
            runner.run(_run(exchange, listener, state, log, say, is_durable=is_durable))
    finally:
        listener.close()
        if state is not None:
            state.save(exchange)
            if state.lease is not None:
                state.lease.settle(exchange.clock.now_ms())
        if log is not None:
            log.close()


async def _run(
    exchange: Exchange,
    listener: socket.socket,
    state: StateFile | None,
    log: RequestLog | None,
    say: Callable[[str], None],
    *,
    is_durable: bool,
) -> None:
    keeper = None if state is None else Keeper(exchange, state)
    app = build_app(exchange, log=log)
    server = _Server(
        uvicorn.Config(
            durable(app, keeper) if is_durable and keeper is not None else app,
            http=_Protocol,
            **websocket_options(),
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=False,
            # Clients pool connections; closing them after uvicorn's 5 s would race with their next order.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, server)
    ticking = asyncio.create_task(_tick(exchange, keeper, server, say))
    try:
        await server.serve(sockets=[listener])
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking


def _stop(server: uvicorn.Server) -> None:
    # A second signal does not wait for open connections.
    server.force_exit = server.should_exit
    server.should_exit = True


async def _tick(
    exchange: Exchange, keeper: Keeper | None, server: uvicorn.Server, say: Callable[[str], None]
) -> None:
    while not server.started:  # noqa: ASYNC110 - uvicorn offers a flag, no event
        await asyncio.sleep(0.01)
    say("ready")
    count = 0
    while True:
        await asyncio.sleep(TICK_S)
        exchange.matcher.advance_all(exchange.catch_up())
        count += 1
        if keeper is not None and count % SAVE_EVERY_TICKS == 0:
            await keeper.save_if_due()
