"""The dashboard that `sluice dev` starts: its port, its first password, its process."""

import socket

import pytest

from interfaces.run import dashboard
from trading.market.errors import SluiceError


def test_a_taken_port_gives_way_to_a_free_one():
    """The dashboard of another world may stay open."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        taken = held.getsockname()[1]
        assert dashboard.port_for(taken) != taken
    assert dashboard.port_for(taken) == taken


def test_the_first_password_is_told_once_and_never_again(tmp_path):
    """By whoever started everything: the second start of all finds an account and says nothing."""
    password = dashboard.first_password(tmp_path)
    assert password is not None
    assert f"password {password}" in dashboard.said(8050, password)
    assert dashboard.first_password(tmp_path) is None
    assert "password" not in dashboard.said(8050, None)


def test_it_answers_ends_with_the_rest_and_writes_no_password(tmp_path):
    """A process of its own over an empty home; stopped, nothing answers on its port any more."""
    dashboard.first_password(tmp_path)
    port = dashboard.free_port()
    child = dashboard.start(tmp_path / "logs", {"SLUICE_HOME": str(tmp_path), "SLUICE_WORLD": "w"}, port)
    try:
        dashboard.wait_until_up(child, port)
    finally:
        child.stop()
    assert not child.is_running
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))
    told = (tmp_path / "logs" / "dashboard.log").read_text()
    assert f"http://127.0.0.1:{port}/" in told
    assert "password" not in told


def test_one_that_cannot_start_says_why(tmp_path):
    """The end of its log, in one sentence."""
    (tmp_path / "ui_accounts.json").write_text("no JSON")
    port = dashboard.free_port()
    child = dashboard.start(tmp_path / "logs", {"SLUICE_HOME": str(tmp_path), "SLUICE_WORLD": "w"}, port)
    with pytest.raises(SluiceError, match=r"dashboard ended with code 1.*cannot be read"):
        dashboard.wait_until_up(child, port)
