"""Markets, tickers and candles that are sound unless a test says otherwise."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest

from trading.market.frames import CANDLES, TICKERS
from trading.market.symbols import Market
from trading.screening.filters import validate_markets

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
BAR_MS = 900_000


@pytest.fixture
def market() -> Callable[..., Market]:
    """Build one sound market: `market("BTC", status="2", ...)`."""

    def build(base: str, quote: str = "USDT", /, **changes: Any) -> Market:
        facts: dict[str, Any] = {
            "symbol": f"{base}/{quote}",
            "exchange_id": f"{base}{quote}",
            "base": base,
            "quote": quote,
            "status": "1",
            "is_scannable": True,
            "is_api_tradable": True,
            "tick": Decimal("0.01"),
            "step": Decimal("0.001"),
            "min_amount": Decimal(0),
            "min_cost": Decimal(1),
            "max_cost": Decimal(2_000_000),
            "maker_fee": Decimal(0),
            "taker_fee": Decimal("0.0005"),
            "full_name": base.title(),
        }
        return Market(**(facts | changes))

    return build


@pytest.fixture
def tickers() -> Callable[..., pl.DataFrame]:
    """Build TICKERS from `{symbol: {column: value}}`; sound values where left out."""

    def build(looks: dict[str, dict[str, Any]]) -> pl.DataFrame:
        rows = []
        for symbol, changes in looks.items():
            price = changes.get("last", 100.0)
            row = {"symbol": symbol, "at": AT, "last": price, "bid": 99.9, "ask": 100.1, "open_24h": 100.0}
            row |= {"high_24h": 101.0, "low_24h": 99.0, "volume_base_24h": 1e4, "volume_quote_24h": 1e6}
            rows.append(row | {"change_24h": 0.0} | changes)
        return pl.DataFrame(rows, schema=TICKERS)

    return build


@pytest.fixture
def markets(market: Callable[..., Market]) -> Callable[..., pl.DataFrame]:
    """Build a MARKETS frame of sound pairs from bases."""
    return lambda *bases: validate_markets([market(base) for base in bases])[0]


@pytest.fixture
def candles() -> Callable[..., pl.DataFrame]:
    """Build CANDLES of one symbol ending at AT: `candles("A/USDT", bars=400, volatility=0.01, ...)`."""

    def build(
        symbol: str,
        *,
        bars: int = 400,
        volatility: float = 0.01,
        quote_volume: float = 1e4,
        seed: int = 0,
        close: Any = None,
        late_bars: int = 0,
    ) -> pl.DataFrame:
        generator = np.random.default_rng(seed)
        walk = 100 * np.exp(np.cumsum(generator.normal(0, volatility, bars)))
        price = walk if close is None else np.asarray(close, dtype=np.float64)
        end = int(AT.timestamp() * 1000) - BAR_MS * late_bars
        times = end - BAR_MS * np.arange(len(price), 0, -1)
        columns = {
            "symbol": [symbol] * len(price),
            "open_time": times,
            "open": price,
            "high": price * 1.001,
            "low": price * 0.999,
            "close": price,
            "volume": quote_volume / price,
            "quote_volume": np.full(len(price), quote_volume),
        }
        return pl.DataFrame(columns).cast(CANDLES)

    return build
