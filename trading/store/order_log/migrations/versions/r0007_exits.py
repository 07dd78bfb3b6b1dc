"""The rules a trade is left by, what its exits remember, and what research said of held symbols."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add two columns and two tables."""
    for table in ("intents", "trades"):
        op.add_column(table, sa.Column("exits", sa.Text))
    op.create_table(
        "exit_words",
        sa.Column("signal_set_id", sa.Text, sa.ForeignKey("signal_sets.signal_set_id"), primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("signal_id", sa.Text),
        sa.Column("bar_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("written_wall_ms", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "exit_states",
        sa.Column("trade_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, nullable=False, index=True),
        sa.Column("peak", sa.Text),
        sa.Column("seen_ms", sa.BigInteger),
        sa.Column("exit_signal_id", sa.Text),
        sa.Column("exit_set_id", sa.Text),
        sa.Column("told_ms", sa.BigInteger),
    )
