"""Each time that the log was put back from a backup."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make one table."""
    op.create_table(
        "restores",
        sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("backup_id", sa.Text, nullable=False),
        sa.Column("taken_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("restored_wall_ms", sa.BigInteger, nullable=False),
        sa.Column("replayed_wall_ms", sa.BigInteger),
    )
