"""`sluice research` and `sluice data import` on the command line: help, bad input, an empty world."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from interfaces.cli.main import run
from tests.assets.embedded import settings_of
from trading.store.origins import Origins


@pytest.fixture
def home(tmp_path):
    with settings_of(tmp_path):
        yield tmp_path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--step", "5"], "--step is a whole number and m, h, d or w"),
        (["--step", "0d"], "--step is a whole number and m, h, d or w"),
        (["--set", "min_trades"], "--set takes STAGE.NAME=VALUE"),
        ([], "nothing has been looked at yet"),
    ],
)
def test_what_cannot_be_replayed_is_one_sentence(home, capfd, arguments, says):
    """A bad span, a bad rule, a world that was never run."""
    asked = ["research", "replay", "--from", "2025-03-01", "--to", "2025-03-02", *arguments]
    assert run(asked) == (2 if arguments else 1)
    assert says in capfd.readouterr().err


def test_other_venues_candles_come_in_with_their_name(home, capfd):
    """Three bars of a file are stored, and the record says whose they are."""
    times = [datetime(2026, 8, 1, tzinfo=UTC) + timedelta(minutes=15 * k) for k in range(3)]
    frame = pl.DataFrame({"symbol": "AAA/USDT", "ts": times, "open": 1.0, "high": 1.0, "low": 1.0,
                          "close": 1.0, "volume": 2.0})  # fmt: skip
    frame.write_parquet(home / "other.parquet")
    assert run(["data", "import", str(home / "other.parquet"), "--venue", "binance"]) == 0
    assert "3 candles of binance are stored for research" in capfd.readouterr().out
    from resources.settings import load_settings

    known = Origins(load_settings().lake_dir).all()
    assert known.select("symbol", "venue", "bars").rows() == [("AAA/USDT", "binance", 3)]
