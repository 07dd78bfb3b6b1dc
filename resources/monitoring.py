"""Live trading as the monitoring assets ask for it: rows with marks and expectations, and as of when."""

from datetime import datetime

import polars as pl

from resources.order_log import OrderLogResource
from resources.store import Store
from trading.market.clock import SystemClock
from trading.market.errors import MissingData
from trading.monitoring.live import live_rows


def rows_of(store: Store, order_log: OrderLogResource) -> pl.DataFrame:
    """Return one row per signal and user it was offered to (`figures.followed_with_marks`)."""
    with order_log.open() as log:
        return live_rows(log, store.lake, store.candles)


def compared_at(store: Store) -> datetime:
    """Return the market time of the newest look; wall time where there was none yet."""
    try:
        return store.as_of()
    except MissingData:
        return SystemClock().now()


def fleet_figures(frame: pl.DataFrame) -> dict[str, float]:
    """Return the fleet's numbers that plot over time, paper and live apart; unknown ones are left out."""
    names = ("trades", "fill_rate", "hit_rate", "expected_hit_rate", "mean_return", "expected_return",
             "mean_pnl_quote", "mean_hold_s", "entry_slippage", "expected_slippage",
             "drift_difference", "drift_days")  # fmt: skip
    fleet = frame.filter(pl.col("user_id") == "(fleet)").to_dicts()
    return {
        f"{row['mode']} {name}": float(row[name])
        for row in fleet
        for name in names
        if row[name] is not None and row["trades"] > 0
    }
