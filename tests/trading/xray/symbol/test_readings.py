import numpy as np
import polars as pl
import pytest

from trading.xray.symbol.readings import COLUMNS, indicator_columns, readings


def _told(**values: float) -> dict[str, tuple[str, str, str]]:
    usual = dict.fromkeys(COLUMNS, 50.0) | {"close": 50.0, "supertrend_direction_10_3": 1.0}
    usual |= {"bb_upper": 52.0, "bb_middle": 50.0, "bb_lower": 48.0, "atr_14": 0.5, "macd_hist": 0.0}
    table = pl.DataFrame([usual | values])
    return {each.name: (each.shown, each.tone, each.words) for each in readings(table)}


@pytest.mark.parametrize(
    ("values", "name", "shown", "tone", "word"),
    [
        ({"rsi_14": 24.0}, "RSI 14", "24.0", "up", "oversold"),
        ({"rsi_14": 30.0}, "RSI 14", "30.0", "flat", "neither"),
        ({"rsi_14": 71.0}, "RSI 14", "71.0", "down", "overbought"),
        ({"close": 47.0}, "Bollinger bands", "−25 % of the way up", "up", "below the lower band"),
        ({"close": 53.0}, "Bollinger bands", "125 % of the way up", "down", "above the upper band"),
        ({}, "Bollinger bands", "50 % of the way up", "flat", "8.0 % wide"),
        ({"bb_upper": 50.0, "bb_lower": 50.0}, "Bollinger bands", "no width", "flat", "closed"),
        ({"macd_hist": 0.5}, "MACD 12 26 9", "+1.000 % of the price", "up", "leans up"),
        ({"adx_14": 30.0, "plus_di_14": 9.0, "minus_di_14": 20.0}, "ADX 14", "30", "down", "led by sellers"),
        ({"adx_14": 12.0}, "ADX 14", "12", "flat", "no trend"),
        ({"supertrend_direction_10_3": -1.0}, "Supertrend 10 3", "down", "down", "above the price"),
        ({"ema_200": 40.0}, "EMA 200", "+25.00 % from it", "up", "above its mean of 200 bars"),
        ({}, "ATR 14", "1.00 % of the price", "flat", "noise"),
        ({"mfi_14": 10.0}, "Money flow 14", "10", "up", "oversold by volume"),
        ({"stochrsi_k_14_14_3_3": 90.0}, "Stochastic RSI", "90", "down", "top of its own"),
    ],
)
def test_each_indicator_is_read_out_by_its_bounds(values, name, shown, tone, word):
    """Numbers chosen by hand on either side of each bound."""
    got = _told(**values)[name]
    assert got[:2] == (shown, tone)
    assert word in got[2]


def test_an_indicator_without_a_value_says_how_many_bars_it_needs(one, walk):
    """Null, never wrong: 150 bars are too few for EMA 200, and it says so."""
    told = {each.name: each for each in readings(indicator_columns(one(walk[:150])))}
    assert told["EMA 200"].value is None
    assert "bars, has 150" in told["EMA 200"].words
    assert told["RSI 14"].value is not None


def test_a_dead_price_reads_as_nothing_rather_than_as_oversold(one):
    """0/0 has no RSI; the words say so."""
    told = {each.name: each for each in readings(indicator_columns(one([7.0] * 900)))}
    assert (told["RSI 14"].value, told["RSI 14"].words) == (None, "has no value here (0/0)")


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_readings_do_not_depend_on_the_size_of_the_price(one, walk, scale):
    """Prices of 10^12 and 10^-12 read like the same prices around 100."""
    usual = readings(indicator_columns(one(walk)))
    scaled = readings(indicator_columns(one(walk * scale)))
    assert [(a.shown, a.tone) for a in scaled] == [(b.shown, b.tone) for b in usual]
    assert np.isfinite([each.value for each in scaled]).all()
