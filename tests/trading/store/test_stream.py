"""The signal stream delivers at least once, from the very first entry, and nothing unfinished is dropped."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from trading.market.errors import BadInput, StoreError
from trading.store.cache import connect
from trading.store.stream import MOST_DELIVERIES, ShardStreams, SignalStream, StreamReader
from trading.store.valkey import EmbeddedValkey


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as running:
        yield running


@pytest.fixture
async def stream(server: EmbeddedValkey, request: pytest.FixtureRequest) -> AsyncIterator[SignalStream]:
    client = connect(server.url)
    yield SignalStream(client, stream=request.node.name)
    await client.aclose()


async def test_what_was_sent_before_the_first_engine_is_delivered(stream: SignalStream) -> None:
    """A group made at "$" would never see it."""
    await stream.add("set-1")
    await stream.ensure_group()
    await stream.ensure_group()
    await stream.add("set-2")
    got = await stream.receive("engine-1", block_ms=10)
    assert [item.signal_set_id for item in got] == ["set-1", "set-2"]
    assert await stream.receive("engine-1", block_ms=10) == []


async def test_unfinished_entry_is_claimed_by_another_engine(stream: SignalStream) -> None:
    """A dead engine's entries come back, counted; acknowledged ones never do."""
    await stream.ensure_group()
    await stream.add("set-1")
    await stream.add("set-2")
    done, _left = await stream.receive("dead", block_ms=10)
    await stream.ack(done)
    assert await stream.claim("heir", idle_ms=60_000) == []
    (taken,) = await stream.claim("heir", idle_ms=0)
    assert (taken.signal_set_id, taken.deliveries) == ("set-2", 2)
    assert await stream.pending() == 1
    await stream.ack(taken)
    assert await stream.pending() == 0
    assert await stream.claim("heir", idle_ms=0) == []


async def test_trim_keeps_what_is_unfinished_and_what_was_never_delivered(stream: SignalStream) -> None:
    """Trimming goes by what is finished, not by length."""
    await stream.ensure_group()
    for number in range(4):
        await stream.add(f"set-{number}")
    first, second = await stream.receive("engine", count=2, block_ms=10)
    await stream.ack(first)
    assert await stream.trim() == 1
    await stream.ack(second)
    assert await stream.trim() == 1
    rest = await stream.receive("engine", block_ms=10)
    assert [item.signal_set_id for item in rest] == ["set-2", "set-3"]


async def test_entry_without_an_id_does_not_come_back_for_ever(stream: SignalStream) -> None:
    """Something else wrote to the stream: it is acknowledged and passed over, new or claimed."""
    await stream.ensure_group()
    await stream._client.xadd(stream.stream, {"other": "1"})
    await stream.add("set-1")
    assert [item.signal_set_id for item in await stream.receive("engine", block_ms=10)] == ["set-1"]
    assert await stream.pending() == 1
    with pytest.raises(BadInput):
        await stream.add("")


async def test_reader_takes_over_and_waits(server: EmbeddedValkey) -> None:
    """What a worker sees: leftovers of its shards first, then news, each acknowledged by entry id."""
    client = connect(server.url)
    await client.flushall()
    streams = ShardStreams(client)
    await streams.add("set-1")
    await StreamReader(streams, "dead", lambda: {3, 4}).read(0.01)
    await streams.add("set-2")
    reader = StreamReader(streams, "heir", lambda: {3, 4})
    got = await reader.read(0.01)
    assert sorted(name for _, name in got) == ["set-1", "set-1", "set-2", "set-2"]
    for entry_id, _ in got:
        await reader.ack(entry_id)
    assert await reader.read(0.01) == []
    await client.aclose()


async def test_each_shards_holder_gets_every_set_and_a_new_holder_what_was_not_finished(
    server: EmbeddedValkey,
) -> None:
    """Two workers share the shards; when a shard changes hands its open entries go along, at once."""
    client = connect(server.url)
    await client.flushall()
    streams, mine = ShardStreams(client), {"a": {0, 1}, "b": {2}}
    a, b = (StreamReader(streams, name, lambda name=name: mine[name]) for name in "ab")
    await streams.add("set-1")
    from_a, from_b = await a.read(0.01), await b.read(0.01)
    assert [name for _, name in from_a] == ["set-1", "set-1"]
    assert [name for _, name in from_b] == ["set-1"]
    await a.ack(from_a[0][0])
    mine["a"], mine["b"] = set(), {1, 2}
    assert await a.read(0.001) == []
    assert [entry for entry, _ in await b.read(0.01)] == [from_a[1][0]]
    await client.aclose()


async def test_an_entry_that_nobody_finishes_is_dropped(server: EmbeddedValkey) -> None:
    """Five deliveries are enough: a poison entry does not come back for ever. After FLUSHALL all goes on."""
    client = connect(server.url)
    await client.flushall()
    streams = ShardStreams(client)
    await streams.add("poison")
    for turn in range(MOST_DELIVERIES):
        assert [name for _, name in await StreamReader(streams, f"w{turn}", lambda: {0}).read(0.01)] == [
            "poison"
        ]
    last = StreamReader(streams, "last", lambda: {0})
    assert await last.read(0.01) == []
    assert last.dropped == ["poison"]
    assert await streams.of[0].pending() == 0
    await client.flushall()
    with pytest.raises(StoreError):
        await last.read(0.01)
    await streams.add("set-2")
    assert [name for _, name in await last.read(0.01)] == ["set-2"]
    await client.aclose()


async def test_reader_without_a_server_is_a_store_error(tmp_path: Path) -> None:
    """A server that went away is told without its URL."""
    server = EmbeddedValkey(tmp_path)
    client = connect(server.url)
    reader = StreamReader(ShardStreams(client), "engine")
    server.stop()
    with pytest.raises(StoreError) as failure:
        await reader.read(0.01)
    assert "redis://" not in str(failure.value)
    with pytest.raises(StoreError):
        await reader.ack("1/1-1")
    await client.aclose()
