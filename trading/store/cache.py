"""The hot side of each user: positions and last trades, as screens show them.

Everything here can be rebuilt from the SQL order log; nothing here is the truth. One slot per user:
keys are `{u:ID}:pos`, `{u:ID}:trades`, `{u:ID}:mark`. Settings are in SQL alone.
The stream of signal sets is in stream.py.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from trading.market.errors import BadInput, StoreError
from trading.store.stream import Delivery, ShardStreams, SignalStream, StreamReader

_USER = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Trades kept per user in the cache; the log has all of them.
TRADES_KEPT = 200
_BEACON_S = 3_600

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
# A whole user at one version. What is there and newer stays; positions that are gone go; asked to forget (the
# cache is of another log), all goes first. The mark says which log this user was rebuilt from.
_REBUILD = """
local version, at = tonumber(ARGV[1]), 5
if ARGV[2] == '1' then redis.call('DEL', KEYS[1], KEYS[2]) end
local shown = {}
for _ = 1, tonumber(ARGV[3]) do
  local name, text = ARGV[at], ARGV[at + 1]
  at, shown[name] = at + 2, true
  local seen = redis.call('HGET', KEYS[1], 'v:' .. name)
  if not seen or tonumber(seen) <= version then
    redis.call('HSET', KEYS[1], 'v:' .. name, version, 'd:' .. name, text)
  end
end
local held = redis.call('HGETALL', KEYS[1])
for index = 1, #held, 2 do
  local name = string.match(held[index], '^v:(.*)$')
  if name and not shown[name] and tonumber(held[index + 1]) <= version then
    redis.call('HDEL', KEYS[1], 'd:' .. name)
  end
end
while at < #ARGV do
  redis.call('ZREMRANGEBYSCORE', KEYS[2], ARGV[at], ARGV[at])
  redis.call('ZADD', KEYS[2], ARGV[at], ARGV[at + 1])
  at = at + 2
end
redis.call('SET', KEYS[3], ARGV[4])
return 1
"""


def connect(url: str) -> "Redis":
    """Return a client for `url`; closing it is the caller's task (`await client.aclose()`)."""
    # Bytes that are no text must not stop a reader: they come as replacement characters, and name nothing.
    return Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="replace",
        protocol=2,
        socket_timeout=30,
        socket_connect_timeout=5,
    )


class UserCache:
    """What one user's screens show: open positions, last trades. A projection of the log.

    `version` is the number the SQL row was written at; applying an older or equal one changes nothing,
    so outbox messages may come late, twice, or out of order.
    """

    def __init__(self, client: "Redis") -> None:
        self._client = client
        self._apply = client.register_script(_APPLY)
        self._add = client.register_script(_ADD_TRADE)
        self._rebuild = client.register_script(_REBUILD)

    async def put_position(
        self, user_id: str, symbol: str, position: Mapping[str, object] | None, *, version: int
    ) -> bool:
        """Store (None: remove) the position in `symbol`; True if it was news."""
        return await self._put(_key(user_id, "pos"), symbol, position, version)

    async def positions(self, user_id: str) -> dict[str, dict[str, Any]]:
        """Return symbol -> position."""
        return await self._all(_key(user_id, "pos"))

    async def add_trade(self, user_id: str, trade: Mapping[str, object], *, version: int) -> None:
        """Keep a closed trade; `version` is its own number in the log, so a repetition replaces it."""
        await self._add(keys=[_key(user_id, "trades")], args=[_checked(version), _json(trade), TRADES_KEPT])

    async def trades(self, user_id: str, *, count: int = 50) -> list[dict[str, Any]]:
        """Return the last `count` trades, newest first."""
        raw = await self._client.zrevrange(_key(user_id, "trades"), 0, count - 1)
        return [orjson.loads(text) for text in cast("Sequence[str]", raw)]

    async def forget(self, user_id: str) -> None:
        """Remove everything of one user, versions too: when the user leaves."""
        await self._client.delete(*(_key(user_id, part) for part in ("pos", "trades", "cfg", "mark")))

    async def rebuild(
        self,
        user_id: str,
        positions: Mapping[str, Mapping[str, object]],
        trades: Sequence[tuple[int, Mapping[str, object]]],
        *,
        version: int,
        mark: str,
        forget: bool,
    ) -> None:
        """Put a whole user there in one step, as of `version`; newer parts stay as they are.

        `trades` are (number of the closing event, trade); `mark` is kept (`marks`); `forget` empties first.
        """
        values: list[str | int] = [_checked(version), int(forget), len(positions), mark]
        for name, position in positions.items():
            values += [name, _json(position)]
        for number, trade in trades:
            values += [_checked(number), _json(trade)]
        keys = [_key(user_id, part) for part in ("pos", "trades", "mark")]
        await self._rebuild(keys=keys, args=values)

    async def marks(self, user_ids: Sequence[str]) -> dict[str, str | None]:
        """Return the mark of each user, None where there is none (never built, or wiped)."""
        async with self._client.pipeline(transaction=False) as pipe:
            for user_id in user_ids:
                pipe.get(_key(user_id, "mark"))
            found = await pipe.execute()
        return dict(zip(user_ids, found, strict=True))

    async def beacon(self, name: str) -> str | None:
        """Return what `light` left there; None if the server lost it, and so perhaps all else."""
        return cast("str | None", await self._client.get(_beacon(name)))

    async def light(self, name: str, value: str) -> None:
        """Leave a sign that is gone when all is gone, and after an hour: then all is looked at again."""
        await self._client.set(_beacon(name), value, ex=_BEACON_S)

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


def _beacon(name: str) -> str:
    if not _USER.fullmatch(name):
        raise BadInput(f"a beacon's name must match {_USER.pattern}, was {name!r}")
    return f"{{cache:{name}}}:beacon"


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


__all__ = ["TRADES_KEPT", "Delivery", "ShardStreams", "SignalStream", "StreamReader", "UserCache", "connect"]
