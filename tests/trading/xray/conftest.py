"""A small market with planted groups, and the real one where this machine has it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.market.frames import CANDLES, conform

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "ohlcv_1h_perp.parquet"
BAR_MS = 900_000
START_MS = 1_704_067_200_000


@dataclass(frozen=True)
class Planted:
    """Returns of a market factor, sectors and own noise; `sector` is the truth to be found."""

    symbols: list[str]
    returns: np.ndarray
    sector: np.ndarray


@pytest.fixture
def planted() -> Callable[..., Planted]:
    """Build a planted market: `planted(symbols, bars, sectors=8, seed=0)`."""

    def build(symbols: int, bars: int, *, sectors: int = 8, seed: int = 0) -> Planted:
        generator = np.random.default_rng(seed)
        sector = generator.integers(0, sectors, symbols)
        market = generator.standard_t(5, bars) * 0.004
        factors = generator.normal(0, 0.003, (sectors, bars))
        own = generator.standard_t(4, (symbols, bars)) * 0.002
        loading = generator.normal(1.0, 0.3, (symbols, 1))
        names = [f"S{number:04d}/USDT" for number in range(symbols)]
        return Planted(names, loading * market + factors[sector] + own, sector)

    return build


@pytest.fixture
def to_candles() -> Callable[..., pl.DataFrame]:
    """Turn closes of shape (n_symbols, n_bars), NaN in holes, into CANDLES."""

    def build(symbols: list[str], close: np.ndarray) -> pl.DataFrame:
        count, bars = close.shape
        price = close.ravel()
        columns = {
            "symbol": np.repeat(symbols, bars),
            "open_time": np.tile(START_MS + BAR_MS * np.arange(bars), count),
            "open": price,
            "high": price * 1.001,
            "low": price * 0.999,
            "close": price,
            "volume": np.ones(len(price)),
            "quote_volume": price,
        }
        return pl.DataFrame(columns).filter(pl.col("close").is_not_nan()).cast(CANDLES)

    return build


@pytest.fixture(scope="session")
def real() -> pl.DataFrame:
    """Six hundred real hours of 340 perpetuals, as CANDLES with unified names."""
    if not REAL.exists():
        pytest.skip(f"real candles are not on this machine: {REAL.name}")
    frame = pl.scan_parquet(REAL).filter(pl.col("ts") > pl.col("ts").max() - pl.duration(hours=600)).collect()
    frame = frame.rename({"ts": "open_time"}).with_columns(
        symbol=pl.col("symbol").str.replace("USDT$", "/USDT"), quote_volume=pl.col("close") * pl.col("volume")
    )
    return conform(frame, CANDLES)
