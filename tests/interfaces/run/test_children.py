"""Processes of a run: an early death is told with its reason, and the end is certain."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest

from interfaces.run import children
from interfaces.run.children import Child, free_port, tail, wait_for
from interfaces.run.processes import Engine
from trading.market.errors import SluiceError

SERVE = ["exchange", "serve", "--port", "0", "--symbols", "3", "--accounts", "1"]


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def serving(tmp_path):
    """An exchange that has said it is ready."""
    child = Child("exchange", SERVE, log=tmp_path / "logs" / "exchange.log", env={})
    try:
        wait_for(child, lambda: "ready" in child.log.read_text(), within_s=180)
        yield child
    finally:
        if child.is_running:
            child.kill()


def test_a_child_that_dies_early_is_told_with_the_end_of_its_log(tmp_path):
    """Nobody waits a minute to read "not ready": code and reason come at once."""
    log = tmp_path / "exchange.log"
    child = Child("exchange", ["exchange", "serve", "--seed", "-5"], log=log, env={})
    began = time.monotonic()
    with pytest.raises(SluiceError, match=r"exchange ended with code 2.*--seed"):
        wait_for(child, lambda: False, within_s=120)
    assert time.monotonic() - began < 60
    assert not child.is_running
    with pytest.raises(SluiceError, match="ended with code 2"):
        child.require_running()


def test_a_child_that_is_never_ready_is_told_too(serving):
    """Time is bounded, and the log's end says how far it came."""
    with pytest.raises(SluiceError, match=r"exchange was not ready within 0 s: .*ready"):
        wait_for(serving, lambda: False, within_s=0.2)


def test_stop_lets_a_child_end_in_order(serving):
    """SIGTERM first: an exchange saves its accounts on it and ends with code 0."""
    serving.stop()
    assert not is_alive(serving.pid)
    with pytest.raises(SluiceError, match="ended with code 0"):
        serving.require_running()


def test_stop_insists_when_a_child_does_not_listen(serving, monkeypatch):
    """A stuck process is ended all the same: a run leaves nothing behind."""
    monkeypatch.setattr(children, "PATIENCE_S", 0.3)
    os.kill(serving.pid, signal.SIGSTOP)
    serving.stop()
    assert not is_alive(serving.pid)


def test_kill_is_a_power_cut(serving):
    """No handler runs; stopping what is dead already is no error."""
    serving.kill()
    assert not is_alive(serving.pid)
    with pytest.raises(SluiceError, match=f"code -{signal.SIGKILL.value}"):
        serving.require_running()
    serving.stop()


def test_a_child_does_not_hear_our_ctrl_c(serving):
    """It leads a session of its own: we end children in order, the terminal does not end them all at once."""
    assert os.getsid(serving.pid) == serving.pid != os.getsid(0)


def test_a_child_gets_the_environment_it_is_given(tmp_path):
    """And ours below it: the world is told by variables."""
    log = tmp_path / "config.log"
    home = {"SLUICE_HOME": str(tmp_path), "SLUICE_WORLD": "told-by-environment"}
    child = Child("config", ["config", "show", "--json"], log=log, env=home)
    deadline = time.monotonic() + 60
    while child.is_running and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "told-by-environment" in tail(log, 5000)


def test_tail_is_one_line_of_the_end(tmp_path):
    """Fit for the end of a sentence, even when there is no log or it is not text."""
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_bytes(b"\xff begin " + b"x" * 1000 + b"\n\nthe  end\n")
    assert tail(log, 20).endswith("the end")
    assert "\n" not in tail(log)


def test_a_free_port_can_be_listened_on():
    """On loopback, where every server of ours lives."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        server.listen()


def test_a_heart_beats_only_when_this_very_process_has_said_so(serving, tmp_path):
    """The file of the engine before the kill is still there when the next one starts."""
    beat = tmp_path / "engine.json"
    engine = Engine(serving, beat)
    assert not engine.is_beating()
    for written in ("", "{", '{"at": 1}', '{"pid": 0}', f'{{"pid": {os.getpid()}}}'):
        beat.write_text(written)
        assert not engine.is_beating(), written
    beat.write_text(f'{{"pid": {serving.pid}}}')
    assert engine.is_beating()


def test_a_heart_beside_the_engine_s_is_the_engine_s_too(serving, tmp_path):
    """With several workers whoever leads beats; all are looked after and ended together."""
    beat = tmp_path / "engine.json"
    beat.write_text(f'{{"pid": {serving.pid}}}')
    main = Child("engine", ["version"], log=tmp_path / "main.log", env={})
    assert main.wait(60) == 0
    engine = Engine(main, beat, (serving,))
    assert engine.is_beating()
    with pytest.raises(SluiceError, match="ended with code 0"):
        engine.require_running()
    engine.stop()
    assert not serving.is_running
