"""Tables of fleet risk: halts, canaries and the fleet's result by minute. No queries here."""

import sqlalchemy as sa

from trading.store.order_log.schema import Exact, metadata

# Orders to stop, by people: one row each, kept for good. Only a person lifts one.
halts = sa.Table(
    "halts",
    metadata,
    sa.Column("halt_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),  # stop_entries | freeze | flatten
    sa.Column("scope", sa.Text, nullable=False),  # fleet | user | symbol
    sa.Column("subject", sa.Text),  # user id or symbol; null for the fleet
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("lifted_by", sa.Text),
    sa.Column("lifted_why", sa.Text),
    sa.Column("lifted_wall_ms", sa.BigInteger, index=True),
)

# Strategies and models that have been seen, and how far each is trusted.
canaries = sa.Table(
    "canaries",
    metadata,
    sa.Column("strategy_id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),  # canary | promoted | stopped
    sa.Column("users", sa.JSON, nullable=False),  # who trades it while it is a canary
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),  # engine, or a person
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("changed_wall_ms", sa.BigInteger, nullable=False),
)

# Which strategy a signal set came from, where it says so.
set_strategies = sa.Table(
    "set_strategies",
    metadata,
    sa.Column("signal_set_id", sa.Text, primary_key=True),
    sa.Column("strategy_id", sa.Text, nullable=False, index=True),
)

# Profit and loss of all users together, realised and open, one row per market minute.
fleet_results = sa.Table(
    "fleet_results",
    metadata,
    sa.Column("minute_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("pnl_quote", Exact, nullable=False),
)
