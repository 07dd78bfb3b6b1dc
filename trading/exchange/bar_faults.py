"""What is wrong with kline rows: one verdict a row, and the rows that go to quarantine.

Looked at only when a page is not flawless (`kline_kernel.is_flawless`), so clarity comes before speed.
Not here: reading rows off the wire (bars.py) and keeping what was set aside (the store).
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from trading.market.frames import QUARANTINE
from trading.market.timeframes import DAY_MS, Timeframe

Table = npt.NDArray[np.float64]
Verdicts = npt.NDArray[np.int8]

# In the order in which they are looked for: a row has the first that fits. `unfinished` is normal, the
# last row that MEXC sends is still forming; it is counted, but nobody needs to look at it.
REASONS = (
    "",
    "malformed",
    "not_a_number",
    "non_positive_price",
    "high_below_low",
    "outside_high_low",
    "negative_volume",
    "off_grid",
    "future",
    "unfinished",
    "outside_window",
    "duplicate",
    "out_of_order",
)
_NUMBER = {reason: np.int8(number) for number, reason in enumerate(REASONS)}
_NORMAL = frozenset(("", "unfinished"))
# Times from here on are no times of a market (the year 10000), and Python could not show them.
_LATEST_MS = 253_402_300_800_000
_LONGEST_RAW = 300
_MONDAY_MS = 4 * DAY_MS


def grid_offset_ms(timeframe: Timeframe) -> int:
    """Return where the grid of bar opens lies: weeks open on Mondays, all else on multiples of its length."""
    return _MONDAY_MS if timeframe.name == "1w" else 0


def judge(
    table: Table,
    is_malformed: npt.NDArray[np.bool_],
    *,
    timeframe: Timeframe,
    closed_by_ms: int,
    now_ms: int,
    window_ms: tuple[int, int],
) -> Verdicts:
    """Return the number of each row's fault in `REASONS`; 0 for a row without one.

    Parameters
    ----------
    table : array of shape (7, n_rows)
        Open time (ms), open, high, low, close, volume, quote volume; NaN where there is none.
    is_malformed : bool array of shape (n_rows,)
        Rows that were no rows.
    closed_by_ms : int
        Market time that has certainly passed: bars that end later are unfinished.
    now_ms : int
        Best knowledge of market time: bars that open later are of the future.
    window_ms : (int, int)
        Opens that were asked for, end exclusive.
    """
    times, opened, high, low, close, volume, quote_volume = table
    is_number = np.isfinite(table).all(axis=0) & (np.abs(times) < _LATEST_MS)
    with np.errstate(invalid="ignore"):
        opens, ends = _grid(np.where(is_number, times, 0.0), timeframe)
        faults = {
            "malformed": is_malformed,
            "not_a_number": ~is_number,
            "non_positive_price": (opened <= 0) | (high <= 0) | (low <= 0) | (close <= 0),
            "high_below_low": high < low,
            "outside_high_low": (np.maximum(opened, close) > high) | (np.minimum(opened, close) < low),
            "negative_volume": (volume < 0) | (quote_volume < 0),
            "off_grid": times != opens,
            "future": times > now_ms,
            "unfinished": ends > closed_by_ms,
            "outside_window": (times < window_ms[0]) | (times >= window_ms[1]),
        }
    verdicts = np.zeros(times.size, dtype=np.int8)
    for reason, bad in faults.items():
        verdicts[(verdicts == 0) & bad] = _NUMBER[reason]
    return verdicts


def in_order(times: Table, verdicts: Verdicts) -> npt.NDArray[np.intp]:
    """Return the rows that stand, oldest first, and mark duplicates and rows out of order in `verdicts`.

    Of equal times the row sent last stands: a venue that sends a bar twice corrects it. Of rows that
    contradict each other's order the fewest fall (those outside the longest rising run): two orders
    cannot both be true, and what falls is fetched again as a gap. A page that is newest first
    throughout contradicts nothing and is only turned round.
    """
    sound = np.flatnonzero(verdicts == 0)
    if sound.size > 1 and (np.diff(times[sound]) < 0).all():
        return sound[::-1]
    newest: dict[float, np.intp] = {}  # in the order of first appearance
    for row in sound:
        earlier = newest.get(times[row])
        if earlier is not None:
            verdicts[earlier] = _NUMBER["duplicate"]
        newest[times[row]] = row
    standing = _longest_rising(list(newest))
    verdicts[[row for time, row in newest.items() if time not in standing]] = _NUMBER["out_of_order"]
    return np.array([newest[time] for time in sorted(standing)], dtype=np.intp)


def quarantined(
    symbol: str, timeframe: Timeframe, rows: Sequence[Any], table: Table, verdicts: Verdicts, *, seen_ms: int
) -> pl.DataFrame:
    """Return `frames.QUARANTINE` of the rows with a fault that is not normal, in the order they came."""
    bad = [place for place, number in enumerate(verdicts) if REASONS[number] not in _NORMAL]
    times = table[0]
    return pl.DataFrame(
        {
            "symbol": symbol,
            "timeframe": timeframe.name,
            "open_time": [int(times[place]) if 0 <= times[place] < _LATEST_MS else None for place in bad],
            "reason": [REASONS[verdicts[place]] for place in bad],
            "raw": [_raw(rows[place]) for place in bad],
            "seen_at": seen_ms,
        },
        schema_overrides={"open_time": pl.Int64, "seen_at": pl.Int64},
    ).cast(QUARANTINE)  # type: ignore[arg-type]  # the schema's values are types and instances of them


def _grid(times: Table, timeframe: Timeframe) -> tuple[Table, Table]:
    """Return the open and the end of the bar that each time lies in."""
    if timeframe.name != "1M":
        offset = grid_offset_ms(timeframe)
        opens = np.floor((times - offset) / timeframe.ms) * timeframe.ms + offset
        return opens, opens + timeframe.ms
    opens = np.array([_month_open(timeframe, time) for time in times])
    return opens, np.array([_month_open(timeframe, time + 32 * DAY_MS) for time in opens])


def _month_open(timeframe: Timeframe, at_ms: float) -> float:
    try:
        return float(timeframe.floor_ms(int(at_ms)))
    except (OverflowError, ValueError, OSError):
        return np.inf


def _longest_rising(times: list[float]) -> set[float]:
    """Return the members of the longest strictly rising subsequence (patience sorting)."""
    tails: list[float] = []
    before: dict[float, float | None] = {}
    for time in times:
        at = bisect_left(tails, time)
        before[time] = tails[at - 1] if at else None
        tails[at : at + 1] = [time]
    found: set[float] = set()
    link = tails[-1] if tails else None
    while link is not None:
        found.add(link)
        link = before[link]
    return found


def _raw(row: Any) -> str:
    try:
        text = orjson.dumps(row).decode()
    except (TypeError, ValueError, RecursionError):
        text = f"<{type(row).__name__} that is no JSON>"
    return text[:_LONGEST_RAW]
