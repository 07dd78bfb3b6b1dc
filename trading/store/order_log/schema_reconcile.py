"""Tables of reconciliation: freezes, the last check of each account, cursors of trades. No queries here."""

import sqlalchemy as sa

from trading.store.order_log.schema import metadata

# What nobody could explain: no entries of this user in this symbol (null: in any). Kept for good.
freezes = sa.Table(
    "freezes",
    metadata,
    sa.Column("freeze_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False, index=True),
    sa.Column("symbol", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),  # shortage | unknown
    sa.Column("subject", sa.Text, nullable=False),  # the asset or order that it is about
    sa.Column("amount", sa.Text, nullable=False),  # exact; another amount is another difference
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("at_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("lifted_wall_ms", sa.BigInteger, index=True),
    sa.Column("lifted_by", sa.Text),
    sa.Column("lifted_why", sa.Text),
)

# One row per account: its last check, and whether somebody asked for the next one.
account_checks = sa.Table(
    "account_checks",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("cause", sa.Text),  # start | reconnect | timer | asked; null: never checked
    sa.Column("outcome", sa.Text),  # agreed | explained | frozen | failed
    sa.Column("began_wall_ms", sa.BigInteger),
    sa.Column("at_wall_ms", sa.BigInteger),
    sa.Column("at_ms", sa.BigInteger),  # market time up to which balances were explained
    sa.Column("weight", sa.Integer),
    sa.Column("differences", sa.Text),  # JSON
    sa.Column("error", sa.Text),
    sa.Column("asked_wall_ms", sa.BigInteger, index=True),
)

# Trades of one account in one symbol were read up to here.
trade_cursors = sa.Table(
    "trade_cursors",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)
