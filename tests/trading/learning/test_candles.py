"""Labels from candles are what the backtest would have booked."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from trading.backtest.engine import run_backtest
from trading.indicators.table import indicator_table
from trading.learning.candles import candle_labels
from trading.learning.labels import decided_outcomes
from trading.market.errors import BadInput
from trading.risk.exits import ExitRules
from trading.signals.features import FEATURES
from trading.signals.generate import signal_rows

UTC_MS = pl.Datetime("ms", "UTC")


@pytest.fixture(scope="module")
def line() -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(3)
    n, start = 800, datetime(2026, 1, 1, tzinfo=UTC)
    path = 10 * np.exp(np.cumsum(rng.normal(0, 0.006, (4, n)), axis=1))
    open_ = np.concatenate([path[:, :1], path[:, :-1]], axis=1)
    times = pl.datetime_range(start, start + timedelta(minutes=15 * (n - 1)), "15m", eager=True).cast(UTC_MS)
    candles = pl.DataFrame(
        {
            "symbol": np.repeat(["A/USDT", "B/USDT", "C/USDT", "D/USDT"], n),
            "open_time": pl.concat([times] * 4),
        }
    ).with_columns(
        open=open_.ravel(),
        high=np.maximum(open_, path).ravel() * 1.002,
        low=np.minimum(open_, path).ravel() * 0.998,
        close=path.ravel(),
        volume=rng.lognormal(3, 1, 4 * n),
        quote_volume=path.ravel(),
    )
    signals = signal_rows(indicator_table(candles)).with_columns(
        lineage_id="sig-" + pl.int_range(pl.len()).cast(pl.String)
    )
    markets = pl.DataFrame({"symbol": ["A/USDT", "B/USDT", "C/USDT", "D/USDT"], "taker_fee": 0.0005})
    return candles, signals, markets


def test_a_traded_signal_has_the_label_of_its_trade(line) -> None:
    """Same fills, same costs: the kernel that trades and the one that labels agree."""
    candles, signals, markets = line
    labels = candle_labels(candles, signals, markets, ExitRules())
    trades = run_backtest(candles, signals, markets, ExitRules()).trades.filter(~pl.col("is_open"))
    both = trades.join(labels, on="signal_id", suffix="_label")
    assert len(both) == len(trades) > 10
    np.testing.assert_allclose(both["net_return"], both["profit_ratio"], rtol=1e-12)
    assert (both["closed_at"] == both["close_time"].dt.offset_by("15m")).all()


def test_labels_come_with_the_features_as_decided(line) -> None:
    """One row per candidate that ended, decided when its bar closed."""
    candles, signals, markets = line
    labels = candle_labels(candles, signals, markets)
    assert set(FEATURES) <= set(labels.columns)
    assert labels["source"].unique().to_list() == ["candles"]
    joined = labels.join(signals, left_on="signal_id", right_on="lineage_id", suffix="_signal")
    assert len(joined) == len(labels) <= signals["is_candidate"].sum()
    assert (joined["f_rsi"] == joined["f_rsi_signal"]).all()
    assert (labels["decided_at"] == labels["bar_time"].dt.offset_by("15m")).all()


def test_nothing_to_label_has_the_same_columns(line) -> None:
    """An empty day goes through the line."""
    candles, signals, markets = line
    empty = candle_labels(candles, signals.filter(~pl.col("is_candidate")), markets)
    assert empty.is_empty()
    assert empty.schema == candle_labels(candles, signals, markets).schema


def decided(signals: pl.DataFrame, **exits: object) -> pl.DataFrame:
    """The candidates as the ledger of decisions holds them."""
    return signals.filter("is_candidate").select(
        pl.col("lineage_id").alias("decision_id"),
        "symbol",
        pl.col("open_time").alias("bar_time"),
        "score",
        pl.lit(json.dumps(exits)).alias("exits"),
    )


def test_a_decision_ends_by_the_exits_it_was_made_with(line) -> None:
    """Half held a bar, half for four hours: each as its own exits say, and as the backtest's machine does."""
    candles, signals, markets = line
    rows = decided(signals, max_hold_bars=16)
    quick = rows.with_row_index("n").with_columns(
        exits=pl.when(pl.col("n") % 2 == 0).then(pl.lit('{"max_hold_bars": 1}')).otherwise("exits")
    )
    found = decided_outcomes(candles, quick, markets)
    for parity, bars in ((0, 1), (1, 16)):
        mine = quick.filter(pl.col("n") % 2 == parity)["decision_id"]
        alone = candle_labels(candles, signals, markets, ExitRules(max_hold_bars=bars))
        both = alone.filter(pl.col("signal_id").is_in(mine.implode())).join(
            found, left_on="signal_id", right_on="decision_id", suffix="_found"
        )
        assert len(both) > 3
        assert (both["net_return"] == both["net_return_found"]).all()
        assert (both["closed_at"] == both["closed_at_found"]).all()
    with pytest.raises(BadInput, match="exits of a decision must be those of ExitRules"):
        decided_outcomes(candles, rows.with_columns(exits=pl.lit("no json")), markets)


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(260, 795))
def test_an_outcome_that_is_known_does_not_change_when_later_bars_come(line, cut: int) -> None:
    """Outcomes of data[:t] are, row for row and exactly, those of all data that had ended by t."""
    candles, signals, markets = line
    until = datetime(2026, 1, 1, tzinfo=UTC) + cut * timedelta(minutes=15)
    whole = decided_outcomes(candles, decided(signals), markets, bar_ms=900_000)
    part = decided_outcomes(
        candles.filter(pl.col("open_time") < until), decided(signals), markets, bar_ms=900_000
    )
    assert_frame_equal(part, whole.filter(pl.col("closed_at") <= until), check_exact=True)
