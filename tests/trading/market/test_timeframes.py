from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.market.clock import ManualClock
from trading.market.errors import UnknownTimeframe
from trading.market.timeframes import BY_WIRE, TIMEFRAMES, from_ms, timeframe, to_ms


def test_unknown_timeframe_lists_the_known():
    """The message names the value and what exists."""
    with pytest.raises(UnknownTimeframe, match=r"1m, 5m, .*was '3m'"):
        timeframe("3m")


def test_mexc_names_one_hour_by_its_minutes():
    """On the wire one hour is 60m and a week is 1W."""
    assert BY_WIRE["60m"].name == "1h"
    assert BY_WIRE["1W"].name == "1w"


def test_weeks_open_on_monday_and_months_on_the_first():
    """Saturday 2025-03-15 belongs to the week of Monday the 10th and the month of the 1st."""
    at = to_ms(datetime(2025, 3, 15, 13, 37, tzinfo=UTC))
    assert from_ms(timeframe("1w").floor_ms(at)) == datetime(2025, 3, 10, tzinfo=UTC)
    assert from_ms(timeframe("1M").floor_ms(at)) == datetime(2025, 3, 1, tzinfo=UTC)
    assert from_ms(timeframe("1M").next_ms(timeframe("1M").floor_ms(at))) == datetime(2025, 4, 1, tzinfo=UTC)


@given(st.sampled_from(sorted(TIMEFRAMES)), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001  # hypothesis wants naive bounds
def test_every_moment_lies_in_exactly_one_bar(name: str, moment: datetime):
    """floor <= moment < next, and a bar's open is its own floor."""
    frame, at = timeframe(name), to_ms(moment.replace(tzinfo=UTC))
    opened = frame.floor_ms(at)
    assert opened <= at < frame.next_ms(opened)
    assert frame.floor_ms(opened) == opened


@given(st.integers(min_value=0, max_value=4_102_444_800_000))
def test_milliseconds_survive_the_datetime(at_ms: int):
    """No float stands between the two forms of a moment."""
    assert to_ms(from_ms(at_ms)) == at_ms


def test_manual_clock_moves_only_when_told():
    """Logic that is handed a clock can be run at any time."""
    clock = ManualClock.at(datetime(2025, 1, 1, tzinfo=UTC))
    clock.advance(1500)
    assert clock.now() == datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=1.5)
