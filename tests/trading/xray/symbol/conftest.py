"""Candles of one symbol, made to measure."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from trading.market.frames import CANDLES

START = datetime(2025, 3, 1, tzinfo=UTC)
BAR_MS = 900_000


@pytest.fixture
def one() -> Callable[..., pl.DataFrame]:
    """Build CANDLES of one symbol from closes: `one(closes, volume=10.0, name="BTC/USDT")`."""

    def build(
        closes: np.ndarray | list[float], *, volume: float = 10.0, name: str = "BTC/USDT"
    ) -> pl.DataFrame:
        close = np.asarray(closes, dtype=float)
        opened = np.concatenate([close[:1], close[:-1]])
        start = int(START.timestamp() * 1000)
        columns = {
            "symbol": [name] * len(close),
            "open_time": start + BAR_MS * np.arange(len(close)),
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": np.full(len(close), volume),
            "quote_volume": close * volume,
        }
        return pl.DataFrame(columns).cast(CANDLES)

    return build


@pytest.fixture
def walk() -> np.ndarray:
    """A seeded walk of 900 closes around 100."""
    return 100 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.003, 900)))
