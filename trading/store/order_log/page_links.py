"""One-time links to a user's own pages: only their hashes are kept, beside the codes that link chats."""

import secrets
from hashlib import sha256

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.store.order_log.database import Database
from trading.store.order_log.schema import users
from trading.store.order_log.schema_messages import link_codes

LINK_MS = 15 * 60_000
# `link_codes.role` of a link to pages: no role of a chat, so it links none.
PAGES = "pages"


class PageLinks:
    """Makes and spends links."""

    def __init__(self, database: Database, wall: Clock) -> None:
        self._database = database
        self._wall = wall

    def make(self, user_id: str) -> str:
        """Return a new code of 192 random bits, good once within 15 minutes; the user's earlier one ends."""
        made = secrets.token_urlsafe(24)
        row = {
            "code_sha256": sha256(made.encode()).hexdigest(),
            "user_id": user_id,
            "role": PAGES,
            "expires_wall_ms": self._wall.now_ms() + LINK_MS,
        }
        earlier = (link_codes.c.user_id == user_id, link_codes.c.role == PAGES)
        with self._database.write() as connection:
            connection.execute(link_codes.delete().where(*earlier))
            connection.execute(link_codes.insert(), row)
        return made

    def spend(self, code: str) -> str | None:
        """Return whose pages a code opens, and end it; None if unknown, spent or expired."""
        now_ms = self._wall.now_ms()
        mine = (
            link_codes.c.code_sha256 == sha256(code.encode()).hexdigest(),
            link_codes.c.role == PAGES,
            link_codes.c.used_wall_ms.is_(None),
            link_codes.c.expires_wall_ms > now_ms,
        )
        whose = sa.select(link_codes.c.user_id).join(users, users.c.user_id == link_codes.c.user_id)
        with self._database.write() as connection:
            user_id = connection.scalar(whose.where(*mine))
            spent = connection.execute(link_codes.update().where(*mine).values(used_wall_ms=now_ms))
            return None if spent.rowcount != 1 or user_id is None else str(user_id)
