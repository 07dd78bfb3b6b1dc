"""Kline rows as they come off the wire, and the bars we believe.

One row: [open time ms, open, high, low, close, base volume, close time ms, quote volume], numbers as
strings. A truncated or damaged row is set aside with its reason, never repaired (see bar_faults.py).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from trading.exchange.bar_faults import REASONS, Table, Verdicts, grid_offset_ms, in_order, judge, quarantined
from trading.exchange.errors import Reply, decode
from trading.exchange.listing import is_plain_number
from trading.market.errors import BadPayload
from trading.market.frames import CANDLES, UTC_MS, empty
from trading.market.timeframes import Timeframe

_WIDTH = 8
_FIELDS = (0, 1, 2, 3, 4, 5, 7)
_PRICES = ("open", "high", "low", "close", "volume", "quote_volume")
# Texts that say of themselves that they are no number: not malformed, but not to be believed.
_NO_NUMBERS = frozenset(("nan", "inf", "-inf", "infinity", "-infinity"))
_EVER = (-(2**62), 2**62)
OnRejected = Callable[[pl.DataFrame], None]


@dataclass(frozen=True, slots=True)
class Page:
    """A klines answer in perfect shape: its numbers, shape (7, n_rows), and the body they were read from."""

    table: Table
    body: bytes


def read_rows(reply: Reply, *, path: str) -> Page | Any:
    """Return the rows of a klines answer: a `Page` when it is in perfect shape, else the parsed JSON.

    Raises
    ------
    ExchangeError
        As `decode`, for every answer that is no JSON or a refusal.
    """
    if reply.status == 200:
        # Imported here: numba takes half a second, and not every process reads candles.
        from trading.exchange.kline_kernel import read_table  # noqa: PLC0415  # see above

        table = read_table(reply.body)
        if table is not None:
            return Page(table, reply.body)
    return decode(reply, method="GET", path=path)


def to_candles(
    symbol: str,
    rows: Page | Any,
    *,
    timeframe: Timeframe,
    closed_by_ms: int,
    rejected: Counter[str],
    window_ms: tuple[int, int] = _EVER,
    now_ms: int | None = None,
    on_rejected: OnRejected | None = None,
) -> pl.DataFrame:
    """Return the believable closed bars among `rows` as `frames.CANDLES`, oldest first.

    Parameters
    ----------
    rows : Page or list of list
        What `read_rows` made of a klines answer.
    closed_by_ms : int
        A market time that has certainly passed: bars that end later are unfinished and dropped.
    rejected : Counter
        Counts dropped rows by reason; `unfinished` is normal, everything else is the venue's fault.
    window_ms : (int, int)
        Opens that were asked for, end exclusive: a venue must not smuggle in other bars.
    now_ms : int or None
        Best knowledge of market time, for "future" and `seen_at`; None = `closed_by_ms`.
    on_rejected : callable or None
        Gets `frames.QUARANTINE` rows of what was dropped (without unfinished bars), if there are any.

    Raises
    ------
    BadPayload
        If the body is no list of rows at all.
    """
    if isinstance(rows, Page):
        if _is_flawless(rows.table, timeframe, closed_by_ms, window_ms):
            return _frame(symbol, rows.table)
        table = rows.table
        is_malformed: npt.NDArray[np.bool_] = np.zeros(table.shape[1], dtype=np.bool_)
    elif not isinstance(rows, list):
        raise BadPayload(f"klines of {symbol}: expected a list of rows, got {type(rows).__name__}")
    elif rows:
        table, is_malformed = _as_table(rows)
    else:
        return empty(CANDLES)
    now_ms = closed_by_ms if now_ms is None else now_ms
    verdicts = judge(
        table,
        is_malformed,
        timeframe=timeframe,
        closed_by_ms=closed_by_ms,
        now_ms=now_ms,
        window_ms=window_ms,
    )
    standing = in_order(table[0], verdicts)
    if _count(verdicts, rejected) and on_rejected is not None:
        # The page keeps its body for this moment: the rows as they came.
        raw = orjson.loads(rows.body) if isinstance(rows, Page) else rows
        on_rejected(quarantined(symbol, timeframe, raw, table, verdicts, seen_ms=now_ms))
    return _frame(symbol, table[:, standing]) if standing.size else empty(CANDLES)


def _is_flawless(table: Table, timeframe: Timeframe, closed_by_ms: int, window_ms: tuple[int, int]) -> bool:
    if timeframe.name == "1M":  # its grid is the calendar's
        return False
    from trading.exchange.kline_kernel import is_flawless  # noqa: PLC0415  # as in read_rows

    latest = min(window_ms[1] - 1, closed_by_ms - timeframe.ms)
    return is_flawless(table, window_ms[0], latest, timeframe.ms, grid_offset_ms(timeframe))


def _frame(symbol: str, table: Table) -> pl.DataFrame:
    opens = table[0].astype(np.int64)
    # A list of series is the cheapest way to make a frame, and this runs once per request of a scan.
    return pl.DataFrame(
        [
            pl.Series("symbol", [symbol], dtype=pl.String).new_from_index(0, opens.size),
            pl.Series("open_time", opens).cast(UTC_MS),
            *(pl.Series(name, values) for name, values in zip(_PRICES, table[1:], strict=True)),
        ]
    )


def _count(verdicts: Verdicts, rejected: Counter[str]) -> bool:
    """Add the faults to `rejected`; return whether a person should see any of them."""
    numbers, counts = np.unique(verdicts, return_counts=True)
    found = {REASONS[number]: int(count) for number, count in zip(numbers, counts, strict=True) if number}
    rejected.update(found)
    return bool(found.keys() - {"unfinished"})


def _as_table(rows: list[Any]) -> tuple[Table, npt.NDArray[np.bool_]]:
    """Return the numbers of every row, NaN for those that are malformed, and which those are."""
    try:
        # strict: rows of unequal length must not be cut to the shortest without a word.
        columns = list(zip(*rows, strict=True))
        if len(columns) >= _WIDTH:
            times = np.array(columns[0], dtype=np.float64)
            numbers = np.stack([times, *(_numbers(columns[field]) for field in _FIELDS[1:])])
            return numbers, np.zeros(len(rows), dtype=np.bool_)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        pass
    found = [_row_values(row) for row in rows]
    none = [np.nan] * len(_FIELDS)
    table = np.array([none if values is None else values for values in found], dtype=np.float64)
    return table.T, np.array([values is None for values in found])


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
        return [_number(row[field]) for field in _FIELDS]
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> float:
    if isinstance(value, str) and not is_plain_number(value) and value.lower() not in _NO_NUMBERS:
        raise ValueError("no plain number")  # float() would take "1_000", " 1" and digits of other scripts
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise TypeError("no number")
    try:
        return float(value)
    except OverflowError:
        return inf
