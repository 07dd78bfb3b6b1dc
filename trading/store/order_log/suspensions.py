"""Symbols suspended for review: who stopped them, at which prices, and who let them back and why.

Written by the engine's price watch, by market scans and by people; read by the engine before every entry,
by the pipeline before every approval, and by `sluice universe`. What a jump is: `trading.universe`.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import BadInput
from trading.market.lineage import digest
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.prepared import AnyRow, Prepared


@dataclass(frozen=True, slots=True)
class Suspension:
    """One suspension. Prices in quote units, `at_ms` market time, `wall_ms` this machine's.

    `released_ms` is None while it holds.
    """

    symbol: str
    source: str
    state: str
    reason: str
    at_ms: int
    price_before: Decimal | None = None
    price_after: Decimal | None = None
    wall_ms: int = 0
    released_ms: int | None = None
    release_reason: str | None = None


class Suspensions:
    """The table; at most one suspension of a symbol holds at a time."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall

    def suspend(self, found: Suspension) -> bool:
        """Suspend a symbol. If it is suspended already, only what is known of the jump is brought up to date.

        Returns
        -------
        bool
            Whether this started a suspension.
        """
        table = schema.suspensions
        with self._database.write() as connection:
            holding = connection.scalar(_holding(found.symbol))
            if holding is not None:
                change = {"state": found.state, "reason": found.reason}
                connection.execute(table.update().where(table.c.suspension_id == holding).values(**change))
                return False
            row = {
                "suspension_id": f"sus-{digest(found.symbol, str(found.at_ms), str(self._wall.now_ms()))}",
                "symbol": found.symbol,
                "source": found.source,
                "state": found.state,
                "reason": found.reason,
                "price_before": found.price_before,
                "price_after": found.price_after,
                "at_ms": found.at_ms,
                "wall_ms": self._wall.now_ms(),
            }
            connection.execute(table.insert().values(**row))
            return True

    def settle(self, symbol: str, state: str, reason: str) -> bool:
        """Note what a second look said of a suspended symbol; False if it is not suspended (any more)."""
        table = schema.suspensions
        with self._database.write() as connection:
            holding = connection.scalar(_holding(symbol))
            if holding is None:
                return False
            connection.execute(
                table.update().where(table.c.suspension_id == holding).values(state=state, reason=reason)
            )
            return True

    def release(self, symbol: str, reason: str, *, at_ms: int) -> Suspension:
        """Let a symbol back; the record stays, with `reason`.

        Raises
        ------
        BadInput
            If no reason is given or the symbol is not suspended; the message names those that are.
        """
        if not reason.strip():
            raise BadInput("a release must say why: reason was empty")
        table = schema.suspensions
        with self._database.write() as connection:
            holding = connection.scalar(_holding(symbol))
            if holding is not None:
                change = {
                    "released_ms": at_ms,
                    "released_wall_ms": self._wall.now_ms(),
                    "release_reason": reason,
                }
                connection.execute(table.update().where(table.c.suspension_id == holding).values(**change))
                row = connection.execute(sa.select(table).where(table.c.suspension_id == holding))
                return _suspension(row.mappings().one())
        known = ", ".join(sorted(self.active())) or "none is"
        raise BadInput(f"{symbol} is not suspended; suspended now: {known}")

    def active(self) -> dict[str, Suspension]:
        """Return the suspensions that hold now, by symbol."""
        # The engine asks twice a second: only those rows are read.
        return {row["symbol"]: _suspension(row) for row in self._database.rows(_ACTIVE)}

    def all(self) -> list[Suspension]:
        """Return every suspension there ever was, oldest first."""
        return self._read(sa.true())

    def _read(self, which: sa.ColumnElement[bool]) -> list[Suspension]:
        table = schema.suspensions
        with self._database.read() as connection:
            rows = connection.execute(
                sa.select(table).where(which).order_by(table.c.wall_ms, table.c.suspension_id)
            )
            return [_suspension(row) for row in rows.mappings()]


_ACTIVE = Prepared(
    sa.select(schema.suspensions)
    .where(schema.suspensions.c.released_ms.is_(None))
    .order_by(schema.suspensions.c.wall_ms, schema.suspensions.c.suspension_id)
)


def _holding(symbol: str) -> sa.Select[tuple[Any]]:
    table = schema.suspensions
    return sa.select(table.c.suspension_id).where(table.c.symbol == symbol, table.c.released_ms.is_(None))


def _suspension(row: AnyRow) -> Suspension:
    names = ("symbol", "source", "state", "reason", "at_ms", "price_before", "price_after", "wall_ms")
    return Suspension(**{name: row[name] for name in (*names, "released_ms", "release_reason")})
