from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trading.market.errors import BadInput
from trading.market.frames import CANDLES, conform, empty
from trading.xray.regime import REGIME, RegimeSettings, market_regime

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "ohlcv_1h_spot_2022.parquet"


def _market(
    bars: int, *, symbols: int = 20, common: float = 0.7, seed: int = 0, wild: slice = slice(0, 0)
) -> np.ndarray:
    """Closes in which the share `common` of the variance is shared; three times the volatility in `wild`."""
    generator = np.random.default_rng(seed)
    shared, own = generator.normal(0, 0.005, bars), generator.normal(0, 0.005, (symbols, bars))
    returns = np.sqrt(common) * shared + np.sqrt(1 - common) * own
    returns[:, wild] *= 3
    return 100 * np.exp(np.cumsum(returns, axis=1))


NAMES = ["BTC/USDT", *(f"S{n:02d}/USDT" for n in range(19))]


def test_a_planted_storm_is_turbulent_and_the_calm_after_it_is_not(to_candles):
    """300 quiet bars, 100 at three times the volatility, 300 quiet ones."""
    frame = market_regime(to_candles(NAMES, _market(700, wild=slice(300, 400))))
    assert frame.schema == pl.Schema(REGIME)
    regimes = frame["regime"].to_list()
    assert regimes[330:400].count("turbulent") == 70
    assert regimes[560:700].count("turbulent") < 20
    assert frame["threshold_multiplier"][390] > 1.1 > frame["threshold_multiplier"][600]


def test_every_value_reads_the_past_only(to_candles):
    """Cut the candles anywhere: the rows before the cut are the same, bit by bit."""
    close = _market(400, wild=slice(200, 260))
    close[3, :150] = np.nan
    frame = market_regime(to_candles(NAMES, close))
    for cut in (160, 230, 399):
        assert market_regime(to_candles(NAMES, close[:, :cut])).equals(frame.head(cut))


def test_the_first_bars_have_no_regime_and_neutral_multipliers(to_candles):
    """Too little history names nothing: null, and 1 where a number is needed."""
    head = market_regime(to_candles(NAMES, _market(300))).head(120)
    assert head["regime"].null_count() == 120
    assert (head["threshold_multiplier"] == 1).all()
    assert (head["stop_multiplier"] == 1).all()
    assert not head["is_bounded"].any()


@pytest.mark.parametrize("common", [0.0, 0.4, 0.9])
def test_mean_correlation_finds_the_planted_one(to_candles, common):
    """All pairs share `common` of their variance, so that is their correlation."""
    frame = market_regime(to_candles(NAMES, _market(900, common=common)), RegimeSettings(half_life=150))
    assert frame["mean_correlation"][-1] == pytest.approx(common, abs=0.12)


def test_breadth_is_the_share_above_their_own_mean(to_candles):
    """Five rise, fifteen fall: a quarter stands above its 50-bar mean."""
    drift = np.where(np.arange(20) < 5, 0.01, -0.01)[:, None]
    close = 100 * np.exp(drift * np.arange(200))
    last = market_regime(to_candles(NAMES, close)).row(-1, named=True)
    assert last["breadth"] == 0.25
    assert last["btc_trend"] > 0
    assert last["symbols"] == 20


def test_panic_makes_a_normal_market_turbulent(to_candles):
    """Everything below its mean while BTC falls, at a volatility of the middle third."""
    close = _market(700, common=0.5, seed=3, wild=slice(100, 300))
    close[:, 600:] *= np.exp(-0.004 * np.arange(1, 101))
    with_panic = market_regime(to_candles(NAMES, close))
    without = market_regime(to_candles(NAMES, close), RegimeSettings(panic_breadth=0.0))
    changed = with_panic.filter(with_panic["regime"] != without["regime"])
    assert len(changed) > 0
    assert (changed["breadth"] < 0.2).all()
    assert (changed["btc_trend"] < 0).all()
    assert changed["regime"].unique().to_list() == ["turbulent"]


def test_multipliers_stay_within_floor_and_ceiling_and_say_so(to_candles):
    """A twentyfold jump of volatility asks for more than the ceiling allows."""
    close = _market(600)
    generator = np.random.default_rng(9)
    close[:, 500:] = close[:, 499:500] * np.exp(np.cumsum(generator.normal(0, 0.1, (20, 100)), axis=1))
    frame = market_regime(to_candles(NAMES, close))
    assert frame["stop_multiplier"].max() == 2.0
    assert frame.filter(pl.col("stop_multiplier") == 2.0)["is_bounded"].all()
    assert frame["threshold_multiplier"].is_between(0.8, 1.5).all()


def test_without_the_reference_its_trend_is_null(to_candles):
    """A market without BTC is still a market."""
    frame = market_regime(to_candles([f"X{n:02d}" for n in range(20)], _market(300)))
    assert frame["btc_trend"].null_count() == 300
    assert frame["regime"].drop_nulls().len() == 180


@pytest.mark.parametrize("bars", [1, 2, 500])
def test_one_symbol_is_a_market_too(to_candles, bars):
    """No pairs: correlation is null; nothing divides by zero."""
    frame = market_regime(to_candles(["BTC/USDT"], _market(bars, symbols=1)))
    assert len(frame) == bars
    assert frame["mean_correlation"].null_count() == bars
    assert sum(int(frame[name].is_nan().sum()) for name, kind in REGIME.items() if kind == pl.Float64) == 0


def test_a_flat_market_is_no_error(to_candles):
    """All prices equal for ever: zero volatility ranks in the middle of itself."""
    frame = market_regime(to_candles(NAMES, np.full((20, 300), 5.0)))
    assert frame["market_volatility"][-1] == 0.0
    assert frame["regime"][-1] == "normal"


def test_no_candles_give_an_empty_frame_and_bad_bounds_an_error():
    """Nothing in, nothing out; a ceiling below 1 is a slip."""
    assert market_regime(empty(CANDLES)).schema == pl.Schema(REGIME)
    with pytest.raises(BadInput, match="threshold_bounds must hold 1"):
        RegimeSettings(threshold_bounds=(0.5, 0.9))


def test_real_market_sees_all_three_regimes(real):
    """Six hundred real hours are neither all calm nor all storm."""
    shares = market_regime(real)["regime"].drop_nulls().value_counts(normalize=True)
    assert shares["regime"].sort().to_list() == ["calm", "normal", "turbulent"]
    assert shares["proportion"].max() < 0.8


@pytest.mark.skipif(not REAL.exists(), reason="the real candles of 2022 are not on this machine")
def test_the_fall_of_ust_is_a_depeg_in_each_of_its_hours():
    """Real hourly closes: first flagged on 9 May 2022, all of 10-12 May, no hour before or from 14 May on."""
    raw = pl.read_parquet(REAL).filter(pl.col("ts") < datetime(2022, 7, 1, tzinfo=UTC))
    raw = raw.filter(pl.col("symbol").is_in(["BTCUSDT", "ETHUSDT", "USDCUSDT", "USTUSDT"]))
    candles = raw.select(
        pl.col("symbol").str.replace("USDT$", "/USDT"),
        *("open", "high", "low", "close", "volume"),
        open_time="ts",
        quote_volume=pl.col("close") * pl.col("volume"),
    )
    frame = market_regime(conform(candles, CANDLES))
    off = frame.filter("is_depegged")
    fall = off.filter(pl.col("open_time").dt.date().is_between(date(2022, 5, 10), date(2022, 5, 12)))
    assert fall.height == 72
    assert (fall["peg_symbol"] == "UST/USDT").all()
    assert datetime(2022, 5, 9, tzinfo=UTC) <= off["open_time"].min() < datetime(2022, 5, 10, tzinfo=UTC)
    assert off["open_time"].max() < datetime(2022, 5, 14, tzinfo=UTC)
    assert (fall["threshold_multiplier"] >= 1.4).all()


def test_a_coin_that_gave_up_its_promise_is_off_no_peg_later(to_candles):
    """UST at two cents in 2024: not the market, and no alarm for ever."""
    close = np.vstack([_market(200), np.full((1, 200), 0.02)])
    frame = market_regime(to_candles([*NAMES, "UST/USDT"], close))
    assert not frame["is_depegged"].any()
    assert frame["symbols"].max() == 20
