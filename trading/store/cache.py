"""The hot side: signal-set ids on a stream, and each user's view of positions and trades.

Everything here can be rebuilt from the SQL order log; nothing here is the truth. One slot per user:
keys are `{u:ID}:pos`, `{u:ID}:trades`, `{u:ID}:cfg`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from trading.market.errors import BadInput, StoreError

_USER = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIELD = "signal_set_id"
# Trades kept per user in the cache; the log has all of them.
TRADES_KEPT = 200

# Each field remembers the SQL version it was written at: a late or repeated message changes nothing.
_APPLY = """
local seen = redis.call('HGET', KEYS[1], 'v:' .. ARGV[1])
if seen and tonumber(seen) >= tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'v:' .. ARGV[1], ARGV[2])
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], 'd:' .. ARGV[1])
else redis.call('HSET', KEYS[1], 'd:' .. ARGV[1], ARGV[3]) end
return 1
"""
# A trade is a member of a set ordered by version: adding it twice is adding it once.
_ADD_TRADE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -tonumber(ARGV[3]) - 1)
return 1
"""


def connect(url: str) -> "Redis":
    """Return a client for `url`; closing it is the caller's task (`await client.aclose()`)."""
    return Redis.from_url(url, decode_responses=True, protocol=2, socket_timeout=30, socket_connect_timeout=5)


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

    async def send(self, signal_set_id: str) -> str:
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


class UserCache:
    """What one user's screens show: open positions, last trades, settings. A projection of the log.

    `version` is the number the SQL row was written at; applying an older or equal one changes nothing,
    so outbox messages may come late, twice, or out of order.
    """

    def __init__(self, client: "Redis") -> None:
        self._client = client
        self._apply = client.register_script(_APPLY)
        self._add = client.register_script(_ADD_TRADE)

    async def put_position(
        self, user_id: str, symbol: str, position: Mapping[str, object] | None, *, version: int
    ) -> bool:
        """Store (None: remove) the position in `symbol`; True if it was news."""
        return await self._put(_key(user_id, "pos"), symbol, position, version)

    async def positions(self, user_id: str) -> dict[str, dict[str, Any]]:
        """Return symbol -> position."""
        return await self._all(_key(user_id, "pos"))

    async def put_setting(self, user_id: str, name: str, value: object, *, version: int) -> bool:
        """Store one setting; True if it was news."""
        return await self._put(_key(user_id, "cfg"), name, {"value": value}, version)

    async def settings(self, user_id: str) -> dict[str, Any]:
        """Return name -> value."""
        return {name: held["value"] for name, held in (await self._all(_key(user_id, "cfg"))).items()}

    async def add_trade(self, user_id: str, trade: Mapping[str, object], *, version: int) -> None:
        """Keep a closed trade; `version` is its own number in the log, so a repetition replaces it."""
        await self._add(keys=[_key(user_id, "trades")], args=[_checked(version), _json(trade), TRADES_KEPT])

    async def trades(self, user_id: str, *, count: int = 50) -> list[dict[str, Any]]:
        """Return the last `count` trades, newest first."""
        raw = await self._client.zrevrange(_key(user_id, "trades"), 0, count - 1)
        return [orjson.loads(text) for text in cast("Sequence[str]", raw)]

    async def forget(self, user_id: str) -> None:
        """Remove everything of one user, versions too: before a rebuild, or when the user leaves."""
        await self._client.delete(*(_key(user_id, part) for part in ("pos", "trades", "cfg")))

    async def _put(self, key: str, name: str, value: Mapping[str, object] | None, version: int) -> bool:
        text = "" if value is None else _json(value)
        return bool(await self._apply(keys=[key], args=[name, _checked(version), text]))

    async def _all(self, key: str) -> dict[str, dict[str, Any]]:
        raw = cast("Mapping[str, str]", await self._client.hgetall(key))
        return {
            name.removeprefix("d:"): orjson.loads(text) for name, text in raw.items() if name.startswith("d:")
        }


def _key(user_id: str, part: str) -> str:
    # Braces in an id would move the key to another cluster slot.
    if not _USER.fullmatch(user_id):
        raise BadInput(f"user id must match {_USER.pattern}, was {user_id!r}")
    return f"{{u:{user_id}}}:{part}"


def _checked(version: int) -> int:
    # Lua numbers are doubles.
    if not 0 <= version < 2**53:
        raise BadInput(f"version must be from 0 to 2**53 - 1, was {version}")
    return version


def _json(value: Mapping[str, object]) -> str:
    try:
        return orjson.dumps(dict(value), default=str).decode()
    except TypeError as error:
        raise StoreError(f"value cannot be cached: {error}") from error


__all__ = ["TRADES_KEPT", "Delivery", "RedisError", "SignalStream", "UserCache", "connect"]
