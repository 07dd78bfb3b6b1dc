"""A cold scan, every one of 2,610 symbols with 500 candles, held against what the request budget allows.

Our client and the embedded exchange are processes of their own on one machine, and the exchange enforces
its limits. Compared are wall seconds, elapsed over floor, because the limit is what a scan should be bound
by; CPU of both sides and the machine's load stand beside it. Each line is the median of
three runs, and every ratio is told. Beside it the control: one symbol after another through the same
limiter, measured on a sample and scaled. On loopback that control is bound by the limiter as well, so it is
also measured with a declared round trip, and so are we.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.harness import peak_rss_mb
from bench.venue import Served, serving
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.scan import Want, fetch_candles
from trading.scan.account import ScanReport
from trading.scan.request import ScanRequest
from trading.scan.run import run_scan

# Some pairs of the invented market are halted: of 2,680 listed more than 2,610 can be scanned.
LISTED, SYMBOLS, BARS, RATE = 2_680, 2_610, 500, 50.0
# What the exchange declares: ten seconds' worth at once. Careless clients of the real one rely on it.
VENUE_BURST = 500.0
ROUND_TRIP_MS = 80.0
BOUND, RUNS, SAMPLE = 1.05, 3, 60
_START = "2025-03-03T00:00:00Z"


def run() -> list[dict[str, Any]]:
    """Measure with the careful bucket, near and far, and with the venue's own."""
    request = ScanRequest(is_cold=True, symbols=SYMBOLS, bars=BARS)
    work = f"{SYMBOLS:,} symbols x {BARS} candles"
    lines = []
    with exchange() as venue:
        for name, burst, delay_ms in (
            ("careful bucket", None, 0.0),
            ("careful bucket", None, ROUND_TRIP_MS),
            ("the venue's bucket", VENUE_BURST, 0.0),
        ):
            venue.set_round_trip(delay_ms)
            reports = scans(venue, request, burst=burst, seed=None)
            line = line_of("scan_cold", f"{work}, {name}", reports, bound=BOUND, round_trip_ms=delay_ms)
            lines.append(line | control(venue, delay_ms))
    return lines


@dataclass(frozen=True, slots=True)
class Run:
    """One scan, with the exchange's CPU seconds meanwhile and the machine's load after it."""

    report: ScanReport
    venue_cpu_s: float
    load: float


def scans(
    venue: Served,
    request: ScanRequest,
    *,
    burst: float | None,
    seed: Callable[[Path], None] | None,
) -> list[Run]:
    """Scan `RUNS` times, each into a lake of its own."""
    runs: list[Run] = []
    while len(runs) < RUNS:
        with tempfile.TemporaryDirectory() as lake:
            if seed is not None:
                seed(Path(lake))
            time.sleep(VENUE_BURST / RATE if burst else 1.0)  # the exchange's bucket fills up again
            runs.append(one_scan(venue, request, Path(lake), burst=burst))
    return runs


def one_scan(venue: Served, request: ScanRequest, lake: Path, *, burst: float | None) -> Run:
    """Scan once with a gateway of its own, as a new process would."""

    async def scan() -> ScanReport:
        pool = GatewayPool(ExchangeSettings(base_url=venue.base_url, rate_per_s=RATE, burst=burst))
        try:
            return await run_scan(pool, lake, request)
        finally:
            await pool.close()

    before = venue.cpu_s
    report = asyncio.run(scan())
    return Run(report, venue.cpu_s - before, os.getloadavg()[0])


def line_of(name: str, work: str, runs: list[Run], *, bound: float, round_trip_ms: float) -> dict[str, Any]:
    """Return the line of the median run; of an even number the worse of the middle two.

    Where all fits into the bucket there is no floor: `ok` then means that nothing was refused and no more,
    and `proves` says so.
    """
    ranked = sorted(runs, key=lambda run: (run.report.ratio or 0.0, run.report.elapsed_s))
    middle = ranked[len(ranked) // 2]
    report, ratio = middle.report, middle.report.ratio
    refused = sum(run.report.http_429 for run in runs)
    return {
        "name": name,
        "work": work,
        "ours_cpu_s": round(report.cpu_s, 2),
        "ours_wall_s": round(report.elapsed_s, 2),
        "peak_rss_mb": round(peak_rss_mb(), 1),
        "ratio": None if ratio is None else round(ratio, 4),
        "ratio_of": "elapsed over floor, wall seconds, median of the runs",
        "proves": "the bound" if ratio is not None else 'only "no 429": all fits into the bucket, no floor',
        "bound": bound,
        "ok": refused == 0 if ratio is None else ratio <= bound and refused == 0,
        "floor_s": round(report.floor_s, 2),
        "runs": len(runs),
        "all_ratios": [run.report.ratio and round(run.report.ratio, 4) for run in runs],
        "rate": report.rate,
        "burst": report.burst,
        "requests": report.requests,
        "weight": report.weight,
        "symbols": report.symbols,
        "failed": len(report.failed),
        "http_429": refused,  # of all runs
        "held_by_the_limiter_s": round(report.wait_s, 2),
        "batches": report.batches,
        "in_flight": report.in_flight,
        "exchange_cpu_s": round(middle.venue_cpu_s, 2),
        "load": round(middle.load, 2),
        "round_trip_ms": round_trip_ms,
    }


def control(venue: Served, round_trip_ms: float, symbols: int = SYMBOLS) -> dict[str, Any]:
    """Fetch a sample one symbol after another through the same limiter, and scale it to `symbols`."""
    per_symbol_s = asyncio.run(_one_after_another(venue.base_url))
    return {
        "peer": "one symbol after another",
        "peer_wall_s": round(per_symbol_s * symbols, 1),
        "scaled": f"peer measured on {SAMPLE} symbols, scaled to {symbols:,}; {round_trip_ms:g} ms declared",
    }


async def _one_after_another(base_url: str) -> float:
    async with GatewayPool(ExchangeSettings(base_url=base_url, rate_per_s=RATE)) as pool:
        wants = [Want(market.symbol) for market in await pool.public.markets() if market.is_scannable]
        spent = int(pool.limiter.burst) + 1
        # The bucket is emptied first: on a whole market its burst counts for nothing.
        await fetch_candles(pool.public, wants[:spent], "15m")
        began = time.perf_counter()
        await fetch_candles(pool.public, wants[spent : spent + SAMPLE], "15m", concurrency=1)
        return (time.perf_counter() - began) / SAMPLE


def exchange() -> AbstractContextManager[Served]:
    """Serve the synthetic market, limits enforced, in a process of its own."""
    market = ("--symbols", str(LISTED), "--start", _START, "--speed", "1")
    return serving(*market, "--rate", str(RATE), "--burst", str(VENUE_BURST))
