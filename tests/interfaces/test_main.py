"""The command line's frame: quick help, lazy commands, one sentence per error, exit codes."""

import json
import resource
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from interfaces.cli.lazy import load
from interfaces.cli.main import COMMANDS, app, run

ROOT = Path(__file__).resolve().parents[2]
PANELS = tuple(dict.fromkeys(mount.panel for mount in COMMANDS.values()))
HEAVY = (
    "dagster",
    "dbt",
    "ccxt",
    "polars",
    "duckdb",
    "pandas",
    "pandas_ta",
    "numba",
    "numpy",
    "sklearn",
)


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def cpu_of(*arguments: str) -> float:
    """Least CPU seconds of five runs of this Python with `arguments`."""
    costs = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        costs.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(costs)


def test_help_imports_nothing_heavy():
    """`sluice --help` names the commands without loading what they need."""
    code = """
        import sys
        from interfaces.cli.main import run
        assert run(["--help"]) == 0
        print("LOADED", *sorted(name for name in sys.modules if "." not in name))
    """
    result = python(code)
    loaded = set(result.stdout.split("LOADED")[1].split())
    assert result.returncode == 0
    assert loaded & set(HEAVY) == set()
    for name in COMMANDS:
        assert f" {name} " in result.stdout


def test_help_shows_each_command_under_its_heading():
    """Nearly forty commands are read by what they are for; the order is that of the declaration."""
    lines = python("from interfaces.cli.main import run; run(['--help'])").stdout.splitlines()
    starts = {panel: k for k, line in enumerate(lines) for panel in PANELS if f" {panel} ─" in line}
    assert list(starts) == list(PANELS)
    above = {name: max(k for k in starts.values() if k < at) for name, at in _rows(lines).items()}
    assert above == {name: starts[mount.panel] for name, mount in COMMANDS.items()}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_completion_is_offered_once_and_not_by_each_command(name):
    """Its two options stand in the help of `sluice`; a command's help tells of the command."""
    assert "install_completion" in {each.name for each in get_command(app).params}
    assert not {"install_completion", "show_completion"} & {
        each.name for each in load(COMMANDS[name], name).params
    }


def _rows(lines):
    """Return in which line the help shows each command."""
    return {name: k for name in COMMANDS for k, line in enumerate(lines) if line.startswith(f"│ {name} ")}


def test_help_costs_little_more_than_typer_itself():
    """Half a second is the promise; importing Typer with rich's help is the floor it is held against."""
    floor = cpu_of("-c", "import typer, rich.panel, rich.table, rich.markdown")
    assert cpu_of("-m", "interfaces.cli", "--help") <= 3.5 * floor


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_is_there_and_answers_help_without_its_engine(name):
    """A command's module imports only light things at its top, so its help is quick too."""
    assert find_spec(COMMANDS[name].module), f"no module {COMMANDS[name].module}"
    code = """
        import sys
        from interfaces.cli.main import run
        code = run([sys.argv[1], "--help"])
        print("LOADED", *sorted(name for name in sys.modules if "." not in name))
        sys.exit(code)
    """
    result = python(code, name)
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.split("LOADED")[1].split())
    assert loaded & set(HEAVY) == set()
    assert "Usage: sluice " + name in result.stdout


def test_wrong_use_is_exit_code_2():
    """An unknown command or option is the caller's mistake, and a near name is offered."""
    result = CliRunner().invoke(app, ["fnnel"])
    assert result.exit_code == 2
    assert "funnel" in result.output
    assert run(["config", "show", "--nope"]) == 2


def test_a_setting_that_is_no_good_is_one_sentence_and_exit_code_2(capsys, monkeypatch):
    """No traceback for what the person can put right."""
    monkeypatch.setenv("SLUICE_HISTORY_BARS", "3")
    assert run(["config", "show"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "250" in err
    assert "'3'" in err


def test_config_show_json_is_one_object_with_secrets_masked(capsys, monkeypatch):
    """What is shown can be pasted into a bug report."""
    monkeypatch.setenv("SLUICE_REDIS_URL", "redis://user:hunter2@127.0.0.1:6379/0")
    monkeypatch.setenv("SLUICE_EXCHANGE__ADMIN_TOKEN", "hunter3")
    assert run(["config", "show", "--json"]) == 0
    out = capsys.readouterr().out
    shown = json.loads(out)
    assert shown["timeframe"] == "15m"
    assert shown["redis_url"] == "redis://user:********@127.0.0.1:6379/0"
    assert "hunter" not in out


def test_version_names_the_packages_it_stands_on(capsys):
    """`sluice version --json` is the first thing a bug report needs."""
    assert run(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["duckdb"] == "2.0.0"


def test_what_a_room_logs_goes_to_stderr_never_into_the_json():
    """stdout belongs to the result; structlog left alone would print there."""
    code = """
        import typer
        from interfaces.cli import config, main
        import structlog

        @config.app.command()
        def noisy() -> None:
            structlog.get_logger("room").warning("disk is slow", api_key="mx0vglSecretKey1")
            print("{}")

        raise SystemExit(main.run(["config", "noisy"]))
    """
    result = python(code)
    assert result.stdout == "{}\n"
    assert json.loads(result.stderr)["event"] == "disk is slow"
    assert "mx0vgl" not in result.stderr
