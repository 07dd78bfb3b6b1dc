"""Who may send orders for whom: a lease with a growing token per shard, checked where an order becomes SENT.

A lease is taken, renewed and given back in write transactions, which are serial, by this machine's clock. A
worker that hangs is not asked: its lease ends, another takes the shard with a higher token, and what the old
one still tries to send is refused by the log. Shards move by being given back, never by being taken from one
who renews; `seize` alone (`sluice flatten`) takes what others hold.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.store.order_log.database import Database
from trading.store.order_log.prepared import Prepared, given
from trading.store.order_log.schema import intents, users
from trading.store.order_log.schema_shards import shards as _SHARDS  # noqa: N812 - a table, as everywhere here
from trading.store.order_log.schema_shards import workers as _WORKERS  # noqa: N812 - same
from trading.store.order_log.shards import EVERY, FIRST, SHARDS

LEASE_MS = 5_000
STEP_S = 1.0  # between two renewals
_REMEMBERED_MS = 3_600_000  # how long `sluice status` still names a worker that died


@dataclass(frozen=True, slots=True)
class Member:
    """A worker: seconds since it joined and since it last renewed, and the shards it holds now."""

    worker_id: str
    up_s: float
    beat_age_s: float
    shards: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """All workers that are remembered, and shards that nobody serves: no stop of their users is watched."""

    workers: tuple[Member, ...]
    unserved: tuple[int, ...]


class Leases:
    """What this process holds. A process that never joined is not judged (commands, tests).

    Parameters
    ----------
    is_gone : callable, optional
        Whether the process that a worker's id names is known to be dead: then nobody waits for its leases.
    """

    def __init__(
        self, database: Database, wall: Clock, is_gone: Callable[[str], bool] = lambda _worker: False
    ) -> None:
        self._database = database
        self._wall = wall
        self.is_gone = is_gone
        self.worker_id: str | None = None
        self._held: Mapping[int, int] = {}  # shard -> token
        self._until_ms = 0
        self._giving_back: frozenset[int] = frozenset()
        self.bereft: dict[str, list[int]] = {}  # worker that fell silent -> its shards, as of the last `step`
        # Taken by the last `step`. All others it returned were renewed with the token they had, seen in its
        # transaction: nobody else served them meanwhile, however late the renewal was.
        self.taken: frozenset[int] = frozenset()

    def join(self, worker_id: str) -> None:
        """Become a worker: from now on nothing is sent but for users of shards that `step` got."""
        self.worker_id = worker_id
        self._held = {}

    def held(self) -> frozenset[int]:
        """Return the shards that are surely this process's now, those it is giving back left out."""
        if self._wall.now_ms() >= self._until_ms:
            return frozenset()
        return frozenset(self._held) - self._giving_back

    def step(self, *, alone: bool = False) -> frozenset[int]:
        """Renew what is held, give back what is too much, take what is free up to a fair share.

        Parameters
        ----------
        alone : bool
            One worker holds everything or nothing (while a restored log is replayed).

        Returns
        -------
        frozenset of int
            What is held now, those being given back left out.
        """
        me, now_ms = self.worker_id, self._wall.now_ms()
        if me is None:
            raise RuntimeError("a worker joins before it takes leases")
        with self._database.write() as connection:
            self._beat(connection, me, now_ms)
            rows = _rows(self._database, connection)
            mine = {s: row.token for s, row in rows.items() if self._is_mine(row)}
            share = self._share(connection, rows, me, now_ms, alone=alone)
            surplus = frozenset(sorted(mine)[share:])
            # Given back one step after their work was dropped.
            for shard in surplus & self._giving_back:
                _change(connection, shard, owner=None, until_wall_ms=now_ms)
                del mine[shard]
            free = [s for s in sorted(rows) if s not in mine and self._is_free(rows[s], now_ms)]
            free = free[: max(share - len(mine), 0)]
            self.bereft = {}
            for shard in free:
                if rows[shard].owner not in (None, me):
                    self.bereft.setdefault(str(rows[shard].owner), []).append(shard)
            mine |= self._take(connection, rows, free, now_ms)
            kept = _SHARDS.c.shard.in_(sorted(mine))
            connection.execute(_SHARDS.update().where(kept).values(until_wall_ms=now_ms + LEASE_MS))
        self._held, self._until_ms, self.taken = mine, now_ms + LEASE_MS, frozenset(free)
        self._giving_back = surplus & frozenset(mine)
        return self.held()

    def seize(self, worker_id: str) -> None:
        """Take every shard, whoever holds it: nobody else sends anything from now on."""
        now_ms = self._wall.now_ms()
        self.worker_id = worker_id
        with self._database.write() as connection:
            self._beat(connection, worker_id, now_ms)
            rows = _rows(self._database, connection)
            self._held = self._take(connection, rows, rows, now_ms)
        self._until_ms = now_ms + LEASE_MS

    def renew(self) -> bool:
        """Prolong what is held, nothing else; False if any of it was taken away."""
        now_ms = self._wall.now_ms()
        with self._database.write() as connection:
            self._beat(connection, str(self.worker_id), now_ms)
            rows = _rows(self._database, connection)
            mine = {shard: row.token for shard, row in rows.items() if self._is_mine(row)}
            kept = _SHARDS.c.shard.in_(sorted(mine))
            connection.execute(_SHARDS.update().where(kept).values(until_wall_ms=now_ms + LEASE_MS))
            is_whole = len(mine) == len(self._held)
        self._held, self._until_ms = mine, now_ms + LEASE_MS
        return is_whole

    def leave(self) -> None:
        """Give everything back at once and be no worker any more."""
        me, now_ms = self.worker_id, self._wall.now_ms()
        with self._database.write() as connection:
            change = {"owner": None, "until_wall_ms": now_ms}
            connection.execute(_SHARDS.update().where(_SHARDS.c.owner == me).values(**change))
            connection.execute(_WORKERS.delete().where(_WORKERS.c.worker_id == me))
        self._held, self._until_ms = {}, 0

    def roster(self) -> "Roster":
        """Return who is there and who holds what: what `sluice status` shows."""
        now_ms = self._wall.now_ms()
        with self._database.read() as connection:
            rows = list(connection.execute(sa.select(_SHARDS).order_by(_SHARDS.c.shard)))
            beats = {row.worker_id: row for row in connection.execute(sa.select(_WORKERS))}
        served = {
            row.shard: row.owner for row in rows if row.owner is not None and row.until_wall_ms > now_ms
        }
        workers = [
            Member(
                worker_id,
                (now_ms - row.started_wall_ms) / 1000,
                (now_ms - row.beat_wall_ms) / 1000,
                tuple(shard for shard, owner in served.items() if owner == worker_id),
            )
            for worker_id, row in sorted(beats.items())
        ]
        return Roster(tuple(workers), tuple(sorted(EVERY - served.keys())))

    def may_send(self, connection: sa.Connection, *, user_id: str | None = None, coid: str = "") -> bool:
        """Whether this process holds the shard of a user, or of an order's user; asked in the transaction."""
        if self.worker_id is None:
            return True
        query, who = (_OF_ORDER, coid) if user_id is None else (_OF_USER, user_id)
        found = query.first(connection, who=who)
        if found is None:
            return False
        return self._held.get(int(found["shard"])) == int(found["token"])

    def _is_mine(self, row: Any) -> bool:
        return bool(row.owner == self.worker_id and self._held.get(row.shard) == row.token)

    def _is_free(self, row: Any, now_ms: int) -> bool:
        return row.owner is None or row.until_wall_ms <= now_ms or self.is_gone(row.owner)

    def _share(
        self, connection: sa.Connection, rows: Mapping[int, Any], me: str, now_ms: int, *, alone: bool
    ) -> int:
        """Return how many shards are this worker's: as many as any other's, give or take one."""
        if alone:
            first = rows[FIRST]
            return SHARDS if self._is_mine(first) or self._is_free(first, now_ms) else 0
        query = sa.select(_WORKERS.c.worker_id).where(_WORKERS.c.beat_wall_ms > now_ms - LEASE_MS)
        # By age, so that one who joins moves the fewest shards.
        found: Iterable[str] = connection.scalars(
            query.order_by(_WORKERS.c.started_wall_ms, _WORKERS.c.worker_id)
        )
        live = [each for each in found if each == me or not self.is_gone(each)]
        each, more = divmod(SHARDS, len(live))
        return each + (live.index(me) < more)

    def _take(
        self, connection: sa.Connection, rows: Mapping[int, Any], wanted: Iterable[int], now_ms: int
    ) -> dict[int, int]:
        """Become the owner of `wanted` with their next tokens, in one statement; return shard -> token."""
        taken = {shard: int(rows[shard].token) + 1 for shard in wanted}
        change = {"owner": self.worker_id, "since_wall_ms": now_ms, "until_wall_ms": now_ms + LEASE_MS}
        these = _SHARDS.update().where(_SHARDS.c.shard.in_(list(taken)))
        connection.execute(these.values(token=_SHARDS.c.token + 1, **change))
        return taken

    def _beat(self, connection: sa.Connection, me: str, now_ms: int) -> None:
        row = {"worker_id": me, "started_wall_ms": now_ms, "beat_wall_ms": now_ms}
        if not self._database.insert_new(connection, _WORKERS, [row]):
            mine = _WORKERS.c.worker_id == me
            connection.execute(_WORKERS.update().where(mine).values(beat_wall_ms=now_ms))
        old = _WORKERS.c.beat_wall_ms < now_ms - _REMEMBERED_MS
        connection.execute(_WORKERS.delete().where(old))


def _rows(database: Database, connection: sa.Connection) -> dict[int, Any]:
    found: dict[int, Any] = {row.shard: row for row in connection.execute(sa.select(_SHARDS))}
    if len(found) == SHARDS:
        return found
    missing = [
        {"shard": shard, "token": 0, "owner": None, "since_wall_ms": 0, "until_wall_ms": 0}
        for shard in sorted(EVERY - found.keys())
    ]
    database.insert_new(connection, _SHARDS, missing)
    return {row.shard: row for row in connection.execute(sa.select(_SHARDS))}


def _change(connection: sa.Connection, shard: int, **values: object) -> None:
    connection.execute(_SHARDS.update().where(_SHARDS.c.shard == shard).values(**values))


def _of(user_id: Any) -> Prepared:
    query = sa.select(_SHARDS.c.shard, _SHARDS.c.token).join(users, users.c.shard == _SHARDS.c.shard)
    # Postgres: whoever takes over waits for this transaction. SQLite has one writer anyway.
    return Prepared(query.where(users.c.user_id == user_id).with_for_update(read=True))


_OF_USER = _of(given("who"))
_OF_ORDER = _of(sa.select(intents.c.user_id).where(intents.c.coid == given("who")).scalar_subquery())
