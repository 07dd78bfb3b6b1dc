"""Turnover, peg and the two-state filter of a market: each by hand, and none of it from the future."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.market.errors import BadInput
from trading.xray.regime import REGIME, RegimeSettings, market_regime

SHORT = RegimeSettings(half_life=5, trend_bars=10, history=60, min_history=20)


def _walk(symbols: int, bars: int, seed: int = 0) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(0, 0.004, (symbols, bars))
    return 100 * np.exp(np.cumsum(steps, axis=1))


def test_turnover_adds_dollar_pairs_only(to_candles):
    """Pairs in USDT and USDC count at their quote volume, a BTC pair and a pair of two dollars do not."""
    names = ["BTC/USDT", "ETH/BTC", "ETH/USDC", "USDC/USDT"]
    close = np.array([[10.0, 20.0], [3.0, 3.0], [5.0, np.nan], [1.0, 1.0]])
    assert market_regime(to_candles(names, close))["turnover"].to_list() == [15.0, 20.0]


def test_turnover_ratio_doubles_with_the_trade(to_candles):
    """Volume of one unit a bar at constant prices, then two units: the EWMA ends near twice its median."""
    candles = to_candles(["BTC/USDT", "A/USDT"], np.full((2, 90), 50.0))
    later = pl.col("open_time") >= candles["open_time"].unique().sort()[70]
    busy = candles.with_columns(
        quote_volume=pl.when(later).then(100.0 + pl.lit(0.0)).otherwise(50.0) * pl.lit(1.0)
    )
    frame = market_regime(busy, SHORT)
    assert frame["turnover_ratio"][69] == pytest.approx(1.0)
    assert frame["turnover_ratio"][-1] == pytest.approx(2.0, rel=0.07)


def test_without_dollar_pairs_turnover_is_null(to_candles):
    """Traded value in other money is not added up with dollars."""
    frame = market_regime(to_candles(["ETH/BTC", "MX/BTC"], _walk(2, 40)), SHORT)
    assert frame["turnover"].null_count() == 40


def test_a_depeg_is_a_condition_of_its_own(to_candles):
    """USDC at 0.97 for six bars: off its peg from the second one on, in whatever regime, with its name."""
    close = _walk(5, 100)
    names = ["BTC/USDT", "A/USDT", "B/USDT", "C/USDT", "USDC/USDT"]
    close[4] = 1.0
    close[4, 80:86] = 0.97
    frame = market_regime(to_candles(names, close), SHORT)
    assert frame["is_depegged"].arg_true().to_list() == [81, 82, 83, 84, 85]
    assert frame["peg_deviation"][83] == pytest.approx(-0.03)
    assert frame["peg_symbol"][83] == "USDC/USDT"
    assert frame["why"][83].endswith("; USDC/USDT is -3.0 % off its peg")
    assert frame["threshold_multiplier"][83] == 1.5
    assert (frame["threshold_multiplier"].gather([79, 86]) < 1.5).all()


def test_one_bad_print_is_no_depeg_and_a_hole_keeps_the_last_price(to_candles):
    """One bar at 0.5 has no second witness; a hole of three bars carries the price before it."""
    close = np.vstack([_walk(2, 60), np.ones((1, 60)), np.full((1, 60), 0.98)])
    close[2, 30] = 0.5
    close[3, 40:43] = np.nan
    frame = market_regime(to_candles(["BTC/USDT", "A/USDT", "USDC/USDT", "TUSD/USDT"], close), SHORT)
    assert frame["peg_deviation"][30] == pytest.approx(-0.02)
    assert frame["peg_deviation"].gather([40, 41, 42]).to_list() == pytest.approx([-0.02] * 3)
    assert set(frame["peg_symbol"].drop_nulls()) == {"TUSD/USDT"}


def test_dollar_pairs_are_no_part_of_the_market(to_candles):
    """With or without them, and however they move, the market's own figures are the same."""
    close = _walk(4, 90)
    names = ["BTC/USDT", "A/USDT", "B/USDT", "C/USDT"]
    alone = market_regime(to_candles(names, close), SHORT)
    both = market_regime(to_candles([*names, "USDC/USDT"], np.vstack([close, np.ones((1, 90))])), SHORT)
    pegs = ["peg_deviation", "peg_symbol", "is_depegged"]
    assert both.drop(pegs).equals(alone.drop(pegs))
    assert alone["peg_deviation"].null_count() == 90
    assert not alone["is_depegged"].any()


def test_a_market_of_pegs_alone_has_no_regime(to_candles):
    """Nothing moves, so nothing is named; no error, no NaN."""
    frame = market_regime(to_candles(["USDC/USDT"], np.ones((1, 50))), SHORT)
    assert frame["regime"].null_count() == 50
    assert (frame["symbols"] == 0).all()
    assert sum(int(frame[name].is_nan().sum()) for name, kind in REGIME.items() if kind == pl.Float64) == 0


def test_the_filter_knows_a_storm_within_a_few_bars_and_forgets_it(to_candles):
    """Three times the usual width for 40 bars: above 0.9 within 12 bars, below 0.2 again 25 bars after."""
    close = _walk(10, 400, seed=3)
    returns = np.diff(np.log(close), axis=1)
    shared = np.random.default_rng(4).normal(0, 0.004, 399)
    shared[200:240] *= 3
    close = 100 * np.exp(
        np.cumsum(np.concatenate([np.zeros((10, 1)), 0.3 * returns + shared], axis=1), axis=1)
    )
    chance = market_regime(to_candles([f"S{n}/USDT" for n in range(10)], close))[
        "high_volatility_probability"
    ]
    assert chance[150:200].mean() < 0.2
    assert chance[201:213].max() > 0.9
    assert chance[213:241].mean() > 0.8
    assert chance[266:400].mean() < 0.2


def test_a_bayes_step_of_the_filter_by_hand(to_candles):
    """From the first usable bar: the share of loud time, mixed, times the densities of that bar's return."""
    quiet_stays, loud_stays, (quiet, loud) = 0.98, 0.94, (0.8, 2.2)
    frame = market_regime(to_candles(["BTC/USDT"], _walk(1, 60)), SHORT)
    volatility, market = frame["market_volatility"].to_numpy(), frame["market_return"].to_numpy()
    first = frame["high_volatility_probability"].is_not_null().arg_true()[0]
    assert first == 21
    usual = np.median(volatility[1:first])
    prior = 0.02 / 0.08
    prior = prior * loud_stays + (1 - prior) * (1 - quiet_stays)
    density = [np.exp(-0.5 * (market[first] / usual / w) ** 2) / w for w in (quiet, loud)]
    want = prior * density[1] / (prior * density[1] + (1 - prior) * density[0])
    assert frame["high_volatility_probability"][first] == pytest.approx(want, rel=1e-12)


def test_a_hole_in_the_whole_market_is_no_storm(to_candles):
    """Nine bars missing for everybody: the step over ten bars counts over the root of ten."""
    close = _walk(6, 200)
    full = to_candles(["BTC/USDT", *(f"S{n}/USDT" for n in range(5))], close)
    times = full["open_time"].unique().sort()
    holed = full.filter(~pl.col("open_time").is_in(times[100:109].implode()))
    frame = market_regime(holed, SHORT)
    step = np.log(close[:, 109] / close[:, 99]).mean() / np.sqrt(10)
    assert frame["market_return"][100] == pytest.approx(step, rel=1e-12)


@given(st.integers(2, 114), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_no_column_reads_the_future_to_the_bit(cut, seed):
    """Late listings, holes, a depeg, volumes: every column of the prefix is the prefix of every column."""
    candles = _messy(seed)
    times = candles["open_time"].unique().sort()
    whole = market_regime(candles, SHORT)
    part = market_regime(candles.filter(pl.col("open_time") < times[cut]), SHORT)
    assert part.equals(whole.head(cut))
    assert part.schema == pl.Schema(REGIME)


def _messy(seed: int) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    names = ["A/USDT", "BTC/USDT", "ETH/BTC", "USDC/USDT", "Z/USDC", "Z/USDT"]
    close = _walk(6, 120, seed)
    close[3] = 1 + generator.normal(0, 0.001, 120)
    close[3, 60:70] = 0.96
    close[5, :70] = np.nan  # listed late
    close[generator.random((6, 120)) < 0.05] = np.nan
    close[1, 0] = 100.0
    rows = pl.DataFrame(
        {
            "symbol": np.repeat(names, 120),
            "open_time": np.tile(1_704_067_200_000 + 900_000 * np.arange(120), 6),
            "close": close.ravel(),
            "quote_volume": generator.lognormal(5, 1, 720),
        }
    )
    hole = pl.col("open_time").is_between(1_704_067_200_000 + 900_000 * 40, 1_704_067_200_000 + 900_000 * 44)
    price = pl.col("close")
    return (
        rows.filter(price.is_not_nan() & ~hole)
        .with_columns(open=price, high=price, low=price, volume=pl.lit(1.0))
        .with_columns(pl.col("open_time").cast(pl.Datetime("ms", "UTC")))
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"max_peg_deviation": 0.0}, "max_peg_deviation must be in 0..1, was 0.0"),
        ({"peg_stale_bars": -1}, "peg_stale_bars must not be negative, was -1"),
        ({"filter_widths": (2.0, 1.0)}, "filter_widths .* were 2.0 and 1.0"),
        ({"filter_stays": (1.0, 0.9)}, "filter_stays .* was 1.0"),
    ],
)
def test_settings_without_meaning_are_refused(wrong, words):
    """One sentence that names value and bound."""
    with pytest.raises(BadInput, match=words):
        RegimeSettings(**wrong)
