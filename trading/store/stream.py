"""Ids of signal sets on their way from Dagster to the engine: a Redis stream with one consumer group.

Only a wake-up: the sets themselves are in the SQL order log, so losing the stream loses no set.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from trading.market.errors import BadInput, StoreError

_FIELD = "signal_set_id"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One stream entry to work on. `deliveries` above 1 says that an earlier worker did not finish it."""

    entry_id: str
    signal_set_id: str
    deliveries: int = 1


class SignalStream:
    """Ids of signal sets on their way from Dagster to the engine: at least once, never lost while unacked.

    The group starts at the beginning of the stream, so what was sent before the first engine ran is
    delivered too.
    """

    def __init__(self, client: "Redis", *, stream: str = "signal_sets", group: str = "engine") -> None:
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
        good = await self._drop_malformed(entries)
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
        taken = await self._drop_malformed(reply[1])
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

    async def _drop_malformed(self, entries: Sequence[Any]) -> list[tuple[str, str]]:
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


class StreamReader:
    """One engine's view of the stream: what others dropped first, then what is new.

    Satisfies `trading.execution.intake.SetStream`.

    Parameters
    ----------
    consumer : str
        This engine's name, the same after a restart.
    idle_ms : int
        How long another consumer may hold an entry before it is taken over.
    """

    def __init__(self, stream: SignalStream, consumer: str, *, idle_ms: int = 30_000) -> None:
        self._stream = stream
        self._consumer = consumer
        self._idle_ms = idle_ms

    async def read(self, wait_s: float) -> list[tuple[str, str]]:
        """Wait up to `wait_s` for entries and return (entry id, signal set id) pairs.

        Raises
        ------
        StoreError
            If the server cannot be reached or refuses; its URL is not in the message.
        """
        try:
            await self._stream.ensure_group()
            found = await self._stream.claim(self._consumer, idle_ms=self._idle_ms)
            block_ms = 1 if found else max(1, int(wait_s * 1000))  # 0 would wait for ever
            found += await self._stream.receive(self._consumer, block_ms=block_ms)
        except RedisError as error:
            raise StoreError(f"signal stream cannot be read: {type(error).__name__}") from error
        return [(item.entry_id, item.signal_set_id) for item in found]

    async def ack(self, entry_id: str) -> None:
        """Mark an entry as done; `StoreError` as in `read` (it is then delivered again)."""
        try:
            await self._stream.ack(Delivery(entry_id, ""))
        except RedisError as error:
            raise StoreError(f"signal stream cannot be acknowledged: {type(error).__name__}") from error
