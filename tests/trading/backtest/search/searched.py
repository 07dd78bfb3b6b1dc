"""Markets and spaces that tests of the search share."""

import numpy as np
import polars as pl

from trading.backtest.candle_file import CandleFile, candle_file
from trading.backtest.search.bench import Bench
from trading.backtest.search.configurations import Base
from trading.backtest.search.space import Space, parse_space

STRATEGY = {
    "name": "dip",
    "startup": 15,
    "entry": {"when": "rsi_14 < {rsi}"},
    "exit": {"when": "rsi_14 > {leave}"},
    "risk": {"stoploss": 0.05, "max_hold": "12h"},
    "stake": {"amount": 100.0, "volume_share": 0.0},
}
BASE = Base(STRATEGY, "dip.toml")
SPACE = """
[parameters]
rsi = { from = 25, to = 40, step = 5 }
leave = [50, 60]
"risk.stoploss" = [0.02, 0.05]
"""


def space(text: str = SPACE) -> Space:
    return parse_space(text, "space.toml")


def frame(seed: int, *, symbols: int = 6, days: int = 60, planted: float = 0.0) -> pl.DataFrame:
    """Return hourly candles; `planted` is the pull of a price back to its slow path (0 = a random walk)."""
    rng = np.random.default_rng(seed)
    bars = 24 * days
    frames = []
    for k in range(symbols):
        walk = np.cumsum(rng.normal(0, 0.004, bars + 1))
        swing = np.zeros(bars + 1)
        for t in range(1, bars + 1):
            swing[t] = 0.85 * swing[t - 1] + rng.normal(0, planted)
        price = 100 * np.exp(walk + swing)
        opened, closed = price[:-1], price[1:]
        wide = np.abs(rng.normal(0, 0.001, (2, bars)))
        frames.append(
            pl.DataFrame(
                {
                    "symbol": f"S{k}/USDT",
                    "ts": (np.arange(bars) * 3_600_000 + 1_767_225_600_000).astype(np.int64),
                    "open": opened,
                    "high": np.maximum(opened, closed) * (1 + wide[0]),
                    "low": np.minimum(opened, closed) * (1 - wide[1]),
                    "close": closed,
                    "volume": 1e6,
                }
            )
        )
    return pl.concat(frames)


def candles(seed: int, **kind: float) -> CandleFile:
    return candle_file(frame(seed, **kind))  # type: ignore[arg-type]  # whole numbers are passed as such


def bench(seed: int, **kind: float) -> Bench:
    return Bench(candles(seed, **kind))
