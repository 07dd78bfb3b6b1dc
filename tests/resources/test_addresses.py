"""Where a world is served: known while its server lives, and forgotten with it however it ends."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from resources.addresses import ADDRESSES, require_unserved, running_addresses, serving
from resources.settings import load_settings
from trading.market.errors import SluiceError

ROOT = Path(__file__).resolve().parents[2]
WHERE = {"exchange": "http://127.0.0.1:8500", "redis": "redis://:secret@127.0.0.1:6400/0"}
SERVER = """
    import sys, time
    from pathlib import Path
    from resources.addresses import serving
    with serving(Path(sys.argv[1]), {"exchange": "http://127.0.0.1:8500"}):
        print("serving", flush=True)
        time.sleep(120)
"""


@pytest.fixture
def world(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("SLUICE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "test")
    return tmp_path / "test"


def test_settings_find_what_serves_their_world(world):
    """A second terminal needs no variables while `sluice dev` runs, and finds nothing afterwards."""
    with serving(world, WHERE):
        settings = load_settings()
        assert (settings.exchange.base_url, settings.redis_url) == (WHERE["exchange"], WHERE["redis"])
    assert running_addresses(world) == {}
    assert load_settings().redis_url is None


def test_what_the_environment_says_comes_first(world, monkeypatch):
    """The file fills gaps only."""
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", "http://127.0.0.1:1")
    with serving(world, WHERE):
        assert load_settings().exchange.base_url == "http://127.0.0.1:1"


def test_only_this_user_can_read_the_file(world):
    """The Redis address holds a password."""
    with serving(world, WHERE):
        assert (world / ADDRESSES).stat().st_mode & 0o077 == 0


def test_a_killed_server_is_not_believed(world):
    """Its file is still there; a run that believed it would do without a Redis of its own."""
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVER), str(world)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout.readline() == "serving\n"
        assert running_addresses(world) == {"exchange": "http://127.0.0.1:8500"}
        with pytest.raises(SluiceError, match=r"world test is being served at http://127\.0\.0\.1:8500"):
            require_unserved(world)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    assert (world / ADDRESSES).is_file()
    assert running_addresses(world) == {}
    require_unserved(world)


def test_a_new_server_replaces_what_a_killed_one_left(world):
    """Nothing has to be removed by hand."""
    world.mkdir()
    (world / ADDRESSES).write_text('{"exchange": "http://127.0.0.1:9"}')
    with serving(world, WHERE):
        assert running_addresses(world) == WHERE
    assert not (world / ADDRESSES).exists()
