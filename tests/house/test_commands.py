"""What holds for every command there is: JSON, help that teaches, exit codes, completion."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from interfaces.cli.lazy import load
from interfaces.cli.main import COMMANDS, run

ROOT = Path(__file__).resolve().parents[2]
# Commands that print no result: they serve until they are ended, or show a dialog.
WITHOUT_JSON = {
    "dev": "serves until it is ended",
    "ui": "serves until it is ended",
    "pages": "serves until it is ended; --link prints one address",
    "exchange serve": "serves; --json-log writes its requests",
    "bot run": "serves until it is ended",
    "bot fake": "serves until it is ended",
    "drill": "the group; each drill has it",
    "data import": "one sentence",
}


def leaves(command, name):
    subcommands = getattr(command, "commands", {})
    if not subcommands or command.invoke_without_command:
        yield name, command
    for each, subcommand in subcommands.items():
        yield from leaves(subcommand, f"{name} {each}")


LEAVES = dict(leaf for name, mount in COMMANDS.items() for leaf in leaves(load(mount, name), name))


def test_every_command_takes_json_but_those_that_print_no_result():
    """Whatever a person sees as a table a program can read."""
    without = {name for name, command in LEAVES.items() if not _takes(command, "--json")}
    assert without == set(WITHOUT_JSON)


def _takes(command, option):
    return any(option in each.opts for each in command.params)


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_every_command_and_option_says_what_it_is(name):
    """No line of a help is empty."""
    command = LEAVES[name]
    assert command.help
    shown = [each for each in command.params if not getattr(each, "hidden", False)]
    assert [each.name for each in shown if each.name != "help" and not each.help] == []


@pytest.mark.parametrize(
    "asked",
    [
        ["funnel", "NOBODY/USDT", "--at", "yesterday"],
        ["indicators", "show", "rsj_14"],
        ["strategies", "show", "nothing"],
        ["screen", "--chain", "nowhere.toml"],
        ["backtest", "--candles", "none.parquet", "--strategy", "none.toml"],
        ["report", "none.parquet"],
        ["users", "add", "no/slash"],
        ["data", "status", "--timeframe", "7m"],
        ["completion", "tcsh"],
        ["exchange", "faults", "--at", "ftp://x"],
    ],
    ids=" ".join,
)
def test_a_value_that_is_no_good_ends_with_two_and_the_next_command(asked, tmp_path, monkeypatch, capsys):
    """One sentence on stderr, nothing on stdout, something to type next."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "empty")
    assert run(asked) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    assert any(word in said.err for word in ("sluice", "make "))


def test_what_is_in_the_way_ends_with_one(tmp_path, monkeypatch, capsys):
    """A good question about a world that has nothing yet."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "empty")
    assert run(["data", "export", str(tmp_path / "c.parquet")]) == 1
    assert "Next: sluice data status" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script_and_its_answers(shell, capsys):
    """`sluice us` is completed to `users`, `sluice run --sym` to `--symbols`."""
    assert run(["completion", shell]) == 0
    assert "_SLUICE_COMPLETE=complete_" + shell in capsys.readouterr().out
    assert "users" in _completed(shell, "sluice us")
    assert "--symbols" in _completed(shell, "sluice run --sym")


def _completed(shell, line):
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1), "_TYPER_COMPLETE_ARGS": line}
    asked = {**os.environ, **words, "_SLUICE_COMPLETE": f"complete_{shell}"}
    if shell == "fish":
        asked["_TYPER_COMPLETE_FISH_ACTION"] = "get-args"
    code = "import sys; sys.argv = ['sluice']; from interfaces.cli.main import main; main()"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=asked, capture_output=True, text=True, check=False).stdout


def test_every_finding_of_the_doctor_says_what_to_do(tmp_path, monkeypatch, capsys):
    """A log of an older revision is named and not touched; a shut exchange says how to start one."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    monkeypatch.setenv("SLUICE_WORLD", "ill")
    monkeypatch.setenv("SLUICE_EXCHANGE__BASE_URL", "http://127.0.0.1:9")
    (tmp_path / "ill").mkdir()
    import sqlite3

    with sqlite3.connect(tmp_path / "ill" / "orders.db") as log:
        log.execute("create table alembic_version (version_num text)")
        log.execute("insert into alembic_version values ('0001')")
    assert run(["doctor", "--json"]) == 1
    found = {row["check"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["log revision"]["advice"] == "sluice log upgrade"
    assert not found["exchange"]["is_ok"]
    assert [row["check"] for row in found.values() if not row["is_ok"] and not row["advice"]] == []
    assert {"memory", "clock", "ports", "valkey", "chromium", "chart library", "extras", "warehouse"} <= set(
        found
    )
    assert {"log revision", "keys", "exchange", "leases", "halts"} <= set(found)
    with sqlite3.connect(tmp_path / "ill" / "orders.db") as log:
        assert log.execute("select version_num from alembic_version").fetchall() == [("0001",)]
        assert log.execute("select name from sqlite_master").fetchall() == [("alembic_version",)]
