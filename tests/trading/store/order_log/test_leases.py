"""Shards: fixed per user, leased to one worker at a time, given back to move, fenced by a token."""

import pytest
import sqlalchemy as sa

from tests.trading.store.order_log.rows import intent
from trading.market.clock import ManualClock
from trading.store.order_log import OrderLog, schema
from trading.store.order_log.leases import LEASE_MS
from trading.store.order_log.shards import EVERY, FIRST, SHARDS, shard_of

T0 = 1_000_000


@pytest.fixture
def wall():
    return ManualClock(T0)


def worker(url, wall, name):
    log = OrderLog(url, wall=wall)
    log.leases.join(name)
    return log


def settle(*logs, times=3):
    """Let every worker step a few times, as their loops do."""
    for _ in range(times):
        for log in logs:
            log.leases.step()
    return [log.leases.held() for log in logs]


def test_a_users_shard_is_the_same_for_ever():
    """By `b2sum -l 64`; another hash or another count would move everybody's users."""
    assert [shard_of(name) for name in ("u1", "demo-01", "operator", "")] == [5, 14, 14, 4]
    assert {shard_of(f"user-{n}") for n in range(1000)} == EVERY


def test_workers_share_the_shards_and_give_back_what_is_too_much(url, wall):
    """16 alone; then 8 and 8; then 6, 5, 5: by giving back, in two steps, never two holders of one."""
    a, b, c = (worker(url, wall, name) for name in "abc")
    assert a.leases.step() == EVERY
    assert b.leases.step() == frozenset()  # nothing is free: nobody's lease is taken from him
    assert len(a.leases.step()) == 8  # its work on the others is dropped ...
    assert b.leases.step() == frozenset()
    a.leases.step()  # ... and now they are given back
    assert len(b.leases.step()) == 8
    held = settle(a, b, c, times=5)
    assert sorted(map(len, held)) == [5, 5, 6]
    assert frozenset().union(*held) == EVERY
    assert sum(map(len, held)) == SHARDS
    assert FIRST in held[0]


def test_a_lease_ends_and_another_takes_over(url, wall):
    """Silent for a lease's length: its shards go to those who are there, and it knows by its own clock."""
    a, b = worker(url, wall, "a"), worker(url, wall, "b")
    settle(a, b)
    wall.advance(LEASE_MS - 1)
    b.leases.step()
    assert len(a.leases.held()) == 8
    wall.advance(1)
    assert a.leases.held() == frozenset()
    assert b.leases.step() == EVERY
    assert a.leases.step() == frozenset()


def test_one_who_is_known_to_be_dead_is_not_waited_for(url, wall):
    """On one machine a process that ended is seen; its leases need not run out."""
    a, b = worker(url, wall, "a"), worker(url, wall, "b")
    settle(a, b)
    b.leases.is_gone = lambda name: name == "a"
    assert b.leases.step() == EVERY


def test_one_who_ends_gives_everything_back_at_once(url, wall):
    """Nobody waits after a clean stop."""
    a, b = worker(url, wall, "a"), worker(url, wall, "b")
    settle(a, b)
    a.leases.leave()
    assert b.leases.step() == EVERY


def test_a_paused_owner_that_wakes_up_sends_nothing(url, wall, log_with_set):
    """It planned an order, stood still for a lease, and another took the shard: NEW stays NEW for it."""
    old = worker(url, wall, "old")
    old.leases.step()
    assert old.orders.plan_entries("u1", "set-1", [intent()], [], place=0, at_ms=5)
    wall.advance(LEASE_MS)
    new = worker(url, wall, "new")
    assert new.leases.step() == EVERY
    assert not old.orders.mark_sent("c1")
    assert not old.orders.void("c1", "too late")
    assert new.orders.mark_sent("c1")
    old.leases.step()
    assert old.orders.acknowledge("c1", "x1")  # facts may be written by anybody


def test_one_worker_alone_while_a_restore_is_replayed(url, wall):
    """Exits wait until all accounts are read, and that is counted in one process."""
    a, b = worker(url, wall, "a"), worker(url, wall, "b")
    assert a.leases.step(alone=True) == EVERY
    for _ in range(3):
        assert b.leases.step(alone=True) == frozenset()
        assert a.leases.step(alone=True) == EVERY


def test_a_flatten_takes_every_shard_and_gives_them_back(url, wall):
    """Whoever held them sends nothing and takes nothing until it ends."""
    a, flatten = worker(url, wall, "a"), OrderLog(url, wall=wall)
    a.leases.step()
    flatten.leases.seize("flatten")
    assert a.leases.step() == frozenset()
    wall.advance(LEASE_MS - 1)
    assert flatten.leases.renew()
    wall.advance(LEASE_MS - 1)
    assert a.leases.step() == frozenset()
    flatten.leases.leave()
    assert a.leases.step() == EVERY


def test_a_handle_sees_the_rows_of_its_shards(url, log_with_set):
    """Rows of nobody (the operator's messages) belong to the first shard; a user's rows by name are seen."""
    log = log_with_set
    log.orders.plan_entries("u1", "set-1", [intent()], [], place=0, at_ms=5)
    mine = shard_of("u1")
    log.scope.narrow({mine})
    assert [each.coid for each in log.orders.find()] == ["c1"]
    log.scope.narrow(EVERY - {mine})
    assert log.orders.find() == []
    assert [each.coid for each in log.orders.find(user_id="u1")] == ["c1"]
    with log.database.read() as connection:
        shards = dict(connection.execute(sa.select(schema.users.c.user_id, schema.users.c.shard)).all())
    assert shards["u1"] == mine
