"""`sluice drill`: what it lists and refuses; and, slowly, whole drills on real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from interfaces.cli.drill import _show, app
from interfaces.drill.catalogue import DRILLS
from trading.execution.drills.result import DrillResult

ROOT = Path(__file__).parents[3]


def sluice(*arguments: str, temp: Path, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "interfaces.cli", "drill", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temp)},
        **options,
    )


def test_drill_alone_lists_every_drill_with_its_sentence(tmp_path):
    """Nobody has to read a page first; in the order of the catalogue."""
    told, _ = sluice(temp=tmp_path).communicate(timeout=60)
    assert all(name in told and drill.sentence[:40] in told for name, drill in DRILLS.items())
    assert [command.name for command in app.registered_commands] == [*DRILLS, "all"]


def test_a_result_is_shown_in_words(capsys):
    """What an invariant means stands beside its name; a broken one says FAILED and each sentence."""
    result = DrillResult("outage", seed=7)
    result.inject("connections cut", 3)
    result.judge("never_doubled")
    result.judge("exits_leave", ["u1: still held"])
    _show(result, as_json=False)
    told = capsys.readouterr().out
    assert "BROKEN" in told
    assert "FAILED" in told
    assert "never_doubled:" in told


def test_a_process_that_cannot_be_killed_is_wrong_use(tmp_path):
    """Exit code 2 before anything is started."""
    process = sluice("kill", "--what", "dagster", temp=tmp_path)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "valkey" in said


def of_this_stage(folder: Path) -> list[int]:
    """Processes whose environment names the folder: all that a stage in it started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in words and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_drill_that_is_interrupted_leaves_neither_process_nor_folder(tmp_path, how):
    """Ctrl-C, and what a time limit sends."""
    process = sluice("kill", "--runs", "500", temp=tmp_path)
    assert process.stderr is not None
    while "kill: " not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode == 130
    until = time.monotonic() + 10
    while (left := of_this_stage(tmp_path)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    assert list(tmp_path.glob("sluice-drill-*")) == []


@pytest.mark.slow
def test_twenty_kills_of_the_engine_lose_and_double_nothing(tmp_path):
    """The drill of CI's slow run; 300 are the nightly command."""
    process = sluice("kill", "--runs", "20", "--seed", "11", "--json", temp=tmp_path)
    printed, said = process.communicate(timeout=600)
    found = json.loads(printed)
    assert process.returncode == 0, said[-2000:]
    assert (found["runs"], found["lost"], found["doubled"], found["ledger_breaks"]) == (20, 0, 0, 0)
    assert found["figures"]["kills_with_orders_in_flight"] >= 5
    assert all(verdict["holds"] for verdict in found["invariants"].values())
