"""What a backtest reads of the past: bars on which a series was in the universe of that bar."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from trading.backtest.engine import run_backtest
from trading.indicators.table import indicator_table
from trading.market.frames import CANDLES
from trading.market.instruments import as_series, cut
from trading.market.timeframes import timeframe
from trading.risk.exits import ExitRules
from trading.screening.rules import ScreeningRules
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.universe.epochs import find_epochs
from trading.universe.members import members_of, with_sources
from trading.universe.registry import bar_spans, no_instruments, with_candles

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "ohlcv_1h_spot_2022.parquet"
BORN = datetime(2022, 5, 31, 6, tzinfo=UTC)
HOUR = timeframe("1h")
RULES = ScreeningRules(references=(), min_listed_days=None)
START = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def luna() -> pl.DataFrame:
    if not REAL.is_file():
        pytest.skip("the shared candles of 2022 are not on this machine")
    frame = pl.read_parquet(REAL).rename({"ts": "open_time"}).filter(pl.col("symbol") == "LUNAUSDT")
    quoted = frame.with_columns(quote_volume=pl.col("close") * pl.col("volume"), symbol=pl.lit("LUNA/USDT"))
    return quoted.select(list(CANDLES)).cast(dict(CANDLES)).sort("open_time")


@pytest.fixture(scope="module")
def instruments(luna: pl.DataFrame) -> pl.DataFrame:
    epochs, _ = find_epochs(luna)
    return with_candles(no_instruments(), bar_spans(luna, HOUR.ms), epochs, at=luna["open_time"].max())


def test_indicators_after_the_relisting_do_not_know_the_bars_before(luna, instruments):
    """Old LUNA's prices multiplied by a thousand change nothing of new LUNA's table, cut or as a series."""
    old = pl.col("open_time") < BORN
    prices = [
        pl.when(old).then(pl.col(name) * 1000).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close")
    ]
    tables = [indicator_table(as_series(frame, instruments)) for frame in (luna, luna.with_columns(prices))]
    present = [table.filter(pl.col("symbol") == "LUNA/USDT") for table in tables]
    assert present[0].equals(present[1])
    assert present[0]["open_time"].min() == BORN
    assert present[0]["rsi_14"][0] is None
    assert present[0].equals(indicator_table(cut(luna, instruments)))
    mixed = indicator_table(luna).filter(pl.col("open_time") >= BORN)
    assert not mixed["ema_200"].equals(present[0]["ema_200"])


def test_a_backtest_never_holds_one_luna_into_the_other(luna, instruments):
    """An entry on the old coin's last bars: per name it lives to see the new price, per instrument never."""
    last = luna.filter(pl.col("open_time") < BORN)["open_time"].to_list()[-2]
    signals = pl.DataFrame(
        {"symbol": ["LUNA/USDT"], "open_time": [last], "is_entry": True, "is_exit": False}
    ).cast({"open_time": pl.Datetime("ms", "UTC")})
    fees = pl.DataFrame({"symbol": ["LUNA/USDT"], "taker_fee": [0.001]})
    patient = ExitRules(stop_loss=0.9, take_profit=None, max_hold_bars=16)
    per_name = run_backtest(luna, signals, fees, patient, bar_ms=HOUR.ms).trades
    assert per_name["close_time"].max() >= BORN
    assert per_name["profit_ratio"].max() > 1_000
    series = as_series(luna, instruments)
    per_instrument = run_backtest(series, as_series(signals, instruments), fees, patient).trades
    assert per_instrument["symbol"].to_list() == [instruments["instrument_id"][0]]
    assert per_instrument["close_time"].max() < BORN
    assert per_instrument["profit_ratio"].max() < 1


def candles(name: str, days: int, quote_volume: float) -> pl.DataFrame:
    opens = pl.datetime_range(
        START, START + timedelta(days=days), "1h", eager=True, closed="left", time_unit="ms", time_zone="UTC"
    )
    return pl.DataFrame({"open_time": opens}).select(
        symbol=pl.lit(name), open_time="open_time", open=pl.lit(100.0), high=pl.lit(101.0), low=pl.lit(99.0),
        close=pl.lit(100.0), volume=pl.lit(1.0), quote_volume=pl.lit(quote_volume),
    ).cast(dict(CANDLES))  # fmt: skip


@pytest.fixture
def thin_then_thick(tmp_path):
    """AAA trades 1,000 an hour for two days, then 10,000 an hour: 100,000 a day come 9 hours later."""
    lake, store = Lake(tmp_path), CandleStore(tmp_path)
    bars = candles("AAA/USDT", 4, 1_000.0).with_columns(
        quote_volume=pl.when(pl.col("open_time") < START + timedelta(days=2))
        .then(1_000.0)
        .otherwise(10_000.0)
    )
    store.append("1h", bars, tag="a")
    return lake, store, bars


def test_membership_begins_at_the_bar_that_reaches_the_volume(thin_then_thick):
    """After n thick hours the day is 24,000 + 9,000 n: 100,000 are exceeded at the close of the ninth."""
    lake, store, bars = thin_then_thick
    found = members_of(lake, store, bars, RULES, bar=HOUR)
    first = found.filter("is_member")["open_time"].min()
    assert first == START + timedelta(days=2, hours=8)
    assert found.filter(pl.col("open_time") >= first)["is_member"].all()
    assert found["open_time"].equals(bars["open_time"])


def test_a_signal_outside_the_universe_of_its_bar_is_not_traded(thin_then_thick):
    """One entry while AAA was too thin, one after: only the second is a trade; random entries obey."""
    lake, store, bars = thin_then_thick
    known = members_of(lake, store, bars, RULES, bar=HOUR)
    wanted = [START + timedelta(days=1), START + timedelta(days=3)]
    signals = pl.DataFrame({"symbol": "AAA/USDT", "open_time": wanted, "is_entry": True, "is_exit": False})
    fees = pl.DataFrame({"symbol": ["AAA/USDT"], "taker_fee": [0.001]})
    everywhere = run_backtest(bars, signals, fees)
    then = run_backtest(bars, signals, fees, members=known)
    assert everywhere.trades["signal_time"].to_list() == wanted
    assert then.trades["signal_time"].to_list() == wanted[1:]
    nowhere = run_backtest(bars, signals, fees, members=known.with_columns(is_member=pl.lit(value=False)))
    assert nowhere.trades.is_empty()
    assert nowhere.metrics["any_entry_mean"].to_list() == [None]


def test_every_result_says_what_told_its_universe(thin_then_thick):
    """48 + 8 hours outside of 96: the share is 40/96; all of it is rebuilt from candles."""
    lake, store, bars = thin_then_thick
    known = members_of(lake, store, bars, RULES, bar=HOUR)
    row = with_sources(pl.DataFrame({"symbol": ["AAA/USDT"]}), known).row(0, named=True)
    assert row == {"symbol": "AAA/USDT", "universe_source": "rebuilt", "universe_share": 40 / 96}
    half = known.with_columns(
        source=pl.when(pl.int_range(pl.len()) < 48).then(pl.lit("recorded")).otherwise("source")
    )
    assert with_sources(pl.DataFrame({"symbol": ["AAA/USDT"]}), half)["universe_source"].to_list() == [
        "mixed"
    ]
