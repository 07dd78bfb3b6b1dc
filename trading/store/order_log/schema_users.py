"""The users' own tables in the order log: sealed keys, consents, preferences, requests. No queries here.

Nothing secret is in clear in any of them: `user_keys` holds AES-256-GCM envelopes (`trading.users.vault`).
"""

import sqlalchemy as sa

from trading.store.order_log.schema import metadata

# The key of one account, newest version only; older ones are gone with what they could open.
user_keys = sa.Table(
    "user_keys",
    metadata,
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), primary_key=True),
    sa.Column("exchange", sa.Text, primary_key=True),
    sa.Column("key_version", sa.Integer, nullable=False),  # grows with every key that is linked
    sa.Column("master_id", sa.Text, nullable=False, index=True),  # which master key wraps the data key
    sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("print", sa.Text, nullable=False, index=True),  # one-way: tells the same key linked twice
    sa.Column("state", sa.Text, nullable=False),  # unproven | proven | failed
    sa.Column("reason", sa.Text),  # what a failed proof said, one sentence
    sa.Column("is_ip_bound", sa.Boolean, nullable=False),  # as the user declared; no venue tells
    sa.Column("linked_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("checked_wall_ms", sa.BigInteger),
    sa.Column("expires_wall_ms", sa.BigInteger),  # assumed; null = does not expire
)

# What somebody agreed to, and when: never changed, never deleted.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), primary_key=True),
    sa.Column("accepted_wall_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("text_sha256", sa.Text, nullable=False),
)

preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

# What a user asked of the engine; open until `done_wall_ms` is set.
user_requests = sa.Table(
    "user_requests",
    metadata,
    sa.Column("request_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),  # close_all | leave
    sa.Column("asked_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("done_wall_ms", sa.BigInteger, index=True),
    sa.Column("result", sa.Text),
)
