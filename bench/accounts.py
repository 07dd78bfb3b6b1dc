"""What a thousand accounts cost: making their gateways, and the memory they hold after their first use.

The embedded exchange serves 2,610 pairs and the accounts from a process of its own; the figures are of the
client alone. First use is a signed balance request over HTTP, so what an instance keeps of its last request
is counted; session, TLS context, listing and limiter are there before, one for all.
"""

import asyncio
import gc
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.calibration import slowness
from bench.harness import Measured, against_bound, apart, cpu_s, measure, peak_rss_mb
from bench.venue import serving
from trading.exchange.account import MexcAccount
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.simulator.accounts import demo_credentials

ACCOUNTS, SYMBOLS, SEED = 1_000, 2_610, 7
# Accounts that open what all share (connections, code paths) before memory is looked at.
AT_ONCE = 16
MOST_CPU_S = 100e-6
MOST_MB = 80.0


def run() -> list[dict[str, Any]]:
    """Measure and return two lines: seconds of CPU to make one account, MB that a thousand add."""
    with serving("--symbols", str(SYMBOLS), "--rate", "0", "--accounts", str(ACCOUNTS + AT_ONCE)) as venue:
        # A process each: what the first measurement frees would hide what the second one takes.
        made = apart(_making, venue.base_url, repeat=1, warm_up=False).value
        used = apart(_using, venue.base_url, repeat=1, warm_up=False).value
    each = Measured(made.cpu_s / ACCOUNTS, made.wall_s / ACCOUNTS, made.peak_rss_mb)
    making = against_bound(
        "accounts make", f"one account gateway, mean of {ACCOUNTS:,}", each,
        bound_cpu_s=MOST_CPU_S, slowness=slowness(1),
    )  # fmt: skip
    making["ratio"] = round(each.cpu_s / making["slowness"], 7)
    making["ours_cpu_s"] = round(each.cpu_s, 7)
    return [
        making,
        {
            "name": "accounts memory",
            "work": f"{ACCOUNTS:,} accounts after a signed request each, beside {SYMBOLS:,} pairs",
            "ours_cpu_s": round(used.cpu_s, 2),
            "ours_wall_s": round(used.wall_s, 2),
            "peak_rss_mb": round(used.peak_rss_mb, 1),
            "peer": None,
            "peer_cpu_s": None,
            "ratio": round(used.value, 1),
            "ratio_of": "MB of resident memory added",
            "bound": MOST_MB,
            "ok": used.value <= MOST_MB,
        },
    ]


def _making(base_url: str) -> Measured:
    async def made() -> Measured:
        async with _pool(base_url) as pool:
            await pool.public.markets()
            # New keys each time: a key that was used before finds its limiter made.
            keys = iter([_keys(range(first, first + ACCOUNTS)) for first in range(0, 4 * ACCOUNTS, ACCOUNTS)])
            best = measure(lambda: [pool.account(*pair) for pair in next(keys)])
            return Measured(best.cpu_s, best.wall_s, best.peak_rss_mb)

    return asyncio.run(made())


def _using(base_url: str) -> Measured:
    async def used() -> Measured:
        async with _pool(base_url) as pool:
            await pool.public.markets()
            first = [pool.account(*pair) for pair in _keys(range(AT_ONCE))]
            await _use(first)
            keys = _keys(range(AT_ONCE, AT_ONCE + ACCOUNTS))
            gc.collect()
            before_mb, wall, cpu = _rss_mb(), perf_counter(), cpu_s()
            accounts = [pool.account(*pair) for pair in keys]
            await _use(accounts)
            spent = cpu_s() - cpu, perf_counter() - wall
            gc.collect()
            return Measured(*spent, peak_rss_mb(), _rss_mb() - before_mb)

    return asyncio.run(used())


@asynccontextmanager
async def _pool(base_url: str) -> AsyncIterator[GatewayPool]:
    """Open a pool whose budgets, the address's and the keys', are shared by file as in a running world."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ExchangeSettings(
            base_url, rate_per_s=100_000, signed_on_address=False, limiter_path=Path(folder)
        )
        async with GatewayPool(settings) as pool:
            yield pool


def _keys(numbers: Iterable[int]) -> list[tuple[str, str]]:
    return [demo_credentials(SEED, number + 1) for number in numbers]


async def _use(accounts: list[MexcAccount]) -> None:
    waiting = iter(accounts)

    async def work() -> None:
        for account in waiting:
            balances = await account.balances()
            if balances["USDT"].free <= 0:
                raise RuntimeError("a demo account came without money: the wrong account answered")

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


def _rss_mb() -> float:
    """Return this process's resident memory in MB (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) * 1024 / 1e6
