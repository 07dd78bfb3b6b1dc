"""`sluice exchange verify` as a person types it, and the door it keeps shut."""

import io
import json
import sys

import pytest

from interfaces.cli.main import run
from interfaces.cli.verify import AGREED
from tests.trading.exchange.verify.handmade import ROW, SEED, exchange_of, write_samples
from trading.exchange.verify.samples import load_samples
from trading.simulator.accounts import demo_credentials
from trading.simulator.inside import in_thread


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def verify(*arguments: str) -> int:
    return run(["exchange", "verify", *arguments])


def test_true_samples_end_with_zero_and_json_counts_them(tmp_path, capsys):
    """Every comparison is in the JSON; nothing differs."""
    assert verify("--samples", str(write_samples(tmp_path)), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["different"], found["compared"]) == (0, len(found["findings"]))


def test_difference_ends_with_one_and_is_shown(tmp_path, capsys):
    """A recorded field that nobody serves."""
    listing = {"exchangeInfo_symbols": [ROW | {"surprise": 1}], "ccxt_parsed_expected": {}}
    assert verify("--samples", str(write_samples(tmp_path, markets_spot=listing))) == 1
    assert ".surprise is missing" in capsys.readouterr().out


def test_missing_samples_are_one_sentence(tmp_path, capsys):
    """The folder and the files are named."""
    assert verify("--samples", str(tmp_path)) == 1
    assert "no recorded samples in" in capsys.readouterr().err


def test_live_needs_the_typed_agreement(home, monkeypatch, capsys):
    """Anything else sends nothing and is wrong use."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\nkey\nsecret\n"))
    assert verify("--live") == 2
    assert "nothing was sent" in capsys.readouterr().err
    assert not home.exists()


def test_rehearsal_is_recorded_and_opens_nothing(home, tmp_path, monkeypatch, capsys):
    """Against the embedded exchange: a record of its own kind; a live user stays refused."""
    key, secret = demo_credentials(SEED, 1)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{AGREED}\n{key}\n{secret}\n"))
    with in_thread(exchange_of(load_samples(write_samples(tmp_path / "samples")))) as url:
        assert verify("--live", "--symbol", "AAAUSDT", "--at", url, "--no-pace", "--json") == 0
    told = capsys.readouterr()
    assert len(json.loads(told.out)) >= 18
    assert secret not in told.out + told.err
    assert [path.name.split("-")[0] for path in (home / "verification").iterdir()] == ["rehearsal"]
    assert run(["users", "add", "u1", "--account", "demo:1", "--mode", "live"]) == 2
    assert "live trading is off" in capsys.readouterr().err


def test_unknown_mode_is_wrong_use(home, capsys):
    """The known ones are named."""
    assert run(["users", "add", "u1", "--account", "demo:1", "--mode", "real"]) == 2
    assert "paper, live" in capsys.readouterr().err
