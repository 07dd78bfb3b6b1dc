"""What was decided beside what came of it: closed trades and skips, each with the snapshot of its decision.

The snapshot is what was written with the signal set, as it was used; nothing is computed again. Trades that
rest on no decision of ours (taken over, found after a restore) have nulls there.
"""

import json

import polars as pl

from trading.store.order_log import frames
from trading.store.order_log.database import Database

# Signal ids of positions that no decision of ours opened.
NO_DECISION = ("import", "restored")
REGIMES = ("calm", "normal", "turbulent")
_KEY = ("signal_set_id", "signal_id")
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
