"""The catalogue's contract: names, errors, nulls, causality. Formulas: test_parity."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.indicators import catalogue
from trading.indicators.catalogue import known, nearest, understood, warm_up, with_columns
from trading.indicators.table import indicator_table
from trading.market.errors import BadInput, InvalidBars
from trading.market.frames import CANDLES, empty

EVERY = [name for name, _ in catalogue.columns()]


def test_the_catalogue_has_what_was_promised():
    """Each family that the project names is there."""
    promised = "rsi macd bb atr adx ema sma wma hma stoch stochrsi obv vwap cci mfi donchian keltner"
    promised += " supertrend ichimoku psar roc willr realised_vol"
    assert set(promised.split()) <= {each.name for each in catalogue.INDICATORS}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("rsi_14", (14,)),
        ("macd", (12, 26, 9)),
        ("macd_hist_5_35", (5, 35, 9)),
        ("bb_upper_20_2p5", (20, 2.5)),
        ("supertrend_direction_7", (7, 3.0)),
        ("donchian_upper_55", (55,)),
        ("obv", ()),
    ],
)
def test_a_name_is_read_from_the_left_and_filled_with_defaults(name, values):
    """Parameters may be left out from the right; a fraction is written with p."""
    assert understood(name).values == values
    assert known(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("rsl_14", "near names: rsi_14"),
        ("supertrnd_10_3", "near names: supertrend_10_3"),
        ("rsi_1", "length must be from 2 to 2000, was 1"),
        ("rsi_14p5", "must be a whole number of bars, was 14.5"),
        ("rsi_14_3", "takes 1 numbers"),
        ("macd_26_12", r"fast must be below slow \(12\), was 26"),
        ("psar_0p3_0p2", r"step must not be above most \(0.2\), was 0.3"),
        ("rsi_-14", "no indicator column"),
        ("rsi_²", "no indicator column"),
        ("", "no indicator column"),
        ("_", "no indicator column"),
        ("x" * 10_000, "near names: none"),
    ],
)
def test_a_name_that_is_none_is_refused_with_what_was_wrong(candles, name, says):
    """One clear error before anything is computed, naming the nearest or the bound."""
    if says.startswith(("near", "no indicator")):
        assert not known(name)
    else:
        with pytest.raises(BadInput, match=says):
            known(name)
    with pytest.raises(BadInput, match=says):
        with_columns(candles(5), [name])


def test_the_nearest_keeps_the_numbers_where_they_fit():
    """rsl_21 meant rsi_21; numbers that nothing takes give way to the defaults."""
    assert nearest("rsl_21") == ["rsi_21"]
    assert nearest("rsl_1") == ["rsi_14"]
    assert nearest("rsl_5000") == ["rsi_14"]


@pytest.mark.parametrize("name", EVERY)
def test_null_before_warm_up_and_a_value_on_that_bar(candles, name):
    """`warm_up` is the bar of the first value. VWAP also waits for the first UTC midnight (bar 97 of 15m)."""
    values = with_columns(candles(800, seed=3), [name])[name]
    first = 97 if name == "vwap" else warm_up(name)
    assert values.null_count() == first - 1
    assert values[first - 1] is not None
    assert not values.is_nan().any()


@pytest.mark.parametrize("name", EVERY)
@given(cut=st.integers(30, 699), seed=st.integers(0, 1000))
@settings(max_examples=12, deadline=None)
def test_no_value_changes_when_later_bars_arrive(name, cut, seed):
    """What the catalogue says of a prefix is the prefix of what it says of all, bit by bit."""
    frame = wild(700, seed)
    assert with_columns(frame.head(cut), [name]).equals(with_columns(frame, [name]).head(cut))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("price", [1e-12, 1e12])
def test_the_size_of_the_price_changes_nothing(candles, name, price):
    """In quote units a value scales with the price; otherwise it stays (OBV only counts volume)."""
    unit = understood(name).indicator.unit
    scaled = unit.startswith("quote") and "direction" not in name
    reference = with_columns(candles(800, seed=1, price=100.0), [name])[name][-1]
    value = with_columns(candles(800, seed=1, price=price), [name])[name][-1]
    assert value / (price / 100.0 if scaled else 1.0) == pytest.approx(reference, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_a_dead_market_has_values_or_nulls_and_no_extremes(candles, name):
    """All prices equal, nothing traded: prices stay the price, quotients of 0/0 are null, never oversold."""
    frame = candles(close=np.full(800, 7.25)).with_columns(
        high=7.25, low=7.25, open=7.25, volume=0.0, quote_volume=0.0
    )
    value = with_columns(frame, [name])[name][-1]
    unit = understood(name).indicator.unit
    if understood(name).indicator.null_where:
        assert value is None
    elif unit.startswith("quote") and not name.startswith(("macd", "atr")) and "direction" not in name:
        assert value == pytest.approx(7.25)
    elif "direction" not in name:
        assert value == pytest.approx(0.0, abs=1e-9)


def test_many_symbols_of_any_length_and_order_are_each_their_own(candles):
    """Shuffled rows, one symbol of one bar, a hole in time: each symbol's values are those it has alone."""
    long = candles(700, symbols=2, seed=4)
    hole = long.filter(~((pl.col("symbol") == "S000/USDT") & pl.col("close").is_between(99.0, 101.0)))
    short = candles(1).with_columns(symbol=pl.lit("ZZZ/USDT"))
    market = pl.concat([hole, short])
    together = with_columns(market.sample(fraction=1.0, shuffle=True, seed=5), EVERY)
    for own in market.partition_by("symbol"):
        alone = with_columns(own, EVERY)
        assert together.filter(pl.col("symbol") == own["symbol"][0]).equals(alone)


def test_names_of_the_table_mean_the_table_s_values(candles):
    """One truth: `with_columns` and `indicator_table` agree on every default column, bit by bit."""
    frame = candles(900, symbols=3, seed=6)
    names = catalogue.DEFAULT_COLUMNS
    assert with_columns(frame, names).equals(indicator_table(frame))


def test_a_column_that_is_there_is_kept_and_others_come_along(candles):
    """The table of indicators itself can be asked for more; what it carries is not lost."""
    frame = candles(30).with_columns(mine=pl.int_range(30), rsi_14=pl.lit(1.0)).reverse()
    found = with_columns(frame, ["rsi_14", "sma_5", "sma_5"])
    assert found.columns == [*CANDLES, "mine", "rsi_14", "sma_5"]
    assert found["mine"].to_list() == list(range(30))
    assert found["rsi_14"].unique().to_list() == [1.0]


def test_no_candles_give_no_rows_and_all_columns():
    """An empty market is an answer."""
    assert with_columns(empty(CANDLES), EVERY).columns == [*CANDLES, *EVERY]


@pytest.mark.parametrize("volume", [None, float("nan"), -1.0, float("inf")])
def test_a_volume_that_no_market_has_is_refused(candles, volume):
    """OBV would carry it on for ever."""
    frame = candles(30).with_columns(volume=pl.lit(volume, dtype=pl.Float64))
    with pytest.raises(InvalidBars, match="volume must be a finite number from 0 on; S000/USDT"):
        with_columns(frame, ["obv"])


def wild(bars: int, seed: int) -> pl.DataFrame:
    """CANDLES of one symbol with heavy tails, flat stretches, jumps by decades and bars without volume."""
    generator = np.random.default_rng(seed)
    steps = generator.standard_t(3, bars) * 0.03
    steps[generator.random(bars) < 0.2] = 0.0
    steps[100:130] = 0.0
    steps[generator.integers(bars)] = generator.choice([-9.0, 9.0])
    close = 10.0 ** generator.uniform(-9, 6) * np.exp(np.cumsum(steps))
    opened = np.concatenate([close[:1], close[:-1]])
    wick = 1 + np.abs(generator.normal(0, 0.01, bars)) * (steps != 0)
    volume = generator.lognormal(5, 1, bars) * (generator.random(bars) < 0.9)
    frame = pl.DataFrame(
        {
            "symbol": ["A/USDT"] * bars,
            "open_time": pl.Series(np.arange(bars) * 900_000).cast(CANDLES["open_time"]),
            "open": opened,
            "high": np.maximum(opened, close) * wick,
            "low": np.minimum(opened, close) / wick,
            "close": close,
            "volume": volume,
            "quote_volume": volume * close,
        }
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in CANDLES.items())


def test_the_reference_page_says_what_is_declared():
    """docs/reference/indicators.md has each formula, seed, unit and warm-up as the code declares them."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "indicators.md").read_text()
    rows = [line.replace("\\|", "|") for line in page.splitlines() if line.startswith("| `")]
    for each in catalogue.INDICATORS:
        bars = each.warm_up(*each.defaults)
        shown = str(bars) if isinstance(bars, int) else " / ".join(map(str, bars))
        said = f"| {each.formula} | {each.seed} | {each.unit} | {each.source} | {shown} |"
        assert any(said in row and f"`{each.outputs[0]}" in row for row in rows), each.name
