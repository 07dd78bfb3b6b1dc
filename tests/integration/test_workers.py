"""Two real workers on one log: one hangs, one is killed; the other serves its users, nothing is doubled."""

import asyncio
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from tests.integration.engine_process import (
    SEED,
    Process,
    announce,
    audit,
    environment,
    exchange,  # noqa: F401 - a fixture
    make_signals,
    redis_url,  # noqa: F401 - a fixture
    start,
    wait_until,
)
from trading.execution.worker_id import pid_of
from trading.market.orders import SignalSet
from trading.store.order_log import OrderLog
from trading.store.order_log.records import Leg
from trading.store.order_log.shards import SHARDS, shard_of
from trading.users.directory import Directory
from trading.users.gates import CLOSE_ALL

USERS = 8
MOST_S = 10.0


def holders(log: OrderLog) -> dict[int, set[int]]:
    """Process id -> shards."""
    return {pid_of(each.worker_id) or 0: set(each.shards) for each in log.leases.roster().workers}


def users_of(log: OrderLog, pid: int) -> list[str]:
    shards = holders(log)[pid]
    return [user.user_id for user in Directory(log).all() if shard_of(user.user_id) in shards]


def lasting(batch: SignalSet) -> SignalSet:
    """The same entries, held until somebody asks for the end."""
    from dataclasses import replace

    return replace(batch, signals=tuple(replace(each, max_hold_s=10**7) for each in batch.signals))


def hang(worker: Process, log: OrderLog) -> None:
    """Stop a process where it holds no lock: one stopped in mid-commit would hold up everybody's writes."""
    path = str(log.database.engine.url.database)
    while True:
        worker.child.send_signal(signal.SIGSTOP)
        try:
            with sqlite3.connect(path, timeout=0.5, isolation_level=None) as probe:
                probe.execute("BEGIN IMMEDIATE")
                probe.execute("ROLLBACK")
        except sqlite3.OperationalError:
            worker.child.send_signal(signal.SIGCONT)
            time.sleep(0.05)
        else:
            return


def served_elsewhere_s(log: OrderLog, users: list[str]) -> float:
    """Ask to close everything of `users` and return after how many seconds each had an exit on the wire."""
    began = time.monotonic()
    for user_id in users:
        log.wishes.ask(user_id, CLOSE_ALL)

    def is_left() -> bool:
        out = log.orders.find(leg=Leg.CLOSE)
        return set(users) <= {exit_.user_id for exit_ in out if exit_.sent_wall_ms is not None}

    wait_until(is_left, 60, "the other worker sells")
    return time.monotonic() - began


@pytest.mark.slow
def test_a_dead_and_a_hung_workers_users_are_served_by_the_other(
    exchange: str,  # noqa: F811 - the fixture
    redis_url: str,  # noqa: F811 - the fixture
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At most 10 s from the end of a worker to its users' exits on the wire; 0 lost, 0 doubled."""
    settings = environment(tmp_path, exchange, SLUICE_REDIS_URL=redis_url)
    log = OrderLog(f"sqlite:///{tmp_path}/w/orders.db")
    Directory(log).ensure_demo(USERS)
    trade = ["trade", "--seed", str(SEED)]
    a = start(trade, tmp_path / "a.log", **settings)
    b = start(trade, tmp_path / "b.log", **settings)
    pids = {a.child.pid, b.child.pid}

    def is_shared() -> bool:
        held = {pid: shards for pid, shards in holders(log).items() if pid in pids}
        return sorted(map(len, held.values())) == [SHARDS // 2, SHARDS // 2]

    def enter(number: int, users: int) -> None:
        batch = lasting(asyncio.run(make_signals(exchange, 2, number)))
        log.write_signal_set(batch)
        asyncio.run(announce(redis_url, batch.signal_set_id))
        wait_until(lambda: len({t.user_id for t in log.ledger.open_trades()}) == users, 90, "all hold")

    try:
        wait_until(is_shared, 90, "both workers have half of the shards")
        enter(1, USERS)
        of_a = users_of(log, a.child.pid)
        assert 0 < len(of_a) < USERS
        hang(a, log)
        hung_s = served_elsewhere_s(log, of_a)
        a.child.send_signal(signal.SIGCONT)
        wait_until(lambda: not log.wishes.open_requests(), 60, "everything of them is closed")
        wait_until(is_shared, 60, "the one that woke up has its half again")
        of_b = [name for name in users_of(log, b.child.pid) if log.ledger.open_trades(name)]
        assert of_b
        b.end(signal.SIGKILL)
        killed_s = served_elsewhere_s(log, of_b)
        wait_until(lambda: not log.wishes.open_requests(), 60, "everything of them is closed")
        with capsys.disabled():
            print(f"\nserved elsewhere: hung {hung_s:.1f} s, killed {killed_s:.1f} s")  # noqa: T201 - the figure of docs/reliability.md
        assert hung_s <= MOST_S
        assert killed_s <= MOST_S
        assert "worker_silent" in {event.kind for event in log.outbox.of_user("operator")}
        a.end()
        verdict = asyncio.run(audit(exchange, log))
        assert verdict.accounts == USERS
        assert (verdict.lost, verdict.doubled, verdict.ledger_breaks) == ([], [], [])
        assert set(log.leases.roster().unserved) == set(range(SHARDS))
    finally:
        a.child.send_signal(signal.SIGCONT)
        a.end(signal.SIGKILL)
        b.end(signal.SIGKILL)
        log.close()
