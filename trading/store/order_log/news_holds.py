"""Symbols that news closes to entries, and those that must be sold before their trading ends.

Written by the pipeline when a story is first seen, with the alerts, in one transaction; read by the engine
before every entry and every look at a position. What counts as such a story: `trading.news.holds`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import BadInput
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.outbox import Outbox
from trading.store.order_log.prepared import AnyRow, Prepared, given
from trading.store.order_log.records import Event

OPERATOR = "operator"
_TABLE = schema.news_holds


@dataclass(frozen=True, slots=True)
class NewsHold:
    """One symbol closed by one story. `*_ms` is market time; `ends_ms`: its trading ends then, if said."""

    hold_id: str
    symbol: str
    event: str
    reason: str
    since_ms: int
    until_ms: int
    ends_ms: int | None = None
    released_ms: int | None = None
    release_reason: str | None = None


class NewsHolds:
    """The table; several stories may close one symbol."""

    def __init__(self, database: Database, wall: Clock, outbox: Outbox) -> None:
        self._database = database
        self._wall = wall
        self._outbox = outbox

    def place(self, found: Iterable[NewsHold], *, at_ms: int) -> int:
        """Write down the holds that are new, and tell the operator and everyone who holds the symbol.

        All or nothing: a crash leaves neither a hold without its alert nor an alert without its hold. A hold
        that is known is left as it is, as a story may be handed over at every pass; only another end of
        trading moves it, and is told like a new one. A released hold is never moved.

        Returns
        -------
        int
            How many were new or moved.
        """
        new = 0
        with self._database.write() as connection:
            for hold in found:
                if self._database.insert_new(connection, _TABLE, [self._row(hold)]):
                    new += 1
                    self._tell(connection, hold, hold.hold_id, at_ms)
                elif self._move(connection, hold):
                    new += 1
                    self._tell(connection, hold, f"{hold.hold_id}:{hold.ends_ms}", at_ms)
        return new

    def _move(self, connection: sa.Connection, hold: NewsHold) -> bool:
        if hold.ends_ms is None:
            return False
        changes = {name: getattr(hold, name) for name in ("ends_ms", "until_ms", "reason")}
        statement = _TABLE.update().where(
            _TABLE.c.hold_id == hold.hold_id,
            _TABLE.c.released_ms.is_(None),
            sa.or_(_TABLE.c.ends_ms.is_(None), _TABLE.c.ends_ms != hold.ends_ms),
        )
        return connection.execute(statement.values(**changes)).rowcount > 0

    def _tell(self, connection: sa.Connection, hold: NewsHold, key: str, at_ms: int) -> None:
        for event in _alerts(hold, key, _holders(connection, hold.symbol), at_ms):
            self._outbox.add(connection, event)

    def active(self, at_ms: int) -> dict[str, NewsHold]:
        """Return by symbol what is in force at a market time: the one that ends first, else the newest."""
        found: dict[str, NewsHold] = {}
        for hold in map(_hold, self._database.rows(_IN_FORCE, at_ms=at_ms)):
            known = found.get(hold.symbol)
            if known is None or known.ends_ms is None or (hold.ends_ms or known.ends_ms) < known.ends_ms:
                found[hold.symbol] = hold
        return found

    def leaving(self, at_ms: int, lead_ms: int) -> dict[str, NewsHold]:
        """Return holds in force whose symbol stops trading within `lead_ms` of market time, or did."""
        held = self.active(at_ms).items()
        return {
            name: hold for name, hold in held if hold.ends_ms is not None and hold.ends_ms - lead_ms <= at_ms
        }

    def release(self, symbol: str, reason: str, *, at_ms: int) -> int:
        """Let a symbol back whatever the stories said; return how many holds ended. They stay in the record.

        Raises
        ------
        BadInput
            If no reason is given, or no hold of the symbol is open; the message names symbols that have one.
        """
        if not reason.strip():
            raise BadInput("a release must say why: reason was empty")
        is_open = _TABLE.c.released_ms.is_(None)
        change = {"released_ms": at_ms, "release_reason": reason}
        with self._database.write() as connection:
            statement = _TABLE.update().where(is_open, _TABLE.c.symbol == symbol, _TABLE.c.until_ms > at_ms)
            ended = connection.execute(statement.values(**change)).rowcount
        if ended:
            return ended
        held = ", ".join(sorted(self.active(at_ms))[:20]) or "none is"
        raise BadInput(f"{symbol} is not held by news; held now: {held}")

    def all(self) -> list[NewsHold]:
        """Return every hold there ever was, oldest first."""
        return self._read(sa.true())

    def _read(self, which: sa.ColumnElement[bool]) -> list[NewsHold]:
        query = sa.select(_TABLE).where(which).order_by(_TABLE.c.since_ms, _TABLE.c.hold_id)
        with self._database.read() as connection:
            return [_hold(row) for row in connection.execute(query).mappings()]

    def _row(self, hold: NewsHold) -> dict[str, Any]:
        names = ("hold_id", "symbol", "event", "reason", "since_ms", "until_ms", "ends_ms")
        return {name: getattr(hold, name) for name in names} | {"wall_ms": self._wall.now_ms()}


_IN_FORCE = Prepared(
    sa.select(_TABLE)
    .where(
        _TABLE.c.released_ms.is_(None),
        _TABLE.c.since_ms <= given("at_ms"),
        _TABLE.c.until_ms > given("at_ms"),
    )
    .order_by(_TABLE.c.since_ms, _TABLE.c.hold_id)
)


def _hold(row: AnyRow) -> NewsHold:
    names = ("hold_id", "symbol", "event", "reason", "since_ms", "until_ms", "ends_ms")
    return NewsHold(**{name: row[name] for name in (*names, "released_ms", "release_reason")})


def _holders(connection: sa.Connection, symbol: str) -> list[str]:
    trades = schema.trades
    query = (
        sa.select(trades.c.user_id).where(trades.c.symbol == symbol, trades.c.is_closed.is_(False)).distinct()
    )
    return sorted(connection.scalars(query))


def _alerts(hold: NewsHold, key: str, holders: list[str], at_ms: int) -> list[Event]:
    payload: dict[str, object] = {"symbol": hold.symbol, "event": hold.event, "reason": hold.reason}
    if hold.ends_ms is not None:
        payload["ends"] = f"{datetime.fromtimestamp(hold.ends_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    return [
        Event(
            f"news_hold:{key}:{user}",
            user,
            "news_hold",
            payload | {"is_held": user != OPERATOR},
            at_ms,
        )
        for user in (OPERATOR, *holders)
    ]
