"""Which shard a user is in: a fixed number for every log, so that a user keeps it for good."""

from functools import lru_cache
from hashlib import blake2b

# Workers share them out, so no more than so many work at a time; more cost a row and a stream each.
SHARDS = 16
EVERY = frozenset(range(SHARDS))
FIRST = 0  # whoever holds it also does what is done once for all users


@lru_cache(maxsize=65_536)  # asked of every user several times a second
def shard_of(user_id: str) -> int:
    """Return the shard of a user: the same in every release, process and database."""
    return int.from_bytes(blake2b(user_id.encode(), digest_size=8).digest()) % SHARDS
