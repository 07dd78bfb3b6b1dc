"""A grid of 500 configurations over 200 symbols x 2,000 bars, against one replay per configuration.

Thresholds, stops, targets, trailing stops and holds differ; there are five distinct indicator windows. CPU
and memory are held to their bounds; the peer is our own `replay`, asked for some configurations, scaled.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from bench.calibration import slowness
from bench.harness import Measured, against_bound, against_peer, apart, measure, peak_rss_mb
from trading.backtest.candle_file import CandleFile, candle_file
from trading.backtest.grid import GridJob, run_grid
from trading.backtest.replay import replay
from trading.backtest.strategy import Strategy, Trailing
from trading.backtest.strategy_file import parse_strategy

SYMBOLS, BARS = 200, 2_000
HOUR_MS = 3_600_000
ASKED_ALONE = 25
TOML = """startup = 60
[entry]
when = "{entry}"
[exit]
when = "{leave}"
[risk]
stoploss = 0.03
[stake]
amount = 100
"""


def run() -> list[dict[str, Any]]:
    """Return one line for the CPU, one for the extra memory, one against replays one by one."""
    before = slowness()
    cost = apart(_measured_grid, repeat=1, warm_up=False).value
    # A machine that is quicker than the calibrated one is taken as it is.
    slow = max(1.0, before, slowness())
    work = f"500 configurations x {SYMBOLS} symbols x {BARS:,} bars"
    ours = Measured(cost["cpu_s"], cost["wall_s"], cost["extra_mb"])
    more = {key: cost[key] for key in ("configurations", "trades", "extra_mb", "million_bars_per_cpu_s")}
    lines = [against_bound("grid", work, ours, bound_cpu_s=2.0, slowness=slow, **more)]
    memory = {"name": "grid, extra memory", "work": work, "peer": None, "ours_mb": round(cost["extra_mb"], 1)}
    lines.append(
        memory | {"ratio": round(cost["extra_mb"], 1), "bound": 100.0, "ok": cost["extra_mb"] <= 100}
    )
    alone = Measured(cost["alone_cpu_s"] * 500 / ASKED_ALONE, 0.0, 0.0)
    words = f"{work}; the peer asked for {ASKED_ALONE} of them, scaled"
    lines.append(against_peer("grid", words, ours, "our own replay, one by one", alone, bound=5.0))
    return lines


def _measured_grid() -> dict[str, Any]:
    """Measure the grid in a process of its own, and some of its configurations alone."""
    candles, wanted = market(), configurations()
    job = GridJob(candles, wanted, is_daily=True)
    run_grid(replace(job, strategies=wanted[:2]))  # compiles
    base = _settled_mb()
    cost = measure(lambda: run_grid(job), repeat=3, warm_up=False)
    found = cost.value
    chosen = wanted[:: len(wanted) // ASKED_ALONE][:ASKED_ALONE]
    alone = measure(lambda: [replay(candles, each).trades.height for each in chosen], repeat=1)
    counts = found.figures["trades"].to_list()[:: len(wanted) // ASKED_ALONE][:ASKED_ALONE]
    if alone.value != counts or not found.is_fast.all():
        raise ValueError("the grid's trades are not those of its configurations replayed alone")
    return {
        "cpu_s": cost.cpu_s,
        "wall_s": cost.wall_s,
        "extra_mb": cost.peak_rss_mb - base,
        "configurations": len(wanted),
        "trades": int(found.figures["trades"].sum()),
        "million_bars_per_cpu_s": round(len(wanted) * SYMBOLS * BARS / cost.cpu_s / 1e6, 1),
        "alone_cpu_s": alone.cpu_s,
    }


def _settled_mb() -> float:
    from pathlib import Path

    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    return peak_rss_mb()


def configurations() -> list[Strategy]:
    """Return 500: five windows x ten thresholds, and ten sets of risk parameters for each."""
    risks = [
        {"stoploss": stop, "roi": roi, "trailing": trailing, "max_hold_min": hold}
        for stop, roi, trailing, hold in (
            (0.02, ((0, 0.03),), None, 2_880),
            (0.03, ((0, 0.06),), None, 2_880),
            (0.05, ((0, 0.10),), None, 0),
            (0.03, ((0, 0.06), (600, 0.03), (1_500, 0.01)), None, 2_880),
            (0.04, ((0, 0.08), (720, 0.04)), Trailing(0.01, 0.02), 0),
            (0.02, (), Trailing(0.015, 0.03), 2_880),
            (0.06, (), Trailing(0.02, 0.02), 0),
            (0.03, (), None, 1_440),
            (0.08, ((0, 0.05),), None, 4_320),
            (0.015, ((0, 0.02), (240, 0.01)), None, 720),
        )
    ]
    found = []
    for window in (7, 10, 14, 21, 28):
        for low in range(20, 40, 2):
            entry, leave = f"rsi_{window} < {low} AND volume > 0", f"rsi_{window} > {100 - low}"
            plain = parse_strategy(TOML.format(entry=entry, leave=leave))
            found += [replace(plain, **risk) for risk in risks]
    return found


def market() -> CandleFile:
    """Return seeded walks rounded to six decimals."""
    draw = np.random.default_rng(20260902)
    shape = (SYMBOLS, BARS)
    close = np.round(50 * np.exp(np.cumsum(draw.standard_normal(shape) * 0.008, axis=1)), 6)
    opened = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    high = np.round(np.maximum(opened, close) * (1 + 0.004 * draw.random(shape)), 6)
    low = np.round(np.minimum(opened, close) * (1 - 0.004 * draw.random(shape)), 6)
    names = np.repeat([f"S{k:03d}/USDT" for k in range(SYMBOLS)], BARS)
    times = np.tile(np.arange(BARS, dtype=np.int64) * HOUR_MS + 1_735_689_600_000, SYMBOLS)
    columns = {"open": opened, "high": np.maximum(high, np.maximum(opened, close)),
               "low": np.minimum(low, np.minimum(opened, close)), "close": close}  # fmt: skip
    flat = {name: values.reshape(-1) for name, values in columns.items()}
    return candle_file(
        pl.DataFrame({"symbol": names, "ts": times, **flat, "volume": np.full(SYMBOLS * BARS, 1e6)})
    )
