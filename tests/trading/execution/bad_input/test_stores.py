"""Stores that refuse: a full disk, a locked log, a Redis without memory, junk on the stream."""

import asyncio
import random
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from redis.exceptions import OutOfMemoryError

from tests.trading.execution.bad_input.stand import BOB, NUMBERS, Stand
from trading.execution.courier import Courier
from trading.execution.projection import CachedTrades
from trading.market.errors import StoreError
from trading.store.cache import StreamReader, UserCache, connect
from trading.store.lake import Lake
from trading.store.order_log import OrderLog, connections
from trading.store.order_log.backup import back_up
from trading.store.order_log.news_holds import OPERATOR
from trading.store.stream import ShardStreams
from trading.store.valkey import EmbeddedValkey


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_stops_orders_tells_the_operator_and_ends_with_the_space(stand: Stand):
    """Log refuses: no entry of anybody leaves, one message a minute past the outbox; space: both trade."""
    await stand.both_hold(stand.symbols[0])
    await stand.offer(stand.symbols[1])
    # What a full disk is to SQLite: the write-ahead file cannot grow.
    [wal] = Path(str(stand.log.database.engine.url.database)).parent.glob("*-wal")
    with files_of_at_most(wal.stat().st_size):
        await stand.rounds(4)
        assert not stand.sent(stand.symbols[1])
    messages = stand.messages(OPERATOR)
    assert {message.kind for message in messages} == {"order_log_refused"}
    assert len(messages) <= 2  # once a minute
    for user in NUMBERS:
        await stand.until(lambda u=user: stand.held(u, stand.symbols[1]), f"{user} enters")
        assert stand.messages(user) == []
    await stand.is_sound()


async def test_a_log_locked_by_another_program_stops_orders_and_goes_on_after(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
):
    """Another connection holds BEGIN EXCLUSIVE beyond our patience: nothing leaves, told; then traded."""
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_MS", 200)
    stand.log.database.engine.dispose()  # new connections with that patience
    await stand.both_hold(stand.symbols[0])
    set_id = await stand.offer(stand.symbols[1])
    other = sqlite3.connect(str(stand.log.database.engine.url.database), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    await stand.rounds(3)
    assert not stand.sent(stand.symbols[1])
    other.execute("ROLLBACK")
    other.close()
    for user in NUMBERS:
        await stand.until(lambda u=user: stand.held(u, stand.symbols[1]), f"{user} enters")
    assert {message.kind for message in stand.messages(OPERATOR)} == {"order_log_refused"}
    assert stand.log.sets.offered_to(set_id) == set(NUMBERS)
    await stand.is_sound()


async def test_redis_out_of_memory_costs_warmth_and_nothing_else(stand: Stand, tmp_path: Path):
    """Full: the cache takes nothing, sets are found in SQL, both trade; with memory it catches up."""
    with EmbeddedValkey(tmp_path / "valkey") as server:
        client = connect(server.url)
        cache = UserCache(client)
        stand.engine.courier = Courier(stand.desk, stand.mailbox, CachedTrades(cache))
        stream = StreamReader(ShardStreams(client), "engine")
        await stream.read(0.001)
        used = (await client.info("memory"))["used_memory"]
        await client.config_set("maxmemory", used)
        with pytest.raises(OutOfMemoryError):
            await client.set("more", "x" * 100_000)
        await stand.both_hold(stand.symbols[0])
        await stand.bob_trades_on()
        assert not await cache.trades(BOB)
        await client.config_set("maxmemory", 0)
        for _ in range(100):  # what was refused is told again after a pause
            await stand.rounds(1)
            if await cache.trades(BOB):
                break
            await asyncio.sleep(0.05)
        assert await cache.trades(BOB)
        await client.aclose()
    await stand.is_sound()


async def test_junk_on_the_stream_is_dropped_told_once_and_stops_nothing(stand: Stand, tmp_path: Path):
    """No field, binary, a huge id, ids of no set, a real one between: all acknowledged, that one traded."""
    with EmbeddedValkey(tmp_path / "valkey") as server:
        client = connect(server.url)
        streams = ShardStreams(client)
        sets, stream = streams.of[0], StreamReader(streams, "engine")
        await stream.read(0.001)
        set_id = await stand.offer(stand.symbols[0])
        field = "signal_set_id"
        for junk in ({"x": "y"}, {field: b"\xff\xfe\x00"}, {field: "a" * 10_000}, {field: "set-1'; DROP"}):
            await client.xadd(sets.stream, junk)
        await sets.add(set_id)
        for _ in range(200):
            await client.xadd(sets.stream, {field: "set-ffffffffffffffff-ffffffffffff"})
        news: list[bool] = []

        async def look() -> None:
            news.append(await stand.engine.intake.listen(stream, 0.001, lambda: None))

        for _ in range(40):
            await stand.engine._guarded(look)
        assert any(news)
        assert await sets.pending() == 0
        await client.aclose()
    for user in NUMBERS:
        await stand.until(lambda u=user: stand.held(u, stand.symbols[0]), f"{user} enters")
    assert [message.kind for message in stand.messages(OPERATOR)] == ["strange_message"]
    await stand.bob_trades_on()


def test_a_lake_on_a_full_disk_keeps_the_version_before_and_says_so(tmp_path: Path):
    """A table of 400 kB where 20 kB are left: one sentence, the old version is the newest, no stray files."""
    lake, at = Lake(tmp_path), datetime(2026, 1, 5, tzinfo=UTC)
    before = lake.publish("clusters", pl.DataFrame({"symbol": ["A/USDT"]}), key=["symbol"], at=at)
    noise = random.Random(1)
    big = pl.DataFrame({"symbol": [f"{noise.getrandbits(128):032x}" for _ in range(20_000)]})
    with files_of_at_most(20_000), pytest.raises(StoreError, match="untouched"):
        lake.publish("clusters", big, key=["symbol"], at=at)
    assert lake.latest("clusters") == before
    assert Lake(tmp_path).read("clusters").height == 1
    assert lake.publish("clusters", big, key=["symbol"], at=at).rows == 20_000


def test_a_backup_on_a_full_disk_is_not_there_and_the_log_goes_on(tmp_path: Path):
    """20 kB left for a log of 300 kB: one sentence, no folder, the log writes on, a second try works."""
    url = f"sqlite:///{tmp_path}/orders.db"
    log = OrderLog(url)
    with files_of_at_most(20_000), pytest.raises(StoreError):
        back_up(url, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    log.set_cursor("a", "b")
    back_up(url, tmp_path / "backup")
    assert (tmp_path / "backup" / "manifest.json").is_file()
    log.close()
