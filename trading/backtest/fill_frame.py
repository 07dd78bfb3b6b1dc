"""Every buy and sale of a replay: of adjusted positions as written, of others from their trades."""

import numpy as np
import polars as pl

from trading.backtest import job as book
from trading.backtest.adjusted_orders import DOUBT, ENTRY
from trading.backtest.job import AdjustedJob, AnyJob
from trading.backtest.trade_frame import REASONS
from trading.backtest.walk import Floats, Ints
from trading.risk.exit_machine import ADDITION, PART

_UTC_MS = pl.Datetime("ms", "UTC")

# One row per fill, in order of time. `rate` is what is paid or got, `mark` the candle's own price, `fee` in
# quote units whatever asset it was taken in; `reason`: entry, add, partial, or why the position ended.
# `open_ts` says which trade of the symbol it belongs to. What was still held at the end has no sale.
FILLS: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "ts": _UTC_MS,
    "side": pl.String,
    "rate": pl.Float64,
    "amount": pl.Float64,
    "fee": pl.Float64,
    "reason": pl.String,
    "mark": pl.Float64,
    "open_ts": _UTC_MS,
}
_NAMES = {ENTRY: "entry", ADDITION: "add", PART: "partial"}


def fill_frame(
    symbols: list[str], job: AnyJob, rows: Ints, rates: Floats, fills: Ints, fill_rates: Floats
) -> pl.DataFrame:
    """Return `FILLS` of what the loop wrote; `fills` are empty where positions are not adjusted."""
    if not isinstance(job, AdjustedJob):
        fills, fill_rates = _of_trades(job, rows, rates)
    keep = (fills[:, 2] != DOUBT) & (fills[:, 2] != 0)
    trade, at, code, steps = fills[keep].T
    rate, fee, mark = fill_rates[keep].T
    k = rows[trade, book.OWNER]
    names = np.array([_NAMES.get(each, "") for each in range(DOUBT)], dtype=object)
    names[: len(REASONS)] = REASONS
    is_buy = (code == ENTRY) | (code == ADDITION)
    frame = pl.DataFrame(
        {
            "symbol": pl.Series(symbols, dtype=pl.String).gather(k),
            "ts": job.bars.open_ms[at],
            "side": pl.Series(["sell", "buy"]).gather(is_buy.astype(np.int64)),
            "rate": rate,
            "amount": steps * job.venue.step_num[k] / job.venue.step_den[k],
            "fee": fee,
            "reason": pl.Series(names.tolist(), dtype=pl.String).gather(code),
            "mark": mark,
            "open_ts": job.bars.open_ms[rows[trade, book.ENTRY]],
        }
    )
    frame = frame.select(pl.col(name).cast(dtype) for name, dtype in FILLS.items())
    return frame.sort("ts", "symbol", maintain_order=True)


def doubt_frame(symbols: list[str], job: AnyJob, rows: Ints, fills: Ints) -> pl.DataFrame:
    """Return `symbol` and `ts` of the bars of adjusted positions that did not tell the order of events."""
    found = fills[fills[:, 2] == DOUBT]
    ts = pl.Series(job.bars.open_ms[found[:, 1]]).cast(_UTC_MS)
    owner = rows[found[:, 0], book.OWNER]
    return pl.DataFrame({"symbol": pl.Series(symbols, dtype=pl.String).gather(owner), "ts": ts})


def _of_trades(job: AnyJob, rows: Ints, rates: Floats) -> tuple[Ints, Floats]:
    """Return a buy and a sale per trade; fees and the amount sold by what was spent and got."""
    k, code, steps = rows[:, book.OWNER], rows[:, book.CODE], rows[:, book.STEPS]
    fees, open_ms = job.venue.fees, job.bars.open_ms
    into, out = (
        np.searchsorted(fees.since_ms, open_ms[rows[:, place]], side="right") - 1
        for place in (book.ENTRY, book.LEAVE)
    )
    buy, sale = fees.entry[into, k], np.where(code == book.TARGET, fees.target[out, k], fees.leave[out, k])
    step = job.venue.step_num[k] / job.venue.step_den[k]
    sold = np.rint(rates[:, book.GOT] / (rates[:, book.CLOSE_RATE] * (1 - sale) * step)).astype(np.int64)
    numbers = np.arange(len(rows))
    entry = np.full(len(rows), ENTRY)
    fills = np.concatenate(
        [
            np.column_stack([numbers, rows[:, book.ENTRY], entry, steps]),
            np.column_stack([numbers, rows[:, book.LEAVE], code, sold]),
        ]
    )
    paid, got = steps * step * rates[:, book.OPEN_RATE] * buy, sold * step * rates[:, book.CLOSE_RATE] * sale
    return fills, np.concatenate(
        [
            np.column_stack([rates[:, book.OPEN_RATE], paid, rates[:, book.OPEN_MARK]]),
            np.column_stack([rates[:, book.CLOSE_RATE], got, rates[:, book.CLOSE_MARK]]),
        ]
    )
