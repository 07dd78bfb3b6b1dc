"""Tables of exits: what research said of held symbols, what open trades remember. No queries here."""

import sqlalchemy as sa

from trading.store.order_log.schema import Exact, metadata

# One row per symbol of a set of exits, written with the set, never changed.
exit_words = sa.Table(
    "exit_words",
    metadata,
    sa.Column("signal_set_id", sa.Text, sa.ForeignKey("signal_sets.signal_set_id"), primary_key=True),
    sa.Column("symbol", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),  # whose exit signals: strategy and digest of its text
    sa.Column("signal_id", sa.Text),  # the row of `signals` that says leave; null = may stay
    sa.Column("bar_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    sa.Column("written_wall_ms", sa.BigInteger, nullable=False, index=True),
)

# What a trade's exits remember between two looks. No row = nothing yet.
exit_states = sa.Table(
    "exit_states",
    metadata,
    sa.Column("trade_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False, index=True),
    sa.Column("peak", Exact),  # highest price of closed bars since the entry; null = none has closed
    sa.Column("seen_ms", sa.BigInteger),  # open time of the first bar that is not in `peak`
    sa.Column("exit_signal_id", sa.Text),  # the row of `signals` that told the trade to leave
    sa.Column("exit_set_id", sa.Text),  # the set that brought it
    sa.Column("told_ms", sa.BigInteger),
)
