"""Who may send orders: a token in SQL that grows. A process that woke up with an older one sends nothing.

A file lock keeps two engines of one machine apart; this keeps apart the one that hangs and the one that takes
over from it (`sluice flatten --take-over`).
"""

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.store.order_log.database import Database
from trading.store.order_log.schema_fleet import senders as _TABLE  # noqa: N812 - a table, as everywhere here

_NAME = "engine"


class Senders:
    """The token of this process, and whether it still counts. A process that took none is not judged."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall
        self._mine: int | None = None

    def take(self, owner: str) -> int:
        """Make this process the one that sends; whoever was it before sends nothing from now on."""
        with self._database.write() as connection:
            before = connection.scalar(
                sa.select(_TABLE.c.token).where(_TABLE.c.name == _NAME).with_for_update()
            )
            token = (before or 0) + 1
            row = {"token": token, "owner": owner, "since_wall_ms": self._wall.now_ms()}
            if before is None:
                connection.execute(_TABLE.insert(), row | {"name": _NAME})
            else:
                connection.execute(_TABLE.update().where(_TABLE.c.name == _NAME).values(**row))
        self._mine = token
        return token

    def may_send(self, connection: sa.Connection) -> bool:
        """Whether nobody took over since; asked inside the transaction that depends on it."""
        if self._mine is None:
            return True
        query = sa.select(_TABLE.c.token).where(_TABLE.c.name == _NAME)
        # Postgres: whoever takes over waits for this transaction. SQLite has one writer anyway.
        return connection.scalar(query.with_for_update(read=True)) == self._mine

    @property
    def is_superseded(self) -> bool:
        """Whether another process took over."""
        with self._database.read() as connection:
            found = connection.scalar(sa.select(_TABLE.c.token).where(_TABLE.c.name == _NAME))
        return self._mine is not None and found != self._mine
