"""The embedded exchange: requests per CPU-second, what a save costs, how far a crowd moves a price.

The server is a process of its own; its CPU seconds are read from the kernel around a number of requests of
one kind over 16 kept connections. Market time runs at the pace of the wall's, as in live use.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from bench.harness import measure, peak_rss_mb
from interfaces.run.children import free_port
from interfaces.run.market import MarketControl
from trading.simulator.accounts import AccountBook, demo_credentials
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import Exchange, make_exchange
from trading.simulator.orders import Kind, OrderRequest, Side
from trading.simulator.signing import sign
from trading.simulator.state import StateFile
from trading.simulator.synthetic import synthetic
from trading.simulator.wire import Refusal

SYMBOLS, SEED, CONNECTIONS, REQUESTS = 2_610, 7, 16, 3_000
LEAST_PER_CPU_S = 1_500.0
# What a save may hold requests up for: a tenth of the engine's patience of a second.
MOST_PAUSE_S = 0.1
ACCOUNTS, ORDERS_EACH = 2_000, 20
CROWD, EACH_USDT = 1_000, 100
_TOKEN = "bench"  # noqa: S105  # opens the admin paths of our own short-lived server


def run() -> Iterator[dict[str, Any]]:
    """Measure and yield one line per kind of request, then saving, then the crowd."""
    with served() as (port, pid):
        for what, rows, is_simple in kinds(lambda: _market_ms(port)):
            yield asyncio.run(_load(port, pid, what, rows, is_simple))
    yield _saving()
    yield _crowd()


def kinds(market_ms: Callable[[], int]) -> Iterator[tuple[str, list[bytes], bool]]:
    """Yield (name, requests, whether the bound holds for it)."""
    public = {
        "ping": "ping", "time": "time", "ticker/price of one": "ticker/price?symbol=BTCUSDT",
        "ticker/24hr of one": "ticker/24hr?symbol=BTCUSDT",
        "bookTicker of one": "ticker/bookTicker?symbol=BTCUSDT",
    }  # fmt: skip
    for what, path in public.items():
        yield what, [_get(path)] * REQUESTS, True
    order = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=0.001&price=20000"
    now_ms = market_ms()
    yield "limit order", [_signed("POST", "order", order, now_ms, n) for n in range(REQUESTS)], True
    now_ms = market_ms()
    yield "open orders", [_signed("GET", "openOrders", "", now_ms, n) for n in range(REQUESTS)], False
    market = "symbol=ETHUSDT&side=BUY&type=MARKET&quoteOrderQty=20"
    now_ms = market_ms()
    yield "market order", [_signed("POST", "order", market, now_ms, n) for n in range(REQUESTS)], False
    candles = "klines?symbol={}&interval=15m&limit=500"
    names = list(synthetic(SEED, SYMBOLS).pairs)
    yield "klines, 500 rows", [_get(candles.format(names[n])) for n in range(REQUESTS // 3)], False
    yield "depth, 100 levels", [_get("depth?symbol=BTCUSDT&limit=100")] * (REQUESTS // 3), False
    yield "ticker/24hr of all", [_get("ticker/24hr")] * 20, False


def _get(path: str) -> bytes:
    return f"GET /api/v3/{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def _signed(method: str, name: str, params: str, now_ms: int, number: int) -> bytes:
    # Spread over accounts: one may not have more than 500 open orders.
    key, secret = demo_credentials(SEED, 1 + number % 100)
    # Made beforehand, so that the server is not waited for: a minute is the longest that it accepts.
    query = f"{params}&recvWindow=60000&timestamp={now_ms}".lstrip("&")
    path = f"/api/v3/{name}?{query}&signature={sign(secret, query)}"
    return (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-MEXC-APIKEY: {key}\r\nContent-Length: 0\r\n\r\n".encode()
    )


async def _load(port: int, pid: int, what: str, rows: list[bytes], is_simple: bool) -> dict[str, Any]:
    await _ask_all(port, rows[:: max(1, len(rows) // 50)] if "order" not in what else rows[:50])
    cpu, wall = _cpu_of(pid), time.perf_counter()
    refused = await _ask_all(port, rows)
    cpu, wall = _cpu_of(pid) - cpu, time.perf_counter() - wall
    rate = len(rows) / max(cpu, 1e-9)
    return {
        "name": "exchange",
        "work": f"{what}: {len(rows):,} requests on {CONNECTIONS} connections",
        "ours_cpu_s": round(cpu, 3),
        "ours_wall_s": round(wall, 3),
        "peak_rss_mb": None,
        "peer": None,
        "peer_cpu_s": None,
        "ratio": round(rate),
        "ratio_of": "requests per CPU-second of the server",
        "bound": LEAST_PER_CPU_S if is_simple else None,
        "ok": (rate >= LEAST_PER_CPU_S and not refused) if is_simple else None,
        "refused": refused,
    }


async def _ask_all(port: int, rows: list[bytes]) -> int:
    shares = [rows[n::CONNECTIONS] for n in range(CONNECTIONS)]
    return sum(await asyncio.gather(*(_ask_in_turn(port, share) for share in shares)))


async def _ask_in_turn(port: int, rows: list[bytes]) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    refused = 0
    for row in rows:
        writer.write(row)
        head = await reader.readuntil(b"\r\n\r\n")
        refused += b" 200 " not in head[:16]
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()
    return refused


def _market_ms(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v3/time", timeout=60) as answer:
        return int(orjson.loads(answer.read())["serverTime"])


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served() -> Iterator[tuple[int, int]]:
    """Serve the synthetic market without limits; yields port and process id."""
    port = free_port()
    command = [sys.executable, "-m", "interfaces.cli", "exchange", "serve", "--port", str(port)]
    command += ["--symbols", str(SYMBOLS), "--speed", "1", "--rate", "0", "--admin-token", _TOKEN]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while not MarketControl(f"http://127.0.0.1:{port}", _TOKEN).is_up():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the embedded exchange did not start")
                time.sleep(0.1)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(20)


def _exchange(accounts: int, usdt: int = 10_000) -> Exchange:
    market = synthetic(SEED, 60)
    book = AccountBook(SEED, accounts, funds={"USDT": Decimal(usdt)})
    return make_exchange(market, MarketClock(market.default_start_ms, 0), seed=SEED, accounts=book)


def _saving() -> dict[str, Any]:
    """Hold requests up for a save: 2,000 accounts with 20 orders each, then one more order each of 100."""
    exchange = _exchange(ACCOUNTS)
    for number in range(1, ACCOUNTS + 1):
        _rest(exchange, number, ORDERS_EACH)
    with tempfile.TemporaryDirectory() as folder:
        state = StateFile(Path(folder))
        first = measure(lambda: state.prepare(exchange), repeat=1, warm_up=False)
        written = measure(lambda: state.write(exchange, first.value), repeat=1, warm_up=False)
        size = (Path(folder) / "exchange.json").stat().st_size
        for number in range(1, 101):
            _rest(exchange, number, 1)
        again = measure(lambda: state.prepare(exchange), repeat=1, warm_up=False)
    return {
        "name": "exchange state",
        "work": f"save {ACCOUNTS:,} accounts x {ORDERS_EACH} orders after 100 new orders: pause of requests",
        "ours_cpu_s": round(again.cpu_s, 4),
        "ours_wall_s": round(again.wall_s, 4),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "peer": None,
        "peer_cpu_s": None,
        "ratio": round(again.cpu_s, 4),
        "bound": MOST_PAUSE_S,
        "ok": again.cpu_s <= MOST_PAUSE_S,
        "first_save_cpu_s": round(first.cpu_s, 3),
        "write_wall_s": round(written.wall_s, 3),
        "file_mb": round(size / 1e6, 1),
    }


def _rest(exchange: Exchange, account: int, orders: int) -> None:
    owner = exchange.accounts.find(demo_credentials(SEED, account)[0])
    now_ms, terms = exchange.clock.now_ms(), exchange.listing.terms("BTCUSDT")
    price = exchange.source.price("BTCUSDT", now_ms) // 2
    for _ in range(orders):
        request = OrderRequest("BTCUSDT", Side.BUY, Kind.LIMIT, price, max(1, terms.min_steps), None, None)
        exchange.matcher.place(owner, request, terms, now_ms)


def _crowd() -> dict[str, Any]:
    """Let a thousand accounts buy for 100 USDT each in one moment on a thin pair."""
    exchange = _exchange(CROWD)
    market, now_ms = exchange.source, exchange.clock.now_ms()
    symbol = _thinnest(exchange)
    mid, terms = market.mid(symbol, now_ms), exchange.listing.terms(symbol)
    wish = OrderRequest(symbol, Side.BUY, Kind.MARKET, 0, None, EACH_USDT * 10**18, None)
    unfilled = 0
    began = time.process_time()
    for number in range(1, CROWD + 1):
        owner = exchange.accounts.find(demo_credentials(SEED, number)[0])
        try:
            exchange.matcher.place(owner, wish, terms, now_ms)
        except Refusal:
            unfilled += 1
    spent = time.process_time() - began
    trades = [t for key, _, rows in exchange.matcher.store.everything() for t in rows if key]
    mean = sum(t.price * t.quantity for t in trades) / sum(t.quantity for t in trades)
    away = {
        f"away_after_{minutes}_min": _away(exchange, symbol, now_ms + minutes * 60_000)
        for minutes in (0, 1, 6, 11, 60)
    }
    return {
        "name": "exchange crowd",
        "work": f"{CROWD:,} market buys of {EACH_USDT} USDT at once on {symbol}: mean price over the middle",
        "ours_cpu_s": round(spent, 3),
        "ours_wall_s": None,
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "peer": None,
        "peer_cpu_s": None,
        "ratio": round(mean / mid - 1, 4),
        "bound": None,
        "ok": away["away_after_0_min"] > mean / mid - 1 > 0 and away["away_after_60_min"] == 0,
        "unfilled": unfilled,
        "turnover_24h_usdt": round(_turnover(exchange, symbol)),
    } | away


def _away(exchange: Exchange, symbol: str, at_ms: int) -> float:
    market = exchange.source
    return round(market.price(symbol, at_ms) / market.base.price(symbol, at_ms) - 1, 4)


def _turnover(exchange: Exchange, symbol: str) -> float:
    shot = exchange.source.base.snapshot(exchange.clock.now_ms())
    return float(shot.quote_volume_24h[exchange.books.row(symbol)]) / 1e6


def _thinnest(exchange: Exchange) -> str:
    pairs = exchange.source.pairs.values()
    online = [p.symbol for p in pairs if p.quote == "USDT" and p.status == "1" and p.is_api_tradable]
    return min((s for s in online if _turnover(exchange, s) > 1_000), key=lambda s: _turnover(exchange, s))
