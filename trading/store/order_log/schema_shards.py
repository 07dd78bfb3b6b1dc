"""Tables of the engine's workers: who holds which shard of the users, and who is there. No queries here."""

import sqlalchemy as sa

from trading.store.order_log.schema import Exact, metadata

# One row per shard. Whoever holds it sends for its users; the token grows with every new holder.
shards = sa.Table(
    "shards",
    metadata,
    sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.Text),  # null: given back
    sa.Column("since_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("until_wall_ms", sa.BigInteger, nullable=False),  # the lease's end, unless it is renewed
)

# One row per engine process that runs or has died; the rows of those that ended are deleted.
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("worker_id", sa.Text, primary_key=True),
    sa.Column("started_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("beat_wall_ms", sa.BigInteger, nullable=False),
)

# What entries took of the fleet's caps, in the order in which they were written down; kept for minutes.
takes = sa.Table(
    "takes",
    metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("coid", sa.Text, nullable=False),
    sa.Column("worker_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("signal_set_id", sa.Text, nullable=False),
    sa.Column("signal_id", sa.Text, nullable=False),
    sa.Column("cost", Exact, nullable=False),
    sa.Column("at_wall_ms", sa.BigInteger, nullable=False, index=True),
    sqlite_autoincrement=True,
)
