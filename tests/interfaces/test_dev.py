"""`sluice dev`: refuses a taken port at once; starts everything, serves the UI, and leaves nothing behind."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from interfaces.cli.main import run

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_taken_port_is_said_before_anything_starts(tmp_path, monkeypatch, capsys):
    """Nobody waits a minute to learn that another UI is running."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert run(["dev", "--port", str(taken.getsockname()[1])]) == 1
    assert "--port" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def alive_with(marker: str) -> list[int]:
    """Processes whose environment names our home: the children of this test and no others."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if marker.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for left-over processes in /proc")
def test_the_ui_serves_the_world_and_termination_ends_every_child(tmp_path):
    """Started as from a background shell (SIGINT ignored), it still ends on SIGTERM, children and all."""
    home, port = tmp_path / "home", free_port()
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    (dagster_home / "dagster.yaml").write_text((ROOT / "dagster_home" / "dagster.yaml").read_text())
    environment = {**os.environ, "SLUICE_HOME": str(home), "DAGSTER_HOME": str(dagster_home)}
    command = [sys.executable, "-m", "interfaces.cli", "dev", "--port", str(port)]
    process = subprocess.Popen(
        ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = ""
        deadline = time.monotonic() + 200
        while "Ctrl-C" not in said and time.monotonic() < deadline and process.poll() is None:
            said += process.stdout.readline()
        assert "planted edge" in said
        with urlopen(f"http://127.0.0.1:{port}/server_info", timeout=10) as answer:
            assert "dagster_version" in json.load(answer)
    finally:
        process.terminate()
        process.wait(60)
    assert process.returncode == 130
    time.sleep(2)
    assert alive_with(str(home)) == []
