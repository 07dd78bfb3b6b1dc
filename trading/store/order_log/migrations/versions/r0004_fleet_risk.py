"""Halts, canaries, the fleet's result, who may send; and the numbers that a skip rests on."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make five tables and add two columns."""
    op.create_table(
        "halts",
        sa.Column("halt_id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("placed_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("lifted_by", sa.Text),
        sa.Column("lifted_why", sa.Text),
        sa.Column("lifted_wall_ms", sa.BigInteger, index=True),
    )
    op.create_table(
        "canaries",
        sa.Column("strategy_id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("users", sa.JSON, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("changed_wall_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "set_strategies",
        sa.Column("signal_set_id", sa.Text, primary_key=True),
        sa.Column("strategy_id", sa.Text, nullable=False, index=True),
    )
    op.create_table(
        "fleet_results",
        sa.Column("minute_ms", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("pnl_quote", sa.Text, nullable=False),
    )
    op.create_table(
        "senders",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("since_wall_ms", sa.BigInteger, nullable=False),
    )
    op.add_column("skips", sa.Column("value", sa.Text))
    op.add_column("skips", sa.Column("bound", sa.Text))
