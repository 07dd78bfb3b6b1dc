"""Candles to compute on: seeded random walks, and real ones where this machine has them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.market.frames import CANDLES, conform

Candles = Callable[..., pl.DataFrame]
REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "ohlcv_1h_perp.parquet"
BAR_MS = 900_000
START_MS = 1_704_067_200_000


def _frame(symbol: str, close: np.ndarray, generator: np.random.Generator) -> pl.DataFrame:
    opened = np.concatenate([close[:1], close[:-1]])
    wick = np.abs(generator.normal(0, 0.002, (2, len(close))))
    volume = generator.lognormal(6, 1, len(close))
    return pl.DataFrame(
        {
            "symbol": [symbol] * len(close),
            "open_time": pl.Series(START_MS + BAR_MS * np.arange(len(close))).cast(CANDLES["open_time"]),
            "open": opened,
            "high": np.maximum(opened, close) * (1 + wick[0]),
            "low": np.minimum(opened, close) * (1 - wick[1]),
            "close": close,
            "volume": volume,
            "quote_volume": volume * close,
        }
    )


@pytest.fixture
def candles() -> Candles:
    """Build CANDLES: `candles(bars, symbols=1, seed=0, price=100.0)` or from given closes."""

    def build(
        bars: int = 0, *, symbols: int = 1, seed: int = 0, price: float = 100.0, close: object = None
    ) -> pl.DataFrame:
        generator = np.random.default_rng(seed)
        frames = []
        for number in range(symbols):
            walk = price * np.exp(np.cumsum(generator.normal(0, 0.01, bars)))
            closes = walk if close is None else np.asarray(close, dtype=np.float64)
            frames.append(_frame(f"S{number:03d}/USDT", closes, generator))
        return pl.concat(frames)

    return build


@pytest.fixture(scope="session")
def real() -> pl.DataFrame:
    """Six real hourly perpetuals with 2,500 bars each, as CANDLES."""
    if not REAL.exists():
        pytest.skip(f"real candles are not on this machine: {REAL.name}")
    chosen = ["BTCUSDT", "ETHUSDT", "1000PEPEUSDT", "DOGEUSDT", "SOLUSDT", "1000SATSUSDT"]
    frame = pl.scan_parquet(REAL).filter(pl.col("symbol").is_in(chosen)).collect()
    frame = frame.rename({"ts": "open_time"}).with_columns(quote_volume=pl.col("close") * pl.col("volume"))
    return conform(frame, CANDLES).sort("symbol", "open_time").group_by("symbol").tail(2500)
