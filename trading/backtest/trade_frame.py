"""What the portfolio loop wrote, as a frame: one row per trade."""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.backtest import entries as book
from trading.backtest.entries import Job
from trading.backtest.walk import Floats, Ints

_UTC_MS = pl.Datetime("ms", "UTC")
REASONS = ("force_exit", "stop_loss", "roi", "trailing_stop", "exit_signal", "max_hold", "force_exit")

# One row per trade, in the order of entry. Rates are what is paid and got; marks the candle's own price.
# `is_open`: valued at the last close, not sold. `is_ambiguous`: its last bar touched stop and target.
# `dust`: base units that a fee in base left below one step, never sold.
REPLAY_TRADES: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "open_ts": _UTC_MS,
    "close_ts": _UTC_MS,
    "open_rate": pl.Float64,
    "close_rate": pl.Float64,
    "amount": pl.Float64,
    "profit_ratio": pl.Float64,
    "exit_reason": pl.String,
    "signal_ts": _UTC_MS,
    "open_mark": pl.Float64,
    "close_mark": pl.Float64,
    "is_open": pl.Boolean,
    "is_ambiguous": pl.Boolean,
    "rank": pl.Int64,
    "dust": pl.Float64,
}


def trade_frame(symbols: list[str], job: Job, rows: Ints, rates: Floats, is_shared: bool) -> pl.DataFrame:
    """Return `REPLAY_TRADES` of what the loop wrote into its books, in the order of entry.

    `is_shared`: the rows are in the order in which entries were decided, and `rank` says which came first.
    """
    bars, venue = job.bars, job.venue
    # Column by column, so that no second copy of all of them is ever held.
    order: Any = slice(None) if is_shared else _in_order(bars.open_ms[rows[:, book.ENTRY]], job.terms.bar_ms)
    k, signal, entry, leave, code, steps, doubt = (rows[:, at][order] for at in range(7))
    opened, closed = (rates[:, at][order] for at in (book.OPEN_RATE, book.CLOSE_RATE))
    times = {name: pl.Series(bars.open_ms[at]).cast(_UTC_MS) for name, at in
             (("open_ts", entry), ("close_ts", leave), ("signal_ts", signal))}  # fmt: skip
    frame = pl.DataFrame(
        {
            "symbol": pl.Series(symbols, dtype=pl.String).gather(k),
            **times,
            "open_rate": opened,
            "close_rate": closed,
            "amount": steps * venue.step_num[k] / venue.step_den[k],
            "profit_ratio": (rates[:, book.GOT] / rates[:, book.SPENT] - 1)[order],
            "exit_reason": pl.Series(REASONS, dtype=pl.String).gather(code),
            "open_mark": rates[:, book.OPEN_MARK][order],
            "close_mark": rates[:, book.CLOSE_MARK][order],
            "is_open": code == 0,
            "is_ambiguous": doubt == 1,
            "dust": rates[:, book.DUST][order],
        }
    )
    rank = pl.col("symbol").cum_count().over("open_ts") if is_shared else pl.lit(None, pl.Int64)
    frame = frame.with_columns(rank=rank)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in REPLAY_TRADES.items())


def _in_order(open_ms: Ints, bar_ms: int) -> NDArray[np.intp]:
    """Return the order of time of trades that stand symbol by symbol; symbols keep theirs."""
    if len(open_ms) == 0:
        return np.empty(0, np.intp)
    bar = (open_ms - open_ms.min()) // bar_ms
    # Numbers of 16 bits are sorted by counting, twenty times faster.
    is_short = bar.max() < 2**16 and (open_ms == open_ms.min() + bar * bar_ms).all()
    return np.argsort(bar.astype(np.uint16) if is_short else open_ms, kind="stable")
