"""`sluice data` against an embedded exchange: fetch, look, mend, and answers to what cannot be meant."""

import json
from pathlib import Path

import polars as pl
import pytest

from interfaces.cli.main import run
from tests.assets.embedded import embedded_world, settings_of
from trading.ohlcv.shelf import Shelf

START = "2025-03-10T12:03:00Z"
SPAN = ("--from", "2025-03-08", "--to", "2025-03-09", "--symbols", "BTCUSDT,eth/usdt")


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """An exchange of ten pairs whose address is in the settings, and the home of its world."""
    home = tmp_path_factory.mktemp("data-cli")
    with embedded_world(home, symbols=10, start=START) as control:
        yield home / "data", control


@pytest.fixture
def home(market, tmp_path, monkeypatch) -> Path:
    """A world without candles."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    return tmp_path


def shelf_in(home: Path) -> Shelf:
    return Shelf.at(home / "test" / "lake")


def told(capsys, *arguments: str):
    assert run(["data", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *arguments: str) -> str:
    assert run(["data", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (sentence,) = [line for line in said.err.splitlines() if line.startswith("sluice: ")]
    return sentence


def test_an_empty_world_says_what_to_do_next(home, capsys):
    """Looking needs no candles, and mending says that there are none."""
    assert run(["data", "status"]) == 0
    assert "Next: sluice data backfill" in capsys.readouterr().out
    assert told(capsys, "status")["stored"] == []
    assert run(["data", "repair"]) == 1
    assert "nothing to mend" in capsys.readouterr().err


def test_days_are_fetched_once_and_said_to_be_there_after_that(home, capsys):
    """Two whole days of two pairs are 384 quarters; the second time nothing is asked for."""
    first = told(capsys, "backfill", *SPAN)["timeframes"][0]
    assert first["window"] == ["2025-03-08T00:00:00+00:00", "2025-03-10T00:00:00+00:00"]
    assert (first["passes"][0]["bars"], first["passes"][0]["requests"]) == (384, 2)
    again = told(capsys, "backfill", *SPAN)
    assert again["timeframes"][0]["passes"][0]["requests"] == 0
    assert "nothing to ask for, all 384 bar slots were there" in again["said"][0]
    (row,) = told(capsys, "status")["stored"]
    assert (row["timeframe"], row["symbols"], row["bars"], row["days"]) == ("15m", 2, 384, 2)
    # The newest bar closed at midnight; it is a little after noon (market time runs).
    assert 12 * 3600 <= row["newest_age_s"] <= 13 * 3600
    assert shelf_in(home).lake.read("ohlcv_days")["bars"].to_list() == [192, 192]


def test_lost_bars_come_back_and_the_table_shows_the_hole_mended(home, capsys):
    """A file lost eight bars of one pair."""
    run(["data", "backfill", *SPAN])
    shelf = shelf_in(home)
    before = shelf.candles.read("15m")
    path = next((home / "test/lake/candles").rglob("date=2025-03-08/*.parquet"))
    rows = pl.read_parquet(path).sort("symbol", "open_time")
    rows.filter(~pl.int_range(pl.len()).is_between(20, 27)).write_parquet(path)
    capsys.readouterr()
    report = told(capsys, "repair")["timeframes"][0]["repairs"][0]
    assert (report["found"], report["filled"], report["bars"]) == (1, 1, 8)
    assert shelf.candles.read("15m").equals(before)
    assert run(["data", "status"]) == 0
    assert "15m" in capsys.readouterr().out


def test_minutes_show_whether_longer_bars_agree(home, capsys):
    """Minutes and quarters of one day: 96 of ours against 96 of the exchange's, equal."""
    arguments = ["--from", "2025-03-09", "--to", "2025-03-09", "--symbols", "BTC/USDT"]
    told(capsys, "backfill", *arguments, "--timeframe", "1m,15m")
    (row,) = told(capsys, "status")["agreement"]
    assert (row["timeframe"], row["bars"], row["differing"]) == ("15m", 96, 0)
    assert [one["timeframe"] for one in told(capsys, "status", "--timeframe", "1m")["stored"]] == ["1m"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--symbols", "BTC/USTD"], "no symbol 'BTC/USTD' among the 10 listed; near: BTC/USDT"),
        (["--symbols", ",,"], "--symbols names nothing, was ',,'"),
        (["--timeframe", ","], "--timeframe names nothing, was ','"),
        (["--timeframe", "7m"], "timeframe must be one of 1m, 5m, 15m"),
        (["--from", "yesterday"], "--from must be a UTC day"),
        (["--from", "2026-01-01"], "must begin before market time, which is 2025-03-10"),
        (["--from", "2025-03-02", "--to", "2025-03-01"], "must end after it begins"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence_that_names_what_is_known(home, capsys, arguments, said):
    """Exit code 2, nothing on stdout, nothing written."""
    assert said in refused(capsys, "backfill", *arguments)
    assert not (home / "test/lake/candles").exists()


def test_an_unknown_bar_length_is_refused_by_status_too(home, capsys):
    """The same words for the same mistake."""
    assert "was '7m'" in refused(capsys, "status", "--timeframe", "7m")


def test_an_exchange_that_is_down_is_one_sentence_and_the_candles_stay(market, home, capsys, monkeypatch):
    """Exit code 1; what was stored can be read as before."""
    run(["data", "backfill", *SPAN])
    before = shelf_in(home).candles.read("15m")
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", "http://127.0.0.1:9")
    capsys.readouterr()
    assert run(["data", "backfill", *SPAN]) == 1
    said = capsys.readouterr().err
    assert "no listing to be had" in said
    assert "Next: start the exchange of http://127.0.0.1:9 (`sluice dev`, or `sluice exchange serve`)" in said
    assert all(line.startswith("sluice: ") for line in said.splitlines())  # no log line in JSON between them
    assert run(["data", "status"]) == 0
    assert shelf_in(home).candles.read("15m").equals(before)


def test_without_an_address_the_sentence_says_how_to_get_one(tmp_path, capsys):
    """No exchange is served for this world."""
    with settings_of(tmp_path):
        assert run(["data", "backfill"]) == 1
    assert "sluice exchange serve" in capsys.readouterr().err


def test_what_is_stored_leaves_as_the_file_that_a_backtest_reads(home, capsys, tmp_path):
    """Two days of two pairs are 384 bars, one pair's first day 96; the file passes the backtest's checks."""
    from trading.backtest.candle_file import read_candles

    run(["data", "backfill", *SPAN])
    capsys.readouterr()
    file = tmp_path / "candles.parquet"
    assert told(capsys, "export", str(file)) == {
        "file": str(file), "timeframe": "15m", "symbols": 2, "bars": 384,
    }  # fmt: skip
    only = ("--symbols", "btc/usdt", "--to", "2025-03-08")
    assert told(capsys, "export", str(file), *only)["bars"] == 96
    assert read_candles(file).symbols == ["BTC/USDT"]
    assert run(["data", "export", str(file), "--symbols", "NONE/USDT"]) == 1
    assert "no such 15m candles" in capsys.readouterr().err
    assert "no folder" in refused(capsys, "export", str(tmp_path / "absent" / "c.parquet"))
