"""Users in shards, who holds each shard, and what entries took of the fleet's caps."""

from hashlib import blake2b

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

SHARDS = 16


def upgrade() -> None:
    """Give every user a shard, and make three tables in the place of one."""
    op.add_column("users", sa.Column("shard", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_users_shard", "users", ["shard"])
    connection = op.get_bind()
    for user_id in [str(name) for name in connection.scalars(sa.text("SELECT user_id FROM users"))]:
        found = int.from_bytes(blake2b(user_id.encode(), digest_size=8).digest()) % SHARDS
        change = sa.text("UPDATE users SET shard = :shard WHERE user_id = :user_id")
        connection.execute(change, {"shard": found, "user_id": user_id})
    op.create_table(
        "shards",
        sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("since_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("until_wall_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.Text, primary_key=True),
        sa.Column("started_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("beat_wall_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "takes",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("coid", sa.Text, nullable=False),
        sa.Column("worker_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("signal_set_id", sa.Text, nullable=False),
        sa.Column("signal_id", sa.Text, nullable=False),
        sa.Column("cost", sa.Text, nullable=False),
        sa.Column("at_wall_ms", sa.BigInteger, nullable=False, index=True),
        sqlite_autoincrement=True,
    )
    op.drop_table("senders")
