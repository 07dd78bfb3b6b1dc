"""How a run begins and ends: the world it writes down, the bars it asks for, and children that never stay."""

import json
import os
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from interfaces.run import driver
from interfaces.run.driver import Run, execute, report_path
from interfaces.run.options import RunOptions, World
from interfaces.run.progress import Screen
from resources.addresses import serving
from resources.settings import current_world
from trading.market.errors import SluiceError

HOUR = timedelta(hours=1)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """No setting of the machine reaches a test, and what a run puts into the environment is taken back."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("SLUICE_", "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    yield tmp_path / "data"
    os.environ.clear()
    os.environ.update(before)


def begun(**options) -> Run:
    return Run(RunOptions(**options), Screen(is_quiet=True))


def hourly_candles(path, hours=300):
    start = datetime(2024, 5, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "symbol": "BTC/USDT",
            "ts": [start + HOUR * k for k in range(hours)],
            "open": 10.0,
            "high": 11.0,
            "low": 9.0,
            "close": 10.5,
            "volume": 7.0,
        }
    )
    frame.write_parquet(path)
    return path


def test_a_run_writes_its_world_down_and_makes_it_the_current_one(home):
    """`sluice dev`, started next without a word, serves this very market."""
    run = begun(symbols=40, users=2, seed=3, has_edge=False)
    assert current_world(home) == "demo-3-40-no-edge"
    world = World.read(home / "demo-3-40-no-edge" / "world.json")
    assert world == run.world
    assert (world.symbols, world.users, world.seed, world.edge) == (40, 2, 3, False)
    assert (world.timeframe, world.history_bars) == ("15m", 1000)


@pytest.mark.parametrize(("days", "bars"), [(1, 250), (3, 288), (20, 1920)])
def test_days_of_history_become_bars_but_never_fewer_than_a_warm_up(home, days, bars):
    """96 quarters a day; below 250 bars the long averages would be null."""
    assert begun(symbols=5, days=days).settings.history_bars == bars


def test_candles_coarser_than_the_line_set_the_lines_pace(home, tmp_path):
    """An hourly file cannot give quarters: the line takes hours, and its record says so."""
    run = begun(candles=hourly_candles(tmp_path / "perp 1h.parquet"))
    assert run.bar.name == run.world.timeframe == "1h"
    assert run.world.candles == str(tmp_path / "perp 1h.parquet")
    assert run.world.name.startswith("candles-perp-1h-")


def test_a_world_that_is_being_served_is_left_alone(home):
    """Two exchanges on one state would spoil it: the second run ends with one sentence."""
    begun(symbols=5)
    with (
        serving(home / "demo-7-5", {"exchange": "http://127.0.0.1:8500"}),
        pytest.raises(SluiceError, match=r"demo-7-5 is being served at http://127.0.0.1:8500"),
    ):
        begun(symbols=5)


def test_the_report_lies_beside_the_folder_of_the_worlds(home):
    """By default that is ./report.html; a home of its own keeps a report of its own."""
    assert report_path(home) == home.parent / "report.html"


def test_a_failing_start_ends_what_it_started(home, monkeypatch):
    """The exchange is up and Valkey refuses: no process may stay."""
    stopped = []

    class Broken:
        def __init__(self, folder):
            raise SluiceError("no Valkey today")

    class Exchange:
        def stop(self):
            stopped.append("exchange")

    class Market:
        base_url = "http://127.0.0.1:9"

    monkeypatch.setattr(driver, "start_exchange", lambda *_, **__: (Exchange(), Market()))
    monkeypatch.setattr(driver, "EmbeddedValkey", Broken)
    with pytest.raises(SluiceError, match="no Valkey today"), begun(symbols=5):
        pass
    assert stopped == ["exchange"]
    assert not (home / "demo-7-5" / "addresses.json").exists()


def test_a_file_that_holds_no_candles_is_named(home):
    """A folder of anything else: one sentence before anything is started."""
    folder = home.parent / "candles"
    folder.mkdir(parents=True)
    (folder / "notes.parquet").write_bytes(b"not a parquet file")
    with pytest.raises(SluiceError, match=r"notes\.parquet: not a readable Parquet file"):
        execute(RunOptions(candles=folder, trade_s=0.0), Screen(is_quiet=True))


def test_a_run_of_mexcs_data_starts_no_exchange_and_trades_nothing(home):
    """Real prices cannot be accelerated; nobody's money is at stake in a demo."""
    run = begun(exchange="mexc")
    assert run.world.name == "mexc"
    assert run.world.rate == 20.0
    assert not run.can_trade([object()])
    assert json.loads((home / "mexc" / "world.json").read_text())["exchange"] == "mexc"


def test_a_world_keeps_the_accounts_it_has_had(home):
    """Fewer users this time: whoever holds something from last time must still be able to sell."""
    begun(symbols=40, users=5, seed=4)
    later = begun(symbols=40, users=2, seed=4)
    assert later.world.users == 5
    assert later.options.users == 2
