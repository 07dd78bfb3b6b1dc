"""The part of the log that one process looks at: the users of the shards that it holds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from trading.store.order_log.schema import users
from trading.store.order_log.shards import EVERY, FIRST, shard_of


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
    """Do what `Scope.rows` does, for the shards named; their numbers stand in the statement itself.

    Each row's user is looked up by its key: a list of the users in scope would be made at every call.
    """
    if shards is None or shards >= EVERY:
        return query
    if not shards:
        return query.where(sa.false())
    shard = sa.select(users.c.shard).where(users.c.user_id == user_id).scalar_subquery()
    held = [sa.literal_column(str(number), sa.Integer) for number in sorted(shards)]
    return query.where(sa.func.coalesce(shard, sa.literal_column(str(FIRST), sa.Integer)).in_(held))
