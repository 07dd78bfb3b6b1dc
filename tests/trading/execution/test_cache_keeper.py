"""The users' cache on a real Valkey: wiped, killed, full, of another log; it comes back by itself."""

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.trading.execution.world import World
from trading.execution.courier import Courier
from trading.execution.invariants import Invariant
from trading.execution.judge import Evidence, judge
from trading.execution.projection import CachedTrades
from trading.execution.venue_audit import cached
from trading.market.clock import SystemClock
from trading.store.cache import UserCache, connect
from trading.store.order_log import schema
from trading.store.valkey import EmbeddedValkey

A, B = "AAA/USDT", "BBB/USDT"
USERS = ("u1", "u2", "u3")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server


async def traded(tmp_path: Path) -> tuple[World, object]:
    """Three users with one closed trade and one open position each."""
    world = World(tmp_path, symbols=(A, B), users=3)
    engine = await world.boot()
    for _ in range(5):
        await engine.step()
        world.wall.advance(400)
    world.venue.prices[A] = world.venue.prices[A] * 112 / 100
    for _ in range(6):
        await engine.step()
        world.wall.advance(1_200)
        world.clock.advance(2_000)
    assert len(engine.desk.log.ledger.open_trades()) == 3
    assert engine.desk.log.closed_trades().height == 3
    return world, engine


@asynccontextmanager
async def courier(world: World, engine, url: str, *, empty: bool = True):
    client = connect(url)
    if empty:
        await client.flushall()
    engine.desk.wall = SystemClock()
    try:
        yield Courier(engine.desk, world.mailbox, CachedTrades(UserCache(client))), client
    finally:
        await client.aclose()


async def wrongs(engine, client) -> list[str]:
    shown = await cached(UserCache(client), USERS)
    found = judge(engine.desk.log, [], Evidence(cached=shown))
    return found.invariants[Invariant.CACHE_IS_PROJECTION]


async def filled(courier: Courier, *, within_s: float = 20.0) -> None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        await courier.step()
        if courier.keeper.is_whole:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the cache was not rebuilt")


async def test_a_wiped_cache_is_rebuilt_by_itself_and_equals_sql(tmp_path, server):
    """FLUSHALL between two steps: positions and trades are SQL's again, and nobody was alarmed."""
    world, engine = await traded(tmp_path)
    async with courier(world, engine, server.url) as (messenger, client):
        await filled(messenger)
        assert await wrongs(engine, client) == []
        await client.flushall()
        assert len(await wrongs(engine, client)) > 0
        await filled(messenger)
        assert await wrongs(engine, client) == []
        assert messenger.keeper.rebuilt == 6
        assert "cache_unavailable" not in world.mailbox.kinds()


async def test_an_event_from_before_a_rebuild_does_not_roll_it_back(tmp_path, server):
    """A rebuild has the version of the newest event it knows: older ones change nothing, newer ones do."""
    world, engine = await traded(tmp_path)
    async with courier(world, engine, server.url) as (messenger, client):
        await filled(messenger)
        cache = UserCache(client)
        (trade,) = engine.desk.log.ledger.open_trades("u1")
        version = engine.desk.log.snapshots.of(["u1"], last=1)[0].version
        assert not await cache.put_position("u1", B, None, version=version)
        assert not await cache.put_position("u1", B, None, version=1)
        assert (await cache.positions("u1"))[B]["trade_id"] == trade.trade_id
        assert await cache.put_position("u1", B, None, version=version + 1)


async def test_what_another_log_left_in_the_cache_is_forgotten(tmp_path, server):
    """Higher versions of an older world would hide every event of the new one."""
    world, engine = await traded(tmp_path)
    async with courier(world, engine, server.url) as (messenger, client):
        cache = UserCache(client)
        await cache.rebuild("u1", {"ZZZ/USDT": {"x": 1}}, [], version=10**9, mark="other:0", forget=False)
        await cache.put_position("u1", B, {"x": 2}, version=10**9)
        await filled(messenger)
        assert await wrongs(engine, client) == []


async def test_a_restored_log_is_another_life(tmp_path):
    """The epoch is part of the mark, so a restore makes every user be rebuilt."""
    world = World(tmp_path)
    engine = await world.boot()
    before = engine.desk.log.snapshots.life()
    assert engine.desk.log.snapshots.life() == before
    engine.desk.log.restores.begin("b-1", 1)
    assert engine.desk.log.snapshots.life() != before


async def test_a_full_server_is_told_once_and_nothing_is_lost(tmp_path, server):
    """maxmemory 1: no write is taken, messages still go out; with memory again all is there."""
    world, engine = await traded(tmp_path)
    async with courier(world, engine, server.url) as (messenger, client):
        await client.config_set("maxmemory", "1")
        try:
            for _ in range(4):
                await messenger.step()
                messenger.keeper._pace.forget("cache")
            assert world.mailbox.kinds().count("cache_unavailable") == 1
            assert "trade_closed" in world.mailbox.kinds()
            assert engine.desk.log.outbox.waiting("cached")
        finally:
            await client.config_set("maxmemory", "0")
        await filled(messenger)
        await messenger.step()
        assert await wrongs(engine, client) == []
        assert engine.desk.log.outbox.waiting("cached") == []
        assert "cache_back" in world.mailbox.kinds()


async def test_a_killed_server_comes_back_and_is_filled(tmp_path):
    """kill -9, steps meanwhile, then the same server without its data: one alert, then all is there."""
    (tmp_path / "w").mkdir()
    world, engine = await traded(tmp_path / "w")
    first = EmbeddedValkey(tmp_path / "v")
    async with courier(world, engine, first.url) as (messenger, client):
        await filled(messenger)
        os.kill(first.pid, signal.SIGKILL)
        first._child.wait()
        for _ in range(3):
            await messenger.step()
            messenger.keeper._pace.forget("cache")
        assert world.mailbox.kinds().count("cache_unavailable") == 1
        for file in (tmp_path / "v").rglob("*aof*"):
            if file.is_file():
                file.unlink()
        with EmbeddedValkey(tmp_path / "v", port=first.port):
            messenger.keeper._pace.forget("cache")
            await filled(messenger)
            assert await wrongs(engine, client) == []
            assert messenger.keeper.rebuilt == 6


@pytest.mark.slow
async def test_a_thousand_users_are_rebuilt_in_the_courier_s_pace(tmp_path, server, capsys):
    """1,000 users with 3 open and 20 closed trades each: all of it again after FLUSHALL."""
    world, engine = await traded(tmp_path)
    log = engine.desk.log
    _multiply(log, users=1_000, opened=3, closed=20)
    engine.desk._everybody = (None, [])
    async with courier(world, engine, server.url) as (messenger, client):
        began, cpu = time.monotonic(), time.process_time()
        await filled(messenger, within_s=120)
        took, spent = time.monotonic() - began, time.process_time() - cpu
        assert messenger.keeper.rebuilt == 1_003
        assert len(await UserCache(client).positions("m0999")) == 3
        assert len(await UserCache(client).trades("m0999", count=200)) == 20
    with capsys.disabled():
        steps = -(-1_003 // 50)
        sys.stdout.write(f"\n1,003 users, {steps} steps: {took:.1f} s wall, {spent:.1f} s CPU\n")


def _multiply(log, *, users: int, opened: int, closed: int) -> None:
    """Copy what there is to more users, straight into the tables."""
    with log.database.write() as connection:
        user = dict(connection.execute(schema.users.select()).mappings().first())
        trades = {
            row["is_closed"]: dict(row) for row in connection.execute(schema.trades.select()).mappings()
        }
        names = [f"m{number:04d}" for number in range(users)]
        connection.execute(schema.users.insert(), [user | {"user_id": name} for name in names])
        rows = [
            trades[place >= opened]
            | {"user_id": name, "trade_id": f"{name}-{place}", "symbol": f"S{place}/USDT"}
            for name in names
            for place in range(opened + closed)
        ]
        connection.execute(schema.trades.insert(), rows)
        event = {
            "payload": "{}",
            "at_ms": 1,
            "cached_wall_ms": 1,
            "delivered_wall_ms": 1,
            "kind": "trade_closed",
        }
        done = [row for row in rows if row["is_closed"]]
        connection.execute(
            schema.outbox.insert(),
            [
                event | {"user_id": row["user_id"], "event_id": f"trade_closed:{row['trade_id']}:2"}
                for row in done
            ],
        )
