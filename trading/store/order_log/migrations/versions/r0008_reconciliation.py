"""Reconciliation: freezes, the last check of each account, cursors of its trades."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make three tables."""
    op.create_table(
        "freezes",
        sa.Column("freeze_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False, index=True),
        sa.Column("symbol", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("at_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("lifted_wall_ms", sa.BigInteger, index=True),
        sa.Column("lifted_by", sa.Text),
        sa.Column("lifted_why", sa.Text),
    )
    op.create_table(
        "account_checks",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("cause", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("began_wall_ms", sa.BigInteger),
        sa.Column("at_wall_ms", sa.BigInteger),
        sa.Column("at_ms", sa.BigInteger),
        sa.Column("weight", sa.Integer),
        sa.Column("differences", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("asked_wall_ms", sa.BigInteger, index=True),
    )
    op.create_table(
        "trade_cursors",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
