"""What a pushed websocket message costs the embedded exchange, against `websockets.broadcast`.

Two hundred subscribers hear the same ten streams of a market at 900 times real time. The server is a
process of its own; the subscribers, which only count, are another, so their cost is in no figure. Ours
contains making the messages from the market; the peer is given ready bytes of the same size at the same
pace, and only frames and sends them.
"""

import asyncio
import contextlib
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import orjson
import websockets
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.harness import Line, Measured, against_peer
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import make_exchange
from trading.simulator.inside import in_thread
from trading.simulator.synthetic import synthetic

SUBSCRIBERS, SYMBOLS, SEED, SPEED = 200, 5, 7, 900.0
SECONDS = 6.0
MESSAGE_BYTES = 145  # about what a book ticker and a trade message weigh
PACE_S = 0.1
_HELLO = (
    b"GET /ws HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def run() -> list[Line]:
    """Return the cost of a hundred thousand pushed messages, ours and the peer's."""
    ours, our_rate = _measured(_ours)
    theirs, their_rate = _measured(_peer)
    work = f"100,000 messages to {SUBSCRIBERS} subscribers of {2 * SYMBOLS} streams, made from the market"
    return [
        against_peer(
            "streams",
            work,
            ours,
            f"websockets {websockets.__version__} broadcast, ready bytes",
            theirs,
            bound=2.0,
            microseconds_per_message=round(ours.cpu_s * 10, 2),
            messages_per_s=round(our_rate),
            peer_messages_per_s=round(their_rate),
        )
    ]


def _measured(target: Callable[[Connection], None]) -> tuple[Measured, float]:
    """Return CPU seconds of the server for 100,000 messages, and how many a second there were."""
    context = multiprocessing.get_context("spawn")
    ask, answer = context.Pipe()
    process = context.Process(target=target, args=(answer,), daemon=True)
    process.start()
    try:
        port = ask.recv()
        counted, cpu_s, wall_s = asyncio.run(_listen(port, ask))
    finally:
        ask.send(None)
        process.join(10)
        if process.is_alive():
            process.kill()
    scale = 100_000 / counted
    return Measured(cpu_s * scale, wall_s * scale, 0.0), counted / wall_s


async def _listen(port: int, server: Connection) -> tuple[int, float, float]:
    loop = asyncio.get_running_loop()
    ears = []
    for _ in range(SUBSCRIBERS):
        _, ear = await loop.create_connection(_Ear, "127.0.0.1", port)
        ears.append(ear)
    await asyncio.sleep(1.5)
    before, cpu_before, wall = sum(ear.count for ear in ears), _cpu(server), time.perf_counter()
    await asyncio.sleep(SECONDS)
    after, cpu_after, passed = sum(ear.count for ear in ears), _cpu(server), time.perf_counter() - wall
    for ear in ears:
        ear.transport.abort()
    if min(ear.count for ear in ears) == 0:
        raise RuntimeError("a subscriber heard nothing")
    return after - before, cpu_after - cpu_before, passed


class _Ear(asyncio.Protocol):
    """Subscribes and counts messages."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.count = 0
        self._buffer = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # TCP gives a Transport
        self.transport.write(_HELLO)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            _, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            self._is_open, self._buffer = True, rest
            self.transport.write(_masked(orjson.dumps({"method": "SUBSCRIPTION", "params": _streams()})))
        self._count()

    def _count(self) -> None:
        at, buffer, end = 0, self._buffer, len(self._buffer)
        while end - at >= 4:
            size, head = buffer[at + 1], 2
            if size == 126:
                size, head = int.from_bytes(buffer[at + 2 : at + 4], "big"), 4
            if end - at < head + size:
                break
            self.count += buffer[at] == 0x82
            at += head + size
        self._buffer = buffer[at:]


def _masked(payload: bytes) -> bytes:
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4) + payload


def _streams() -> list[str]:
    names = list(synthetic(SEED, 40).pairs)[:SYMBOLS]
    kinds = ("bookTicker", "deals")
    return [f"spot@public.aggre.{kind}.v3.api.pb@100ms@{name}" for name in names for kind in kinds]


def _cpu(server: Connection) -> float:
    server.send("cpu")
    spent: float = server.recv()
    return spent


@contextmanager
def _reporting(pipe: Connection) -> Iterator[threading.Event]:
    """Answer each question with the CPU seconds of this process, until told to stop."""
    stopped = threading.Event()

    def answer() -> None:
        while pipe.recv() is not None:
            pipe.send(time.process_time())
        stopped.set()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield stopped


def _ours(pipe: Connection) -> None:
    source = synthetic(SEED, 40)
    exchange = make_exchange(source, MarketClock(source.default_start_ms, SPEED), seed=SEED)
    with in_thread(exchange) as base_url, _reporting(pipe) as stopped:
        pipe.send(int(base_url.rpartition(":")[2]))
        stopped.wait()


def _peer(pipe: Connection) -> None:
    with _reporting(pipe) as stopped:
        asyncio.run(_broadcasting(pipe, stopped))


async def _broadcasting(pipe: Connection, stopped: threading.Event) -> None:
    async def hold(connection: ServerConnection) -> Any:
        with contextlib.suppress(websockets.ConnectionClosed):
            await connection.recv()
            hearers.add(connection)
            await connection.wait_closed()
        hearers.discard(connection)

    hearers: set[ServerConnection] = set()
    async with serve(hold, "127.0.0.1", 0, compression=None) as server:
        pipe.send(next(iter(server.sockets)).getsockname()[1])
        message = bytes(MESSAGE_BYTES)
        while not stopped.is_set():
            for _ in range(2 * SYMBOLS):
                broadcast(hearers, message)
            await asyncio.sleep(PACE_S)
