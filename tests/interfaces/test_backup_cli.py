"""`sluice backup`, `restore`, `verify`: from a world to a folder and back."""

import json

import pytest

from interfaces.cli.main import run
from tests.trading.store.order_log.old_logs import make_old_log
from trading.execution.heartbeat import only_engine
from trading.store.order_log.schema import HEAD


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLUICE_WORLD", "w")
    url = f"sqlite:///{tmp_path}/home/w/orders.db"
    make_old_log(url)
    run(["log", "upgrade", "--url", url])
    return tmp_path / "home" / "w"


def said(capsys, *arguments: str, code: int = 0):
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_world_is_backed_up_verified_and_restored(home, capsys):
    """Every step says what it did; the restored log is frozen, at epoch 1, and verifies."""
    made = said(capsys, "backup")
    assert made["revision"] == HEAD
    assert said(capsys, "verify", made["folder"])["is_whole"] is True
    done = said(capsys, "restore", made["folder"])
    assert (done["epoch"], done["backup_id"], done["is_frozen"]) == (1, made["backup_id"], True)
    now = said(capsys, "verify")
    assert (now["is_whole"], now["epoch"], now["fills"]) == (True, 1, 2)
    halts = said(capsys, "halts")
    assert "restored from backup" in json.dumps(halts)


def test_a_damaged_backup_is_exit_code_1_in_both(home, capsys, tmp_path):
    """verify says why, restore changes nothing."""
    folder = tmp_path / "b"
    said(capsys, "backup", str(folder))
    (folder / "orders.db").write_bytes(b"x")
    assert "is damaged" in said(capsys, "verify", str(folder), code=1)["wrong"][0]
    assert run(["restore", str(folder)]) == 1
    assert "is damaged" in capsys.readouterr().err
    assert said(capsys, "verify")["epoch"] == 0


def test_a_running_engine_is_not_restored_under(home, capsys, tmp_path):
    """The engine's lock is asked first."""
    said(capsys, "backup", str(tmp_path / "b"))
    with only_engine(home / "engine.lock"):
        assert run(["restore", str(tmp_path / "b")]) == 1
    assert "another engine holds" in capsys.readouterr().err
