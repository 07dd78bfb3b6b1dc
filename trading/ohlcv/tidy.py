"""Many small files made few: days that are over become one file, months that are over go by symbol.

Readers see the same bars before, during and after; each rewrite is counted and hashed to
prove it. Not here: which files are worth it, and how they are written (trading/store).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta

import polars as pl

from trading.market.frames import CANDLES
from trading.ohlcv.shelf import Shelf
from trading.store.candles import CandleStore
from trading.store.tidy import tidy_jobs


@dataclass(frozen=True, slots=True)
class MonthTidied:
    """One month rewritten by symbol, with what it held before and after; hashes count no order of rows."""

    timeframe: str
    month: str
    files_before: int
    files_after: int
    bars_before: int
    bars_after: int
    hash_before: str
    hash_after: str


MONTHS: dict[str, pl.DataType | type[pl.DataType]] = {
    field.name: pl.Int64 if field.type is int else pl.String for field in fields(MonthTidied)
}


@dataclass(frozen=True, slots=True)
class Tidied:
    """What tidying did: days merged into one file (``15m 2025-03-01``), months rewritten by symbol."""

    days: tuple[str, ...] = ()
    months: tuple[MonthTidied, ...] = ()

    @property
    def sentence(self) -> str:
        """One line for a log or a terminal."""
        if not self.days and not self.months:
            return "tidied: nothing to merge"
        return f"tidied: {len(self.days)} days into one file each, {len(self.months)} months by symbol"

    def frame(self) -> pl.DataFrame:
        """Return the months as a table of `MONTHS`, one row each."""
        return pl.DataFrame([asdict(month) for month in self.months], schema=MONTHS)


def tidy(shelf: Shelf, *, at: datetime, timeframes: Sequence[str] | None = None) -> Tidied:
    """Merge the files of days that are over at market time `at`, and of months that have been for two days.

    Parameters
    ----------
    timeframes : sequence of str or None
        Only these bar lengths; None = all that are stored.
    """
    names = None if timeframes is None else tuple(timeframes)
    days: list[str] = []
    months: list[MonthTidied] = []
    for name, kind, what, _ in tidy_jobs(shelf.candles, at, timeframes=names):
        if kind == "month":
            months.append(_rewritten(shelf.candles, name, what))
        else:
            shelf.candles.compact(name, what)
            days.append(f"{name} {what}")
    return Tidied(tuple(days), tuple(months))


def wrong_months(months: pl.DataFrame) -> pl.DataFrame:
    """Return the rewritten months that lost bars, or hold as many with another content; none is right.

    A bar that arrived while its month was rewritten makes more of them, which is no fault.
    """
    lost = pl.col("bars_after") < pl.col("bars_before")
    other = (pl.col("bars_after") == pl.col("bars_before")) & (pl.col("hash_after") != pl.col("hash_before"))
    return months.filter(lost | other)


def _rewritten(store: CandleStore, timeframe: str, month: str) -> MonthTidied:
    files, (bars, content) = _files(store, timeframe, month), _content(store, timeframe, month)
    store.rewrite_month(timeframe, month)
    bars_after, content_after = _content(store, timeframe, month)
    return MonthTidied(
        timeframe=timeframe,
        month=month,
        files_before=files,
        files_after=_files(store, timeframe, month),
        bars_before=bars,
        bars_after=bars_after,
        hash_before=content,
        hash_after=content_after,
    )


def _files(store: CandleStore, timeframe: str, month: str) -> int:
    held = next((found for found in store.held(timeframe) if found.name == month), None)
    if held is None:
        return 0
    buckets = 0 if held.generation is None else len(held.generation.buckets)
    return buckets + len(held.leftovers) + sum(len(files) for files in held.parts.values())


def _content(store: CandleStore, timeframe: str, month: str) -> tuple[int, str]:
    """Return how many bars a month holds and a hash of them that does not depend on their order."""
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    end = (start + timedelta(days=32)).replace(day=1)
    # A month of minutes does not fit in memory: rows are hashed as they stream by, halves summed apart.
    rows = store.scan(timeframe, start=start, end=end).select(row=pl.struct(list(CANDLES)).hash())
    sums = rows.select(
        pl.len(), (pl.col("row") // 2**32).sum().alias("high"), (pl.col("row") % 2**32).sum().alias("low")
    )
    bars, high, low = sums.collect(engine="streaming").row(0)
    return bars, f"{high:016x}{low:016x}"
