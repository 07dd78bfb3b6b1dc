import numpy as np
import polars as pl
import pytest

from trading.indicators.settings import IndicatorSettings
from trading.indicators.table import indicator_table
from trading.indicators.warmup import warm_up_bars, warm_up_table


def test_default_history_of_a_thousand_bars_suffices():
    """The line fetches 1,000 bars; every column must have values in them."""
    assert warm_up_bars() == 753
    assert warm_up_bars(IndicatorSettings(emas=(20,))) == max(
        warm_up_table(IndicatorSettings(emas=())).values()
    )


def test_ema_warm_up_is_where_its_seed_weighs_one_part_in_250():
    """Formula by hand: (1 - 2/(n+1)) ** (bars - n) <= 1/250, and not one bar earlier."""
    for length in (20, 50, 200):
        bars = warm_up_table(IndicatorSettings())[f"ema_{length}"]
        decay = (length - 1) / (length + 1)
        assert decay ** (bars - length) <= 1 / 250 < decay ** (bars - length - 1)


def test_rsi_on_thirty_bars_would_be_off_by_percents(candles):
    """The reason for the rule: an RSI shown as soon as it can be computed is wrong."""
    long = candles(3000, seed=3)
    off = []
    for start in range(1000, 2500, 100):
        short = long.slice(start, 127)
        late, early = (
            _plain_rsi(long["close"].to_numpy()[: start + 30]),
            _plain_rsi(short["close"].to_numpy()[:30]),
        )
        off.append(abs(early[-1] / late[-1] - 1))
    assert np.median(off) > 0.01


@pytest.mark.parametrize("source", ["synthetic", "real"])
def test_first_shown_value_is_right_to_a_tenth_of_a_percent(candles, request, source):
    """Cut history anywhere: the first non-null value differs from the one with all history by < 0.1 %."""
    frame = candles(2500, symbols=6, seed=5) if source == "synthetic" else request.getfixturevalue("real")
    full = indicator_table(frame)
    settings = IndicatorSettings()
    first = 1300
    cut = (
        frame.sort("symbol", "open_time")
        .group_by("symbol", maintain_order=True)
        .agg(pl.all().slice(first))
        .explode(pl.exclude("symbol"))
    )
    short = indicator_table(cut)
    # OBV begins where the history does: its level has no error, and only its changes a meaning.
    for name in settings.columns[:-1]:
        bar = warm_up_table(settings)[name] - 1
        for symbol in full["symbol"].unique():
            reference = full.filter(pl.col("symbol") == symbol)[name].to_numpy()
            shown = short.filter(pl.col("symbol") == symbol)[name].to_numpy()
            scale = np.abs(reference[first + bar])
            if name.startswith("macd"):
                scale = np.sqrt(np.mean(reference[first + bar - 200 : first + bar] ** 2))
            if name.startswith("stochrsi"):
                scale = 100.0
            assert np.isnan(shown[:bar]).all(), name
            assert abs(shown[bar] - reference[first + bar]) < 1e-3 * scale, (name, symbol)


def _plain_rsi(close: np.ndarray, length: int = 14) -> np.ndarray:
    """Wilder's RSI, straight from the book: sums first, then avg = (avg * 13 + new) / 14."""
    change = np.diff(close)
    gain, loss = np.maximum(change, 0), np.maximum(-change, 0)
    up, down = gain[:length].mean(), loss[:length].mean()
    out = [100 * up / (up + down)]
    for new_gain, new_loss in zip(gain[length:], loss[length:], strict=True):
        up, down = (up * (length - 1) + new_gain) / length, (down * (length - 1) + new_loss) / length
        out.append(100 * up / (up + down))
    return np.array(out)
