"""`sluice lineage` on a world with one whole chain."""

import io
import json

import pytest

from interfaces.cli.main import run


def test_a_trade_is_told_down_to_the_days_of_candles(traded, capsys):
    """What, when and id of each; content, code and parameters of each version."""
    assert run(["lineage", traded.trade]) == 0
    told = capsys.readouterr().out
    for part in (
        *traded.days,
        traded.entry,
        traded.approval,
        traded.backtest,
        "15m/2026-01-05",
        "min_volatility=0.001",
    ):
        assert part in told
    day = traded.lake.version(traded.days[0])
    assert day.content_hash in told
    assert day.code_version in told


def test_json_nests_what_the_tree_shows(traded, capsys):
    """The same, with everything that is stored of each thing."""
    assert run(["lineage", traded.entry, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (batch,) = [node for node in found["led_to"] if node["kind"] == "signal set"]
    assert batch["led_to"][0]["facts"]["coid"] == traded.coid
    assert found["facts"]["reason"] == "RSI 24 under 30"


def test_verify_compares_the_days(traded, capsys):
    """Both days are as they were recorded."""
    assert run(["lineage", traded.days[0], "--verify"]) == 0
    assert "verified" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("command", [["lineage", "nonsense"], ["lineage", "BTC/USDT", "--json"]])
def test_an_unknown_id_is_one_sentence_with_the_prefixes(traded, capsys, command):
    """Exit code 1, nothing on stdout."""
    assert run(command) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert "scr- (screened_symbols)" in err


def test_looking_creates_no_order_log(tmp_path, monkeypatch, capsys):
    """A world without trades stays without a log."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "empty")
    assert run(["lineage", "trd-0123456789ab-0123456789ab"]) == 1
    assert not list(tmp_path.rglob("orders.db"))


def test_a_long_branch_is_cut_with_a_word_about_json():
    """A hundred users of one set are no wall of lines."""
    from rich.console import Console

    from interfaces.cli.lineage import tree
    from trading.store.lineage.node import Node

    many = tuple(Node(f"int-{k}", "intent", f"order {k}") for k in range(100))
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(tree(Node("set-1", "signal set", "of many", led_to=many)))
    told = console.export_text()
    assert "88 more (intent); --json has all" in told
    assert "order 99" in told
    assert "order 50" not in told


def test_hostile_text_cannot_move_the_cursor():
    """A symbol with an escape sequence is shown with question marks."""
    from interfaces.cli.lineage import _line
    from trading.store.lineage.node import Node

    assert "\x1b" not in _line(Node("x", "signal", "A\x1b[2JB")).plain
