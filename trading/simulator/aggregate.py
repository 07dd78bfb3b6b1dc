"""Bars out of finer bars, and bars after bars: integer columns, exact."""

import numpy as np

from trading.market.timeframes import timeframe
from trading.simulator.source import Bars, Int64s


def empty_bars() -> Bars:
    """Return no bars."""
    return Bars(*(np.empty(0, np.int64) for _ in Bars._fields))


def join_bars(earlier: Bars, later: Bars) -> Bars:
    """Return the bars of `earlier` followed by those of `later`."""
    return Bars(*(np.concatenate(columns) for columns in zip(earlier, later, strict=True)))


def floor_opens(open_ms: Int64s, name: str) -> Int64s:
    """Return the open time of the `name` bar that each of `open_ms` lies in (UTC, calendar months)."""
    if name == "1M":
        months = open_ms.astype("datetime64[ms]").astype("datetime64[M]")
        return months.astype("datetime64[ms]").astype(np.int64)
    frame = timeframe(name)
    origin = frame.floor_ms(0)
    return (open_ms - origin) // frame.ms * frame.ms + origin


def sum_bars(bars: Bars, name: str) -> Bars:
    """Return `bars` aggregated to timeframe `name`: first open, max high, min low, last close, sums.

    Holes stay holes: a coarse bar exists where at least one fine bar does.
    """
    if len(bars.open_ms) == 0:
        return bars
    opens = floor_opens(bars.open_ms, name)
    starts = np.flatnonzero(np.concatenate([[True], opens[1:] != opens[:-1]]))
    ends = np.concatenate([starts[1:], [len(opens)]]) - 1
    return Bars(
        open_ms=opens[starts],
        open=bars.open[starts],
        high=np.maximum.reduceat(bars.high, starts),
        low=np.minimum.reduceat(bars.low, starts),
        close=bars.close[ends],
        volume=np.add.reduceat(bars.volume, starts),
        quote_volume=np.add.reduceat(bars.quote_volume, starts),
    )
