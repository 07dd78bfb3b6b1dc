"""Users' sealed keys, consents, preferences and requests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make four tables."""
    op.create_table(
        "user_keys",
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), primary_key=True),
        sa.Column("exchange", sa.Text, primary_key=True),
        sa.Column("key_version", sa.Integer, nullable=False),
        sa.Column("master_id", sa.Text, nullable=False, index=True),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("print", sa.Text, nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("is_ip_bound", sa.Boolean, nullable=False),
        sa.Column("linked_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("checked_wall_ms", sa.BigInteger),
        sa.Column("expires_wall_ms", sa.BigInteger),
    )
    op.create_table(
        "consents",
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), primary_key=True),
        sa.Column("accepted_wall_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("text_sha256", sa.Text, nullable=False),
    )
    op.create_table(
        "preferences",
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "user_requests",
        sa.Column("request_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), nullable=False, index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("asked_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("done_wall_ms", sa.BigInteger, index=True),
        sa.Column("result", sa.Text),
    )
