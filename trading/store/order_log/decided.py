"""What was decided beside what came of it: closed trades and skips, each with the snapshot of its decision.

The snapshot is what was written with the signal set, as it was used; nothing is computed again. Trades that
rest on no decision of ours (taken over, found after a restore) have nulls there.
"""

import json

import polars as pl
import sqlalchemy as sa

from trading.store.order_log import frames, schema
from trading.store.order_log.database import Database

# Signal ids of positions that no decision of ours opened.
NO_DECISION = ("import", "restored")
REGIMES = ("calm", "normal", "turbulent")
_KEY = ("signal_set_id", "signal_id")
_SKIPS = {"signal_id": pl.String, "rule": pl.String, "users": pl.Int64}
_SNAPSHOT = (
    "bar_time", "decided_at", "limit_price", "stop_loss", "take_profit", "max_hold_s", "score", "cluster",
    "regime", "features",
)  # fmt: skip


def decided_trades(database: Database) -> pl.DataFrame:
    """Return closed trades with `bar_time`, `decided_at`, score, terms, `regime` and `features` (JSON)."""
    return frames.closed_trades(database).join(
        _decisions(database), on=_KEY, how="left", maintain_order="left"
    )


def decided_skips(database: Database) -> pl.DataFrame:
    """Return skips with the same snapshot, and `mode`, the user's mode now; null for who has left."""
    modes = frames.users(database).select("user_id", "mode")
    found = frames.skips(database).join(_decisions(database), on=_KEY, how="left", maintain_order="left")
    return found.join(modes, on="user_id", how="left", maintain_order="left")


def skip_counts(database: Database) -> pl.DataFrame:
    """Return one row per signal and rule: how many users did not follow it for that rule."""
    table = schema.skips
    query = sa.select(table.c.signal_id, table.c.rule, sa.func.count()).group_by(
        table.c.signal_id, table.c.rule
    )
    with database.read() as connection:
        rows = [tuple(row) for row in connection.execute(query.order_by(table.c.signal_id, table.c.rule))]
    return pl.DataFrame(rows, schema=_SKIPS, orient="row")


def explored_for_money(database: Database) -> pl.DataFrame:
    """Return trades of users who were not on paper in a set of exploration: there must never be one."""
    sets, trades = schema.signal_sets, schema.trades
    query = (
        sa.select(trades.c.trade_id, trades.c.user_id, trades.c.signal_set_id)
        .join(sets, sets.c.signal_set_id == trades.c.signal_set_id)
        # Written as canonical JSON (`signal_sets.to_json`): the mark has one spelling.
        .where(sets.c.body.like('%"is_exploration":true%'), trades.c.mode != "paper")
    )
    with database.read() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
    return pl.DataFrame(
        rows, schema=dict.fromkeys(("trade_id", "user_id", "signal_set_id"), pl.String), orient="row"
    )


def incomplete(decided: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of either whose snapshot is not whole: no decision, or one without features."""
    ours = decided.filter(~pl.col("signal_id").is_in(NO_DECISION))
    is_bare = pl.col("features").is_null() | (pl.col("features") == "{}")
    return ours.filter(pl.col("decided_at").is_null() | is_bare)


def _decisions(database: Database) -> pl.DataFrame:
    found = frames.decisions(database).rename({"created_at": "decided_at"})
    regimes = pl.Series("regime", [_regime(text) for text in found["features"]], dtype=pl.String)
    return found.with_columns(regimes).select(*_KEY, *_SNAPSHOT)


def _regime(features: str | None) -> str | None:
    """Return the regime's name that a decision was made in; null if it did not say."""
    value = json.loads(features or "{}").get("f_regime")
    return REGIMES[int(value)] if isinstance(value, int | float) and value in range(len(REGIMES)) else None
