"""Recorded candles go through signals, backtest and approval. They are other venues' markets."""

from pathlib import Path

import polars as pl
import pytest

from trading.backtest.approval import approve
from trading.backtest.engine import run_backtest
from trading.indicators.table import indicator_table
from trading.signals.generate import signal_rows

RECORDED = Path(__file__).resolve().parents[3] / "../shared/data/ohlcv_15m_perp.parquet"


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded candles are not on this machine")
def test_recorded_candles_get_a_verdict_per_symbol_and_fills_inside_their_bars() -> None:
    """Three months of 15m bars of 32 symbols: every mark is a price of its bar; every symbol has a reason."""
    frame = pl.read_parquet(RECORDED).rename({"ts": "open_time"})
    frame = frame.with_columns(
        pl.col("open_time").cast(pl.Datetime("ms", "UTC")), quote_volume=pl.col("volume") * pl.col("close")
    )
    markets = pl.DataFrame({"symbol": frame["symbol"].unique().sort()}).with_columns(taker_fee=pl.lit(0.0005))
    found = run_backtest(frame, signal_rows(indicator_table(frame)), markets)
    approval = approve(found.metrics, found.trades)
    assert approval.symbols["symbol"].sort().to_list() == markets["symbol"].to_list()
    assert approval.symbols["reason"].null_count() == 0
    bars = frame.select("symbol", pl.col("open_time").alias("close_time"), "low", "high")
    fills = found.trades.filter(~pl.col("is_open")).join(bars, on=["symbol", "close_time"])
    assert len(fills) > 1000
    assert fills.select(
        pl.col("close_mark").is_between(pl.col("low") * (1 - 1e-12), pl.col("high") * (1 + 1e-12)).all()
    ).item()
