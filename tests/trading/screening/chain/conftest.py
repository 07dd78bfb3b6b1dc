"""Inputs of a small market that is sound unless a test says otherwise."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from trading.market.timeframes import timeframe
from trading.screening.chain.inputs import Inputs

AT = datetime(2024, 3, 1, 12, tzinfo=UTC)
BAR = timeframe("15m")


@pytest.fixture
def inputs(markets, tickers, candles) -> Callable[..., Inputs]:
    """Build `inputs("A", "B", quotes={"A/USDT": {...}}, bars={"A/USDT": {...}}, news=frame, ...)`."""

    def build(
        *bases: str, quotes: dict[str, Any] | None = None, bars: dict[str, Any] | None = None, **ports: Any
    ) -> Inputs:
        symbols = [f"{base}/USDT" for base in bases]
        looks = {symbol: (quotes or {}).get(symbol, {}) for symbol in symbols}
        frames = [
            candles(symbol, seed=number, **(bars or {}).get(symbol, {}))
            for number, symbol in enumerate(symbols)
        ]
        given = {"markets": markets(*bases), "tickers": tickers(looks), "candles": pl.concat(frames)}
        return Inputs(bar=BAR, **(given | ports))

    return build
