"""Keeps the users' cache a projection of SQL: sees that it was wiped, rebuilds it, says that it is away.

A sign in the cache (`UserCache.light`) is looked at in every step. If it is gone, everything may be: each
user's own mark is read then, and whoever has none, or one of another log, is rebuilt from SQL, some in each
step. Trading never waits for this: it runs in the courier's loop, reads SQL in a thread, and every wait ends.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Protocol

import structlog

from trading.execution.desk import Desk
from trading.execution.pace import Pace
from trading.market.errors import StoreError
from trading.store.order_log.halts import OPERATOR
from trading.store.order_log.records import Event, Trade
from trading.store.order_log.snapshots import Snapshot

_log = structlog.get_logger("execution.cache")

PER_STEP = 50  # users rebuilt, or whose marks are read, in one step of the courier
PATIENCE_S = 2.0  # for one step's worth of answers
_MOST_S = 10.0  # between two tries at a server that is away
_KEY = "cache"
_EVENTS = ("trade_opened", "trade_reduced", "trade_closed")


class TradeCache(Protocol):
    """Where a user's positions and trades are kept for quick reading; rebuilt from SQL at any time."""

    async def apply(self, trade: Trade, version: int) -> None:
        """Take over `trade` unless something of a higher version is there; StoreError if it cannot."""
        ...

    async def forget(self, user_id: str) -> None:
        """Drop what is cached of a user. StoreError if it cannot."""
        ...

    async def rebuild(self, snapshot: Snapshot, mark: str, *, forget: bool) -> None:
        """Put a whole user there. StoreError if it cannot."""
        ...

    async def marks(self, user_ids: Sequence[str]) -> dict[str, str | None]:
        """Return which log each user was rebuilt from; None = never. StoreError if it cannot."""
        ...

    async def is_lit(self, sign: str) -> bool:
        """Whether the sign that `light` left is still there. StoreError if it cannot tell."""
        ...

    async def light(self, sign: str) -> None:
        """Leave a sign that is gone when everything is gone. StoreError if it cannot."""
        ...


class CacheKeeper:
    """One step: look for the sign, rebuild some users, hand over what is new."""

    def __init__(self, desk: Desk, cache: TradeCache, *, last: int) -> None:
        self._desk = desk
        self._cache = cache
        self._last = last
        self._pace = Pace(desk.wall, 0.5, _MOST_S)
        self._life: str | None = None
        self._suspects: deque[str] | None = None  # None: the sign was not looked at yet
        self._looked_after: set[str] = set()
        self._away_since_ms: int | None = None
        self.rebuilt = 0  # users, since the start

    @property
    def is_whole(self) -> bool:
        """Whether every user of this process was found, or put, in the cache."""
        return self._away_since_ms is None and self._suspects is not None and not self._suspects

    async def step(self) -> None:
        """Bring the cache nearer to SQL; a server that is away or full is told once and tried again."""
        if not self._pace.is_due(_KEY):
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._look()
                await self._rebuild_some()
                await self._hand_over()
        except (OSError, StoreError) as error:  # TimeoutError is an OSError
            self._pace.put_off(_KEY)
            await self._away(error)
        else:
            self._pace.forget(_KEY)
            await self._back()

    async def _look(self) -> None:
        if self._life is None:
            self._life = await asyncio.to_thread(self._desk.log.snapshots.life)
        if self._suspects is None or not await self._cache.is_lit(self._life):
            was_there = self._suspects is not None
            if was_there:
                _log.warning("cache_wiped", users=len(self._looked_after))
            self._suspects = deque()
            self._looked_after.clear()
            await self._cache.light(self._life)
        mine = {user.user_id for user in self._desk.mine()}
        self._suspects += sorted(mine - self._looked_after)  # all, or those of a shard that came to us
        self._looked_after = mine

    async def _rebuild_some(self) -> None:
        suspects, life = self._suspects, self._life
        if not suspects or life is None:
            return
        batch = [suspects[place] for place in range(min(PER_STEP, len(suspects)))]
        marks = await self._cache.marks(batch)
        missing = [user_id for user_id in batch if marks[user_id] != life]
        read = partial(self._desk.log.snapshots.of, missing, last=self._last)
        for snapshot in await asyncio.to_thread(read) if missing else ():
            # A mark of another log: its versions say nothing here.
            is_other = marks[snapshot.user_id] is not None
            await self._cache.rebuild(snapshot, life, forget=is_other)
            self.rebuilt += 1
        for _ in batch:  # only now: a step that failed is done again
            suspects.popleft()

    async def _hand_over(self) -> None:
        waiting = self._desk.log.outbox.waiting("cached")
        if not waiting:
            return
        newest = {str(event.payload["trade_id"]): event.seq for event in waiting if event.kind in _EVENTS}
        for trade_id, seq in newest.items():
            await self._cache.apply(self._desk.log.ledger.get(trade_id), seq)
        await self._desk.durably(partial(self._desk.log.outbox.mark, waiting, "cached"))

    async def _away(self, error: Exception) -> None:
        _log.warning("cache_unavailable", error=f"{error!r}")
        if self._away_since_ms is not None:
            return
        self._away_since_ms = self._desk.wall.now_ms()
        why = str(error) or type(error).__name__
        await self._tell("cache_unavailable", f"the users' cache cannot be written: {why}")

    async def _back(self) -> None:
        if self._away_since_ms is None:
            return
        await self._tell("cache_back", "the users' cache is written again")
        self._away_since_ms = None

    async def _tell(self, kind: str, text: str) -> None:
        since_ms = self._away_since_ms or 0
        payload: dict[str, object] = {"text": text}
        event = Event(f"{kind}:{since_ms}", OPERATOR, kind, payload, self._desk.now_ms())
        await self._desk.durably(partial(self._desk.log.outbox.post, event))
