"""`sluice exchange faults` as a person types it: the catalogue, and the plan of a running exchange."""

import json
import urllib.request

import pytest

from interfaces.cli.main import run
from tests.trading.simulator.handmade import SEED, START_MS, FakeMarket
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import make_exchange
from trading.simulator.fault_kinds import KINDS
from trading.simulator.inside import in_thread


def faults(*arguments: str) -> int:
    return run(["exchange", "faults", *arguments])


@pytest.fixture
def venue():
    """An exchange on a free port, whose admin token is t."""
    exchange = make_exchange(FakeMarket(), MarketClock(START_MS), seed=SEED, admin_token="t")
    with in_thread(exchange) as base_url:
        yield base_url


def test_all_kinds_are_listed(capsys):
    """One JSON row each, with what a client sees; for people, how to write a rule."""
    assert faults("--json") == 0
    assert [row["kind"] for row in json.loads(capsys.readouterr().out)] == list(KINDS)
    assert faults() == 0
    assert "[[rules]]" in capsys.readouterr().out


def test_a_plan_is_given_shown_with_its_hits_and_taken_away(venue, tmp_path, capsys):
    """From a file; after two pings one hit is counted; --clear ends it."""
    (tmp_path / "plan.toml").write_text(
        'seed = 3\n[[rules]]\nkind = "delay"\nroute = "GET ping"\nnth = [2]\n'
    )
    assert faults("--at", venue, "--set", str(tmp_path / "plan.toml"), "--admin-token", "t") == 0
    capsys.readouterr()
    for _ in range(2):
        urllib.request.urlopen(f"{venue}/api/v3/ping", timeout=5).close()
    assert faults("--at", venue, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    (rule,) = shown["rules"]
    assert (shown["seed"], rule["matched"], rule["hits"]) == (3, 2, 1)
    assert faults("--at", venue, "--clear", "--admin-token", "t") == 0
    assert "no rules" in capsys.readouterr().out


def test_without_the_token_nothing_is_set(venue, tmp_path, capsys):
    """One sentence with what the exchange said."""
    (tmp_path / "plan.json").write_text("{}")
    assert faults("--at", venue, "--set", str(tmp_path / "plan.json")) == 1
    assert "X-Sluice-Admin" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--clear"], 2, "--at"),
        (["--at", "file:///etc"], 2, "http"),
        (["--at", "http://127.0.0.1:1"], 1, "no embedded"),
    ],
)
def test_senseless_use_is_one_sentence(arguments, code, words, capsys):
    """Not an address, nobody there, or an action without an address."""
    assert faults(*arguments) == code
    assert words in capsys.readouterr().err
