"""`sluice scan`: values out of bounds and an exchange that is down, answered before anything is asked for."""

import pytest

from interfaces.cli.main import run


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A world of its own, whose exchange does not answer."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "test")
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", "http://127.0.0.1:9")
    return tmp_path


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--rate", "0", "rate must be above 0 and at most 1,000, was 0"),
        ("--rate", "inf", "rate must be above 0 and at most 1,000, was inf"),
        ("--rate", "nan", "rate must be above 0 and at most 1,000, was nan"),
        ("--rate", "1001", "rate must be above 0 and at most 1,000, was 1001"),
        ("--burst", "0.1", "burst must be at least 1 and at most 5,000, was 0.1"),
        ("--burst", "inf", "burst must be at least 1 and at most 5,000, was inf"),
    ],
)
def test_a_rate_or_burst_out_of_bounds_is_wrong_use(capsys, home, option, value, said):
    """Exit code 2, value and bound in one sentence; no budget is touched."""
    assert run(["scan", option, value]) == 2
    assert f"sluice: {said}\n" == capsys.readouterr().err
    assert not list(home.rglob("*.budget"))


def test_an_exchange_that_is_down_is_told_in_sentences_alone(capsys):
    """What was tried in plain words, the next command, and no log line in JSON between the sentences."""
    assert run(["scan"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if not line.startswith(("sluice: ", "listing: "))] == []
    assert "Tried the gateway by ccxt (" in lines[-1]
    assert "then plain HTTP (" in lines[-1]
    assert "Next: start the exchange of http://127.0.0.1:9" in lines[-1]
