from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from trading.market.errors import InvalidBars
from trading.market.frames import CANDLES, FUNNEL, TICKERS, empty
from trading.screening.filters import screen, validate_markets
from trading.screening.rules import ScreeningRules

LOOSE = ScreeningRules(rsi_enabled=False)
NO_TICKERS = empty(TICKERS)


def _one(candles: pl.DataFrame, rules: ScreeningRules = LOOSE) -> dict[str, object]:
    return screen(candles, NO_TICKERS, rules).row(0, named=True)


def test_a_sound_symbol_passes(candles):
    """96 bars of 10,000 quote units a day and 1 % a bar."""
    assert _one(candles("A/USDT"))["is_kept"] is True


def test_volume_is_that_of_the_last_24_hours_of_candles(candles):
    """96 quarter hours x 1,000 = 96,000, below the 100,000 asked for; older volume does not count."""
    busy_before = candles("A/USDT", quote_volume=1000.0).with_columns(
        quote_volume=pl.when(pl.int_range(400) < 304).then(1e9).otherwise("quote_volume")
    )
    row = _one(busy_before)
    assert (row["rule"], row["value"], row["bound"]) == ("volume", 96_000.0, 100_000.0)
    assert row["reason"] == "traded 96,000 in 24 h of candles, below 100,000"


def test_a_young_listing_may_show_its_volume_by_ticker(candles, tickers):
    """Half a day of candles cannot sum to a day's volume."""
    rules = replace(LOOSE, min_bars=40)
    young = candles("A/USDT", bars=48, quote_volume=1000.0)
    assert screen(young, NO_TICKERS, rules)["rule"].item() == "volume"
    assert screen(young, tickers({"A/USDT": {}}), rules)["rule"].item() == "passed"


def test_volatility_is_the_deviation_of_log_returns_per_bar(candles):
    """Returns of +r, -r in turn: the sample deviation over 96 bars is r * sqrt(96/95)."""
    step = 0.0012
    close = 100 * np.exp(step * (np.arange(400) % 2))
    row = _one(candles("A/USDT", close=close))
    assert row["rule"] == "volatility"
    assert row["value"] == pytest.approx(step * np.sqrt(96 / 95), rel=1e-9)
    assert _one(candles("A/USDT", close=close), replace(LOOSE, min_volatility=0.001))["is_kept"] is True


@pytest.mark.parametrize(
    ("build", "rule"),
    [
        ({"bars": 199}, "bars"),
        ({"volatility": 0.5}, "wild"),
        ({"close": np.full(400, 7.0)}, "volatility"),
        ({"quote_volume": 0.0}, "volume"),
    ],
)
def test_each_rule_drops_what_it_is_for(candles, build, rule):
    """Too young, too wild, a stablecoin's flat line, never traded."""
    assert _one(candles("A/USDT", **build))["rule"] == rule


def test_a_pair_that_rarely_trades_is_idle(candles):
    """Half of its bars without a trade, the volume in the others."""
    frame = candles("A/USDT", quote_volume=1e5).with_columns(
        volume=pl.when(pl.int_range(400) % 2 == 0).then(0.0).otherwise("volume")
    )
    row = _one(frame)
    assert (row["rule"], row["value"]) == ("idle", 0.5)


def test_a_series_that_ended_is_stale_beside_one_that_did_not(candles):
    """Five bars behind the newest bar of the market, four allowed."""
    frame = pl.concat([candles("A/USDT"), candles("B/USDT", late_bars=5), candles("C/USDT", late_bars=4)])
    funnel = screen(frame, NO_TICKERS, LOOSE)
    assert funnel["rule"].to_list() == ["passed", "stale", "passed"]
    assert funnel["value"][1] == 5.0


def test_the_signal_rule_asks_for_an_rsi_below_its_bound(candles):
    """A long rise has no low RSI, a rise with a late fall has one, and the rule can be switched off."""
    noise = np.random.default_rng(1).normal(0, 0.004, 400)
    rise = 100 * np.exp(np.cumsum(0.004 + noise))
    fall = rise * np.where(np.arange(400) < 380, 1.0, 0.97 ** np.maximum(np.arange(400) - 379, 0))
    frame = pl.concat([candles("FALL/USDT", close=fall), candles("RISE/USDT", close=rise)])
    rules = ScreeningRules()
    funnel = screen(frame, NO_TICKERS, rules)
    assert funnel["rule"].to_list() == ["passed", "signal"]
    assert funnel["value"][1] > funnel["bound"][1] == 35.0
    assert screen(frame, NO_TICKERS, replace(rules, rsi_enabled=False))["is_kept"].all()
    either = replace(rules, rsi_above=65.0)
    assert screen(frame, NO_TICKERS, either)["is_kept"].all()


def test_an_rsi_that_is_still_warming_up_is_no_signal(candles):
    """Null, never wrong: 100 bars are too few for RSI 14."""
    frame = candles("A/USDT", bars=100, close=100 * 0.99 ** np.arange(100.0))
    row = _one(frame, ScreeningRules(min_bars=50, min_volatility=None))
    assert (row["rule"], row["value"]) == ("signal", None)


@pytest.mark.parametrize("size", [1, 3, 10, 250])
def test_the_batch_size_changes_progress_and_nothing_else(candles, size):
    """Seven symbols: the same funnel row by row, told ceil(7 / size) times."""
    frame = pl.concat(
        [candles(f"S{n}/USDT", seed=n, volatility=0.001 * (n + 1), late_bars=n) for n in range(7)]
    )
    told: list[tuple[int, int]] = []
    rules = ScreeningRules(batch_size=size)
    funnel = screen(
        frame.sample(fraction=1, shuffle=True, seed=2),
        NO_TICKERS,
        rules,
        on_batch=lambda *at: told.append(at),
    )
    assert funnel.equals(screen(frame, NO_TICKERS, replace(rules, batch_size=100)))
    assert told[-1] == (7, 7)
    assert len(told) == -(-7 // size)


def test_a_reference_closed_to_orders_falls_here(candles, market):
    """BTC was fetched for the regime; it is no candidate where the API takes no orders."""
    frame, _ = validate_markets([market("BTC", is_api_tradable=False), market("A")])
    both = pl.concat([candles("A/USDT"), candles("BTC/USDT", seed=1)])
    assert screen(both, NO_TICKERS, LOOSE, markets=frame)["rule"].to_list() == ["passed", "api"]
    assert screen(both, NO_TICKERS, LOOSE)["is_kept"].all()


def test_no_candles_give_an_empty_funnel():
    """A market without survivors is an answer."""
    assert screen(empty(CANDLES), NO_TICKERS, LOOSE).schema == pl.Schema(FUNNEL)


def test_impossible_candles_stop_the_screen(candles):
    """Wrong prices are an error of the data, not a reason of the symbol."""
    with pytest.raises(InvalidBars):
        screen(candles("A/USDT").with_columns(close=pl.lit(-1.0)), NO_TICKERS, LOOSE)
