from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from trading.indicators.by_name import _indicators, named_indicator
from trading.market.errors import BadInput
from trading.market.frames import CANDLES


def walk(symbol: str, bars: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars)))
    start = datetime(2025, 1, 1, tzinfo=UTC)
    frame = pl.DataFrame({
        "symbol": symbol, "open_time": [start + timedelta(minutes=15 * i) for i in range(bars)],
        "open": close, "high": close * 1.01, "low": close * 0.99, "close": close,
        "volume": 10.0, "quote_volume": close * 10,
    })  # fmt: skip
    return frame.select(pl.col(name).cast(dtype) for name, dtype in CANDLES.items())


def test_mean_of_the_last_bars_is_what_sma_says():
    """A simple moving average is checked against its definition, symbol by symbol."""
    candles = pl.concat([walk("B/USDT", 40, 1), walk("A/USDT", 40, 2)])
    found = named_indicator(candles, "sma", length=5)
    expected = candles.sort("symbol", "open_time").with_columns(
        mean=pl.col("close").rolling_mean(5).over("symbol")
    )
    assert np.allclose(found["SMA_5"].to_numpy(), expected["mean"].to_numpy(), equal_nan=True)
    assert found["SMA_5"].null_count() == 8


def test_indicator_with_several_outputs_keeps_their_names():
    """Supertrend answers with a line, a direction and two bands."""
    found = named_indicator(walk("A/USDT", 60, 3), "supertrend", length=7, multiplier=3.0)
    assert len([name for name in found.columns if name.startswith("SUPERT")]) == 4


def test_volume_is_handed_over_where_it_is_asked_for():
    """On-balance volume of a constant volume moves by exactly that volume."""
    found = named_indicator(walk("A/USDT", 30, 4), "obv")["OBV"].drop_nulls()
    assert set(np.abs(np.diff(found.to_numpy()))) <= {0.0, 10.0}


def test_unknown_name_is_refused_with_near_ones():
    """A typing error is answered with what may have been meant."""
    with pytest.raises(BadInput, match=r"no indicator 'supertrendd'; near names: supertrend"):
        named_indicator(walk("A/USDT", 30, 5), "supertrendd")


def test_too_few_bars_give_no_value_and_no_error():
    """pandas-ta answers nothing: the bars come back without a column."""
    assert named_indicator(walk("A/USDT", 3, 6), "sma", length=5).columns == ["symbol", "open_time"]


@pytest.mark.parametrize("name", ["zigzag", "tos_stdevall", "vp"])
def test_what_looks_ahead_is_refused(name):
    """A value that later bars change would make every backtest on it a lie."""
    with pytest.raises(BadInput, match=f"{name} looks into the future"):
        named_indicator(walk("A/USDT", 30, 5), name)


@pytest.mark.parametrize("setting", [{"centered": 1.0}, {"offset": -5}, {"talib": 1.0}])
def test_a_setting_that_would_look_ahead_is_refused(setting):
    """dpo is centred by default and an offset may be negative: neither can be asked for."""
    with pytest.raises(BadInput, match="cannot be set"):
        named_indicator(walk("A/USDT", 60, 5), "dpo", **setting)


def test_ichimoku_comes_without_the_line_of_the_future():
    """The chikou span is the close of 25 bars later."""
    found = named_indicator(walk("A/USDT", 200, 6), "ichimoku")
    assert [name[:3] for name in found.columns[2:]] == ["ISA", "ISB", "ITS", "IKS"]


@pytest.mark.slow
def test_no_indicator_of_pandas_ta_changes_when_later_bars_arrive():
    """Every one that can be asked by name, on 700 bars and on their first 600."""
    pandas_ta = pytest.importorskip("pandas_ta")
    candles = walk("A/USDT", 700, 7)
    asked = 0
    for name in _indicators(pandas_ta):
        try:
            whole, cut = named_indicator(candles, name), named_indicator(candles.head(600), name)
        except BadInput:
            continue
        asked += 1
        for column in set(whole.columns[2:]) & set(cut.columns):
            late, early = whole[column].head(600).to_numpy(), cut[column].to_numpy()
            assert np.allclose(late, early, rtol=1e-9, atol=0.0, equal_nan=True), (name, column)
    assert asked > 120
