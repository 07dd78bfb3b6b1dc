"""Ids of signal sets on their way from Dagster to the engine: a Redis stream and consumer group per shard.

Only a wake-up: the sets themselves are in the SQL order log, so losing the stream loses no set.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from trading.market.errors import BadInput, StoreError
from trading.store.order_log.shards import EVERY

_log = structlog.get_logger("store.stream")
_FIELD = "signal_set_id"
GROUP = "engine"
# An entry that nobody finished so often is dropped: whatever is wrong with it, another try mends it not.
MOST_DELIVERIES = 5


@dataclass(frozen=True, slots=True)
class Delivery:
    """One stream entry to work on. `deliveries` above 1 says that an earlier worker did not finish it."""

    entry_id: str
    signal_set_id: str
    deliveries: int = 1


class SignalStream:
    """One stream with one group: at least once, never lost while unacked.

    The group starts at the beginning of the stream, so what was sent before the first engine ran is
    delivered too.
    """

    def __init__(self, client: "Redis", *, stream: str, group: str = GROUP) -> None:
        self._client = client
        self.stream = stream
        self.group = group

    async def add(self, signal_set_id: str) -> str:
        """Append an id and return the entry's own id."""
        if not signal_set_id:
            raise BadInput("signal_set_id must not be empty")
        return str(await self._client.xadd(self.stream, {_FIELD: signal_set_id}))

    async def ensure_group(self) -> None:
        """Create the consumer group at "0" unless it exists."""
        try:
            await self._client.xgroup_create(self.stream, self.group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def receive(self, consumer: str, *, count: int = 10, block_ms: int = 1000) -> list[Delivery]:
        """Return new entries for `consumer`, waiting up to `block_ms` for the first; maybe none."""
        reply = await self._client.xreadgroup(
            self.group, consumer, {self.stream: ">"}, count=count, block=block_ms
        )
        entries = [entry for _, of_stream in cast("Sequence[Any]", reply or ()) for entry in of_stream]
        good = await self.drop_malformed(entries)
        return [Delivery(entry_id, signal_set_id) for entry_id, signal_set_id in good]

    async def claim(self, consumer: str, *, idle_ms: int, count: int = 10) -> list[Delivery]:
        """Take over entries that another consumer got and did not finish within `idle_ms`.

        `idle_ms` must exceed the longest honest processing time, or work is done twice.
        """
        reply = cast(
            "Sequence[Any]",
            await self._client.xautoclaim(
                self.stream, self.group, consumer, min_idle_time=idle_ms, start_id="0-0", count=count
            ),
        )
        taken = await self.drop_malformed(reply[1])
        deliveries = await self._deliveries([entry_id for entry_id, _ in taken])
        return [Delivery(entry_id, name, deliveries.get(entry_id, 1)) for entry_id, name in taken]

    async def ack(self, *deliveries: Delivery) -> None:
        """Mark entries as done; they are never delivered again."""
        if deliveries:
            await self._client.xack(self.stream, self.group, *(item.entry_id for item in deliveries))

    async def pending(self) -> int:
        """Return how many entries were delivered and not yet acknowledged."""
        summary = cast("Mapping[str, Any]", await self._client.xpending(self.stream, self.group))
        return int(summary["pending"])

    async def trim(self) -> int:
        """Drop entries that every consumer has finished; return how many. Never what is unacknowledged."""
        pending = cast(
            "Sequence[Mapping[str, Any]]",
            await self._client.xpending_range(self.stream, self.group, min="-", max="+", count=1),
        )
        groups = cast("Sequence[Mapping[str, Any]]", await self._client.xinfo_groups(self.stream))
        mine = next(group for group in groups if group["name"] == self.group)
        oldest_needed = str(pending[0]["message_id"]) if pending else _after(str(mine["last-delivered-id"]))
        return int(await self._client.xtrim(self.stream, minid=oldest_needed, approximate=False))

    async def drop_malformed(self, entries: Sequence[Any]) -> list[tuple[str, str]]:
        """Return (entry id, signal set id) of the entries that name one; the others are acknowledged."""
        # An entry without an id can never be worked on: acknowledged, or it would come back for ever.
        bad = [str(entry_id) for entry_id, fields in entries if not fields or not fields.get(_FIELD)]
        if bad:
            await self._client.xack(self.stream, self.group, *bad)
        return [
            (str(entry_id), str(fields[_FIELD])) for entry_id, fields in entries if str(entry_id) not in bad
        ]

    async def _deliveries(self, entry_ids: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for entry_id in entry_ids:
            rows = cast(
                "Sequence[Mapping[str, Any]]",
                await self._client.xpending_range(
                    self.stream, self.group, min=entry_id, max=entry_id, count=1
                ),
            )
            found.update({str(row["message_id"]): int(row["times_delivered"]) for row in rows})
        return found


def _after(entry_id: str) -> str:
    head, _, tail = entry_id.partition("-")
    return f"{head}-{int(tail or 0) + 1}"


class ShardStreams:
    """One stream per shard, ``{s:N}:in``: every shard's holder gets every set, whoever that is by then.

    The braces keep a shard's keys on one node of a cluster.
    """

    def __init__(self, client: "Redis") -> None:
        self._client = client
        self.of = {shard: SignalStream(client, stream=f"{{s:{shard}}}:in") for shard in sorted(EVERY)}

    async def add(self, signal_set_id: str) -> None:
        """Append an id to every shard's stream, in one round trip. BadInput if it is empty."""
        if not signal_set_id:
            raise BadInput("signal_set_id must not be empty")
        async with self._client.pipeline(transaction=False) as pipeline:
            for stream in self.of.values():
                pipeline.xadd(stream.stream, {_FIELD: signal_set_id})
            await pipeline.execute()

    async def receive(
        self, shards: Iterable[int], consumer: str, *, block_ms: int
    ) -> list[tuple[int, Delivery]]:
        """Return new entries of several shards, waiting up to `block_ms` for the first of any."""
        streams = {self.of[shard].stream: shard for shard in shards}
        wanted: dict[Any, Any] = dict.fromkeys(streams, ">")
        reply = await self._client.xreadgroup(GROUP, consumer, wanted, count=10, block=block_ms)
        found: list[tuple[int, Delivery]] = []
        for name, entries in cast("Sequence[Any]", reply or ()):
            shard = streams[str(name)]
            for entry_id, signal_set_id in await self.of[shard].drop_malformed(entries):
                found.append((shard, Delivery(entry_id, signal_set_id)))
        return found


class StreamReader:
    """One worker's view of its shards' streams: what others dropped first, then what is new.

    Satisfies `trading.execution.intake.SetStream`. Entries that were delivered more than `MOST_DELIVERIES`
    times and never finished are dropped; their set is in SQL all the same.

    Parameters
    ----------
    consumer : str
        This worker's name.
    held : callable
        The shards that it holds now.
    idle_ms : int
        How long another consumer may hold an entry before it is taken over; one who lost the shard is not
        waited for.
    """

    def __init__(
        self,
        streams: ShardStreams,
        consumer: str,
        held: Callable[[], Iterable[int]] = lambda: EVERY,
        *,
        idle_ms: int = 5_000,
        wall_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._streams = streams
        self._consumer = consumer
        self._held = held
        self._idle_ms = idle_ms
        self._wall_s = wall_s
        self._known: frozenset[int] = frozenset()
        self._look_s = 0.0
        self.dropped: list[str] = []

    async def read(self, wait_s: float) -> list[tuple[str, str]]:
        """Wait up to `wait_s` for entries and return (entry id, signal set id) pairs.

        Raises
        ------
        StoreError
            If the server cannot be reached or refuses; its URL is not in the message.
        """
        held = frozenset(self._held())
        if not held:
            self._known = held
            await asyncio.sleep(wait_s)
            return []
        try:
            found = await self._left_over(held)
            block_ms = 1 if found else max(1, int(wait_s * 1000))  # 0 would wait for ever
            found += await self._streams.receive(sorted(held), self._consumer, block_ms=block_ms)
        except RedisError as error:
            self._known = frozenset()  # after FLUSHALL or a new server there are no groups
            raise StoreError(f"signal stream cannot be read: {type(error).__name__}") from error
        return [(f"{shard}/{item.entry_id}", item.signal_set_id) for shard, item in found]

    async def ack(self, entry_id: str) -> None:
        """Mark an entry as done; `StoreError` as in `read` (it is then delivered again)."""
        shard, _, own_id = entry_id.partition("/")
        try:
            await self._streams.of[int(shard)].ack(Delivery(own_id, ""))
        except RedisError as error:
            raise StoreError(f"signal stream cannot be acknowledged: {type(error).__name__}") from error

    async def _left_over(self, held: frozenset[int]) -> list[tuple[int, Delivery]]:
        """Claim what nobody finished: of shards that are new here at once, of all now and then."""
        new, self._known = held - self._known, held
        is_time = self._wall_s() >= self._look_s
        if is_time:
            self._look_s = self._wall_s() + self._idle_ms / 1000
        found: list[tuple[int, Delivery]] = []
        for shard in sorted(held if is_time else new):
            stream = self._streams.of[shard]
            await stream.ensure_group()
            for item in await stream.claim(self._consumer, idle_ms=0 if shard in new else self._idle_ms):
                if item.deliveries > MOST_DELIVERIES:
                    await stream.ack(item)
                    self.dropped.append(item.signal_set_id)
                    _log.error("stream_entry_dropped", shard=shard, signal_set_id=item.signal_set_id)
                else:
                    found.append((shard, item))
            if is_time:
                await stream.trim()
        return found
