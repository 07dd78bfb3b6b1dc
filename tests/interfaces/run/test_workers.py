"""A supervisor of two small processes: what it starts again, what it kills, and what is left without it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

from interfaces.run.workers import Workers

# Beats like an engine, notes its process id, and does nothing else.
WORKER = """
import asyncio, os, pathlib, sys
from interfaces.run.watched import watched
async def main():
    async with watched():
        (pathlib.Path(sys.argv[1]) / str(os.getpid())).touch()
        await asyncio.sleep(60)
asyncio.run(main())
"""
SUPERVISOR = """
import sys
from interfaces.run.workers import Workers
Workers([sys.argv[2]], 2, print, command=[sys.executable, "-c", sys.argv[1]]).run()
"""


def wait_until(is_true: Callable[[], bool], what: str, within_s: float = 20.0) -> None:
    until = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < until, f"not within {within_s} s: {what}"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie, which nobody of its parents reaped yet, does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc").is_dir()


def started(folder: Path) -> set[int]:
    return {int(path.name) for path in folder.iterdir()}


def test_a_killed_and_a_stopped_worker_are_replaced_and_both_end_with_the_supervisor(tmp_path: Path) -> None:
    """kill -9: another starts; SIGSTOP: killed after `silent_s`, another starts; the second is left alone."""
    told: list[str] = []
    workers = Workers([str(tmp_path)], 2, told.append, command=[sys.executable, "-c", WORKER], silent_s=1.5)
    codes: list[int] = []
    watching = Thread(target=lambda: codes.append(workers.run()))
    watching.start()
    try:
        wait_until(lambda: len(started(tmp_path)) == 2, "two workers")
        first, second = workers.pids()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(started(tmp_path)) == 3, "another in the place of the killed one")
        (third,) = started(tmp_path) - {first, second}
        os.kill(third, signal.SIGSTOP)
        wait_until(lambda: len(started(tmp_path)) == 4, "another in the place of the stopped one")
        assert not is_alive(third)
        assert second in workers.pids()
        (fourth,) = started(tmp_path) - {first, second, third}
    finally:
        workers.stop.set()
        watching.join(20)
    assert codes == [0]
    assert not is_alive(second)
    assert not is_alive(fourth)
    assert [text.split(";")[0] for text in told] == [
        "worker 1 ended with code -9",
        "worker 1 gave no sign of life for 2 s: killed",
        "worker 1 ended with code -9",
    ]


def test_workers_of_a_killed_supervisor_end_by_themselves(tmp_path: Path) -> None:
    """The system closes the socket that is their stdin, and they send themselves SIGTERM."""
    command = [sys.executable, "-c", SUPERVISOR, WORKER, str(tmp_path)]
    supervisor = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: len(started(tmp_path)) == 2, "two workers")
    finally:
        supervisor.kill()
        supervisor.wait()
    wait_until(lambda: not any(map(is_alive, started(tmp_path))), "both have ended")
