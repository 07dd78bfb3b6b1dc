"""One budget for all processes of an address: never faster together, urgent first, nobody's death a block."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trading.exchange.budget import Budget, Place
from trading.exchange.shared_budget import SharedBudget, budget_file
from trading.exchange.throttle import Limiter, Priority
from trading.market.errors import BadInput

WORKER = Path(__file__).with_name("limiter_worker.py")
RATE, BURST = 80.0, 10.0
Grants = list[tuple[float, float]]


def started(path: Path, level: Priority, waiters: int, seconds: float) -> subprocess.Popen[str]:
    arguments = [str(path), str(RATE), str(BURST), level.name, str(waiters), str(seconds)]
    worker = subprocess.Popen(
        [sys.executable, str(WORKER), *arguments], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def let_go(workers: list[subprocess.Popen[str]]) -> None:
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()


def grants(worker: subprocess.Popen[str]) -> Grants:
    out, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0
    return [(float(asked), float(went)) for asked, went in (line.split() for line in out.splitlines())]


def pressed(path: Path, seconds: float, *levels: tuple[Priority, int]) -> list[Grants]:
    workers = [started(path, level, waiters, seconds) for level, waiters in levels]
    let_go(workers)
    return [grants(worker) for worker in workers]


def most_over(times: list[float]) -> float:
    """Return by how much any run of grants exceeds burst + rate × its length, in requests."""
    worst = level = 0.0
    for before, at in zip([times[0], *times], times, strict=False):
        level = max(0.0, level - (at - before) * RATE) + 1
        worst = max(worst, level)
    return worst - BURST


def test_processes_together_keep_to_one_rate(tmp_path: Path) -> None:
    """Three processes, each with 30 requests waiting: over any stretch no more than rate × time + burst."""
    by_process = pressed(tmp_path / "venue", 2.5, *[(Priority.SCAN, 30)] * 3)
    times = sorted(went for process in by_process for _, went in process)
    # What a process notes is later than what the budget granted, by its scheduling: a few requests' worth.
    assert most_over(times) <= 0.1 * RATE
    span = times[-1] - times[0]
    assert len(times) <= BURST + RATE * span + 1
    assert len(times) >= 0.8 * RATE * span  # and the budget is used
    counts = [len(process) for process in by_process]
    assert min(counts) >= 0.6 * max(counts)  # nobody starves among equals


def test_exits_of_one_process_overtake_the_scans_of_others(tmp_path: Path) -> None:
    """Two processes saturate the address with scans; an exit of a third sees hardly one of them go first."""
    *scans, exits = pressed(
        tmp_path / "venue", 3.0, (Priority.SCAN, 40), (Priority.SCAN, 40), (Priority.EXIT, 0)
    )
    scanned = [went for process in scans for _, went in process]
    before = [sum(asked < went < got for went in scanned) for asked, got in exits]
    assert len(exits) >= 8
    assert sum(before) / len(before) <= 3
    mean_wait = sum(got - asked for asked, got in scans[0]) / len(scans[0])
    exit_wait = sum(got - asked for asked, got in exits) / len(exits)
    assert exit_wait < mean_wait / 5


def test_reconciliation_keeps_its_share_against_exits_of_other_processes(tmp_path: Path) -> None:
    """A twentieth of the rate, whoever floods; scans wait for both."""
    exits, reconciles, scans = pressed(
        tmp_path / "venue", 3.0, (Priority.EXIT, 40), (Priority.RECONCILE, 40), (Priority.SCAN, 40)
    )
    # The last scans go when the others have ended.
    end = max(asked for asked, _ in exits)
    counts = [sum(went <= end for _, went in level) for level in (exits, reconciles, scans)]
    assert 0.03 <= counts[1] / sum(counts) <= 0.12
    assert counts[0] / sum(counts) >= 0.55
    assert counts[2] <= BURST + 0.1 * RATE


def test_killed_waiter_holds_nobody_up(tmp_path: Path) -> None:
    """A process that stands first in line and dies by -9 loses its place; the others go on."""
    path = tmp_path / "venue"
    doomed, other = started(path, Priority.EXIT, 40, 30.0), started(path, Priority.SCAN, 10, 2.5)
    let_go([doomed, other])
    time.sleep(0.8)
    doomed.kill()
    doomed.communicate()
    killed = time.monotonic()
    after = [went for _, went in grants(other) if went > killed]
    assert len(after) > 0.5 * RATE * (max(after) - killed)


_DIES_INSIDE = """
import os, signal, sys
from pathlib import Path
from trading.exchange.shared_budget import SharedBudget
budget = SharedBudget(Path(sys.argv[1]), 10, 5)
assert budget.enter()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_death_inside_the_lock_gives_it_back(tmp_path: Path) -> None:
    """The kernel unlocks when the holder dies."""
    path = tmp_path / "venue"
    ended = subprocess.run([sys.executable, "-c", _DIES_INSIDE, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert SharedBudget(path, 10, 5).enter()


class Wall:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def inside(budget: Budget, wall: Wall, use: Callable[[float], float | None]) -> float | None:
    assert budget.enter()
    budget.refill(wall.now)
    found = use(wall.now)
    budget.leave()
    return found


def spend(budget: Budget, wall: Wall, weight: int) -> float | None:
    return inside(budget, wall, lambda now: budget.take(Place(1, Priority.EXIT, weight, 0), now))


def test_what_one_spends_the_other_misses(tmp_path: Path) -> None:
    """Two holders of one file see one bucket, whatever order they opened it in."""
    wall = Wall(100.0)
    first, second = (SharedBudget(tmp_path / "venue", 10, 5, wall=wall) for _ in range(2))
    assert spend(first, wall, 3) == 0
    assert spend(second, wall, 2) == 0
    assert spend(first, wall, 1) == pytest.approx(0.1)


def test_refusal_of_one_slows_down_and_stops_all(tmp_path: Path) -> None:
    """Retry-After holds for every process, then half the pace, which grows back in quiet time."""
    wall = Wall(100.0)
    first, second = (SharedBudget(tmp_path / "venue", 10, 5, wall=wall) for _ in range(2))
    inside(first, wall, lambda now: first.refuse(4.0, now))
    assert spend(second, wall, 1) == pytest.approx(4.0 + 1 / 5)
    wall.now += 4.2
    assert spend(second, wall, 1) == 0
    assert second.share == pytest.approx(0.52)
    wall.now += 5
    inside(first, wall, lambda _: None)
    assert first.share == 1.0


def test_reboot_begins_a_new_bucket_but_a_ban_outlives_it(tmp_path: Path) -> None:
    """Monotonic time that went back belongs to another boot: debts are void, a ban of an hour is not."""
    before, after = Wall(1_000_000.0), Wall(30.0)
    old = SharedBudget(tmp_path / "venue", 10, 5, wall=before)
    spend(old, before, 5)
    inside(old, before, lambda now: old.refuse(3600.0, now))
    new = SharedBudget(tmp_path / "venue", 10, 5, wall=after)
    waits = spend(new, after, 1)
    assert waits is not None
    assert 3500 < waits <= 3600
    after.now += 3601
    assert spend(new, after, 5) == 0


@pytest.mark.parametrize(
    "content", [b"", b"x" * 17, b"\xff" * 4096, b"sluice:1" + b"\xff" * 4088, bytes(4096)]
)
def test_damaged_file_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    """Whatever the file holds, a full bucket is what comes of it, and never an endless wait."""
    path = tmp_path / "venue"
    path.write_bytes(content)
    wall = Wall(50.0)
    assert spend(SharedBudget(path, 10, 5, wall=wall), wall, 5) == 0


def test_processes_configured_apart_never_exceed_the_higher_rate(tmp_path: Path) -> None:
    """20/s and 50/s on one file: in ten seconds at most 500 and the larger burst."""
    wall = Wall(100.0)
    slow, fast = (
        SharedBudget(tmp_path / "venue", rate, burst, wall=wall) for rate, burst in ((20, 5), (50, 12.5))
    )
    went = 0
    for _ in range(1000):
        wall.now += 0.01
        for budget in (slow, fast):
            went += spend(budget, wall, 1) == 0
    assert 200 <= went <= 50 * 10 + 12.5


def test_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """One sentence with the path and what the system said."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"budget .*venue cannot be used"):
        SharedBudget(tmp_path / "file" / "venue", 10, 5)


def test_each_venue_has_its_own_file(tmp_path: Path) -> None:
    """Host and port decide; nothing of a URL leads out of the folder, and no password gets into a name."""
    names = {
        url: budget_file(tmp_path, url)
        for url in ("https://api.mexc.com", "http://127.0.0.1:1", "http://127.0.0.1:2", "http://u:pw@h/../..")
    }
    assert len(set(names.values())) == 4
    assert {path.parent for path in names.values()} == {tmp_path}
    assert "pw" not in str(names["http://u:pw@h/../.."].name)


async def test_limiter_waits_while_another_is_inside(tmp_path: Path) -> None:
    """A busy lock costs a moment of waiting and stops neither the loop nor the request."""
    path = tmp_path / "venue"
    limiter, other = Limiter(100, burst=5, path=path), SharedBudget(path, 100, 5)
    assert other.enter()
    asked = asyncio.create_task(limiter.acquire(1, Priority.EXIT))
    await asyncio.sleep(0.02)
    assert not asked.done()
    limiter.refused(0.0)
    other.leave()
    await asyncio.wait_for(asked, 5)
    assert limiter.pace_per_s < 100
    limiter.close()
    assert os.fstat(other._file).st_size == 4096
