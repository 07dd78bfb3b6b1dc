"""How soon a second `sluice backtest` starts its first bar: the whole command over a handful of bars.

Everything is a fresh process; the first one compiles what the disk does not hold yet and is not counted.
What remains is Python, the imports and numba's machine code read from the disk.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from bench.harness import Line, Measured, against_bound

MOST_S = 3.0
_BARS = 300
_STRATEGY = """startup = 20
[entry]
when = "rsi_14 < 45"
[exit]
when = "rsi_14 > 55"
[risk]
stoploss = 0.02
roi = { "0" = 0.03 }
max_hold = "1d"
[stake]
amount = 100
"""


def run() -> Line:
    """Return CPU and wall of the cheapest of three runs after a first; CPU is held to the bound.

    Not scaled to a reference machine: what was asked is three seconds on a quiet one, whose wall is its CPU.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = _command(Path(folder))
        _timed(command)
        best = min((_timed(command) for _ in range(3)), key=lambda found: found.cpu_s)
    work = f"`sluice backtest` over one pair of {_BARS} bars, both modes, in a fresh process, compiled before"
    return against_bound("backtest start", work, best, bound_cpu_s=MOST_S, slowness=1.0)


def _command(folder: Path) -> list[str]:
    draw = np.random.default_rng(3)
    close = np.round(100 * np.exp(np.cumsum(draw.normal(0, 0.01, _BARS))), 2)
    opened = np.concatenate([close[:1], close[:-1]])
    pl.DataFrame(
        {
            "symbol": ["A/USDT"] * _BARS,
            "ts": 1_735_689_600_000 + 900_000 * np.arange(_BARS, dtype=np.int64),
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": np.full(_BARS, 1e6),
        }
    ).write_parquet(folder / "candles.parquet")
    (folder / "strategy.toml").write_text(_STRATEGY, encoding="utf-8")
    files = ["--candles", str(folder / "candles.parquet"), "--strategy", str(folder / "strategy.toml")]
    return [sys.executable, "-m", "interfaces.cli", "backtest", *files, "--json"]


def _timed(command: list[str]) -> Measured:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(cpu_s, wall_s, after.ru_maxrss / 1024)
