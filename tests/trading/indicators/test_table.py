import math

import numpy as np
import polars as pl
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.indicators.catalogue import with_columns
from trading.indicators.settings import IndicatorSettings
from trading.indicators.table import indicator_table
from trading.market.frames import CANDLES, empty

COLUMNS = IndicatorSettings().columns


def _one(frame: pl.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy()


def _agree(ours: np.ndarray, theirs: np.ndarray, *, relative: float) -> None:
    shown = ~np.isnan(ours)
    assert shown.any()
    # MACD crosses zero: differences count against the size of the line, not of one value.
    scale = np.maximum(np.abs(theirs[shown]), np.abs(theirs[shown]).mean() * 1e-2)
    assert np.max(np.abs(ours[shown] - theirs[shown]) / scale) < relative


def _talib(frame: pl.DataFrame) -> dict[str, np.ndarray]:
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    out = dict(zip(("macd", "macd_signal", "macd_hist"), talib.MACD(close, 12, 26, 9), strict=True))
    out |= dict(zip(("bb_upper", "bb_middle", "bb_lower"), talib.BBANDS(close, 20, 2.0, 2.0), strict=True))
    out |= {"rsi_14": talib.RSI(close, 14), "atr_14": talib.ATR(high, low, close, 14)}
    out |= {f"ema_{length}": talib.EMA(close, length) for length in (20, 50, 200)}
    # TA-Lib calls fast d what is called the smoothed k here.
    smooth = talib.STOCHRSI(close, 14, 14, 3, 0)[1]
    out |= {"adx_14": talib.ADX(high, low, close, 14), "obv": talib.OBV(close, frame["volume"].to_numpy())}
    return out | {"stochrsi_k": smooth, "stochrsi_d": talib.SMA(smooth, 3)}


@pytest.mark.parametrize("source", ["synthetic", "real"])
def test_values_equal_ta_lib_on_each_symbol(candles, request, source):
    """Cutting by symbol and nulling change no shown value by more than 1e-9 relative."""
    frame = candles(1200, symbols=4, seed=2) if source == "synthetic" else request.getfixturevalue("real")
    table = indicator_table(frame)
    for own in table.partition_by("symbol"):
        for name, theirs in _talib(own).items():
            _agree(_one(own, name), theirs, relative=1e-9)


@pytest.mark.parametrize("source", ["synthetic", "real"])
def test_values_equal_pandas_ta_native_after_warm_up(candles, request, source):
    """pandas-ta in its own mode (talib=False, population deviation) agrees where seeds are forgotten.

    Seeds differ: its RSI and ATR start their averages from the first value, TA-Lib from a mean. 400 bars
    after warm-up nothing of that is left, so only those are compared.
    """
    pandas_ta = pytest.importorskip("pandas_ta")
    frame = candles(2000, seed=4) if source == "synthetic" else request.getfixturevalue("real")
    own = indicator_table(frame.filter(pl.col("symbol") == frame["symbol"][0]))
    panda = own.select("high", "low", "close").to_pandas()
    late = slice(1160, None)
    macd = pandas_ta.macd(panda["close"], 12, 26, 9, talib=False)
    bands = pandas_ta.bbands(panda["close"], 20, 2.0, 2.0, ddof=0, talib=False)
    theirs = {
        "rsi_14": pandas_ta.rsi(panda["close"], 14, talib=False),
        "macd": macd.iloc[:, 0],
        "macd_hist": macd.iloc[:, 1],
        "macd_signal": macd.iloc[:, 2],
        "bb_lower": bands.iloc[:, 0],
        "bb_middle": bands.iloc[:, 1],
        "bb_upper": bands.iloc[:, 2],
        "atr_14": pandas_ta.atr(panda["high"], panda["low"], panda["close"], 14, talib=False),
    }
    theirs |= {
        f"ema_{length}": pandas_ta.ema(panda["close"], length, talib=False) for length in (20, 50, 200)
    }
    for name, values in theirs.items():
        _agree(_one(own, name)[late], values.to_numpy()[late], relative=1e-7)


def test_plain_formulas_give_the_same_numbers(candles):
    """Each formula written out in plain Python, on the last bar of 800."""
    frame = candles(800, seed=9)
    last = indicator_table(frame).row(-1, named=True)
    close, high, low = (frame[name].to_list() for name in ("close", "high", "low"))

    def ema(values: list[float], length: int) -> float:
        value = sum(values[:length]) / length
        for new in values[length:]:
            value += (new - value) * 2 / (length + 1)
        return value

    window = close[-20:]
    middle = sum(window) / 20
    deviation = math.sqrt(sum((price - middle) ** 2 for price in window) / 20)
    ranges = [
        max(high[i] - low[i], abs(high[i] - close[i - 1]), abs(low[i] - close[i - 1])) for i in range(1, 800)
    ]
    atr = sum(ranges[:14]) / 14
    for new in ranges[14:]:
        atr = (atr * 13 + new) / 14
    assert last["bb_upper"] == pytest.approx(middle + 2 * deviation, rel=1e-10)
    assert last["bb_lower"] == pytest.approx(middle - 2 * deviation, rel=1e-10)
    assert last["atr_14"] == pytest.approx(atr, rel=1e-10)
    assert last["ema_50"] == pytest.approx(ema(close, 50), rel=1e-10)
    assert last["ema_200"] == pytest.approx(ema(close, 200), rel=1e-10)
    assert last["macd"] == pytest.approx(ema(close, 12) - ema(close, 26), rel=1e-6)


def test_rsi_of_a_price_that_only_rises_never_exceeds_100(candles):
    """One tick a bar, at prices where 100 * up rounds up before it is divided: 100 is the top, to the bit."""
    for step in (0.001, 0.01, 0.1, 0.3, 1.0, 1 / 3):
        for start in (0.1, 7.7, 100.0, 12_345.6):
            table = indicator_table(candles(close=start + step * np.arange(400)))
            assert table["rsi_14"].max() == 100.0
            assert table["adx_14"].max() <= 100.0


def test_rsi_of_a_sawtooth_is_what_the_hand_says(candles):
    """Up 3, down 1, for ever. With q = 13/14 the averages settle, just after an up bar, at
    3 / (1 - q^2) / 14 and q / (1 - q^2) / 14, so RSI = 100 * 3 / (3 + q); after a down bar 3 q / (3 q + 1).
    """
    rsi = _one(indicator_table(candles(close=1000 + np.cumsum(np.tile([3.0, -1.0], 300)))), "rsi_14")
    q = 13 / 14
    assert rsi[-2] == pytest.approx(100 * 3 / (3 + q), rel=1e-9)
    assert rsi[-1] == pytest.approx(100 * 3 * q / (3 * q + 1), rel=1e-9)


def test_macd_of_a_straight_line_is_the_lag_of_its_averages(candles):
    """An EMA of n trails a line of slope s by s (n - 1) / 2: MACD = s (26 - 12) / 2 = 7 s, histogram 0."""
    last = indicator_table(candles(close=100 + 0.5 * np.arange(900.0))).row(-1, named=True)
    assert last["macd"] == pytest.approx(3.5, rel=1e-9)
    assert last["macd_hist"] == pytest.approx(0.0, abs=1e-9)
    assert last["rsi_14"] == pytest.approx(100.0)


@given(cut=st.integers(20, 899), seed=st.integers(0, 50))
@settings(max_examples=15, deadline=None)
def test_no_value_changes_when_later_bars_arrive(cut, seed):
    """The table of a prefix is the prefix of the table, bit by bit."""
    generator = np.random.default_rng(seed)
    close = 10.0 ** generator.uniform(-9, 6) * np.exp(np.cumsum(generator.standard_t(3, 900) * 0.03))
    frame = pl.DataFrame(
        {
            "symbol": ["A/USDT"] * 900,
            "open_time": pl.Series(np.arange(900) * 60_000).cast(CANDLES["open_time"]),
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": np.ones(900),
            "quote_volume": close,
        }
    )
    assert indicator_table(frame.head(cut)).equals(indicator_table(frame).head(cut))


def test_a_symbol_is_not_touched_by_its_neighbours(candles):
    """Averages start anew at each symbol."""
    frame = candles(900, symbols=3, seed=7)
    together = indicator_table(frame).filter(pl.col("symbol") == "S001/USDT")
    alone = indicator_table(frame.filter(pl.col("symbol") == "S001/USDT"))
    assert together.equals(alone)


@pytest.mark.parametrize("price", [1e-12, 1e-8, 1.0, 1e12])
def test_the_size_of_the_price_changes_nothing(candles, price):
    """Older TA-Lib took a variance under 1e-14 for zero: a coin at 1e-8 must have bands and an RSI."""
    reference = indicator_table(candles(900, seed=1, price=100.0)).row(-1, named=True)
    scaled = indicator_table(candles(900, seed=1, price=price)).row(-1, named=True)
    assert scaled["rsi_14"] == pytest.approx(reference["rsi_14"], rel=1e-7)
    free = ("rsi_14", "adx_14", "stochrsi_k", "stochrsi_d", "obv")
    for name in COLUMNS:
        by = (1.0, 1.0) if name in free else (price, 100.0)
        assert scaled[name] / by[0] == pytest.approx(reference[name] / by[1], rel=1e-6), name


def test_a_flat_price_has_no_rsi_and_no_width(candles):
    """0/0 is null and not 0: a dead pair must not look oversold."""
    last = indicator_table(candles(close=np.full(900, 7.25))).row(-1, named=True)
    assert last["rsi_14"] is None
    assert last["bb_upper"] == pytest.approx(7.25)
    assert last["bb_lower"] == pytest.approx(7.25)
    assert last["ema_200"] == pytest.approx(7.25)
    assert last["macd"] == pytest.approx(0.0, abs=1e-12)


def test_a_price_that_only_falls_keeps_its_rsi_of_zero(candles):
    """Zero is a value where losses are real."""
    last = indicator_table(candles(close=1000 * 0.99 ** np.arange(300.0))).row(-1, named=True)
    assert last["rsi_14"] == 0.0


def test_bands_survive_a_crash_by_six_orders_of_magnitude(candles):
    """LUNA 2022: 99 to 0.00005. A running sum that remembers the 99 must not blur today's bands."""
    generator = np.random.default_rng(0)
    calm = 99 * np.exp(np.cumsum(generator.normal(0, 0.005, 300)))
    after = 5e-5 * np.exp(np.cumsum(generator.normal(0, 0.0005, 300)))
    close = np.concatenate([calm, after])
    last = indicator_table(candles(close=close)).row(-1, named=True)
    assert last["bb_upper"] - last["bb_lower"] == pytest.approx(4 * close[-20:].std(), rel=1e-6)
    assert last["bb_middle"] == pytest.approx(close[-20:].mean(), rel=1e-8)


def test_short_series_are_null_and_not_an_error(candles):
    """One bar, one below warm-up, one at it."""
    for bars, shown in ((1, False), (19, False), (20, True)):
        table = indicator_table(candles(bars))
        assert (table["bb_middle"].null_count() < bars) is shown
    table = indicator_table(candles(752))
    assert table["ema_200"].null_count() == 752
    assert indicator_table(candles(753))["ema_200"].null_count() == 752


def test_zero_volume_changes_no_price_indicator(candles):
    """Of the default set only OBV reads volume; it stays at 0 then."""
    frame = candles(800)
    silent = frame.with_columns(volume=pl.lit(0.0), quote_volume=pl.lit(0.0))
    prices = [name for name in COLUMNS if name != "obv"]
    assert indicator_table(silent).select(prices).equals(indicator_table(frame).select(prices))
    assert indicator_table(silent)["obv"].unique().to_list() == [0.0]


def test_no_candles_give_an_empty_table_with_all_columns():
    """Stages downstream find their columns even on an empty day."""
    table = indicator_table(empty(CANDLES))
    assert table.columns == [*CANDLES, *COLUMNS]
    assert table.is_empty()


def test_missing_values_are_null_and_never_nan(candles):
    """One kind of absence: polars statistics skip nulls, NaN would poison them."""
    table = indicator_table(candles(300, symbols=2))
    assert sum(int(table[name].is_nan().sum()) for name in COLUMNS) == 0


def test_a_block_of_symbols_gives_each_its_own_values(candles):
    """Symbols are stepped side by side: 40 of one length, which is neither a whole tile nor a whole block."""
    frame = candles(301, symbols=40, seed=8)
    alone = [indicator_table(own) for own in frame.partition_by("symbol")]
    assert indicator_table(frame).equals(pl.concat(alone))


def test_other_lengths_stand_under_the_names_of_the_table(candles):
    """The default set is a kernel's, other lengths are TA-Lib's; the columns are called alike."""
    other = IndicatorSettings(
        rsi=7, macd=(5, 35, 5), bollinger=(30, 2.5), emas=(10,), adx=9, stochrsi=(9, 9, 1, 4)
    )
    frame = candles(400, symbols=2, seed=3)
    table = indicator_table(frame, other)
    names = ["rsi_7", "macd_hist_5_35_5", "bb_upper_30_2p5", "ema_10", "adx_9", "stochrsi_d_9_9_1_4", "obv"]
    asked = with_columns(frame, names)
    columns = ["rsi_7", "macd_hist", "bb_upper", "ema_10", "adx_9", "stochrsi_d", "obv"]
    assert table.columns == [*CANDLES, *other.columns]
    for column, name in zip(columns, names, strict=True):
        assert table[column].equals(asked[name], check_names=False)
        assert table[column].null_count() < 400
