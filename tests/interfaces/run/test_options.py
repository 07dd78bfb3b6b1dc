"""What a run may be asked for, which world follows from it, and that the world's record comes back whole."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from interfaces.run.options import RunOptions, World
from resources.settings import load_settings
from trading.market.errors import BadInput


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"symbols": 0}, "symbols must lie between 1 and 20000, was 0"),
        ({"symbols": 20_001}, "symbols must lie between 1 and 20000, was 20001"),
        ({"users": 0}, "users must lie between 1 and 200, was 0"),
        ({"users": 201}, "users must lie between 1 and 200, was 201"),
        ({"days": 0}, "days must lie between 1 and 365, was 0"),
        ({"days": 366}, "days must lie between 1 and 365, was 366"),
        ({"seed": -1}, "seed must be at least 0, was -1"),
        ({"exchange": "ftx"}, "exchange must be embedded or mexc, was 'ftx'"),
        ({"trade_s": -0.5}, "seconds of trading must lie between 0 and 3600, was -0.5"),
        ({"trade_s": 3601.0}, "seconds of trading must lie between 0 and 3600, was 3601.0"),
        ({"trade_s": float("nan")}, "seconds of trading must lie between 0 and 3600, was nan"),
        ({"candles": Path("nowhere.parquet")}, "nothing at nowhere.parquet"),
    ],
)
def test_a_wrong_option_is_refused_with_value_and_bound(wrong, says):
    """One sentence that names what was given and what would do."""
    with pytest.raises(BadInput, match=re.escape(says)):
        RunOptions(**wrong)


@pytest.mark.parametrize(
    "edge_of_the_range",
    [{"symbols": 1}, {"symbols": 20_000}, {"users": 200}, {"days": 365}, {"seed": 0}, {"trade_s": 0.0}],
)
def test_bounds_themselves_are_allowed(edge_of_the_range):
    """ "Between 1 and 200" means 200, too."""
    RunOptions(**edge_of_the_range)


def test_real_candles_and_a_real_venue_are_one_market_too_many(tmp_path):
    """Two sources of prices cannot both be meant; silently dropping one would be worse than asking."""
    with pytest.raises(BadInput, match="either"):
        RunOptions(candles=tmp_path, exchange="mexc")


def test_markets_that_differ_are_worlds_that_differ(tmp_path):
    """Synthetic, no-edge, recorded and real data never share a folder."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    options = [
        RunOptions(),
        RunOptions(seed=8),
        RunOptions(symbols=120),
        RunOptions(has_edge=False),
        RunOptions(candles=tmp_path / "a"),
        RunOptions(candles=tmp_path / "b"),
        RunOptions(exchange="mexc"),
    ]
    for one, other in combinations(options, 2):
        assert one.world != other.world


def test_the_same_market_is_the_same_world(tmp_path, monkeypatch):
    """More users, days or seconds change nothing about a market; nor does the way a path is written."""
    assert RunOptions(users=3, days=20, trade_s=5.0).world == RunOptions().world
    (tmp_path / "candles").mkdir()
    monkeypatch.chdir(tmp_path)
    assert RunOptions(candles=Path("candles")).world == RunOptions(candles=tmp_path / "candles").world


@pytest.mark.parametrize(
    "name", ["BTC 1h (perp).parquet", "données_été.parquet", "___", "k" * 90 + ".parquet"]
)
def test_a_world_of_recorded_candles_has_a_name_that_settings_take(tmp_path, monkeypatch, name):
    """Whatever people call their files: the folder's name is plain, short and never refused later."""
    (tmp_path / name).touch()
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    world = RunOptions(candles=tmp_path / name).world
    assert load_settings(world).world == world
    assert len(world) <= 64


def test_two_files_of_one_name_are_two_worlds(tmp_path):
    """`1h.parquet` of one folder is not `1h.parquet` of another."""
    for folder in ("spot", "perp"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1h.parquet").touch()
    spot, perp = (RunOptions(candles=tmp_path / folder / "1h.parquet").world for folder in ("spot", "perp"))
    assert spot != perp


def test_a_worlds_record_comes_back_whole(tmp_path):
    """What `sluice run` wrote, `sluice dev` serves: every field, and nothing half written is left."""
    world = World(
        name="demo-7-120-no-edge",
        seed=7,
        symbols=120,
        edge=False,
        candles=None,
        start="2025-03-03T00:00:00Z",
        users=3,
        rate=50.0,
        timeframe="15m",
        history_bars=1000,
        exchange="embedded",
    )
    path = tmp_path / "new" / "world.json"
    world.write(path)
    assert World.read(path) == world
    assert [found.name for found in path.parent.iterdir()] == ["world.json"]
