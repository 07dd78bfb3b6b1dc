"""`sluice trade --workers 2` as real processes: what it replaces, what it kills, what ends with it."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.integration.engine_process import (
    SEED,
    environment,
    exchange,  # noqa: F401 - a fixture
    start,
    wait_until,
)
from tests.integration.test_workers import holders
from trading.execution.worker_id import is_gone, pid_of
from trading.store.order_log import OrderLog
from trading.store.order_log.shards import SHARDS
from trading.users.directory import Directory


def stop_in_commit(pid: int, path: Path) -> bool:
    """Stop a process while it holds the log's write lock if it can be caught there, else just stop it."""
    until = time.monotonic() + 4
    while True:
        os.kill(pid, signal.SIGSTOP)
        try:
            with sqlite3.connect(path, timeout=0, isolation_level=None) as probe:
                probe.execute("BEGIN IMMEDIATE")
                probe.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
        if time.monotonic() > until:
            return False
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.001)


@pytest.mark.slow
def test_a_supervisor_replaces_dead_and_silent_workers_and_none_outlives_it(
    exchange: str,  # noqa: F811 - the fixture
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Killed, or stopped (in mid-commit if caught there): eight shards each again; then none is left."""
    settings = environment(tmp_path, exchange)
    path = tmp_path / "w" / "orders.db"
    log = OrderLog(f"sqlite:///{path}")
    Directory(log).ensure_demo(2)
    command = ["trade", "--seed", str(SEED), "--workers", "2"]
    output = tmp_path / "trade.log"
    supervisor = start(command, output, **settings)
    seen: set[str] = set()

    def sharing(gone: int = 0) -> bool:
        held = {pid: shards for pid, shards in holders(log).items() if shards}
        seen.update(each.worker_id for each in log.leases.roster().workers)
        return gone not in held and sorted(map(len, held.values())) == [SHARDS // 2, SHARDS // 2]

    def replaced_s(gone: int) -> float:
        began = time.monotonic()
        wait_until(lambda: sharing(gone), 60, "two workers have eight shards each")
        return time.monotonic() - began

    def none_left() -> bool:
        return all(map(is_gone, every))

    try:
        replaced_s(0)
        shown = subprocess.run(
            [sys.executable, "-m", "interfaces.cli", "status", "--json"],
            env={**os.environ, **settings},
            capture_output=True,
            check=False,
        )
        assert [row["shards"] for row in json.loads(shown.stdout)["workers"]] == [8, 8]
        first, second = sorted(holders(log))
        os.kill(first, signal.SIGKILL)
        killed_s = replaced_s(first)
        is_in_commit = stop_in_commit(second, path)
        hung_s = replaced_s(second)
        assert "no sign of life for" in output.read_text()
        every = [each.worker_id for each in log.leases.roster().workers]
        assert supervisor.end() == 0
        assert none_left()
        supervisor = start(command, output, **settings)
        replaced_s(0)
        every = [each.worker_id for each in log.leases.roster().workers if each.shards]
        supervisor.end(signal.SIGKILL)
        wait_until(none_left, 15, "the workers end without their supervisor")
        assert set(log.leases.roster().unserved) == set(range(SHARDS))  # given back, not run out
        with capsys.disabled():
            told = f"killed {killed_s:.1f} s, stopped {hung_s:.1f} s ({is_in_commit=})"
            print(f"\neight shards each again: {told}")  # noqa: T201 - the figure of docs/reliability.md
    finally:
        supervisor.end(signal.SIGKILL)
        for name in seen:
            if not is_gone(name):
                with suppress(ProcessLookupError):
                    os.kill(int(str(pid_of(name))), signal.SIGKILL)
        log.close()
