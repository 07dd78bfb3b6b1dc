"""Bringing candles up to date: only what is missing is asked for, and a failure is never taken for a fact."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest

from resources.exchange import Exchange
from resources.history import fetch_history
from resources.store import Store
from tests.assets.embedded import settings_of
from trading.exchange.history import HistoryRequest
from trading.exchange.throttle import LimiterStats
from trading.market.errors import Unreachable
from trading.market.frames import CANDLES, empty
from trading.market.timeframes import from_ms, timeframe, to_ms

BAR = timeframe("15m")
DAY = timedelta(days=1)
TODAY = datetime(2026, 8, 17, tzinfo=UTC)
NOON = TODAY + timedelta(hours=12, minutes=3)


@dataclass
class FakeVenue:
    """Answers pages of bars; some symbols began late, some hours had no trades, some pages fail."""

    born: dict[str, datetime] = field(default_factory=dict)
    silent: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    failing: set[datetime] = field(default_factory=set)
    asked: list[tuple[str, datetime, int]] = field(default_factory=list)

    async def candles(self, symbol, name, *, since_ms, limit):
        self.asked.append((symbol, from_ms(since_ms), limit))
        if from_ms(since_ms) in self.failing:
            raise Unreachable("no answer")
        opens = [from_ms(since_ms + n * BAR.ms) for n in range(limit)]
        low, high = self.silent.get(symbol, (NOON, NOON))
        rows = [
            (symbol, at, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
            for at in opens
            if at >= self.born.get(symbol, at) and not low <= at < high
        ]
        return pl.DataFrame(rows, schema=CANDLES, orient="row") if rows else empty(CANDLES)


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
    return fetch_history(
        FakeExchange(), store, HistoryRequest(**request), before - (days + 1) * DAY, before, "run-1", _quiet
    )


def _quiet(done: int, total: int) -> None:
    assert 0 < done <= total


def stored(store, symbol) -> list[datetime]:
    return store.candles.read("15m", symbols=[symbol])["open_time"].to_list()


def test_whole_history_comes_in_pages_and_ends_at_the_last_closed_bar(store, venue):
    """Ten days and twelve hours: 1,008 bars in three pages each, for survivors only."""
    outcome = fetch(store)
    assert outcome.requests == 6
    assert outcome.bars == 2 * (960 + 48)
    assert {symbol for symbol, _, _ in venue.asked} == {"A/USDT", "B/USDT"}
    assert stored(store, "A/USDT")[-1] == NOON.replace(minute=0) - BAR.delta


def test_second_look_asks_for_new_bars_only(store, venue):
    """Nothing within the bar; one page of one bar each after the next close."""
    fetch(store)
    venue.asked.clear()
    assert fetch(store).requests == 0
    CLOCK[0] = NOON + BAR.delta
    assert fetch(store).bars == 2
    assert [(at, limit) for _, at, limit in venue.asked] == [(NOON.replace(minute=0), 1)] * 2


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


def test_a_young_listing_is_not_asked_for_its_past_again(store, venue):
    """Born four days ago: learnt once, then the window begins there."""
    venue.born["A/USDT"] = TODAY - 4 * DAY
    fetch(store)
    venue.asked.clear()
    assert fetch(store, days=20).requests == 2  # ten older days of B/USDT
    assert {symbol for symbol, _, _ in venue.asked} == {"B/USDT"}


def test_a_page_that_failed_is_asked_for_again(store, venue):
    """No answer to the oldest page is not a young listing."""
    venue.failing = {TODAY - 10 * DAY}
    failed = fetch(store).failed
    assert set(failed) == {"A/USDT", "B/USDT"}
    venue.failing = set()
    assert fetch(store).failed == {}
    assert len(stored(store, "A/USDT")) == 960 + 48


def test_a_failed_page_in_the_middle_leaves_no_hole(store, venue):
    """Pages one and three came, two did not: next time the gap is closed."""
    venue.failing = {TODAY - 10 * DAY + 500 * BAR.delta}
    fetch(store)
    venue.failing = set()
    fetch(store)
    assert len(stored(store, "A/USDT")) == 960 + 48


def test_a_silent_night_is_no_birth(store, venue):
    """No trades just after midnight, seen by the quick refresh: older days can still be fetched."""
    fetch(store, days=2)
    CLOCK[0] = NOON + DAY
    venue.silent["A/USDT"] = (TODAY + DAY, TODAY + DAY + timedelta(hours=2))
    fetch(store, days=0, before=TODAY + 2 * DAY)
    fetch(store, days=5, before=TODAY - 2 * DAY)
    assert stored(store, "A/USDT")[0] == TODAY - 8 * DAY


def test_a_day_that_has_not_come_asks_for_nothing(store, venue):
    """Tomorrow's partition: no request, no bar, no error."""
    outcome = fetch(store, days=0, before=TODAY + 2 * DAY)
    assert outcome.requests == outcome.bars == 0


def test_only_approved_symbols_when_asked(store, venue):
    """The quick refresh between scans."""
    verdicts = pl.DataFrame({"symbol": ["A/USDT", "B/USDT"], "is_approved": [False, True]})
    store.publish("approved_symbols", verdicts, key=["symbol"])
    fetch(store, days=0, only_approved=True)
    assert {symbol for symbol, _, _ in venue.asked} == {"B/USDT"}


def test_the_scan_is_recorded_under_its_run(store, venue):
    """What it asked for and what it took, one row a pass."""
    fetch(store, days=1)
    row = store.lake.read("candle_scans").row(0, named=True)
    assert (row["run_id"], row["timeframe"], row["symbols"]) == ("run-1", "15m", 2)
    assert (row["bars"], row["requests"], row["failed"], row["http_429"]) == (2 * 144, 2, 0, 0)


def test_another_bar_length_is_kept_apart(store, venue):
    """Days of 15 minutes stay on record beside days of one minute."""
    fetch(store, days=0)
    fetch(store, days=0, timeframe="30m")
    days = store.lake.read("ohlcv_days")
    assert days.select("timeframe", "date").rows() == [("15m", "2026-08-17"), ("30m", "2026-08-17")]


def test_wants_of_today_end_where_bars_close():
    """The fixtures mean what they say: noon and three minutes lies inside the bar of noon."""
    assert from_ms(BAR.floor_ms(to_ms(NOON))) == NOON.replace(minute=0)
