"""The part of the log that one process looks at: the users of the shards that it holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from trading.store.order_log.schema import users
from trading.store.order_log.shards import FIRST, shard_of


@dataclass(slots=True)
class Scope:
    """The shards whose rows a log's handle returns where it is asked for everybody's.

    None is all of them: what commands, reports and tests see.
    """

    shards: frozenset[int] | None = None

    def narrow(self, shards: Iterable[int]) -> None:
        """Look at these shards alone from now on."""
        self.shards = frozenset(shards)

    def has(self, user_id: str) -> bool:
        """Whether this user's rows are looked at."""
        return self.shards is None or shard_of(user_id) in self.shards

    @property
    def leads(self) -> bool:
        """Whether this process does what is done once for all users."""
        return self.shards is None or FIRST in self.shards

    def rows[S: sa.Select[Any]](self, query: S, user_id: sa.ColumnElement[str]) -> S:
        """Narrow `query` to rows whose `user_id` is in scope; rows of no user belong to the first shard."""
        return of_shards(query, user_id, self.shards)


def of_shards[S: sa.Select[Any]](
    query: S, user_id: sa.ColumnElement[str], shards: frozenset[int] | None
) -> S:
    """Do what `Scope.rows` does, for the shards named; their numbers stand in the statement itself."""
    if shards is None:
        return query
    if not shards:
        return query.where(sa.false())
    held = [sa.literal_column(str(shard), sa.Integer) for shard in sorted(shards)]
    mine: sa.ColumnElement[bool] = user_id.in_(sa.select(users.c.user_id).where(users.c.shard.in_(held)))
    if FIRST in shards:
        mine = sa.or_(mine, user_id.not_in(sa.select(users.c.user_id)))
    return query.where(mine)
