"""Kline rows as they come off the wire, and the bars we believe.

One row: [open time ms, open, high, low, close, base volume, close time ms, quote volume], numbers as
strings. A truncated or damaged row is dropped and counted by reason, never repaired.
"""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trading.exchange.errors import Reply, decode
from trading.market.errors import BadPayload
from trading.market.frames import CANDLES, UTC_MS, empty
from trading.market.timeframes import Timeframe

_WIDTH = 8
_FIELDS = (0, 1, 2, 3, 4, 5, 7)
_PRICES = ("open", "high", "low", "close", "volume", "quote_volume")
# A float holds whole numbers exactly up to 2**53; times beyond that are no times.
_LATEST_MS = 2**53
_Table = npt.NDArray[np.float64]


def read_rows(reply: Reply, *, path: str) -> _Table | Any:
    """Return the rows of a klines answer: as a table when it is in perfect shape, else as parsed JSON.

    Raises
    ------
    ExchangeError
        As `decode`, for every answer that is no JSON or a refusal.
    """
    if reply.status == 200:
        # Imported here: numba takes half a second, and not every process reads candles.
        from trading.exchange.kline_kernel import read_table  # noqa: PLC0415

        table = read_table(reply.body)
        if table is not None:
            return table
    return decode(reply, method="GET", path=path)


def to_candles(
    symbol: str,
    rows: Any,
    *,
    timeframe: Timeframe,
    closed_by_ms: int,
    rejected: Counter[str],
    window_ms: tuple[int, int] | None = None,
) -> pl.DataFrame:
    """Return the believable closed bars among `rows` as `frames.CANDLES`, oldest first.

    Parameters
    ----------
    rows : list of list, or array of shape (7, n)
        What `read_rows` made of a klines answer.
    closed_by_ms : int
        A market time that has certainly passed: bars that end later are unfinished and dropped.
    rejected : Counter
        Counts dropped rows by reason; `unfinished` is normal, everything else is the venue's fault.
    window_ms : (int, int) or None
        Opens that were asked for, end exclusive: a venue must not smuggle in other bars.

    Raises
    ------
    BadPayload
        If the body is no list of rows at all.
    """
    if not isinstance(rows, list | np.ndarray):
        raise BadPayload(f"klines of {symbol}: expected a list of rows, got {type(rows).__name__}")
    if not len(rows):
        return empty(CANDLES)
    table = rows if isinstance(rows, np.ndarray) else _as_table(rows, rejected)
    believed = _believable(table, timeframe, closed_by_ms, rejected)
    if window_ms is not None:
        believed &= (table[0] >= window_ms[0]) & (table[0] < window_ms[1])
    if not believed.all():
        table = table[:, believed]
    opens = table[0].astype(np.int64)
    if not opens.size:
        return empty(CANDLES)
    if opens.size > 1 and not (np.diff(opens) > 0).all():
        table, opens = _in_order(table, opens, rejected)
    # A list of series is the cheapest way to make a frame, and this runs once per request of a scan.
    return pl.DataFrame(
        [
            pl.Series("symbol", [symbol], dtype=pl.String).new_from_index(0, opens.size),
            pl.Series("open_time", opens).cast(UTC_MS),
            *(pl.Series(name, values) for name, values in zip(_PRICES, table[1:], strict=True)),
        ]
    )


def _as_table(rows: list[Any], rejected: Counter[str]) -> _Table:
    try:
        # strict: rows of unequal length must not be cut to the shortest without a word.
        columns = list(zip(*rows, strict=True))
        if len(columns) >= _WIDTH:
            times = np.array(columns[0], dtype=np.float64)
            return np.stack([times, *(_numbers(columns[field]) for field in _FIELDS[1:])])
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        pass
    good = [values for row in rows if (values := _row_values(row)) is not None]
    if len(good) < len(rows):
        rejected["malformed"] += len(rows) - len(good)
    return np.array(good, dtype=np.float64).reshape(-1, len(_FIELDS)).T


def _numbers(texts: tuple[Any, ...]) -> npt.NDArray[np.float64]:
    # Polars reads a column of decimal strings four times as fast as float() does; it refuses what is
    # no string and what is no number, and then the rows are looked at one by one.
    column = pl.Series(texts, dtype=pl.String, strict=True).cast(pl.Float64)
    if column.null_count():
        raise ValueError("a value is missing")
    return column.to_numpy()


def _row_values(row: Any) -> list[float] | None:
    if not isinstance(row, list) or len(row) < _WIDTH:
        return None
    try:
        return [float(row[field]) for field in _FIELDS]
    except (TypeError, ValueError, OverflowError):
        return None


def _believable(
    table: _Table, timeframe: Timeframe, closed_by_ms: int, rejected: Counter[str]
) -> npt.NDArray[np.bool_]:
    times, opened, high, low, close, volume, quote_volume = table
    with np.errstate(invalid="ignore"):
        kept = np.isfinite(table).all(axis=0) & (np.abs(times) < _LATEST_MS)
        faults = (
            ("not_a_number", ~kept),
            ("non_positive_price", (opened <= 0) | (high <= 0) | (low <= 0) | (close <= 0)),
            ("high_below_low", high < low),
            ("outside_high_low", (np.maximum(opened, close) > high) | (np.minimum(opened, close) < low)),
            ("negative_volume", (volume < 0) | (quote_volume < 0)),
            ("unfinished", _ends(times, timeframe, kept) > closed_by_ms),
        )
    kept = np.ones(times.size, dtype=np.bool_)
    for reason, bad in faults:
        fresh = kept & bad
        count = int(np.count_nonzero(fresh))
        if count:
            rejected[reason] += count
            kept &= ~bad
    return kept


def _ends(times: _Table, timeframe: Timeframe, usable: npt.NDArray[np.bool_]) -> _Table:
    if timeframe.name != "1M":
        return times + timeframe.ms
    ends = np.full(times.size, np.inf)
    for index in np.flatnonzero(usable):
        ends[index] = _month_end(timeframe, times[index])
    return ends


def _month_end(timeframe: Timeframe, open_ms: float) -> float:
    try:
        return timeframe.next_ms(int(open_ms))
    except (OverflowError, ValueError, OSError):
        return np.inf


def _in_order(
    table: _Table, opens: npt.NDArray[np.int64], rejected: Counter[str]
) -> tuple[_Table, npt.NDArray[np.int64]]:
    # Of equal times the last row stands: a venue that sends a bar twice corrects it.
    unique, last = np.unique(opens[::-1], return_index=True)
    if unique.size < opens.size:
        rejected["duplicate"] += opens.size - unique.size
    return table[:, ::-1][:, last], unique
