"""Strategies that were seen, and how far each is trusted; which set came from which."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import BadInput, MissingData
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.records import ZERO
from trading.store.order_log.schema_fleet import canaries, set_strategies

STATES = ("canary", "promoted", "stopped")


@dataclass(frozen=True, slots=True)
class Canary:
    """One strategy. `users` trade it while it is a canary; `since_ms` is market time."""

    strategy_id: str
    state: str
    users: tuple[str, ...]
    since_ms: int
    changed_by: str
    why: str
    changed_wall_ms: int


class Canaries:
    """The table."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall

    def see(self, signal_set_id: str, strategy_id: str, users: Sequence[str], since_ms: int) -> Canary:
        """Note that a set came from a strategy; a strategy never seen becomes a canary of `users`.

        The very first strategy of a log is promoted: there is nothing before it that it could harm. So is
        any while `users` is empty.
        """
        with self._database.write() as connection:
            came = {"signal_set_id": signal_set_id, "strategy_id": strategy_id}
            self._database.insert_new(connection, set_strategies, [came])
            is_first = connection.scalar(sa.select(sa.func.count()).select_from(canaries)) == 0
            free = is_first or not users
            row = {
                "strategy_id": strategy_id,
                "state": "promoted" if free else "canary",
                "users": [] if free else list(users),
                "since_ms": since_ms,
                "changed_by": "engine",
                "why": "the first strategy of this log" if is_first else "not seen before",
                "changed_wall_ms": self._wall.now_ms(),
            }
            self._database.insert_new(connection, canaries, [row])
            query = sa.select(canaries).where(canaries.c.strategy_id == strategy_id)
            return _canary(connection.execute(query).mappings().one())

    def decide(self, strategy_id: str, state: str, *, by: str, why: str) -> Canary:
        """Promote or stop a strategy, with name and reason.

        Raises
        ------
        BadInput
            If the state is none, or nobody or no reason is named.
        MissingData
            If the strategy was never seen; the message names those that were.
        """
        if state not in STATES:
            raise BadInput(f"state must be one of {', '.join(STATES)}, was {state!r}")
        if not by.strip() or not why.strip():
            raise BadInput("a decision on a strategy must say who and why")
        change = {"state": state, "changed_by": by, "why": why, "changed_wall_ms": self._wall.now_ms()}
        with self._database.write() as connection:
            same = canaries.c.strategy_id == strategy_id
            if connection.execute(canaries.update().where(same).values(**change)).rowcount == 1:
                return _canary(connection.execute(sa.select(canaries).where(same)).mappings().one())
        known = ", ".join(found.strategy_id for found in self.all()) or "none"
        raise MissingData(f"no strategy {strategy_id!r} was seen; seen: {known}")

    def all(self) -> list[Canary]:
        """Return every strategy that was seen, oldest first."""
        query = sa.select(canaries).order_by(canaries.c.since_ms, canaries.c.strategy_id)
        with self._database.read() as connection:
            return [_canary(row) for row in connection.execute(query).mappings()]

    def progress(self, strategy_id: str) -> tuple[int, Decimal | None]:
        """Return closed trades of a strategy and their profit over cost (None before the first)."""
        t = schema.trades
        query = (
            sa.select(t.c.pnl_quote, t.c.bought_cost)
            .join(set_strategies, set_strategies.c.signal_set_id == t.c.signal_set_id)
            .where(set_strategies.c.strategy_id == strategy_id, t.c.is_closed.is_(True))
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        cost = sum((row.bought_cost for row in rows), ZERO)
        return len(rows), sum((row.pnl_quote for row in rows), ZERO) / cost if cost else None


def _canary(row: sa.RowMapping) -> Canary:
    values = {name: row[name] for name in Canary.__dataclass_fields__}
    return Canary(**values | {"users": tuple(row["users"])})
