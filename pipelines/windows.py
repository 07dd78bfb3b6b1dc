"""Which days of candles a run is about, as the tags of a single-run partition range."""

from datetime import datetime, timedelta

from assets.partitions import FIRST_DAY, RANGE_END_TAG, RANGE_START_TAG
from trading.market.timeframes import Timeframe


def days_of_history(at: datetime, timeframe: Timeframe, bars: int) -> dict[str, str]:
    """Return the tags of today and of the whole days before it that `bars` bars fill (market time).

    Whole days keep a first scan at as few pages as the history needs: 1,000 bars of 15 minutes are ten
    days and today, two pages of 500 and not three.
    """
    return _tags(at - timedelta(days=max(int(timeframe.delta * bars / timedelta(days=1)), 1)), at)


def days_of_refresh(at: datetime, timeframe: Timeframe) -> dict[str, str]:
    """Return the tags of the days that the newest bars lie in: today, and yesterday just after midnight."""
    return _tags(at - timeframe.delta * 4, at)


def _tags(start: datetime, end: datetime) -> dict[str, str]:
    first = max(str(start.date()), FIRST_DAY)
    return {RANGE_START_TAG: first, RANGE_END_TAG: str(end.date())}
