"""What users agreed to, prefer and asked for: consents, preferences and requests as rows."""

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from trading.market.clock import Clock
from trading.market.lineage import digest
from trading.store.order_log.database import Database
from trading.store.order_log.prepared import Prepared, given
from trading.store.order_log.schema_users import consents, preferences, user_requests
from trading.store.order_log.scope import Scope, of_shards

_PREFERENCES = Prepared(sa.select(preferences.c.body).where(preferences.c.user_id == given("user_id")))


@lru_cache(maxsize=8)
def _open_requests(shards: frozenset[int] | None) -> Prepared:
    query = of_shards(sa.select(user_requests), user_requests.c.user_id, shards)
    query = query.where(user_requests.c.done_wall_ms.is_(None))
    return Prepared(query.order_by(user_requests.c.asked_wall_ms))


@dataclass(frozen=True, slots=True)
class Consent:
    """One agreement: which text (version and SHA-256), when."""

    user_id: str
    accepted_wall_ms: int
    version: str
    text_sha256: str


@dataclass(frozen=True, slots=True)
class Request:
    """Something asked of the engine; `done_wall_ms` None = not done yet."""

    request_id: str
    user_id: str
    kind: str
    asked_wall_ms: int
    done_wall_ms: int | None
    result: str | None


class UserWishes:
    """Consents, preferences, requests."""

    def __init__(self, database: Database, wall: Clock, scope: Scope | None = None) -> None:
        self._database = database
        self._wall = wall
        self._scope = scope or Scope()

    # --- consents -------------------------------------------------------------------------------

    def accept(self, user_id: str, *, version: str, text_sha256: str) -> Consent:
        """Record that a user agreed to a text, now."""
        consent = Consent(user_id, self._wall.now_ms(), version, text_sha256)
        row = {
            "user_id": user_id,
            "accepted_wall_ms": consent.accepted_wall_ms,
            "version": version,
            "text_sha256": text_sha256,
        }
        with self._database.write() as connection:
            self._database.insert_new(connection, consents, [row])
        return consent

    def consents_of(self, user_id: str) -> list[Consent]:
        """Return what a user agreed to, oldest first."""
        query = sa.select(consents).where(consents.c.user_id == user_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(consents.c.accepted_wall_ms)).mappings()
            return [Consent(**dict(row)) for row in rows]

    def accepted(self, text_sha256: str) -> set[str]:
        """Return the users whose newest consent is to the text of that hash."""
        newest = (
            sa.select(consents.c.user_id, sa.func.max(consents.c.accepted_wall_ms).label("at"))
            .group_by(consents.c.user_id)
            .subquery()
        )
        same = sa.and_(consents.c.user_id == newest.c.user_id, consents.c.accepted_wall_ms == newest.c.at)
        query = sa.select(consents.c.user_id).join(newest, same).where(consents.c.text_sha256 == text_sha256)
        with self._database.read() as connection:
            return set(connection.scalars(query))

    # --- preferences ----------------------------------------------------------------------------

    def prefer(self, user_id: str, body: dict[str, Any]) -> None:
        """Keep a user's preferences in place of those that were there."""
        text = json.dumps(body, sort_keys=True)
        with self._database.write() as connection:
            if not self._database.insert_new(connection, preferences, [{"user_id": user_id, "body": text}]):
                mine = preferences.c.user_id == user_id
                connection.execute(preferences.update().where(mine).values(body=text))

    def preferred(self, user_id: str) -> dict[str, Any]:
        """Return a user's preferences; empty where none were given."""
        found = self._database.rows(_PREFERENCES, user_id=user_id)
        return dict(json.loads(found[0]["body"])) if found else {}

    # --- requests -------------------------------------------------------------------------------

    def ask(self, user_id: str, kind: str) -> Request:
        """Record a request, or return the one of that kind that is still open."""
        with self._database.write() as connection:
            found = connection.execute(
                sa.select(user_requests).where(
                    user_requests.c.user_id == user_id,
                    user_requests.c.kind == kind,
                    user_requests.c.done_wall_ms.is_(None),
                )
            )
            row = found.mappings().first()
            if row is not None:
                return Request(**dict(row))
            now_ms = self._wall.now_ms()
            request = Request(f"req-{digest(user_id, kind, str(now_ms))}", user_id, kind, now_ms, None, None)
            connection.execute(
                user_requests.insert(),
                {
                    "request_id": request.request_id,
                    "user_id": user_id,
                    "kind": kind,
                    "asked_wall_ms": now_ms,
                },
            )
            return request

    def finish(self, request_id: str, result: str) -> bool:
        """Close a request; False if it was closed before."""
        change = {"done_wall_ms": self._wall.now_ms(), "result": result}
        mine = (user_requests.c.request_id == request_id, user_requests.c.done_wall_ms.is_(None))
        with self._database.write() as connection:
            return connection.execute(user_requests.update().where(*mine).values(**change)).rowcount == 1

    def open_requests(self, kind: str | None = None) -> list[Request]:
        """Return what is still to be done for users in scope, oldest first."""
        rows = self._database.rows(_open_requests(self._scope.shards))
        return [Request(**row) for row in rows if kind is None or row["kind"] == kind]

    def requests_of(self, user_id: str) -> list[Request]:
        """Return everything a user asked for, oldest first."""
        return self._requests(sa.select(user_requests).where(user_requests.c.user_id == user_id))

    def _requests(self, which: sa.Select[Any]) -> list[Request]:
        query = which.order_by(user_requests.c.asked_wall_ms)
        with self._database.read() as connection:
            return [Request(**dict(row)) for row in connection.execute(query).mappings()]
