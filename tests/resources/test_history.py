"""Candles of a world, brought up to date through its exchange: whose, which lengths, what is published."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import polars as pl
import pytest

from resources.exchange import Exchange
from resources.history import compare_aggregates, fetch_history
from resources.store import Store
from tests.assets.embedded import settings_of
from tests.trading.ohlcv.venue import BAR, DAY, NOON, TODAY, FakeVenue
from trading.exchange.throttle import LimiterStats
from trading.market.errors import BadInput
from trading.ohlcv.passes import HistoryRequest


class FakeExchange(Exchange):
    """The port, with a pool that answers from memory."""

    def call(self, use):
        return asyncio.run(use(SimpleNamespace(public=VENUE[0], limiter=SimpleNamespace(stats=STATS))))

    def market_time(self):
        return CLOCK[0]


VENUE = [FakeVenue()]
CLOCK = [NOON]
STATS = LimiterStats()


@pytest.fixture
def venue():
    VENUE[0], CLOCK[0] = FakeVenue(), NOON
    return VENUE[0]


@pytest.fixture
def store(tmp_path):
    with settings_of(tmp_path):
        found = Store()
        kept = pl.DataFrame({"symbol": ["A/USDT", "B/USDT", "C/USDT"], "is_kept": [True, True, False]})
        found.publish("liquid_symbols", kept, key=["symbol"], at=NOON)
        found.publish("tickers", kept.select("symbol"), key=["symbol"], at=NOON)
        yield found


def fetch(store, *, days=10, before=TODAY + DAY, **request):
    window = (before - (days + 1) * DAY, before)
    return fetch_history(FakeExchange(), store, HistoryRequest(**request), window, "run-1", _quiet)


def _quiet(done: int, total: int) -> None:
    assert 0 < done <= total


def test_only_survivors_of_the_first_look_are_asked_for(store, venue):
    """C/USDT was dropped by the pre-filter."""
    done = fetch(store)
    assert {symbol for symbol, _, _ in venue.asked} == {"A/USDT", "B/USDT"}
    assert done.passes[0].requests == 6


def test_days_are_recorded_with_what_they_hold(store, venue):
    """One row per day and bar length; a day that grew gets a new record, the others keep theirs."""
    first = fetch(store, days=2)
    CLOCK[0] = NOON + BAR.delta
    second = fetch(store, days=2)
    before, after = (store.lake.read("ohlcv_days", o.version.version_id) for o in (first, second))
    assert before["date"].to_list() == ["2026-08-15", "2026-08-16", "2026-08-17"]
    assert before["bars"].to_list() == [192, 192, 96]
    assert after["bars"].to_list() == [192, 192, 98]
    assert before["version_id"][:2].to_list() == after["version_id"][:2].to_list()
    assert before["version_id"][2] != after["version_id"][2]
    assert set(second.version.inputs) == set(after["version_id"])
    assert second.version.created_at == CLOCK[0]


def test_several_bar_lengths_in_one_run(store, venue):
    """Each with its own days and its own row in the record of scans; lineage names the days of both."""
    done = fetch(store, days=1, timeframes=("15m", "1h"))
    days = store.lake.read("ohlcv_days")
    assert days.group_by("timeframe").len().sort("timeframe").rows() == [("15m", 2), ("1h", 2)]
    assert [one.bars for one in done.passes] == [2 * 144, 2 * 36]
    assert set(done.version.inputs) == set(days["version_id"])
    scans = store.lake.read("candle_scans")
    assert scans.select("run_id", "timeframe", "bars", "requests", "failed").rows() == [
        ("run-1", "15m", 288, 2, 0),
        ("run-1", "1h", 72, 2, 0),
    ]


def test_bar_lengths_of_other_runs_stay_on_record(store, venue):
    """Quarters first, half hours later."""
    fetch(store, days=0)
    fetch(store, days=0, timeframes=("30m",))
    days = store.lake.read("ohlcv_days")
    assert days.select("timeframe", "date").rows() == [("15m", "2026-08-17"), ("30m", "2026-08-17")]


def test_a_window_after_market_time_is_refused_in_one_sentence(store, venue):
    """Tomorrow's partition: the message names both times, nothing is asked, yesterday's record stays."""
    fetch(store, days=1)
    stood = store.lake.latest("ohlcv_days")
    venue.asked.clear()
    with pytest.raises(BadInput, match=r"2026-08-17 12:03 UTC, was 2026-08-18 00:00 UTC"):
        fetch(store, days=0, before=TODAY + 2 * DAY)
    assert venue.asked == []
    assert store.lake.latest("ohlcv_days") == stood


def test_only_approved_symbols_when_asked(store, venue):
    """The quick refresh between scans."""
    verdicts = pl.DataFrame({"symbol": ["A/USDT", "B/USDT"], "is_approved": [False, True]})
    store.publish("approved_symbols", verdicts, key=["symbol"])
    fetch(store, days=0, only_approved=True)
    assert {symbol for symbol, _, _ in venue.asked} == {"B/USDT"}


def test_holes_are_mended_within_the_pass(store, venue):
    """Bars that the venue had not given at first are there after the next pass, and the book knows."""
    venue.silent["A/USDT"] = (TODAY - DAY, TODAY - DAY + timedelta(hours=1))
    assert fetch(store, days=2).repairs[0].confirmed == 1
    assert fetch(store, days=2).repairs[0].known == 1


def test_minutes_are_held_against_bars_the_venue_is_asked_for(store, venue):
    """No longer bars are stored: a few symbols are asked for, and the comparison is published."""
    fetch(store, days=0, timeframes=("1m",))
    found = compare_aggregates(FakeExchange(), store)
    assert found.select("timeframe", "against", "symbols", "bars").rows() == [("15m", "asked", 2, 96)]
    # The fake venue's quarters are no sum of its minutes.
    assert found["differing"].to_list() == [96]
    assert store.lake.read("candle_agreement").height == 1
