"""Who is who in Telegram: links by one-time code, buttons that work once, and the audit of what was asked."""

import json
import secrets
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.errors import BadInput
from trading.store.order_log.database import Database
from trading.store.order_log.schema_messages import bot_audit, bot_buttons, chats, link_codes

CODE_MS, BUTTON_MS = 15 * 60_000, 60_000
_ARGUMENTS = 200


class Role(StrEnum):
    """What a chat may do: a user their own affairs, an operator everything, a group only listens."""

    USER = "user"
    OPERATOR = "operator"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Chat:
    """One linked chat. `user_id` None: an operator who does not trade, or a group. Times are wall ms."""

    telegram_id: int
    user_id: str | None
    role: Role
    is_active: bool
    why: str | None
    linked_wall_ms: int

    @property
    def recipient(self) -> str:
        """Its name in the queue of messages."""
        return f"tg:{self.telegram_id}"


@dataclass(frozen=True, slots=True)
class Asked:
    """One row of the audit."""

    at_wall_ms: int
    update_id: int
    telegram_id: int
    user_id: str | None
    command: str
    arguments: str
    outcome: str


class Chats:
    """Chats, codes, buttons, audit."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall

    # --- links ----------------------------------------------------------------------------------

    def code(self, user_id: str | None, role: Role = Role.USER) -> str:
        """Return a new code that links one chat, within 15 minutes; only its hash is kept.

        Raises
        ------
        BadInput
            If a user's code names nobody.
        """
        if role is Role.USER and user_id is None:
            raise BadInput("a code of role user must name the user")
        made = secrets.token_urlsafe(12)
        row = {
            "code_sha256": _hash(made),
            "user_id": user_id,
            "role": role.value,
            "expires_wall_ms": self._wall.now_ms() + CODE_MS,
        }
        with self._database.write() as connection:
            connection.execute(link_codes.insert(), row)
        return made

    def link(self, code: str, telegram_id: int, *, is_group: bool = False) -> Chat | None:
        """Spend a code on a chat; None if it is unknown, spent, expired or of the other kind of chat.

        The chat's earlier link and the user's earlier chat end with it.
        """
        now_ms = self._wall.now_ms()
        mine = (
            link_codes.c.code_sha256 == _hash(code),
            link_codes.c.used_wall_ms.is_(None),
            link_codes.c.expires_wall_ms > now_ms,
            link_codes.c.role.in_([role.value for role in Role]),  # not those that open a user's own pages
            (link_codes.c.role == Role.GROUP.value) == sa.literal(is_group),
        )
        with self._database.write() as connection:
            row = connection.execute(sa.select(link_codes).where(*mine)).mappings().first()
            if row is None:
                return None
            spent = connection.execute(link_codes.update().where(*mine).values(used_wall_ms=now_ms))
            if spent.rowcount != 1:
                return None
            before = chats.c.telegram_id == telegram_id
            if row["user_id"] is not None:
                before = sa.or_(before, chats.c.user_id == row["user_id"])
            connection.execute(chats.delete().where(before))
            made = Chat(telegram_id, row["user_id"], Role(row["role"]), True, None, now_ms)
            connection.execute(chats.insert(), _row(made))
        return made

    def of(self, telegram_id: int) -> Chat | None:
        """Return the link of a chat, None if there is none."""
        return next(iter(self._read(chats.c.telegram_id == telegram_id)), None)

    def of_user(self, user_id: str) -> Chat | None:
        """Return the active chat of a user, None if there is none."""
        return next(iter(self._read(sa.and_(chats.c.user_id == user_id, chats.c.is_active))), None)

    def active(self, *roles: Role) -> list[Chat]:
        """Return active chats of these roles (none named: of all), by Telegram id."""
        named = [role.value for role in roles or Role]
        return self._read(sa.and_(chats.c.is_active, chats.c.role.in_(named)))

    def set_active(self, telegram_id: int, why: str | None) -> None:
        """Note that a chat cannot be reached, and why; None = it can again."""
        change = {"is_active": why is None, "why": why}
        with self._database.write() as connection:
            connection.execute(chats.update().where(chats.c.telegram_id == telegram_id).values(**change))

    def unlink(self, telegram_id: int) -> None:
        """End a link."""
        with self._database.write() as connection:
            connection.execute(chats.delete().where(chats.c.telegram_id == telegram_id))

    def _read(self, which: sa.ColumnElement[bool]) -> list[Chat]:
        query = sa.select(chats).where(which).order_by(chats.c.telegram_id)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [Chat(**(dict(row) | {"role": Role(row["role"])})) for row in rows]

    # --- buttons --------------------------------------------------------------------------------

    def offer(self, chat: Chat, action: str, arguments: dict[str, Any], *, ms: int = BUTTON_MS) -> str:
        """Return the id of a new button that this chat may press once, within `ms`."""
        button = secrets.token_urlsafe(12)
        row = {
            "button_id": button,
            "telegram_id": chat.telegram_id,
            "user_id": chat.user_id,
            "action": action,
            "arguments": json.dumps(arguments, sort_keys=True),
            "expires_wall_ms": self._wall.now_ms() + ms,
        }
        with self._database.write() as connection:
            connection.execute(bot_buttons.insert(), row)
        return button

    def press(self, button_id: str, telegram_id: int) -> tuple[str, dict[str, Any]]:
        """Spend a button and return what it does.

        Raises
        ------
        BadInput
            If it is unknown, somebody else's, pressed before or expired; it is not spent then.
        """
        table = bot_buttons
        with self._database.write() as connection:
            query = sa.select(table).where(table.c.button_id == button_id)
            row = connection.execute(query).mappings().first()
            if row is None:
                raise BadInput("this button is not known here")
            if row["telegram_id"] != telegram_id:
                raise BadInput("this button belongs to somebody else")
            if row["used_wall_ms"] is not None:
                raise BadInput("this button was pressed before")
            if row["expires_wall_ms"] <= self._wall.now_ms():
                raise BadInput("this button has expired; ask again")
            unused = (table.c.button_id == button_id, table.c.used_wall_ms.is_(None))
            change = table.update().where(*unused).values(used_wall_ms=self._wall.now_ms())
            if connection.execute(change).rowcount != 1:
                raise BadInput("this button was pressed before")
        return row["action"], json.loads(row["arguments"])

    # --- audit ----------------------------------------------------------------------------------

    def was_asked(self, update_id: int) -> bool:
        """Whether this update of Telegram's was handled before."""
        query = sa.select(bot_audit.c.seq).where(bot_audit.c.update_id == update_id)
        with self._database.read() as connection:
            return connection.scalar(query) is not None

    def note(self, row: Asked) -> None:
        """Add a row; one of the same update is left as it is."""
        values = {name: getattr(row, name) for name in Asked.__dataclass_fields__}
        values["arguments"] = row.arguments[:_ARGUMENTS]
        values["outcome"] = row.outcome[:_ARGUMENTS]
        with self._database.write() as connection:
            self._database.insert_new(connection, bot_audit, [values])

    def audit(self, limit: int = 100) -> list[Asked]:
        """Return the newest rows, newest first."""
        query = sa.select(bot_audit).order_by(bot_audit.c.seq.desc()).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        return [Asked(**{name: row[name] for name in Asked.__dataclass_fields__}) for row in rows]


def _hash(code: str) -> str:
    return sha256(code.encode()).hexdigest()


def _row(chat: Chat) -> dict[str, Any]:
    return {name: getattr(chat, name) for name in Chat.__dataclass_fields__} | {"role": chat.role.value}
