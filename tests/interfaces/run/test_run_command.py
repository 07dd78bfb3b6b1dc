"""`sluice run` as people start it: one command, one JSON object, no order lost, nothing left behind."""

import itertools
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# What the exit of a run is judged by; more keys may stand beside them.
KEYS = {
    "funnel",
    "approved",
    "orders",
    "fills",
    "closed_trades",
    "lost",
    "doubled",
    "users",
    "trade_pool_rows",
    "model",
    "elapsed_s",
    "cpu_s",
}
EDGE = ("--symbols", "120", "--users", "3", "--seed", "7")
LIMIT_S = 420


@dataclass
class Started:
    """A run in a home, a Dagster home and a folder of its own."""

    folder: Path
    process: subprocess.Popen[str]

    @property
    def home(self) -> Path:
        return self.folder / "data"

    def ended(self) -> dict:
        """Wait for the end and return the one JSON object it printed."""
        out, err = self.process.communicate(timeout=LIMIT_S)
        assert self.process.returncode == 0, err[-3000:]
        assert out.count("\n") == 1, out[:500]
        found = json.loads(out)
        assert found.keys() >= KEYS
        return found


def start(folder: Path, *options: str) -> Started:
    (folder / "cwd").mkdir(parents=True, exist_ok=True)
    dagster_home = folder / "dagster"
    dagster_home.mkdir(exist_ok=True)
    (dagster_home / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLUICE_", "DAGSTER_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "interfaces.cli", "run", *options, "--json"],
        cwd=folder / "cwd",
        env={**kept, "SLUICE_HOME": str(folder / "data"), "DAGSTER_HOME": str(dagster_home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return Started(folder, process)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The planted edge and the market without one, side by side on the machine's two cores."""
    started = {
        "edge": start(tmp_path_factory.mktemp("edge"), *EDGE, "--trade-seconds", "14"),
        "plain": start(
            tmp_path_factory.mktemp("plain"), "--symbols", "40", "--no-edge", "--trade-seconds", "2"
        ),
    }
    yield started
    for run in started.values():
        if run.process.poll() is None:
            run.process.terminate()
            run.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def edge(runs):
    return runs["edge"], runs["edge"].ended()


@pytest.fixture(scope="module")
def plain(runs):
    return runs["plain"], runs["plain"].ended()


def alive_with(marker: str) -> list[str]:
    """Command lines of processes whose environment names our folder: children of these runs, no others."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if int(entry.name) != os.getpid() and marker.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_the_funnel_begins_with_all_pairs_and_every_stage_follows_from_the_one_before(edge):
    """What went into a stage is what came out of the last one; what was dropped has its reasons."""
    _, found = edge
    stages = found["funnel"]
    assert [stage["stage"] for stage in stages] == [
        "markets",
        "prefilter",
        "screening",
        "backtest",
        "approval",
    ]
    assert stages[0]["in"] == 120
    for before, after in itertools.pairwise(stages):
        assert before["out"] == after["in"]
    for stage in stages:
        assert set(stage) == {"stage", "in", "out", "seconds", "reasons"}
        assert sum(stage["reasons"].values()) == stage["in"] - stage["out"], stage
        assert stage["seconds"] > 0
    assert len(found["approved"]) == stages[-1]["out"] > 0


def test_approved_pairs_trade_and_no_order_is_lost_or_doubled(edge):
    """The engine is killed in the middle; the venue's own books and ours still agree."""
    _, found = edge
    assert found["kill"] is not None
    assert (found["lost"], found["doubled"], found["warnings"]) == (0, 0, [])
    assert found["orders"] > 0
    assert found["fills"] >= 1
    assert len(found["users"]) == 3
    assert sum(user["orders"] for user in found["users"]) <= found["orders"]
    assert found["closed_trades"] == sum(user["closed_trades"] for user in found["users"])
    assert found["trade_pool_rows"] >= (found["closed_trades"] > 0)


def test_the_model_says_no_data_on_the_first_pass(edge):
    """Nothing was ever traded: there is nothing to learn from, and it says so."""
    _, found = edge
    assert found["model"]["first_pass"]["verdict"] == "no_data"
    assert found["model"]["second_pass"]["verdict"] in {"no_data", "refused", "promoted"}


def test_what_it_cost_is_measured(edge):
    """Wall and CPU seconds of the whole run, children included."""
    _, found = edge
    assert 14 < found["elapsed_s"] < LIMIT_S
    assert 1 < found["cpu_s"] < 2 * found["elapsed_s"] * (os.cpu_count() or 1)


def test_a_market_without_an_edge_ends_well(plain):
    """Nothing approved is a result, not a failure: exit 0, no order, every pair with its reason."""
    _, found = plain
    assert found["funnel"][0]["in"] == 40
    assert found["approved"] == []
    assert found["funnel"][-1]["out"] == 0
    assert (found["orders"], found["lost"], found["doubled"], found["kill"]) == (0, 0, 0, None)
    assert "no edge is planted" in found["market"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for left-over processes in /proc")
def test_nothing_is_left_behind(edge, plain):
    """No process, no address of a dead server, no file where the command was called from."""
    deadline = time.monotonic() + 5
    for run, found in (edge, plain):
        while (left := alive_with(str(run.folder))) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert left == []
        assert not (run.home / found["world"] / "addresses.json").exists()
        assert list((run.folder / "cwd").iterdir()) == []


def test_everything_is_kept_in_the_home_it_was_given(edge):
    """World, current pointer and report: all under the home, none in the checkout."""
    run, found = edge
    world = run.home / found["world"]
    assert found["world"] == "demo-7-120"
    assert (run.home / "current").read_text().strip() == found["world"]
    assert {"world.json", "orders.db", "lake", "exchange", "warehouse.duckdb"} <= {
        path.name for path in world.iterdir()
    }
    page = (run.folder / "report.html").read_text()
    assert found["approved"][0]["symbol"] in page


@pytest.mark.slow
def test_a_second_run_goes_on_where_the_first_one_ended(edge):
    """Same world, later market time, only missing candles fetched; what users held they hold or have sold.

    A second run may rightly place no order: who holds an approved pair does not buy it again.
    """
    run, first = edge
    second = start(run.folder, *EDGE, "--trade-seconds", "6").ended()
    assert second["world"] == first["world"]
    assert second["market_from"] >= first["market_to"]
    assert first["scan"] is not None
    assert second["scan"] is None
    kept = first["open_positions"] - second["closed_trades"]
    assert 0 <= second["closed_trades"] <= second["orders"]
    assert kept <= second["open_positions"] <= kept + second["orders"]
    assert second["orders"] + second["open_positions"] > 0
    assert (second["lost"], second["doubled"], second["warnings"]) == (0, 0, [])
    assert second["funnel"][0]["in"] == 120
    assert alive_with(str(run.folder)) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (["--symbols", "0"], "--symbols"),
        (["--users", "201"], "--users"),
        (["--days", "0"], "--days"),
        (["--seed", "-1"], "--seed"),
        (["--trade-seconds", "-1"], "--trade-seconds"),
        (["--candles", "nowhere.parquet"], "nothing at nowhere.parquet"),
        (["--exchange", "ftx"], "exchange must be embedded or mexc, was 'ftx'"),
        (["--symbol", "5"], "--symbols"),
    ],
)
def test_a_wrong_option_ends_with_code_two_before_anything_starts(wrong, says, tmp_path, monkeypatch, capsys):
    """Wrong use is told at once, by name, on stderr; nothing is written."""
    from interfaces.cli.main import run

    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["run", *wrong, "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert not (tmp_path / "data").exists()
