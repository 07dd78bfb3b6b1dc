"""The funnel over 2,610 symbols, concurrently, against one symbol after another as the old bot went.

Both speak to the same embedded exchange over HTTP, through the same gateway and limiter (50 requests a
second), with a declared round trip, since loopback would flatter the peer's waiting. Ours looks at all
tickers in one call and fetches candles of the survivors only; the peer fetches and screens each pair in turn.
The peer is measured on a sample and scaled. Waiting is what is compared, so the ratio is of *wall* seconds;
CPU stands beside it.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from bench.harness import Measured, cpu_s, peak_rss_mb
from interfaces.run.children import free_port
from interfaces.run.market import MarketControl
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.scan import fetch_candles
from trading.market.symbols import Market
from trading.market.timeframes import timeframe
from trading.ohlcv.plan import missing_pages
from trading.screening.filters import prefilter, survivors, validate_markets
from trading.screening.rules import preset
from trading.screening.screen import screen

SYMBOLS, SAMPLE, BARS, RATE = 2_610, 30, 1_000, 50.0
ROUND_TRIP_MS = 80.0
LEAST_RATIO = 10.0
BARS_OF = timeframe("15m")
RULES = preset("default")
_START = "2025-03-03T00:00:00Z"
_TOKEN = "bench"  # noqa: S105  # opens the admin paths of our own short-lived server


def run() -> dict[str, Any]:
    """Measure and return one line."""
    with exchange() as base_url:
        return asyncio.run(_compare(base_url))


async def _compare(base_url: str) -> dict[str, Any]:
    async with GatewayPool(ExchangeSettings(base_url=base_url, rate_per_s=RATE)) as pool:
        await pool.public.sync_clock()
        listed = await pool.public.markets()
        ours = await _measured(lambda: concurrently(pool, listed))
        requests, sound, kept = ours.value
        sample = sound[:: max(1, len(sound) // SAMPLE)][:SAMPLE]
        theirs = await _measured(lambda: one_after_another(pool, sample))
    scale = len(sound) / len(sample)
    slow_s, ratio = theirs.wall_s * scale, theirs.wall_s * scale / ours.wall_s
    return {
        "name": "funnel",
        "work": f"{len(listed):,} symbols to a screen of {kept} survivors, {BARS:,} 15m bars each",
        "ours_cpu_s": round(ours.cpu_s, 2),
        "ours_wall_s": round(ours.wall_s, 2),
        "peak_rss_mb": round(ours.peak_rss_mb, 1),
        "peer": "one symbol after another",
        "peer_cpu_s": round(theirs.cpu_s * scale, 2),
        "peer_wall_s": round(slow_s, 1),
        "ratio": round(ratio, 1),
        "ratio_of": "wall seconds",
        "bound": LEAST_RATIO,
        "ok": ratio >= LEAST_RATIO,
        "limit_wall_s": round(requests / RATE, 1),
        "round_trip_ms": ROUND_TRIP_MS,
        "scaled": f"peer measured on {len(sample)} symbols, scaled to {len(sound):,}",
    }


async def concurrently(pool: GatewayPool, listed: list[Market]) -> tuple[int, list[str], int]:
    """Do what the line does; return candle requests, sound symbols, and how many were screened."""
    markets, _ = validate_markets(listed)
    tickers = await pool.public.tickers()
    chosen = survivors(prefilter(markets, tickers, RULES, at=pool.public.clock.now()))
    wants = _pages(pool, chosen)
    found = await fetch_candles(pool.public, wants, BARS_OF.name, concurrency=32)
    verdicts = screen(found.frame, tickers, RULES, markets=markets)
    return len(wants) + 1, markets["symbol"].to_list(), verdicts.height


async def one_after_another(pool: GatewayPool, symbols: list[str]) -> int:
    """Fetch and screen each symbol before the next is touched; return how many had candles."""
    tickers = await pool.public.tickers()
    judged = 0
    for symbol in symbols:
        found = await fetch_candles(pool.public, _pages(pool, [symbol]), BARS_OF.name, concurrency=1)
        judged += screen(found.frame, tickers.filter(pl.col("symbol") == symbol), RULES).height
    return judged


def _pages(pool: GatewayPool, symbols: list[str]) -> list[Any]:
    end_ms = BARS_OF.floor_ms(pool.public.clock.now_ms())
    start_ms = end_ms - BARS * BARS_OF.ms
    return [page.want for page in missing_pages(symbols, BARS_OF, (start_ms, end_ms), {})]


async def _measured(work: Callable[[], Awaitable[Any]]) -> Measured:
    """Measure once: every run waits for the limiter, so there is no best of three."""
    wall, cpu = time.perf_counter(), cpu_s()
    value = await work()
    return Measured(cpu_s() - cpu, time.perf_counter() - wall, peak_rss_mb(), value)


@contextmanager
def exchange() -> Iterator[str]:
    """Serve the synthetic market in a process of its own; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "interfaces.cli", "exchange", "serve", "--port", str(port)]
    command += ["--symbols", str(SYMBOLS), "--start", _START, "--speed", "1", "--rate", str(RATE)]
    command += ["--admin-token", _TOKEN]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            control = MarketControl(f"http://127.0.0.1:{port}", _TOKEN)
            deadline = time.monotonic() + 60
            while not control.is_up():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the embedded exchange did not start")
                time.sleep(0.1)
            control.set_round_trip(ROUND_TRIP_MS)
            yield control.base_url
        finally:
            process.terminate()
            process.wait(20)
