"""Two workers as real processes on one Postgres: one is killed with orders out, the other ends its trades."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.integration.engine_process import (
    SEED,
    audit,
    environment,
    exchange,  # noqa: F401 - a fixture
    is_settled,
    make_signals,
    start,
    wait_until,
)
from tests.integration.test_workers import holders, users_of
from trading.store.order_log import OrderLog
from trading.store.order_log.records import PENDING
from trading.store.order_log.shards import SHARDS
from trading.users.directory import Directory

USERS = 8


@pytest.fixture
def database_url() -> Iterator[str]:
    """An empty log on a Postgres of our own, with fsync as in use."""
    missing = postgres.missing()
    if missing is not None:
        pytest.skip(missing)
    with postgres.running(fsync=True) as server:
        yield server.new_database()


@pytest.mark.slow
def test_signal_sets_become_closed_trades_on_postgres_though_a_worker_is_killed(
    database_url: str,
    exchange: str,  # noqa: F811 - the fixture
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every user's trades close; the dead worker's shards go to the other; 0 lost, 0 doubled."""
    settings = environment(tmp_path, exchange, SLUICE_DATABASE_URL=database_url)
    log = OrderLog(database_url)
    Directory(log).ensure_demo(USERS)
    trade = ["trade", "--seed", str(SEED)]
    a = start(trade, tmp_path / "a.log", **settings)
    b = start(trade, tmp_path / "b.log", **settings)
    pids = {a.child.pid, b.child.pid}

    def is_shared() -> bool:
        held = {pid: shards for pid, shards in holders(log).items() if pid in pids}
        return sorted(map(len, held.values())) == [SHARDS // 2, SHARDS // 2]

    def enter(number: int) -> None:
        known = log.intents().height
        log.write_signal_set(asyncio.run(make_signals(exchange, 3, number)))
        wait_until(lambda: log.intents().height > known, 60, "the set is planned")

    def closed_of() -> set[str]:
        return set(log.closed_trades()["user_id"])

    try:
        wait_until(is_shared, 90, "both workers have half of the shards")
        of_a = users_of(log, a.child.pid)
        assert 0 < len(of_a) < USERS
        enter(1)
        wait_until(lambda: closed_of() == {user.user_id for user in Directory(log).all()}, 120, "all traded")
        wait_until(lambda: is_settled(log), 60, "the first set's trades are closed")
        enter(2)
        wait_until(
            lambda: any(order.user_id in of_a for order in log.orders.find(statuses=PENDING)), 30, "orders"
        )
        a.end(signal.SIGKILL)
        began = time.monotonic()
        wait_until(lambda: holders(log)[b.child.pid] == set(range(SHARDS)), 30, "the other has every shard")
        taken_s = time.monotonic() - began
        wait_until(lambda: is_settled(log), 120, "the second set's trades are closed")
        assert b.end() == 0
        assert set(log.leases.roster().unserved) == set(range(SHARDS))
        verdict = asyncio.run(audit(exchange, log))
        assert verdict.accounts == USERS
        assert (verdict.lost, verdict.doubled, verdict.ledger_breaks) == ([], [], [])
        with capsys.disabled():
            told = f"{log.closed_trades().height} closed trades, shards taken over in {taken_s:.1f} s"
            print(f"\non Postgres: {told}")  # noqa: T201 - the figure of docs/reliability.md
    finally:
        a.end(signal.SIGKILL)
        b.end(signal.SIGKILL)
        log.close()
