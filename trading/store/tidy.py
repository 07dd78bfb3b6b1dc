"""Housekeeping of candles: few files where many were, months by symbol where they are over.

Not here: how (rewrite.py), and when it is run (a maintenance asset or `sluice data`).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl

from trading.market.errors import BadInput
from trading.market.timeframes import timeframe as find_timeframe
from trading.store.candles import CandleStore
from trading.store.holdings import Month
from trading.store.rewrite import is_settled

KINDS = ("day", "month")
# One row per day compacted or month rewritten.
TIDIED: dict[str, pl.DataType | type[pl.DataType]] = {
    "timeframe": pl.String,
    "kind": pl.String,  # one of KINDS
    "name": pl.String,  # 2025-02-01 or 2025-02
    "files_before": pl.Int64,
    "steps": pl.Int64,
}
# Live code reads back over a month's end; a day file answers that cheaper than a whole month does.
GRACE = timedelta(days=2)


def tidy(
    store: CandleStore,
    now: datetime,
    *,
    timeframes: tuple[str, ...] | None = None,
    max_files: int = 16,
    grace: timedelta = GRACE,
    on_progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Compact days and rewrite closed months where it is worth it.

    A day that is over is compacted once it has two files, a day that still grows once it has more than
    `max_files`. A month is rewritten by symbol once it has been over for `grace`, and again when late bars
    have come. Safe to stop at any moment and beside readers and writers.

    Parameters
    ----------
    store : CandleStore
        What to tidy.
    now : datetime
        Market time, aware.
    timeframes : tuple of str, optional
        Only these.
    max_files : int
        At least 1.
    grace : timedelta
        Not negative.
    on_progress : callable, optional
        Called with (done, of how many) days and months.

    Returns
    -------
    DataFrame
        `TIDIED`: what was done; empty if all was tidy.

    Raises
    ------
    BadInput
        If a bound is broken.
    """
    work = tidy_jobs(store, now, timeframes=timeframes, max_files=max_files, grace=grace)
    done = []
    for number, (name, kind, what, files) in enumerate(work):
        if kind == "month":
            steps = len(store.rewrite_month(name, what))
        else:
            store.compact(name, what)
            steps = 1
        done.append((name, kind, what, files, steps))
        if on_progress is not None:
            on_progress(number + 1, len(work))
    return pl.DataFrame(done, schema=TIDIED, orient="row")


def tidy_jobs(
    store: CandleStore,
    now: datetime,
    *,
    timeframes: tuple[str, ...] | None = None,
    max_files: int = 16,
    grace: timedelta = GRACE,
) -> list[tuple[str, str, str, int]]:
    """Return what `tidy` would do: (timeframe, kind, day or month, files) each; see there."""
    if now.tzinfo is None:
        raise BadInput(f"now must be aware (UTC), was {now.isoformat()}")
    if max_files < 1 or grace < timedelta(0):
        raise BadInput(f"max_files must be at least 1 and grace not negative, were {max_files} and {grace}")
    names = store.timeframes() if timeframes is None else [find_timeframe(name).name for name in timeframes]
    return [
        job
        for name in names
        for month in store.held(name)
        for job in _jobs(name, month, now, max_files, grace)
    ]


def _jobs(
    timeframe: str, month: Month, now: datetime, max_files: int, grace: timedelta
) -> list[tuple[str, str, str, int]]:
    if _end_of_month(month.name) + grace <= now:
        files = sum(len(found) for found in month.parts.values()) + len(month.leftovers)
        return [] if is_settled(month) else [(timeframe, "month", month.name, files)]
    today = str(now.astimezone(UTC).date())
    return [
        (timeframe, "day", day, len(files))
        for day, files in month.parts.items()
        if len(files) > (1 if day < today else max_files)
    ]


def _end_of_month(month: str) -> datetime:
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return (first + timedelta(days=32)).replace(day=1)
