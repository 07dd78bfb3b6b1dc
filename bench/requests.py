"""What one request for 500 candles costs our CPU, stored, beside what plain ccxt needs to return it.

Ours: send, parse, validate and store into the candle store, as a scan does. The peer: ccxt's own
`fetch_ohlcv`, unvalidated and thrown away, with its limiter off and its markets loaded. Both ask the same
embedded exchange, in turns, from one process; the exchange runs in another, so only clients are counted.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import ccxt.async_support as ccxt

from bench.harness import Measured, against_peer, apart, cpu_s, peak_rss_mb
from bench.venue import serving
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.scan import Batch, Want, fetch_candles
from trading.store.candles import CandleStore

SYMBOLS, REQUESTS, BARS, TIMEFRAME = 2_610, 600, 500, "15m"
AT_ONCE, TURNS = 32, 3
MOST_OF_PEER = 0.6


def run() -> dict[str, Any]:
    """Measure and return one line; `ours_of_peer` is our CPU over ccxt's."""
    with serving("--symbols", str(SYMBOLS), "--rate", "0") as venue:
        ours, theirs = apart(_both, venue.base_url, repeat=1, warm_up=False).value
    return against_peer(
        "requests",
        f"{REQUESTS} requests of {BARS} x {TIMEFRAME}: sent, parsed, validated, stored",
        ours,
        "ccxt fetch_ohlcv, not validated, not stored",
        theirs,
        bound=round(1 / MOST_OF_PEER, 2),
        ours_of_peer=round(ours.cpu_s / theirs.cpu_s, 3),
        ours_cpu_ms_each=round(ours.cpu_s / REQUESTS * 1000, 3),
        peer_cpu_ms_each=round(theirs.cpu_s / REQUESTS * 1000, 3),
        rows_stored=ours.value,
    )


def _both(base_url: str) -> tuple[Measured, Measured]:
    return asyncio.run(_in_turns(base_url))


async def _in_turns(base_url: str) -> tuple[Measured, Measured]:
    async with GatewayPool(ExchangeSettings(base_url, rate_per_s=100_000)) as pool:
        listed = [market.symbol for market in await pool.public.markets() if market.is_scannable]
        # A pair younger than 500 bars answers with fewer: those are left to other tests.
        symbols = await _full_ones(pool, listed)
        peer = ccxt.mexc({"enableRateLimit": False, "urls": {"api": _urls(base_url)}})
        try:
            await peer.load_markets()
            ours, theirs = [], []
            for turn in range(TURNS + 1):
                mine = await _once(lambda: _ours(pool, symbols))
                other = await _once(lambda: _theirs(peer, symbols))
                if turn:  # the first of each only warms up
                    ours.append(mine)
                    theirs.append(other)
        finally:
            await peer.close()
    return min(ours, key=lambda run: run.cpu_s), min(theirs, key=lambda run: run.cpu_s)


async def _full_ones(pool: GatewayPool, listed: list[str]) -> list[str]:
    found = await fetch_candles(
        pool.public, [Want(symbol, limit=BARS) for symbol in listed[: 2 * REQUESTS]], TIMEFRAME
    )
    bars = found.frame.group_by("symbol").len()
    full = bars.filter(bars["len"] == BARS)["symbol"].sort().to_list()[:REQUESTS]
    if len(full) < REQUESTS:
        raise RuntimeError(f"only {len(full)} of {REQUESTS} pairs have {BARS} bars")
    return full


async def _ours(pool: GatewayPool, symbols: list[str]) -> int:
    rows = 0
    with tempfile.TemporaryDirectory() as folder:
        store = CandleStore(Path(folder))

        def keep(batch: Batch) -> None:
            nonlocal rows
            rows += sum(store.append(TIMEFRAME, batch.frame, tag=f"bench-{rows}").values())

        wants = [Want(symbol, limit=BARS) for symbol in symbols]
        await fetch_candles(pool.public, wants, TIMEFRAME, concurrency=AT_ONCE, on_batch=keep)
    return rows


async def _theirs(peer: Any, symbols: list[str]) -> int:
    waiting, rows = iter(symbols), 0

    async def work() -> None:
        nonlocal rows
        for symbol in waiting:
            bars = await peer.fetch_ohlcv(symbol, TIMEFRAME, limit=BARS)
            rows += len(bars)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return rows


async def _once(work: Callable[[], Awaitable[int]]) -> Measured:
    wall, cpu = perf_counter(), cpu_s()
    rows = await work()
    if rows < REQUESTS * (BARS - 1):  # ccxt's last row is the unfinished bar
        raise RuntimeError(f"{rows} rows came of {REQUESTS * BARS}")
    return Measured(cpu_s() - cpu, perf_counter() - wall, peak_rss_mb(), rows)


def _urls(base: str) -> dict[str, Any]:
    contract = {"public": f"{base}/api/v1/contract", "private": f"{base}/api/v1/private"}
    return {"spot": {"public": base, "private": base}, "contract": contract}
