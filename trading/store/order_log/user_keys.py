"""Sealed keys as rows: bytes in, bytes out. What they open, and how, is `trading.users.vault`'s matter."""

from dataclasses import asdict, dataclass, field

import sqlalchemy as sa

from trading.store.order_log.database import Database
from trading.store.order_log.schema_users import user_keys as _TABLE  # noqa: N812 - a table reads as a constant


@dataclass(frozen=True, slots=True)
class SealedKey:
    """One user's key on one exchange, sealed. Times are this machine's, in ms."""

    user_id: str
    exchange: str
    key_version: int
    master_id: str
    wrapped_key: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    print: str
    state: str
    reason: str | None
    is_ip_bound: bool
    linked_wall_ms: int
    checked_wall_ms: int | None
    expires_wall_ms: int | None


class UserKeys:
    """The table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, key: SealedKey) -> None:
        """Write a key in place of the one that was there."""
        with self._database.write() as connection:
            self.put_on(connection, key)

    def put_on(self, connection: sa.Connection, key: SealedKey) -> None:
        """Write a key inside the caller's transaction."""
        mine = (_TABLE.c.user_id == key.user_id, _TABLE.c.exchange == key.exchange)
        connection.execute(_TABLE.delete().where(*mine))
        connection.execute(_TABLE.insert(), asdict(key))

    def get(self, user_id: str, exchange: str) -> SealedKey | None:
        """Return a user's key on `exchange`, None if none is linked."""
        return next(iter(self._read(_TABLE.c.user_id == user_id, _TABLE.c.exchange == exchange)), None)

    def all(self) -> list[SealedKey]:
        """Return every key, by user."""
        return self._read()

    def same(self, fingerprint: str) -> list[SealedKey]:
        """Return every key whose one-way print is `fingerprint`."""
        return self._read(_TABLE.c.print == fingerprint)

    def versions(self) -> dict[str, tuple[str, int]]:
        """Return user id -> (exchange, key version): what an engine compares to see a key replaced."""
        query = sa.select(_TABLE.c.user_id, _TABLE.c.exchange, _TABLE.c.key_version)
        with self._database.read() as connection:
            return {row.user_id: (row.exchange, row.key_version) for row in connection.execute(query)}

    def rewrap(self, key: SealedKey, *, master_id: str, wrapped_key: bytes) -> bool:
        """Put another wrapping of the same data key in place; False if the row changed meanwhile."""
        same = (
            _TABLE.c.user_id == key.user_id,
            _TABLE.c.exchange == key.exchange,
            _TABLE.c.key_version == key.key_version,
            _TABLE.c.master_id == key.master_id,
        )
        change = {"master_id": master_id, "wrapped_key": wrapped_key}
        with self._database.write() as connection:
            return connection.execute(_TABLE.update().where(*same).values(**change)).rowcount == 1

    def note(
        self, user_id: str, exchange: str, key_version: int, *, state: str, reason: str | None, wall_ms: int
    ) -> bool:
        """Keep what a proof of this version found; False if the key was replaced meanwhile."""
        same = (
            _TABLE.c.user_id == user_id,
            _TABLE.c.exchange == exchange,
            _TABLE.c.key_version == key_version,
        )
        change = {"state": state, "reason": reason, "checked_wall_ms": wall_ms}
        with self._database.write() as connection:
            return connection.execute(_TABLE.update().where(*same).values(**change)).rowcount == 1

    def _read(self, *which: sa.ColumnElement[bool]) -> list[SealedKey]:
        query = sa.select(_TABLE).where(*which).order_by(_TABLE.c.user_id, _TABLE.c.exchange)
        with self._database.read() as connection:
            return [SealedKey(**dict(row)) for row in connection.execute(query).mappings()]
