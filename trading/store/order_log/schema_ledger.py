"""The double-entry ledger's tables. No queries here."""

import sqlalchemy as sa

from trading.store.order_log.schema import Exact, metadata

# One line of one transaction; the lines of a transaction sum to zero in each asset. Never changed.
ledger_entries = sa.Table(
    "ledger_entries",
    metadata,
    sa.Column("txn_id", sa.Text, primary_key=True),
    sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("user_id", sa.Text, nullable=False, index=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("asset", sa.Text, nullable=False),
    sa.Column("amount", Exact, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),  # fill | reserve | dust | deposit | withdrawal | ...
    sa.Column(
        "ref", sa.Text, nullable=False, index=True
    ),  # trade id, client order id, or an outside reference
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

# The most that closed trades ever came to, per user: deposits do not raise it.
high_water = sa.Table(
    "high_water",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("realised", Exact, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)
