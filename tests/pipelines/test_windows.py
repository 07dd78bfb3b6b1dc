"""Which days a run is about: whole days for history, the newest bars' days for a refresh."""

from datetime import UTC, datetime

import pytest

from assets.partitions import FIRST_DAY, RANGE_END_TAG, RANGE_START_TAG
from pipelines.windows import days_of_history, days_of_refresh
from trading.market.timeframes import timeframe

QUARTER = timeframe("15m")


def span(tags: dict[str, str]) -> tuple[str, str]:
    assert set(tags) == {RANGE_START_TAG, RANGE_END_TAG}
    return tags[RANGE_START_TAG], tags[RANGE_END_TAG]


def test_a_thousand_quarters_are_ten_whole_days_and_today():
    """1,000 bars are 10.4 days: ten before today, so that a scan is two pages of 500 a symbol, not three."""
    at = datetime(2025, 3, 14, 9, 26, tzinfo=UTC)
    assert span(days_of_history(at, QUARTER, 1000)) == ("2025-03-04", "2025-03-14")


def test_a_thousand_hours_are_forty_one_days():
    """Coarser bars reach further back."""
    at = datetime(2025, 3, 14, 9, 26, tzinfo=UTC)
    assert span(days_of_history(at, timeframe("1h"), 1000)) == ("2025-02-01", "2025-03-14")


def test_history_shorter_than_a_day_still_takes_yesterday():
    """Just after midnight today alone would be nearly empty."""
    at = datetime(2025, 3, 14, 0, 1, tzinfo=UTC)
    assert span(days_of_history(at, QUARTER, 50)) == ("2025-03-13", "2025-03-14")


def test_history_does_not_reach_before_the_first_partition():
    """Dagster refuses a range that begins before its partitions do."""
    at = datetime(2020, 11, 5, 12, tzinfo=UTC)
    assert span(days_of_history(at, QUARTER, 20_000)) == (FIRST_DAY, "2020-11-05")


@pytest.mark.parametrize(
    ("clock", "first"),
    [((0, 0), "2025-03-13"), ((0, 59), "2025-03-13"), ((1, 0), "2025-03-14"), ((23, 59), "2025-03-14")],
)
def test_a_refresh_takes_yesterday_too_until_four_bars_are_in(clock, first):
    """The bar of 23:45 closes at midnight: it belongs to yesterday's partition."""
    at = datetime(2025, 3, 14, *clock, tzinfo=UTC)
    assert span(days_of_refresh(at, QUARTER)) == (first, "2025-03-14")
