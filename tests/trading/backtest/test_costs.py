"""Costs per symbol from the venue's table and the last tickers."""

import polars as pl
import pytest

from trading.backtest.costs import CostModel, symbol_costs

MARKETS = pl.DataFrame(
    {"symbol": ["A/USDT", "B/USDT"], "taker_fee": [0.0, None]}, schema_overrides={"taker_fee": pl.Float64}
)
TICKERS = pl.DataFrame(
    {
        "symbol": ["A/USDT", "A/USDT", "B/USDT", "C/USDT"],
        "at": [1, 2, 2, 2],
        "bid": [1.0, 99.0, 10.0, 0.0],
        "ask": [2.0, 101.0, 9.0, 1.0],
        "volume_quote_24h": [1.0, 4_800_000.0, 0.0, 96.0],
    }
)
SYMBOLS = pl.Series(["B/USDT", "A/USDT", "C/USDT"])


def test_newest_ticker_gives_spread_and_impact() -> None:
    """A: half of 2 over a mid of 100 = 1 %; 500 into 50,000 a quarter of an hour: 0.002 x 0.1 + 0.0002."""
    row = symbol_costs(SYMBOLS, MARKETS, CostModel(), TICKERS).row(1, named=True)
    assert row["symbol"] == "A/USDT"
    assert row["taker_fee"] == 0.0  # a fee of zero is a fee, not a missing one
    assert row["half_spread"] == pytest.approx(0.01)
    assert row["slippage"] == pytest.approx(0.0004)


def test_what_is_not_quoted_gets_the_models_estimate() -> None:
    """B: crossed quotes, no volume, no fee; C: no bid, and a volume so thin that the ceiling holds."""
    table = symbol_costs(SYMBOLS, MARKETS, CostModel(), TICKERS)
    b, c = table.row(0, named=True), table.row(2, named=True)
    assert (b["taker_fee"], b["half_spread"], b["slippage"]) == (0.0005, 0.0005, 0.0002)
    assert (c["half_spread"], c["slippage"]) == (0.0005, 0.02)


def test_costs_without_tickers_are_the_models() -> None:
    """One row per symbol in the order asked, no nulls."""
    table = symbol_costs(SYMBOLS, MARKETS, CostModel())
    assert table["symbol"].to_list() == SYMBOLS.to_list()
    assert table.null_count().sum_horizontal().item() == 0
