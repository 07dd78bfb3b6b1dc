"""Which stored bars a pass over instruments has to look at: the newest, or all of them after a backfill.

A relisting shows between two bars that may lie weeks apart, so a symbol's series is looked at whole. That
is done only when days before the newest bars hold something else than at the pass before.
"""

from collections.abc import Iterator
from datetime import datetime

import polars as pl

from trading.market.timeframes import Timeframe
from trading.store.candles import CandleStore
from trading.store.lake import Lake

# What each day held when it was last looked at whole: one row per day, as in `ohlcv_days`.
EXAMINED = "instrument_days"
# Series that are held in memory at a time: a year of 15m of so many is some 3.5 million bars.
_AT_ONCE = 100


def bars_to_examine(
    lake: Lake, candles: CandleStore, bar: Timeframe, *, newest: int, at: datetime
) -> Iterator[pl.DataFrame]:
    """Yield the bars of one timeframe that may tell something new, each symbol whole in one frame.

    Parameters
    ----------
    newest : int
        Bars back from `at` that every pass looks at; older ones only after their days have changed.

    Yields
    ------
    DataFrame of CANDLES
        At least one frame, which may be empty.
    """
    tail = candles.last_bars(bar.name, newest, until=at)
    first = tail["open_time"].min()
    if isinstance(first, datetime) and not _older_days(lake, bar, first).is_empty():
        symbols = sorted(candles.last_open(bar.name))
        for begin in range(0, len(symbols), _AT_ONCE):
            yield candles.read(bar.name, end=at, symbols=symbols[begin : begin + _AT_ONCE])
    else:
        yield tail


def days_now(lake: Lake, bar: Timeframe) -> pl.DataFrame:
    """Return what each stored day of a timeframe holds now: timeframe, date, version_id."""
    if lake.latest("ohlcv_days") is None:
        return pl.DataFrame(schema={"timeframe": pl.String, "date": pl.String, "version_id": pl.String})
    days = lake.read("ohlcv_days").filter(pl.col("timeframe") == bar.name)
    return days.select("timeframe", "date", "version_id")


def _older_days(lake: Lake, bar: Timeframe, first: datetime) -> pl.DataFrame:
    """Days before `first` that hold something else than when they were looked at last."""
    older = days_now(lake, bar).filter(pl.col("date") < str(first.date()))
    if lake.latest(EXAMINED) is None:
        return older
    known = lake.read(EXAMINED)
    return older.join(known, on=["timeframe", "date", "version_id"], how="anti")
