"""Every formula of the catalogue against TA-Lib, pandas-ta or plain Python, on real candles."""

import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
import talib

from trading.indicators.catalogue import INDICATORS, understood, with_columns

Arrays = dict[str, np.ndarray]
Reference = Callable[[Arrays], np.ndarray]


def _smooth(own: Arrays) -> np.ndarray:
    return talib.STOCHRSI(own["close"], 14, 14, 3, 0)[1]


TALIB: dict[str, Reference] = {
    "ema_33": lambda own: talib.EMA(own["close"], 33),
    "sma_33": lambda own: talib.SMA(own["close"], 33),
    "wma_33": lambda own: talib.WMA(own["close"], 33),
    "hma_33": lambda own: talib.HMA(own["close"], 33),
    "rsi_14": lambda own: talib.RSI(own["close"], 14),
    "rsi_21": lambda own: talib.RSI(own["close"], 21),
    "stoch_k_14_3_3": lambda own: talib.STOCHF(own["high"], own["low"], own["close"], 14, 3, 0)[1],
    "stoch_d_14_3_3": lambda own: talib.STOCH(own["high"], own["low"], own["close"], 14, 3, 0, 3, 0)[1],
    "stochrsi_k": _smooth,
    "stochrsi_d": lambda own: talib.SMA(_smooth(own), 3),
    "stochrsi_k_21_14_1_3": lambda own: talib.STOCHRSI(own["close"], 21, 14, 3, 0)[0],
    "macd": lambda own: talib.MACD(own["close"], 12, 26, 9)[0],
    "macd_signal": lambda own: talib.MACD(own["close"], 12, 26, 9)[1],
    "macd_hist_5_35_5": lambda own: talib.MACD(own["close"], 5, 35, 5)[2],
    "cci_20": lambda own: talib.CCI(own["high"], own["low"], own["close"], 20),
    "roc_10": lambda own: talib.ROC(own["close"], 10),
    "willr_14": lambda own: talib.WILLR(own["high"], own["low"], own["close"], 14),
    "adx_14": lambda own: talib.ADX(own["high"], own["low"], own["close"], 14),
    "adx_21": lambda own: talib.ADX(own["high"], own["low"], own["close"], 21),
    "plus_di_14": lambda own: talib.PLUS_DI(own["high"], own["low"], own["close"], 14),
    "minus_di_14": lambda own: talib.MINUS_DI(own["high"], own["low"], own["close"], 14),
    "supertrend_10_3": lambda own: talib.SUPERTREND(own["high"], own["low"], own["close"], 10, 3.0)[0],
    "psar_0p02_0p2": lambda own: talib.SAR(own["high"], own["low"], 0.02, 0.2),
    "atr_14": lambda own: talib.ATR(own["high"], own["low"], own["close"], 14),
    "natr_14": lambda own: talib.NATR(own["high"], own["low"], own["close"], 14),
    "bb_upper": lambda own: talib.BBANDS(own["close"], 20, 2.0, 2.0)[0],
    "bb_middle": lambda own: talib.BBANDS(own["close"], 20, 2.0, 2.0)[1],
    "bb_lower_30_2p5": lambda own: talib.BBANDS(own["close"], 30, 2.5, 2.5)[2],
    "donchian_upper_20": lambda own: talib.DONCHIAN(own["high"], own["low"], 20)[0],
    "obv": lambda own: talib.OBV(own["close"], own["volume"]),
    "mfi_14": lambda own: talib.MFI(own["high"], own["low"], own["close"], own["volume"], 14),
}


def _typical(own: Arrays) -> np.ndarray:
    return (own["high"] + own["low"] + own["close"]) / 3


def _midpoint(own: Arrays, bars: int, ago: int = 0) -> np.ndarray:
    out = np.full(len(own["close"]), np.nan)
    for row in range(bars - 1 + ago, len(out)):
        window = slice(row - ago - bars + 1, row - ago + 1)
        out[row] = (own["high"][window].max() + own["low"][window].min()) / 2
    return out


def _span_a(own: Arrays) -> np.ndarray:
    return (_midpoint(own, 9, ago=25) + _midpoint(own, 26, ago=25)) / 2


def _day_vwap(own: Arrays) -> np.ndarray:
    out, worth, volume = np.full(len(own["close"]), np.nan), 0.0, 0.0
    for row, (at, price) in enumerate(zip(own["open_time"], _typical(own), strict=True)):
        if at % 86_400_000 == 0:
            worth = volume = 0.0
        worth, volume = worth + price * own["volume"][row], volume + own["volume"][row]
        out[row] = worth / volume
    out[: int(np.argmax(own["open_time"] % 86_400_000 == 0))] = np.nan
    return out


def _window(own: Arrays, bars: int, of: Callable[[slice], float]) -> np.ndarray:
    rows = range(bars - 1, len(own["close"]))
    return np.array([math.nan] * (bars - 1) + [of(slice(row - bars + 1, row + 1)) for row in rows])


def _rolling_vwap(own: Arrays) -> np.ndarray:
    price, volume = _typical(own), own["volume"]
    return _window(own, 20, lambda cut: float(np.average(price[cut], weights=volume[cut])))


def _realised(own: Arrays) -> np.ndarray:
    step = np.diff(np.log(own["close"]), prepend=0.0)
    return _window(own, 20, lambda cut: math.sqrt(math.fsum(step[cut] ** 2)))


def _keltner(own: Arrays) -> np.ndarray:
    ranges = talib.TRANGE(own["high"], own["low"], own["close"])
    atr = np.full(len(ranges), np.nan)
    atr[10] = ranges[1:11].mean()
    for row in range(11, len(atr)):
        atr[row] = (9 * atr[row - 1] + ranges[row]) / 10
    return talib.EMA(own["close"], 20) + 2 * atr


def _supertrend(own: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Both bands are carried on whichever way the trend goes, as TradingView has it."""
    high, low, close = own["high"], own["low"], own["close"]
    atr = talib.ATR(high, low, close, 10)
    line, trend = np.full(len(close), np.nan), np.full(len(close), np.nan)
    upper, lower, is_up = math.inf, -math.inf, True
    for row in range(10, len(close)):
        middle, half = (high[row] + low[row]) / 2, 3 * atr[row]
        upper = min(middle + half, upper) if close[row - 1] <= upper else middle + half
        lower = max(middle - half, lower) if close[row - 1] >= lower else middle - half
        is_up = close[row] >= lower if is_up else close[row] > upper
        line[row], trend[row] = (lower, 1.0) if is_up else (upper, -1.0)
    return line, trend


PLAIN: dict[str, Reference] = {
    "supertrend_10_3": lambda own: _supertrend(own)[0],
    "supertrend_direction_10_3": lambda own: _supertrend(own)[1],
    "ichimoku_tenkan": lambda own: _midpoint(own, 9),
    "ichimoku_kijun": lambda own: _midpoint(own, 26),
    "ichimoku_span_a": _span_a,
    "ichimoku_span_b": lambda own: _midpoint(own, 52, ago=25),
    "vwap": _day_vwap,
    "vwap_rolling_20": _rolling_vwap,
    "realised_vol_20": _realised,
    "keltner_upper_20_2_10": _keltner,
    "donchian_middle_20": lambda own: _midpoint(own, 20),
}


def _by_symbol(frame: pl.DataFrame, name: str) -> list[tuple[Arrays, np.ndarray]]:
    found = []
    for own in with_columns(frame, [name]).partition_by("symbol"):
        columns = {each: own[each].to_numpy() for each in ("open", "high", "low", "close", "volume")}
        columns["open_time"] = own["open_time"].to_physical().to_numpy()
        found.append((columns, own[name].to_numpy()))
    return found


def _agree(ours: np.ndarray, theirs: np.ndarray, *, relative: float = 1e-9) -> None:
    shown = ~np.isnan(ours)
    assert shown.sum() > len(ours) / 2
    # What crosses zero is compared by the size of the line, not of one value.
    scale = np.maximum(np.abs(theirs[shown]), np.abs(theirs[shown]).mean() * 1e-2)
    assert np.max(np.abs(ours[shown] - theirs[shown]) / scale) < relative


def test_every_indicator_has_a_reference():
    """No formula stands without one that was written by somebody else, or written out here."""
    named = {understood(name).indicator.name for name in [*TALIB, *PLAIN]}
    assert named == {each.name for each in INDICATORS}


@pytest.mark.parametrize("name", TALIB)
def test_real_candles_give_ta_lib_s_values(real, name):
    """1e-9 relative from the first shown value on, six symbols of 2,500 hours."""
    for own, ours in _by_symbol(real, name):
        _agree(ours, TALIB[name](own))


@pytest.mark.parametrize("name", PLAIN)
def test_real_candles_give_what_the_plain_formula_gives(real, name):
    """What TA-Lib lacks or defines otherwise is held against the definition, written out."""
    for own, ours in _by_symbol(real, name):
        _agree(ours, PLAIN[name](own))


def _pandas_ta(own: Arrays) -> dict[str, np.ndarray]:
    """Ask pandas-ta for what it defines as we do; talib=False or its numbers depend on the environment."""
    import pandas as pd

    pandas_ta = pytest.importorskip("pandas_ta")
    index = pd.to_datetime(own["open_time"], unit="ms")
    high, low, close, volume = (
        pd.Series(own[each], index=index) for each in ("high", "low", "close", "volume")
    )
    cloud = pandas_ta.ichimoku(high, low, close, lookahead=False)[0]
    found = {
        "hma_20": pandas_ta.hma(close, 20, talib=False),
        "vwap": pandas_ta.vwap(high, low, close, volume),
        "donchian_lower_20": pandas_ta.donchian(high, low, 20, 20)["DCL_20_20"],
        "ichimoku_span_a": cloud["ISA_9"],
        "ichimoku_span_b": cloud["ISB_26"],
        "ichimoku_tenkan": cloud["ITS_9"],
        "stochrsi_k": pandas_ta.stochrsi(close, 14, 14, 3, 3, talib=False).iloc[:, 0],
        "adx_14": pandas_ta.adx(high, low, close, 14, talib=False).iloc[:, 0],
        "mfi_14": pandas_ta.mfi(high, low, close, volume, 14, talib=False),
        "willr_14": pandas_ta.willr(high, low, close, 14, talib=False),
        "wma_20": pandas_ta.wma(close, 20, talib=False),
    }
    return {name: values.to_numpy().astype(np.float64) for name, values in found.items()}


def test_real_candles_give_pandas_ta_s_values_where_definitions_agree(real):
    """A second opinion on what TA-Lib lacks, and on some that it has; seeds are forgotten by bar 1,200."""
    frame = real.filter(pl.col("symbol") == "BTCUSDT")
    for name, theirs in _pandas_ta(_by_symbol(frame, "obv")[0][0]).items():
        ours = _by_symbol(frame, name)[0][1]
        _agree(ours[1200:], theirs[1200:], relative=1e-7)


def test_pandas_ta_s_supertrend_is_another_one(real):
    """It keeps only the band of its present trend, so after a turn the other one starts afresh.

    Most bars agree and some do not; if this ever fails, the sentence in docs/reference must go.
    """
    pandas_ta = pytest.importorskip("pandas_ta")
    own, ours = _by_symbol(real.filter(pl.col("symbol") == "BTCUSDT"), "supertrend_10_3")[0]
    import pandas as pd

    high, low, close = (pd.Series(own[each]) for each in ("high", "low", "close"))
    theirs = pandas_ta.supertrend(high, low, close, 10, multiplier=3.0).iloc[:, 0].to_numpy()
    same = np.isclose(ours[1200:], theirs[1200:], rtol=1e-9)
    assert 0.8 < same.mean() < 1.0


RECURSIVE = ["adx_14", "plus_di_14", "natr_14", "keltner_lower_20_2_10", "supertrend_10_3", "psar_0p02_0p2"]
RECURSIVE += ["rsi_21", "ema_100", "stochrsi_k", "stochrsi_d", "macd_hist_5_35_5", "supertrend_7_2"]


@pytest.mark.parametrize("name", RECURSIVE)
def test_the_first_shown_value_is_right_to_a_tenth_of_a_percent_on_real_candles(real, name):
    """Cut history anywhere: what is shown differs from what all history gives by less than 0.1 %."""
    whole = with_columns(real, [name])
    for first in (1000, 1300, 1600):
        late = real.sort("symbol", "open_time").group_by("symbol", maintain_order=True).tail(2500 - first)
        for own in with_columns(late, [name]).partition_by("symbol"):
            full = whole.filter(pl.col("symbol") == own["symbol"][0])[name].to_numpy()[first:]
            shown = own[name].to_numpy()
            at = understood(name).warm_up - 1
            scale = 100.0 if name.startswith("stochrsi") else abs(full[at])
            if name.startswith("macd"):
                scale = np.sqrt(np.mean(full[:at] ** 2))
            assert abs(shown[at] - full[at]) < 1e-3 * scale
