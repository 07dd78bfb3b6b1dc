"""What the portfolio loop wrote, as a frame: one row per trade."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.backtest import job as book
from trading.backtest.job import AnyJob
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


def trade_frame(
    symbols: list[str], job: AnyJob, rows: Ints, rates: Floats, *, is_shared: bool, threads: int = 1
) -> pl.DataFrame:
    """Return `REPLAY_TRADES` of what the loop wrote into its books, in the order of entry.

    `is_shared`: the rows are in the order in which entries were decided, and `rank` says which came first.
    """
    open_ms = job.bars.open_ms[rows[:, book.ENTRY]]
    order: Any = slice(None) if is_shared else _in_order(open_ms, job.terms.bar_ms)
    makers = _columns(symbols, job, rows, rates)
    # Column by column, so that no second copy of all trades is ever held.
    if threads == 1:
        made = {name: make(order) for name, make in makers.items()}
    else:
        with ThreadPoolExecutor(threads) as pool:
            made = dict(zip(makers, pool.map(lambda make: make(order), makers.values()), strict=True))
    frame = pl.DataFrame(made)
    rank = pl.col("symbol").cum_count().over("open_ts") if is_shared else pl.lit(None, pl.Int64)
    frame = frame.with_columns(rank=rank)
    return frame.select(pl.col(name).cast(dtype) for name, dtype in REPLAY_TRADES.items())


def _columns(symbols: list[str], job: AnyJob, rows: Ints, rates: Floats) -> dict[str, Callable[[Any], Any]]:
    """Return what makes each column in a given order; candles are read in their own order, which is near."""
    bars, venue = job.bars, job.venue
    k, signal, entry, leave, code, steps, doubt = rows.T
    names, reasons = pl.Series(symbols, dtype=pl.String), pl.Series(REASONS, dtype=pl.String)

    def time(at: Ints) -> Callable[[Any], Any]:
        return lambda order: pl.Series(bars.open_ms[at][order]).cast(_UTC_MS)

    def rate(column: int) -> Callable[[Any], Any]:
        return lambda order: rates[:, column][order]

    return {
        "symbol": lambda order: names.gather(k[order]),
        "open_ts": time(entry),
        "close_ts": time(leave),
        "open_rate": rate(book.OPEN_RATE),
        "close_rate": rate(book.CLOSE_RATE),
        "amount": lambda order: (steps * venue.step_num[k] / venue.step_den[k])[order],
        "profit_ratio": lambda order: _profit(rates, is_freqtrade=job.terms.is_freqtrade)[order],
        "exit_reason": lambda order: reasons.gather(code[order]),
        "signal_ts": time(signal),
        "open_mark": rate(book.OPEN_MARK),
        "close_mark": rate(book.CLOSE_MARK),
        "is_open": lambda order: code[order] == 0,
        "is_ambiguous": lambda order: doubt[order] == 1,
        "dust": rate(book.DUST),
    }


def _profit(rates: Floats, *, is_freqtrade: bool) -> Floats:
    """Return what a trade brought in parts of what it cost; freqtrade rounds the money to eight decimals."""
    got, spent = rates[:, book.GOT], rates[:, book.SPENT]
    return np.round(got - spent, 8) / spent if is_freqtrade else got / spent - 1


def _in_order(open_ms: Ints, bar_ms: int) -> NDArray[np.intp]:
    """Return the order of time of trades that stand symbol by symbol; symbols keep theirs."""
    if len(open_ms) == 0:
        return np.empty(0, np.intp)
    bar = (open_ms - open_ms.min()) // bar_ms
    # Numbers of 16 bits are sorted by counting, twenty times faster.
    is_short = bar.max() < 2**16 and (open_ms == open_ms.min() + bar * bar_ms).all()
    return np.argsort(bar.astype(np.uint16) if is_short else open_ms, kind="stable")
