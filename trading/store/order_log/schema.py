"""The tables of the order log, in one schema for SQLite and Postgres. No queries here.

Money is exact: `Exact` columns hold the plain decimal text of a Decimal, so nothing is rounded by a
database. Times are whole milliseconds since the epoch, UTC: ``*_ms`` is market time, ``*_wall_ms`` is
this machine's. A column that may be unknown is nullable; an empty text is never used for unknown.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from trading.store.order_log.shards import shard_of

# The revision that these tables are at: the newest file in migrations/versions. Raise it with every new one.
HEAD = "0011"

metadata = sa.MetaData()


def _written(value: Decimal | None) -> str | None:
    return None if value is None else format(value, "f")


def _read(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


class Exact(sa.types.TypeDecorator[Decimal]):
    """A Decimal kept as its plain text: exact in every database, never in exponent form."""

    impl = sa.Text
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Decimal | None], str | None]:  # noqa: ARG002 SQLAlchemy's signature
        """Return what writes one value: each order writes a hundred."""
        return _written

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], Decimal | None]:  # noqa: ARG002 same
        """Return what reads one value."""
        return _read

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002 SQLAlchemy's signature
        """Write ``1E+3`` as ``1000``."""
        return _written(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 same
        """Read what was written."""
        return _read(value)


# Read only by releases from before migrations: 2 makes them refuse this log. Revisions: `alembic_version`.
schema_version = sa.Table("schema_version", metadata, sa.Column("version", sa.Integer, primary_key=True))


def _shard(context: Any) -> int:
    return shard_of(context.get_current_parameters()["user_id"])


users = sa.Table(
    "users",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),  # which key the key ring hands out; never the key
    sa.Column("capital", Exact, nullable=False),
    sa.Column("risk_per_trade", Exact, nullable=False),
    sa.Column("max_positions", sa.Integer, nullable=False),
    sa.Column("daily_loss_limit", Exact, nullable=False),
    sa.Column("allowed", sa.JSON, nullable=False),
    sa.Column("blocked", sa.JSON, nullable=False),
    sa.Column("is_paused", sa.Boolean, nullable=False),
    sa.Column("created_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("shard", sa.Integer, nullable=False, default=_shard, server_default="0", index=True),
)

signal_sets = sa.Table(
    "signal_sets",
    metadata,
    sa.Column("signal_set_id", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("timeframe", sa.Text, nullable=False),
    sa.Column("bar_ms", sa.BigInteger, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("written_wall_ms", sa.BigInteger, nullable=False),
)

# One row per signal of a set: what the market looked like when it was decided.
decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("signal_set_id", sa.Text, sa.ForeignKey("signal_sets.signal_set_id"), primary_key=True),
    sa.Column("signal_id", sa.Text, primary_key=True),
    sa.Column("approval_id", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("bar_ms", sa.BigInteger, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("limit_price", Exact, nullable=False),
    sa.Column("stop_loss", Exact, nullable=False),
    sa.Column("take_profit", Exact),
    sa.Column("max_hold_s", sa.BigInteger, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("cluster", sa.Integer, nullable=False),
    sa.Column("features", sa.Text, nullable=False),
)

# A user was offered a set: written with the intents it led to, so that a set is planned once per user.
offers = sa.Table(
    "offers",
    metadata,
    sa.Column("signal_set_id", sa.Text, sa.ForeignKey("signal_sets.signal_set_id"), primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), primary_key=True),
    sa.Column("place", sa.Integer, nullable=False),  # in the rotation, 0 = first
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

intents = sa.Table(
    "intents",
    metadata,
    sa.Column("coid", sa.Text, primary_key=True),
    sa.Column("intent_id", sa.Text, nullable=False, unique=True),
    sa.Column("trade_id", sa.Text, nullable=False, index=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), nullable=False, index=True),
    sa.Column("signal_set_id", sa.Text, nullable=False, index=True),
    sa.Column("signal_id", sa.Text, nullable=False, index=True),
    sa.Column("approval_id", sa.Text, nullable=False, index=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("leg", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("amount", Exact, nullable=False),
    sa.Column("price", Exact),
    sa.Column("reserved", Exact, nullable=False),  # quote units held back until the order is terminal
    sa.Column("stop_loss", Exact, nullable=False),
    sa.Column("take_profit", Exact),
    sa.Column("max_hold_s", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    sa.Column("exit_reason", sa.Text),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("order_id", sa.Text),
    sa.Column("filled", Exact, nullable=False),
    sa.Column("filled_cost", Exact, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("created_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("sent_wall_ms", sa.BigInteger),
    sa.Column("changed_wall_ms", sa.BigInteger, nullable=False),
    sa.Column("exits", sa.Text),  # the other rules that end the trade (`ExitTerms`); null = none
    sa.UniqueConstraint("user_id", "signal_set_id", "symbol", "leg", "attempt"),
)

# Trade ids are not assumed unique beyond one account's order.
fills = sa.Table(
    "fills",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("order_id", sa.Text, primary_key=True),
    sa.Column("fill_id", sa.Text, primary_key=True),
    sa.Column("coid", sa.Text, sa.ForeignKey("intents.coid"), nullable=False, index=True),
    sa.Column("trade_id", sa.Text, nullable=False, index=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("side", sa.Text, nullable=False),
    sa.Column("price", Exact, nullable=False),
    sa.Column("amount", Exact, nullable=False),
    sa.Column("cost", Exact, nullable=False),
    sa.Column("fee", Exact, nullable=False),
    sa.Column("fee_asset", sa.Text, nullable=False),
    sa.Column("fee_quote", Exact),  # null: taken in a third asset that had no price
    sa.Column("is_maker", sa.Boolean, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("booked_wall_ms", sa.BigInteger, nullable=False),
)

# A round trip. Its sums are recomputed from `fills` in every transaction that adds one, never incremented.
trades = sa.Table(
    "trades",
    metadata,
    sa.Column("trade_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, sa.ForeignKey("users.user_id"), nullable=False, index=True),
    sa.Column("signal_id", sa.Text, nullable=False, index=True),
    sa.Column("approval_id", sa.Text, nullable=False, index=True),
    sa.Column("signal_set_id", sa.Text, nullable=False, index=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("is_closed", sa.Boolean, nullable=False, index=True),
    sa.Column("version", sa.BigInteger, nullable=False),  # grows with every change: caches apply only newer
    sa.Column("bought", Exact, nullable=False),
    sa.Column("bought_cost", Exact, nullable=False),
    sa.Column("sold", Exact, nullable=False),
    sa.Column("sold_cost", Exact, nullable=False),
    sa.Column("base_fees", Exact, nullable=False),
    sa.Column("fees_quote", Exact, nullable=False),
    sa.Column("fees_unpriced", sa.Integer, nullable=False),
    sa.Column("dust", Exact, nullable=False),
    sa.Column("pnl_quote", Exact, nullable=False),
    sa.Column("stop_loss", Exact, nullable=False),
    sa.Column("take_profit", Exact),
    sa.Column("stop_price", Exact, nullable=False),
    sa.Column("target_price", Exact),
    sa.Column("deadline_ms", sa.BigInteger, nullable=False),
    sa.Column("opened_ms", sa.BigInteger, nullable=False),
    sa.Column("closed_ms", sa.BigInteger),
    sa.Column("exit_reason", sa.Text),
    sa.Column("held_up", sa.Text),  # why its exit cannot go on by itself; null = nothing in the way
    sa.Column("exits", sa.Text),  # as in `intents`, of the first entry
)

skips = sa.Table(
    "skips",
    metadata,
    sa.Column("signal_set_id", sa.Text, primary_key=True),
    sa.Column("signal_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("value", Exact),  # what was measured; null: the rule counts nothing
    sa.Column("bound", Exact),  # the most it may be
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

# Residues too small to sell, booked out of the trade that left them.
dust = sa.Table(
    "dust",
    metadata,
    sa.Column("trade_id", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False, index=True),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("amount", Exact, nullable=False),
    sa.Column("value_quote", Exact, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column(
        "seq",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("delivered_wall_ms", sa.BigInteger, index=True),
    sa.Column("cached_wall_ms", sa.BigInteger, index=True),
    sqlite_autoincrement=True,
)

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# Symbols that take no new entries until a person has looked: one row per suspension, kept for good.
suspensions = sa.Table(
    "suspensions",
    metadata,
    sa.Column("suspension_id", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False, index=True),
    sa.Column("source", sa.Text, nullable=False),  # engine | scan | operator
    sa.Column("state", sa.Text, nullable=False),  # unconfirmed | confirmed | bad_print | manual
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("price_before", Exact),
    sa.Column("price_after", Exact),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("wall_ms", sa.BigInteger, nullable=False),
    sa.Column("released_ms", sa.BigInteger, index=True),
    sa.Column("released_wall_ms", sa.BigInteger),
    sa.Column("release_reason", sa.Text),
)

# Symbols that a story closes to entries for a time: one row per story and symbol, kept for good.
news_holds = sa.Table(
    "news_holds",
    metadata,
    sa.Column("hold_id", sa.Text, primary_key=True),
    sa.Column("symbol", sa.Text, nullable=False, index=True),
    sa.Column("event", sa.Text, nullable=False),  # delisting | hack | halt
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since_ms", sa.BigInteger, nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False, index=True),
    sa.Column("ends_ms", sa.BigInteger),  # when the venue stops trading it; null = not said
    sa.Column("wall_ms", sa.BigInteger, nullable=False),
    sa.Column("released_ms", sa.BigInteger),
    sa.Column("release_reason", sa.Text),
)
