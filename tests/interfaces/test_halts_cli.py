"""The halting commands: confirmed, recorded, listed, lifted; and what they refuse."""

import json

import pytest

from interfaces.cli.main import run


def told(capsys, *arguments: str):
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(("command", "kind"), [("stop-entries", "stop_entries"), ("freeze", "freeze")])
def test_a_halt_is_recorded_listed_and_lifted_with_names_and_reasons(traded, capsys, command, kind):
    """Placed by anna for one symbol, listed, lifted by ben; then nothing holds and the record stays."""
    arguments = ["--symbol", "BTC/USDT", "--why", "odd prints", "--by", "anna", "--yes"]
    placed = told(capsys, command, *arguments)
    assert (placed["kind"], placed["scope"], placed["subject"]) == (kind, "symbol", "BTC/USDT")
    assert [row["halt_id"] for row in told(capsys, "halts")] == [placed["halt_id"]]
    lifted = told(capsys, "lift", placed["halt_id"], "--why", "they were right", "--by", "ben", "--yes")
    assert (lifted["lifted_by"], lifted["lifted_why"]) == ("ben", "they were right")
    assert told(capsys, "halts") == []
    assert [row["placed_by"] for row in told(capsys, "halts", "--all")] == ["anna"]


def test_nothing_is_done_without_a_reason_or_a_confirmation(traded, capsys):
    """No --why: wrong use. No terminal and no --yes: refused, with what to type."""
    assert run(["stop-entries", "--yes"]) == 2
    assert run(["freeze", "--why", "x"]) == 1
    assert "needs --yes in a script" in capsys.readouterr().err
    assert run(["flatten", "--why", "x"]) == 1
    assert traded.log.halts.all() == []


def test_the_typed_word_must_be_the_word(traded, monkeypatch, capsys):
    """Anything else is no confirmation."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert run(["freeze", "--why", "x"]) == 1
    assert "freeze had to be typed, was 'yes'" in capsys.readouterr().err
    monkeypatch.setattr("builtins.input", lambda _: "freeze")
    assert run(["freeze", "--why", "x"]) == 0
    assert len(traded.log.halts.active()) == 1


def test_user_and_symbol_together_or_an_unknown_user_or_halt_is_refused(traded, capsys):
    """Each in one sentence that names what there is."""
    assert run(["freeze", "--why", "x", "--yes", "--user", "u", "--symbol", "BTC/USDT"]) == 2
    assert run(["freeze", "--why", "x", "--yes", "--user", "nobody"]) == 1
    assert "no user 'nobody'" in capsys.readouterr().err
    assert run(["lift", "halt-1", "--why", "x", "--yes"]) == 1
    assert "no halt 'halt-1' holds" in capsys.readouterr().err


def test_strategies_are_listed_promoted_and_stopped_by_a_person(traded, capsys):
    """The second strategy of a log is a canary; a person promotes it, with name and reason."""
    traded.log.canaries.see("set-1", "str-1", ["a"], 0)
    traded.log.canaries.see("set-2", "str-2", ["a"], 0)
    assert [(row["strategy_id"], row["state"]) for row in told(capsys, "canary", "list")] == [
        ("str-1", "promoted"),
        ("str-2", "canary"),
    ]
    found = told(capsys, "canary", "promote", "str-2", "--why", "reviewed", "--by", "anna")
    assert (found["state"], found["changed_by"], found["why"]) == ("promoted", "anna", "reviewed")
    assert run(["canary", "stop", "str-9", "--why", "x"]) == 1
    assert "seen: str-1, str-2" in capsys.readouterr().err


def test_status_names_the_halt_before_anything_else(traded, capsys):
    """Why is nothing trading? Because anna said so."""
    traded.log.canaries.see("set-1", "str-1", ["a"], 0)
    traded.log.canaries.see("set-2", "str-2", ["a"], 0)
    told(capsys, "stop-entries", "--why", "odd prints", "--by", "anna", "--yes")
    found = told(capsys, "status")
    assert found["halts"] == ["stop_entries of the fleet by anna: odd prints"]
    assert "stop_entries of the fleet by anna" in found["verdict"]
    assert found["new_strategies"] == ["str-2 is canary: not seen before"]
    assert run(["status"]) == 0
    first, rest = capsys.readouterr().out.split("\n", 1)
    assert "stop_entries of the fleet by anna" in first
    assert "Closed gates" in rest
