"""What candles cost the embedded exchange: 500-candle pages by timeframe, and one snapshot of all pairs.

Held to CPU seconds of a quiet machine (see `bench.calibration`): 2 ms for a page of any timeframe at any
date, 60 ms for the ticker of 2,610 pairs. Pages are drawn from pairs that have traded since the epoch, the
dearest kind; weeks and months reach back to the first bar of the market.
"""

from typing import Any

import numpy as np

from bench.calibration import slowness
from bench.harness import against_bound, measure
from trading.market.timeframes import DAY_MS, MINUTE_MS, TIMEFRAMES
from trading.simulator.source import Pair
from trading.simulator.synthetic import SyntheticMarket, synthetic

PAGE_CPU_S, SNAPSHOT_CPU_S = 0.002, 0.060
PAGES, ROWS, SNAPSHOTS = 200, 500, 5


def run() -> list[dict[str, Any]]:
    """Measure and return one line per timeframe, and one for the snapshot."""
    market = synthetic()
    old = [pair for pair in market.pairs.values() if pair.listed_ms == market.first_ms and pair.status == "1"]
    lines = []
    for name in market.timeframes:
        work = f"one page of {ROWS} x {name}, mean of {PAGES} pairs and dates"
        ours = measure(lambda name=name: pages(market, old, name))
        lines.append(_line(f"candles {name}", work, ours, PAGES, PAGE_CPU_S))
    ours = measure(lambda: snapshots(market))
    work = f"last, bid, ask and 24h figures of {len(market.pairs):,} pairs"
    lines.append(_line("candles snapshot", work, ours, SNAPSHOTS + 1, SNAPSHOT_CPU_S))
    return lines


def pages(market: SyntheticMarket, pairs: list[Pair], name: str) -> int:
    """Ask for `PAGES` seeded pages of timeframe `name`; return how many rows came."""
    draw = np.random.default_rng(20260817)
    span = ROWS * TIMEFRAMES[name].ms
    rows = 0
    for _ in range(PAGES):
        pair = pairs[int(draw.integers(len(pairs)))]
        now = market.default_start_ms - int(draw.integers(300 * DAY_MS))
        rows += len(market.bars(pair.symbol, name, now - span, now, now).open_ms)
    return rows


def snapshots(market: SyntheticMarket) -> None:
    """Ask for `SNAPSHOTS` snapshots at different minutes (the same second is answered from memory)."""
    at = market.default_start_ms + 12_345
    for k in range(SNAPSHOTS):
        market.snapshot(at + k * 7 * MINUTE_MS)
    # The next repeat must not find the last of these in memory.
    market.snapshot(at - DAY_MS)


def _line(name: str, work: str, ours: Any, times: int, bound: float) -> dict[str, Any]:
    each = type(ours)(ours.cpu_s / times, ours.wall_s / times, ours.peak_rss_mb)
    line = against_bound(name, work, each, bound_cpu_s=bound, slowness=slowness(1))
    # Four decimals of a second say nothing about a page of half a millisecond.
    quiet_ms = each.cpu_s * 1000 / line["slowness"]
    return line | {"ours_cpu_ms": round(each.cpu_s * 1000, 3), "quiet_cpu_ms": round(quiet_ms, 3)}
