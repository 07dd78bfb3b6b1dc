"""One user's history as rows, for `trading.users.timeline`: what they were offered and what came of it."""

from typing import Any

import sqlalchemy as sa

from trading.store.order_log import schema
from trading.store.order_log.database import Database
from trading.store.order_log.schema_exits import exit_states
from trading.store.order_log.schema_users import consents, user_requests


class History:
    """Reads, in one snapshot, what is needed to say why a user traded or not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest_ms(self) -> int | None:
        """Return the newest market time that the log knows of; None if it knows of none."""
        tables = (schema.offers.c.at_ms, schema.intents.c.created_ms, schema.fills.c.at_ms)
        with self._database.read() as connection:
            found = [connection.scalar(sa.select(sa.func.max(column))) for column in tables]
        return max((at_ms for at_ms in found if at_ms is not None), default=None)

    def of(self, user_id: str, *, since_ms: int, until_ms: int) -> dict[str, list[dict[str, Any]]]:
        """Return a user's rows of a time, by kind.

        Signals (of every set of the time), offers, skips, intents, fills, told (exit signals heard),
        messages, requests, consents. Times are market time; of requests and consents wall time.
        """
        log, sets = schema, schema.signal_sets
        fills, intents, outbox = log.fills, log.intents, log.outbox
        signals = sa.select(
            log.decisions.c.signal_set_id,
            log.decisions.c.signal_id,
            log.decisions.c.symbol,
            log.decisions.c.created_ms,
            log.decisions.c.limit_price,
            log.decisions.c.score,
            sets.c.expires_ms,
        ).join(sets, sets.c.signal_set_id == log.decisions.c.signal_set_id)

        trades = log.trades
        told = sa.select(exit_states, trades.c.symbol).join(
            trades, trades.c.trade_id == exit_states.c.trade_id
        )

        def mine(table: sa.Table, moment: sa.Column[Any]) -> sa.Select[Any]:
            return sa.select(table).where(table.c.user_id == user_id, moment.between(since_ms, until_ms))

        queries = {
            "signals": signals.where(log.decisions.c.created_ms.between(since_ms, until_ms)),
            "offers": mine(log.offers, log.offers.c.at_ms),
            "skips": mine(log.skips, log.skips.c.at_ms),
            "intents": mine(intents, intents.c.created_ms),
            "fills": mine(fills, fills.c.at_ms),
            "told": told.where(
                exit_states.c.user_id == user_id, exit_states.c.told_ms.between(since_ms, until_ms)
            ),
            "messages": mine(outbox, outbox.c.at_ms),
            "requests": sa.select(user_requests).where(user_requests.c.user_id == user_id),
            "consents": sa.select(consents).where(consents.c.user_id == user_id),
        }
        # What everybody paid on the signals that this user ordered: whose turn came first paid how much less.
        own = sa.select(intents.c.signal_id).where(
            intents.c.user_id == user_id, intents.c.created_ms.between(since_ms, until_ms)
        )
        paid = sa.cast(intents.c.filled_cost, sa.Double) / sa.func.nullif(
            sa.cast(intents.c.filled, sa.Double), 0.0
        )
        queries["best"] = (
            sa.select(intents.c.signal_id, sa.func.min(paid).label("price"))
            .where(intents.c.leg == "open", intents.c.signal_id.in_(own))
            .group_by(intents.c.signal_id)
        )
        with self._database.read() as connection:
            return {
                kind: [dict(row) for row in connection.execute(query).mappings()]
                for kind, query in queries.items()
            }
