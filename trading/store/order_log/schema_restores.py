"""One row for each time that this log was put back from a backup. No queries here."""

import sqlalchemy as sa

from trading.store.order_log.schema import metadata

restores = sa.Table(
    "restores",
    metadata,
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("backup_id", sa.Text, nullable=False),
    sa.Column("taken_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),  # market time of the last thing the backup knows
    sa.Column("restored_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("replayed_wall_ms", sa.BigInteger),  # null until every account was read against the venue
)
