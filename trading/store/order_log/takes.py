"""What entries took of the fleet's caps, as a sequence: how one worker learns what others just took.

Each plan of entries adds its rows in its own transaction, and is refused there if another worker added any
since the plan's caps were asked: write transactions are serial, so what was decided on is still true when it
is written. Kept for minutes; what is taken in all is read from intents and trades (`fleet_rows`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.store.order_log.prepared import Prepared, given
from trading.store.order_log.records import Intent
from trading.store.order_log.schema_shards import takes as _TABLE  # noqa: N812 - a table, as everywhere here

_KEPT_MS = 600_000


class OvertakenError(Exception):
    """Another worker planned entries since this plan was decided; nothing was written."""


@dataclass(frozen=True, slots=True)
class Take:
    """One entry of another worker: what it may spend, in quote units."""

    seq: int
    user_id: str
    symbol: str
    signal_set_id: str
    signal_id: str
    cost: Decimal


_COLUMNS = ("coid", "worker_id", "user_id", "symbol", "signal_set_id", "signal_id", "cost", "at_wall_ms")
_INSERT = Prepared(_TABLE.insert(), _COLUMNS)
_FORGET = Prepared(_TABLE.delete().where(_TABLE.c.at_wall_ms < given("before")))
_LAST = Prepared(sa.select(sa.func.max(_TABLE.c.seq).label("seq")))
OF_OTHERS = Prepared(
    sa.select(*(_TABLE.c[name] for name in Take.__dataclass_fields__))
    .where(_TABLE.c.seq > given("since"), _TABLE.c.worker_id != given("worker_id"))
    .order_by(_TABLE.c.seq)
)


def last(connection: sa.Connection) -> int:
    """Return the number of the newest take, 0 before the first."""
    return _LAST.scalar(connection) or 0


def of_others(connection: sa.Connection, since: int, worker_id: str | None) -> list[Take]:
    """Return what other workers took after the take numbered `since`, in order."""
    return [Take(**row) for row in OF_OTHERS.rows(connection, since=since, worker_id=worker_id)]


def note(connection: sa.Connection, intents: Sequence[Intent], worker_id: str, wall: Clock) -> None:
    """Write down what these entries take, and forget what is old."""
    now_ms = wall.now_ms()
    rows = [
        {
            "coid": intent.coid,
            "worker_id": worker_id,
            "user_id": intent.user_id,
            "symbol": intent.symbol,
            "signal_set_id": intent.signal_set_id,
            "signal_id": intent.signal_id,
            "cost": intent.reserved,
            "at_wall_ms": now_ms,
        }
        for intent in intents
    ]
    if rows:
        _INSERT.each(connection, rows)
        _FORGET.do(connection, {"before": now_ms - _KEPT_MS})
