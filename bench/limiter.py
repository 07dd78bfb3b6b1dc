"""What a turn at the limiter costs: alone, in a file shared by processes, and with a queue behind it.

Held to CPU seconds of a quiet machine for 10,000 requests. ccxt's own limiter would be the peer, but it is
one for each instance; what is compared here is that sharing between processes stays cheap.
"""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from bench.calibration import slowness
from bench.harness import against_bound, measure
from trading.exchange.throttle import Limiter

TURNS, QUEUED = 10_000, 1_000
FREE_CPU_S, QUEUED_CPU_S = 30e-6 * TURNS, 250e-6 * QUEUED


def run() -> list[dict[str, Any]]:
    """Measure and return four lines: free and queued, each alone and shared."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, path in (("own", None), ("shared", Path(folder) / "venue.budget")):
            free = measure(lambda path=path: asyncio.run(_free(path)))
            work = f"{TURNS:,} turns that need not wait"
            lines.append(
                against_bound(f"limiter {name}", work, free, bound_cpu_s=FREE_CPU_S, slowness=slowness(1))
            )
            queued = measure(lambda path=path: asyncio.run(_queued(path)), repeat=2)
            work = f"{QUEUED:,} turns, all asked for at once, at 1,000 a second"
            lines.append(
                against_bound(
                    f"limiter {name} queued", work, queued, bound_cpu_s=QUEUED_CPU_S, slowness=slowness(1)
                )
            )
    return lines


async def _free(path: Path | None) -> None:
    limiter = Limiter(100_000, burst=TURNS, path=path)
    for _ in range(TURNS):
        await limiter.acquire()
    limiter.close()


async def _queued(path: Path | None) -> None:
    limiter = Limiter(1_000, burst=10, path=path)
    await asyncio.gather(*(limiter.acquire() for _ in range(QUEUED)))
    limiter.close()
