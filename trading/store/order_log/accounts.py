"""Users' rows, and where a user stands: money at work, money reserved, symbols in play."""

import secrets
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import BadInput, MissingData
from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.prepared import Prepared, Row, given, one_of
from trading.store.order_log.records import PENDING, ZERO, IntentStatus, Leg
from trading.store.order_log.shards import shard_of

_USERS = schema.users
_COLUMNS = [column for column in _USERS.c if column.name != "shard"]  # which shard is nobody's setting
_CURSORS = schema.cursors
_VERSION = "users"
_EVERYBODY = Prepared(sa.select(*_COLUMNS).order_by(_USERS.c.user_id))
_USER = Prepared(sa.select(*_COLUMNS).where(_USERS.c.user_id == given("user_id")))
_CURSOR = Prepared(sa.select(_CURSORS.c.value).where(_CURSORS.c.name == given("name")))
_T, _I = schema.trades.c, schema.intents.c
_ROUNDS = Prepared(
    sa.select(
        _T.symbol, _T.is_closed, _T.closed_ms, _T.pnl_quote,
        _T.bought, _T.bought_cost, _T.base_fees, _T.sold, _T.dust,
    ).where(_T.user_id == given("user_id"))
)  # fmt: skip
_ENTRIES = Prepared(
    sa.select(_I.symbol, _I.status, _I.reserved, _I.filled_cost).where(
        _I.user_id == given("user_id"),
        one_of(_I.leg, [Leg.OPEN.value]),
        one_of(_I.status, [status.value for status in (*PENDING, IntentStatus.LOST)]),
    )
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What limits a user's next entry, read in one snapshot. Money in quote units.

    `held` maps each symbol with an open trade or a pending entry to the cost of what is held plus what
    the entry may still spend. `unsent` is reserved by entries that were not on the wire yet, so the
    venue's free balance does not know of it. `frozen` symbols have an entry that is LOST.
    """

    realised: Decimal
    realised_recently: Decimal
    held: dict[str, Decimal]
    unsent: Decimal
    frozen: frozenset[str]


class Accounts:
    """Users as rows; `trading.users` gives them their meaning."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall

    def add(self, row: dict[str, Any]) -> None:
        """Write a new user.

        Raises
        ------
        BadInput
            If the id is taken.
        """
        row = row | {"created_wall_ms": self._wall.now_ms(), "shard": shard_of(row["user_id"])}
        with self._database.write() as connection:
            if not self._database.insert_new(connection, _USERS, [row]):
                raise BadInput(f"user id must be new, {row['user_id']!r} exists")
            note_change(self._database, connection)

    def change(self, user_id: str, **values: Any) -> None:
        """Change columns of one user.

        Raises
        ------
        MissingData
            If there is no such user.
        """
        with self._database.write() as connection:
            done = connection.execute(_USERS.update().where(_USERS.c.user_id == user_id).values(**values))
            note_change(self._database, connection)
        if done.rowcount != 1:
            raise MissingData(f"no user {user_id!r}")

    def rows(self, user_id: str | None = None) -> list[dict[str, Any]]:
        """Return every user, by id; or the one that is named, if there is one."""
        if user_id is not None:
            return self._database.rows(_USER, user_id=user_id)
        return self._database.rows(_EVERYBODY)

    def version(self) -> str | None:
        """Return what is another text after any change of any user: who keeps users in memory asks this."""
        found = self._database.rows(_CURSOR, name=_VERSION)
        return str(found[0]["value"]) if found else None

    def standing(self, user_id: str, *, recent_since_ms: int) -> Standing:
        """Return where a user stands; `realised_recently` counts trades closed since that market time."""
        with self._database.read() as connection:
            rounds = _ROUNDS.rows(connection, user_id=user_id)
            entries = _ENTRIES.rows(connection, user_id=user_id)
        waiting = [row for row in entries if row["status"] != IntentStatus.LOST.value]
        closed = [row for row in rounds if row["is_closed"]]
        open_now = [row for row in rounds if not row["is_closed"]]
        held: dict[str, Decimal] = {}
        for row in open_now:
            held[row["symbol"]] = held.get(row["symbol"], ZERO) + _cost_held(row)
        for row in waiting:
            held[row["symbol"]] = held.get(row["symbol"], ZERO) + _still_reserved(row)
        return Standing(
            realised=sum((row["pnl_quote"] for row in closed), ZERO),
            realised_recently=sum(
                (row["pnl_quote"] for row in closed if row["closed_ms"] >= recent_since_ms), ZERO
            ),
            held=held,
            unsent=sum(
                (_still_reserved(row) for row in waiting if row["status"] == IntentStatus.NEW.value), ZERO
            ),
            frozen=frozenset(row["symbol"] for row in entries if row["status"] == IntentStatus.LOST.value),
        )


def note_change(database: Database, connection: sa.Connection) -> None:
    """Say, in the transaction that changes a user, that users changed."""
    row = {"name": _VERSION, "value": secrets.token_hex(8)}
    if not database.insert_new(connection, _CURSORS, [row]):
        connection.execute(_CURSORS.update().where(_CURSORS.c.name == _VERSION).values(value=row["value"]))


def _cost_held(row: Row) -> Decimal:
    held = row["bought"] - row["base_fees"] - row["sold"] - row["dust"]
    return Decimal(row["bought_cost"] * held / row["bought"])


def _still_reserved(row: Row) -> Decimal:
    return max(Decimal(row["reserved"] - row["filled_cost"]), ZERO)
