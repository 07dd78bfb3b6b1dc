"""Features of the day, the age and the neighbours of a pair: independent formulas, and no future."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from trading.indicators.table import indicator_table
from trading.signals.features import FEATURES, with_age
from trading.signals.generate import signal_rows
from trading.signals.peers import with_relative
from trading.signals.strategy import SignalRules
from trading.signals.windows import BARS, with_windows

START = datetime(2026, 1, 1, tzinfo=UTC)
UTC_MS = pl.Datetime("ms", "UTC")
BAR = timedelta(minutes=15)
LOOSE = SignalRules(rsi_entry=49.0, use_lower_band=False)
NAMES = ("BTC/USDT", "A/USDT", "B/USDT", "C/USDT", "D/USDT")


def candles(seed: int, bars: int = 340) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    common = rng.normal(0, 0.004, bars)
    frames = []
    for name in NAMES:
        path = 10 * np.exp(np.cumsum(0.6 * common + rng.normal(0, 0.004, bars)))
        open_ = np.concatenate([path[:1], path[:-1]])
        frames.append(
            pl.DataFrame(
                {
                    "symbol": [name] * bars,
                    "open_time": [START + k * BAR for k in range(bars)],
                    "open": open_,
                    "high": np.maximum(open_, path) * 1.001,
                    "low": np.minimum(open_, path) * 0.999,
                    "close": path,
                    "volume": rng.lognormal(3, 1, bars),
                    "quote_volume": path,
                }
            )
        )
    return pl.concat(frames).with_columns(pl.col("open_time").cast(UTC_MS))


def looks() -> pl.DataFrame:
    """At noon of day 2 A, B, C are a group; a day later A has left it and D is in."""
    first, second = START + timedelta(hours=36), START + timedelta(hours=60)
    rows = [("A/USDT", 0, first), ("B/USDT", 0, first), ("C/USDT", 0, first), ("D/USDT", -1, first)]
    rows += [("A/USDT", -1, second), ("B/USDT", 0, second), ("C/USDT", 0, second), ("D/USDT", 0, second)]
    schema = {"symbol": pl.String, "cluster": pl.Int64, "known_at": UTC_MS}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(strength=pl.lit(0.8))


def of_windows(frame: pl.DataFrame, closes: pl.DataFrame | None = None) -> pl.DataFrame:
    table = frame.sort("symbol", "open_time").with_columns(
        bar_no=pl.int_range(pl.len()).over("symbol"), row_no=pl.int_range(pl.len())
    )
    return with_windows(table, table, frame if closes is None else closes)


def test_windows_are_what_numpy_says_of_the_last_96_bars() -> None:
    """Mean quote volume, Roll's covariance, Pearson's correlation: each by its textbook formula."""
    frame = candles(1)
    rows = of_windows(frame)
    price = {name: frame.filter(symbol=name)["close"].to_numpy() for name in NAMES}
    volume = frame.filter(symbol="A/USDT")["volume"].to_numpy()
    for bar in (BARS, 200, 339):
        row = rows.filter(symbol="A/USDT").row(bar, named=True)
        window = slice(bar - BARS + 1, bar + 1)
        own = np.diff(np.log(price["A/USDT"]))[bar - BARS : bar]
        other = np.diff(np.log(price["BTC/USDT"]))[bar - BARS : bar]
        traded = (price["A/USDT"] * volume)[window].mean()
        assert row["f_liquidity"] == pytest.approx(math.log10(1 + traded), rel=1e-12)
        assert row["f_btc_corr"] == pytest.approx(np.corrcoef(own, other)[0, 1], abs=1e-10)
        away = own - own.mean()
        covariance = float((away[1:] * away[:-1]).sum()) / (BARS - 1)
        assert row["f_spread"] == pytest.approx(2 * math.sqrt(max(0.0, -covariance)), abs=1e-12)
        assert row["return_day"] == pytest.approx(price["A/USDT"][bar] / price["A/USDT"][bar - BARS] - 1)
    assert rows.filter(pl.col("bar_no") < BARS)["f_liquidity"].null_count() == BARS * len(NAMES)


def test_a_bounce_between_bid_and_ask_is_the_spread() -> None:
    """Closes of 100 and 101 by turns: successive log returns of ±ln 1.01, so Roll says 2 ln 1.01."""
    bounce = candles(1).filter(symbol="A/USDT")
    bounce = bounce.with_columns(close=pl.when(pl.int_range(pl.len()) % 2 == 0).then(100.0).otherwise(101.0))
    found = of_windows(bounce)["f_spread"][-1]
    assert found == pytest.approx(2 * math.log(1.01), rel=0.01)


def test_without_the_reference_nobody_knows_the_correlation() -> None:
    """No BTC in the table: null, not 0; and BTC goes with itself."""
    frame = candles(1)
    alone = of_windows(frame.filter(symbol="A/USDT"))
    assert alone["f_btc_corr"].null_count() == len(alone)
    assert of_windows(frame).filter(symbol="BTC/USDT")["f_btc_corr"][-1] == pytest.approx(1.0)


def test_relative_strength_is_against_the_group_of_that_bar() -> None:
    """After the second look D is held against B, C and D; before, it has no group and so no figure."""
    frame, bar_ms = candles(2), 900_000
    day = {
        name: (frame.filter(symbol=name)["close"] / frame.filter(symbol=name)["close"].shift(BARS) - 1)
        for name in NAMES
    }
    for bar, group, symbol in ((200, 0, "A/USDT"), (300, 0, "D/USDT"), (200, -1, "D/USDT")):
        moment = START + bar * BAR
        row = pl.DataFrame(
            {"symbol": [symbol], "open_time": [moment], "cluster": [group], "return_day": [day[symbol][bar]]}
        ).with_columns(pl.col("open_time").cast(UTC_MS))
        found = with_relative(row, frame, looks(), bar_ms)["f_relative"][0]
        members = ("A/USDT", "B/USDT", "C/USDT") if bar == 200 else ("B/USDT", "C/USDT", "D/USDT")
        mean = sum(day[name][bar] for name in members) / 3
        assert found is None if group < 0 else found == pytest.approx(day[symbol][bar] - mean, abs=1e-12)


def test_a_quick_look_at_part_of_a_group_says_nothing_of_it() -> None:
    """One of three members has bars: the mean of it would be another figure."""
    frame = candles(2)
    whole = signal_rows(indicator_table(frame), LOOSE, clusters=looks())
    part = signal_rows(indicator_table(frame.filter(symbol="A/USDT")), LOOSE, clusters=looks())
    assert whole.filter(symbol="A/USDT")["f_relative"].drop_nulls().len() > 0
    assert part["f_relative"].drop_nulls().is_empty()
    again = signal_rows(indicator_table(frame.filter(symbol="A/USDT")), LOOSE, clusters=looks(), market=frame)
    assert_frame_equal(again, whole.filter(symbol="A/USDT"))


def test_age_counts_from_the_newest_epoch_known_then() -> None:
    """Ten days: ln 11 / ln 31. A name that came back is young again; before its first bar nobody knows."""
    table = pl.DataFrame(
        {"symbol": ["A", "A"], "start": [START, START + timedelta(days=20)]},
        schema_overrides={"start": UTC_MS},
    )
    asked = [START + timedelta(days=10), START + timedelta(days=20), START + timedelta(days=90)]
    rows = pl.DataFrame(
        {"symbol": ["A"] * 3 + ["B"], "decided_ms": [int(t.timestamp() * 1000) for t in asked] * 1 + [0]}
    )
    found = with_age(rows, table)["f_age"].to_list()
    assert found == pytest.approx([math.log(11) / math.log(31), 0.0, 1.0, None])
    early = rows.head(1).with_columns(decided_ms=pl.col("decided_ms") - 11 * 86_400_000)
    assert with_age(early, table)["f_age"].to_list() == [None]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(260, 330))
def test_no_feature_of_a_bar_changes_when_later_bars_are_cut(seed: int, cut: int) -> None:
    """Features of data[:t] are row for row those of all data, exactly: every feature, every row."""
    frame, born = candles(seed), pl.DataFrame({"symbol": list(NAMES), "start": [START] * 5})
    until = START + cut * BAR
    told = {"clusters": looks(), "instruments": born}
    whole = signal_rows(indicator_table(frame), LOOSE, **told)
    part = signal_rows(indicator_table(frame.filter(pl.col("open_time") <= until)), LOOSE, **told)
    assert len(part) > 0
    assert_frame_equal(part, whole.filter(pl.col("open_time") <= until), check_exact=True)
    assert set(FEATURES) <= set(part.columns)
