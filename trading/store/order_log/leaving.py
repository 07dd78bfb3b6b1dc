"""All that is kept of one user, and how it is taken away: rows stay under a pseudonym, the person goes.

Every table with a `user_id` is known here by that column alone, so a new table needs nothing here.
"""

import base64
import re
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from trading.market.errors import BadInput
from trading.store.order_log import schema, schema_fleet, schema_messages
from trading.store.order_log.accounts import note_change
from trading.store.order_log.database import Database
from trading.store.order_log.halts import OPERATOR
from trading.store.order_log.records import IN_FLIGHT, PENDING, IntentStatus
from trading.store.order_log.schema_users import preferences, user_keys, user_requests

LEFT = "left"  # `users.account` of somebody who has left
# Personal or secret, and no part of the books: deleted. Consents stay, under the pseudonym, as evidence.
_DELETED = (
    user_keys,
    preferences,
    user_requests,
    schema.outbox,
    schema_messages.messages,
    schema_messages.chats,
    schema_messages.link_codes,
    schema_messages.bot_buttons,
)
_SECRET = frozenset({"wrapped_key", "sealed"})


class Leaving:
    """Export and removal of one user."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def everything(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """Return every row of a user by table, plain values; sealed keys are left out."""
        found: dict[str, list[dict[str, Any]]] = {}
        with self._database.read() as connection:
            for table in _tables():
                query = sa.select(table).where(table.c.user_id == user_id)
                rows = connection.execute(query).mappings()
                found[table.name] = [
                    {name: _plain(value) for name, value in row.items() if name not in _SECRET}
                    for row in rows
                ]
        return found

    def hindrance(self, user_id: str) -> str | None:
        """Return why a user's rows cannot be closed yet, None if nothing is open."""
        with self._database.read() as connection:
            return _hindrance(connection, user_id)

    def forget(self, user_id: str, pseudonym: str) -> None:
        """Put `pseudonym` in the user's place and delete keys, preferences, requests and messages.

        One transaction. On SQLite the freed pages are overwritten and the write-ahead log is emptied, so
        that no file still holds what was deleted.

        Raises
        ------
        BadInput
            If positions or orders are open.
        """
        users = schema.users
        with self._database.write() as connection:
            if self._is_sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            why = _hindrance(connection, user_id)
            if why is not None:
                raise BadInput(f"{user_id} cannot be removed yet: {why}")
            row = connection.execute(sa.select(users).where(users.c.user_id == user_id)).mappings().one()
            blank = {"user_id": pseudonym, "name": LEFT, "account": LEFT, "is_paused": True}
            connection.execute(users.insert(), dict(row) | blank | {"allowed": [], "blocked": []})
            for table in _DELETED:
                connection.execute(table.delete().where(table.c.user_id == user_id))
            for table in _tables():
                if table is users or table in _DELETED:
                    continue
                change: dict[str, Any] = {"user_id": pseudonym}
                if "telegram_id" in table.c:
                    change["telegram_id"] = 0
                if "reason" in table.c:
                    named = sa.func.replace(table.c.reason, f"user {user_id}", f"user {pseudonym}")
                    change["reason"] = named
                connection.execute(table.update().where(table.c.user_id == user_id).values(**change))
            told = schema.outbox  # the operator's messages about this user, as `reconciliations` writes them
            other = sa.func.replace(told.c.payload, f'"user_id": "{user_id}"', f'"user_id": "{pseudonym}"')
            connection.execute(told.update().where(told.c.user_id == OPERATOR).values(payload=other))
            _rename_in_messages(connection, user_id, pseudonym)
            halts = schema_fleet.halts
            of_user = (halts.c.scope == "user", halts.c.subject == user_id)
            connection.execute(halts.update().where(*of_user).values(subject=pseudonym))
            connection.execute(users.delete().where(users.c.user_id == user_id))
            note_change(self._database, connection)
        self._empty_log()

    @property
    def _is_sqlite(self) -> bool:
        return self._database.engine.dialect.name == "sqlite"

    def _empty_log(self) -> None:
        if not self._is_sqlite:
            return
        raw = self._database.engine.raw_connection()  # outside a transaction, which a checkpoint needs
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            raw.close()


def _tables() -> list[sa.Table]:
    return [table for table in schema.metadata.sorted_tables if "user_id" in table.c]


def _rename_in_messages(connection: sa.Connection, user_id: str, pseudonym: str) -> None:
    """Take a user's name out of what operators were told; that of somebody else may begin with it."""
    sent = schema_messages.messages
    whole = re.compile(rf"user {re.escape(user_id)}(?![A-Za-z0-9_-])")
    query = sa.select(sent.c.seq, sent.c.text).where(sent.c.text.contains(f"user {user_id}", autoescape=True))
    for row in connection.execute(query).all():
        said = whole.sub(f"user {pseudonym}", row.text)
        connection.execute(sent.update().where(sent.c.seq == row.seq).values(text=said))


def _hindrance(connection: sa.Connection, user_id: str) -> str | None:
    trades, intents = schema.trades, schema.intents
    open_now = connection.scalar(
        sa.select(sa.func.count()).where(trades.c.user_id == user_id, trades.c.is_closed.is_(False))
    )
    if open_now:
        return f"{open_now} positions are open"
    unsettled = {status.value for status in (*PENDING, *IN_FLIGHT, IntentStatus.LOST)}
    orders = connection.scalar(
        sa.select(sa.func.count()).where(intents.c.user_id == user_id, intents.c.status.in_(unsettled))
    )
    return f"{orders} orders are not settled" if orders else None


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return format(value, "f") if isinstance(value, Decimal) else value
