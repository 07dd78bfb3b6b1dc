"""How many of what the log holds, for monitoring: counts only, by indexes, from any thread.

Orders are counted over the index of their status and skips set by set, so that a scrape of a log with a
million rows stays cheap. No trading decision reads these.
"""

from collections import Counter
from typing import Any

import sqlalchemy as sa

from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.records import PENDING
from trading.store.order_log.schema_fleet import halts


class Counts:
    """Counts of one log. Remembers the skips of sets that have expired: they do not change any more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._skips: Counter[str] = Counter()
        self._settled: set[str] = set()

    def orders(self) -> dict[str, int]:
        """Return intents by status."""
        status = schema.intents.c.status
        return self._by(sa.select(status, sa.func.count()).group_by(status))

    def pending(self) -> dict[str, int]:
        """Return orders that are not settled yet, by leg (open, close)."""
        leg, status = schema.intents.c.leg, schema.intents.c.status
        query = sa.select(leg, sa.func.count()).where(status.in_([each.value for each in PENDING]))
        return self._by(query.group_by(leg))

    def positions(self) -> tuple[int, int]:
        """Return open round trips, and how many of them cannot be left by themselves now."""
        trades = schema.trades.c
        query = sa.select(sa.func.count(), sa.func.count(trades.held_up)).where(trades.is_closed.is_(False))
        with self._database.read() as connection:
            row = connection.execute(query).one()
        return int(row[0]), int(row[1])

    def waiting(self) -> dict[str, int]:
        """Return events that the channel (`delivered`) or the users' cache (`cached`) have not had yet."""
        columns = {"delivered": schema.outbox.c.delivered_wall_ms, "cached": schema.outbox.c.cached_wall_ms}
        count = sa.select(sa.func.count()).select_from(schema.outbox)
        with self._database.read() as connection:
            return {
                name: int(connection.scalar(count.where(column.is_(None))) or 0)
                for name, column in columns.items()
            }

    def skips(self, now_ms: int) -> dict[str, int]:
        """Return signals not followed, by rule. `now_ms` is market time: which sets have expired."""
        sets, skips = schema.signal_sets.c, schema.skips.c
        with self._database.read() as connection:
            query = sa.select(sets.signal_set_id, sets.expires_ms)
            found = {str(row[0]): int(row[1]) for row in connection.execute(query)}
            live: Counter[str] = Counter()
            for name in found.keys() - self._settled:
                rules = sa.select(skips.rule, sa.func.count()).where(skips.signal_set_id == name)
                counted = _pairs(connection, rules.group_by(skips.rule))
                if found[name] < now_ms:
                    self._settled.add(name)
                    self._skips.update(counted)
                else:
                    live.update(counted)
        return dict(self._skips + live)

    def halts(self) -> dict[str, int]:
        """Return halts that hold, by kind."""
        query = sa.select(halts.c.kind, sa.func.count()).where(halts.c.lifted_wall_ms.is_(None))
        return self._by(query.group_by(halts.c.kind))

    def users(self) -> int:
        """Return how many users there are."""
        with self._database.read() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(schema.users)) or 0)

    def _by(self, query: sa.Select[Any]) -> dict[str, int]:
        with self._database.read() as connection:
            return _pairs(connection, query)


def _pairs(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}
