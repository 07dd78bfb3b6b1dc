"""The rows behind the figures, read from a world's order log and lake."""

import polars as pl

from trading.market.timeframes import from_ms, timeframe
from trading.monitoring.expected import expectations
from trading.monitoring.figures import followed_with_marks
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.store.order_log import OrderLog
from trading.store.order_log.live_rows import followed


def live_rows(log: OrderLog, lake: Lake, candles: CandleStore) -> pl.DataFrame:
    """Return one row per signal and user it was offered to, with marks and expectations."""
    rows = followed(log.database)
    users = log.user_summary().select("user_id", "mode")
    return followed_with_marks(
        rows, users, _opens(rows, candles), expectations(lake, rows["approval_id"].unique())
    )


def _opens(rows: pl.DataFrame, candles: CandleStore) -> pl.DataFrame:
    """Return the open of the bar after each signal's: what the backtest takes as its mark."""
    schema = {"symbol": pl.String, "bar_ms": pl.Int64, "mark": pl.Float64}
    if rows.is_empty():
        return pl.DataFrame(schema=schema)
    frames = []
    for (name,), part in rows.partition_by("timeframe", as_dict=True).items():
        bar = timeframe(str(name))
        first, last = int(part["bar_ms"].min()), int(part["bar_ms"].max())  # type: ignore[arg-type]
        held = candles.read(
            bar.name,
            start=from_ms(first),
            end=from_ms(last + 2 * bar.ms),
            symbols=part["symbol"].unique().to_list(),
        )
        frames.append(
            held.select("symbol", bar_ms=pl.col("open_time").dt.epoch("ms") - bar.ms, mark=pl.col("open"))
        )
    return pl.concat(frames).unique(["symbol", "bar_ms"]).cast(schema)  # type: ignore[arg-type]
