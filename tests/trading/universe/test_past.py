"""The universe at a past moment: recorded where somebody looked, rebuilt from candles elsewhere."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trading.market.errors import BadInput, MissingData
from trading.market.frames import CANDLES, TICKERS
from trading.market.listing import LISTING, from_frame
from trading.screening.filters import prefilter, validate_markets
from trading.screening.rules import ScreeningRules
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.universe.over import universe_over
from trading.universe.past import summary, universe_at

START = datetime(2025, 3, 1, tzinfo=UTC)
BAR = timedelta(minutes=15)
RULES = ScreeningRules(references=(), min_quote_volume_24h=96_000.0, max_survivors=3, min_listed_days=None)


def market(name: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "symbol": f"{name}/USDT", "exchange_id": f"{name}USDT", "base": name, "quote": "USDT", "status": "1",
        "is_scannable": True, "is_api_tradable": True, "tick": "0.01", "step": "0.001", "min_amount": "0",
        "min_cost": "1", "max_cost": "100000", "maker_fee": "0", "taker_fee": "0.0005", "full_name": name,
    }  # fmt: skip
    return row | changes


def listing(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=LISTING)


def tickers(at: datetime, **volumes: float) -> pl.DataFrame:
    rows = [
        (f"{name}/USDT", at, 100.0, 99.9, 100.1, 98.0, 103.0, 97.0, 5e4, volume, 0.02)
        for name, volume in volumes.items()
    ]
    return pl.DataFrame(rows, schema=TICKERS, orient="row")


def candles(name: str, first: datetime, last: datetime, quote_volume: float = 1_000.0) -> pl.DataFrame:
    """Bars that close in (first, last]: each trades `quote_volume`, so 96 of them are a day's."""
    opens = pl.datetime_range(first, last - BAR, "15m", eager=True, time_unit="ms", time_zone="UTC")
    return pl.DataFrame({"open_time": opens}).select(
        symbol=pl.lit(f"{name}/USDT"), open_time="open_time", open=pl.lit(100.0), high=pl.lit(102.0),
        low=pl.lit(99.0), close=pl.lit(101.0), volume=pl.lit(10.0), quote_volume=pl.lit(quote_volume),
    ).cast(dict(CANDLES))  # fmt: skip


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


@pytest.fixture
def store(tmp_path):
    return CandleStore(tmp_path)


@pytest.fixture
def rebuilt(store):
    """AAA trades all the time, BBB too little, GONE until noon of the second day, CCC from the third on."""
    end = START + timedelta(days=4)
    for number, frame in enumerate(
        [
            candles("AAA", START, end),
            candles("BBB", START, end, 999.0),
            candles("GONE", START, START + timedelta(days=1, hours=12), 5_000.0),
            candles("CCC", START + timedelta(days=2), end, 2_000.0),
        ]
    ):
        store.append("15m", frame, tag=f"t{number}")
    return store


def members(frame: pl.DataFrame) -> list[str]:
    return sorted(frame.filter("is_member")["symbol"])


def test_a_delisted_pair_is_in_the_universe_of_its_time_and_not_later(lake, rebuilt):
    """GONE passed on its last day; a day after its last bar it does not exist."""
    then = universe_at(lake, rebuilt, START + timedelta(days=1, hours=12), RULES)
    assert members(then) == ["AAA/USDT", "GONE/USDT"]
    later = universe_at(lake, rebuilt, START + timedelta(days=2, hours=12), RULES)
    assert "GONE/USDT" not in later["symbol"].to_list()


def test_a_pair_that_comes_later_is_not_in_the_past(lake, rebuilt):
    """CCC's first bar closes at 00:15 of the third day: nothing before that knows of it."""
    born = START + timedelta(days=2) + BAR
    assert "CCC/USDT" not in universe_at(lake, rebuilt, born - BAR, RULES)["symbol"].to_list()
    assert "CCC/USDT" in universe_at(lake, rebuilt, born, RULES)["symbol"].to_list()


def test_volume_is_that_of_the_day_before_and_the_reason_has_it(lake, rebuilt):
    """96 bars of 999 are 95,904, below 96,000; 96 bars of 1,000 are exactly enough."""
    row = universe_at(lake, rebuilt, START + timedelta(days=1), RULES).row(
        by_predicate=pl.col("symbol") == "BBB/USDT", named=True
    )
    assert (row["rule"], row["value"], row["bound"]) == ("volume", 95_904.0, 96_000.0)
    assert row["source"] == "rebuilt"


def test_what_candles_cannot_tell_is_said_not_guessed(lake, rebuilt):
    """Spread and the API flag have no candle; the answer is open, and says so."""
    row = universe_at(lake, rebuilt, START + timedelta(days=1), RULES).row(0, named=True)
    assert row["not_knowable"] == "spread, api"
    assert row["is_tradable"] is None


def test_a_listing_that_was_seen_before_tells_the_api_flag(lake, rebuilt):
    """One recorded listing, older than any look that would answer alone, closes AAA to orders by API."""
    lake.publish("markets", listing(market("AAA", is_api_tradable=False)), key=["symbol"], at=START)
    found = universe_at(lake, rebuilt, START + timedelta(days=1), RULES)
    row = found.row(by_predicate=pl.col("symbol") == "AAA/USDT", named=True)
    assert (row["rule"], row["is_tradable"], row["not_knowable"]) == ("api", False, "spread")


def test_a_young_listing_says_who_existed_where_no_candles_are_held(lake, rebuilt):
    """UNSEEN is listed and was never fetched: it existed and was tradable, and could not be judged."""
    rows = [market("AAA"), market("UNSEEN"), market("HALT", status="2", is_scannable=False)]
    lake.publish("markets", listing(*rows), key=["symbol"], at=START)
    found = universe_at(lake, rebuilt, START + timedelta(days=1), RULES)
    row = found.row(by_predicate=pl.col("symbol") == "UNSEEN/USDT", named=True)
    assert (row["rule"], row["is_tradable"], row["is_member"]) == ("unseen", True, False)
    assert (row["not_knowable"], row["source"]) == ("volume, spread", "rebuilt")
    halted = found.row(by_predicate=pl.col("symbol") == "HALT/USDT", named=True)
    assert (halted["rule"], halted["is_tradable"]) == ("status", False)
    older = universe_at(lake, rebuilt, START + timedelta(days=3), RULES)
    assert (
        "UNSEEN/USDT" not in older["symbol"].to_list()
    )  # three days later the listing says nothing any more


def test_a_listing_after_the_last_bar_tells_that_a_pair_is_gone(lake, rebuilt):
    """GONE's last bar closed at noon; a listing of 13:00 without it ends it at once, not a day later."""
    noon = START + timedelta(days=1, hours=12)
    lake.publish(
        "markets",
        listing(*(market(name) for name in ("AAA", "BBB"))),
        key=["symbol"],
        at=noon + timedelta(hours=1),
    )
    before, after = noon + timedelta(minutes=50), noon + timedelta(hours=2)
    assert "GONE/USDT" in universe_at(lake, rebuilt, before, RULES)["symbol"].to_list()
    assert "GONE/USDT" not in universe_at(lake, rebuilt, after, RULES)["symbol"].to_list()
    over = universe_over(lake, rebuilt, [before, after], RULES).filter(pl.col("symbol") == "GONE/USDT")
    assert over["at"].to_list() == [before]


def test_a_halted_pair_is_no_member_though_it_traded_that_day(lake, rebuilt):
    """AAA has a day of candles; the listing of the hour says halted."""
    at = START + timedelta(days=1)
    lake.publish("markets", listing(market("AAA", status="2", is_scannable=False)), key=["symbol"], at=at)
    row = universe_at(lake, rebuilt, at, RULES).row(by_predicate=pl.col("symbol") == "AAA/USDT", named=True)
    assert (row["rule"], row["is_tradable"]) == ("status", False)
    assert universe_over(lake, rebuilt, [at], RULES)["is_member"].any() is False


def test_volume_of_less_than_a_day_is_not_taken_for_low_volume(lake, rebuilt):
    """Six hours are held: AAA traded 24,000 of the 96,000 asked for in them, and nobody knows the rest."""
    at = START + timedelta(hours=6)
    row = universe_at(lake, rebuilt, at, RULES).row(by_predicate=pl.col("symbol") == "AAA/USDT", named=True)
    assert (row["rule"], row["is_member"], row["not_knowable"]) == ("unseen", False, "volume, spread")
    assert "less than a day" in row["reason"]
    over = universe_over(lake, rebuilt, [at, START + timedelta(days=2)], RULES)
    assert over.filter(symbol="AAA/USDT")["rule"].to_list() == ["unseen", "passed"]


def test_a_recorded_look_answers_with_its_own_time_and_the_funnels_own_verdicts(lake, rebuilt):
    """Row for row what the funnel's pre-filter says of that look; the look is 50 minutes old."""
    seen = START + timedelta(days=1)
    listed = listing(market("AAA"), market("BBB"), market("HALT", status="2", is_scannable=False))
    look = tickers(seen, AAA=200_000.0, BBB=1.0)
    lake.publish("markets", listed, key=["symbol"], at=START)
    lake.publish("tickers", look, key=["symbol"], at=seen)
    found = universe_at(lake, rebuilt, seen + timedelta(minutes=50), RULES)
    assert set(found["source"]) == {"recorded"}
    assert found["seen_at"].unique().to_list() == [seen]
    sound, dropped = validate_markets(from_frame(listed))
    said = prefilter(sound, look, RULES, at=seen)
    expected = dict(said.select("symbol", "rule").iter_rows()) | {"HALT/USDT": "status"}
    assert dict(found.select("symbol", "rule").iter_rows()) == expected
    assert dropped.height == 3


def test_a_look_from_later_is_never_used(lake, rebuilt):
    """The look of tomorrow knows a pair of tomorrow: today's answer is rebuilt and does not."""
    lake.publish("markets", listing(market("NEW")), key=["symbol"], at=START + timedelta(days=2))
    lake.publish(
        "tickers", tickers(START + timedelta(days=2), NEW=1e6), key=["symbol"], at=START + timedelta(days=2)
    )
    found = universe_at(lake, rebuilt, START + timedelta(days=2) - BAR, RULES)
    assert set(found["source"]) == {"rebuilt"}
    assert "NEW/USDT" not in found["symbol"].to_list()


def test_an_unchanged_look_still_counts_at_its_own_time(lake, rebuilt):
    """The same listing and tickers seen twice are one version and two looks."""
    for days in (1, 2):
        at = START + timedelta(days=days)
        lake.publish("markets", listing(market("AAA")), key=["symbol"], at=at)
        lake.publish("tickers", tickers(START, AAA=200_000.0), key=["symbol"], at=at)
    found = universe_at(lake, rebuilt, START + timedelta(days=2, minutes=5), RULES)
    assert found["seen_at"].to_list() == [START + timedelta(days=2)]


@pytest.mark.parametrize("days", [-400, 400])
def test_a_moment_that_nobody_knows_is_refused_with_what_is_known(lake, rebuilt, days):
    """One sentence with the range; no empty answer that looks like an empty market."""
    with pytest.raises(MissingData, match="15m candles from 2025-03-01 to 2025-03-04"):
        universe_at(lake, rebuilt, START + timedelta(days=days), RULES)


def test_a_naive_moment_is_refused(lake, rebuilt):
    """Nobody knows which clock was meant."""
    with pytest.raises(BadInput, match="aware"):
        universe_at(lake, rebuilt, datetime(2025, 3, 2), RULES)  # noqa: DTZ001 that is the point


def test_summary_counts_every_pair_once(lake, rebuilt):
    """Members first, then the rules that dropped most."""
    found = universe_at(lake, rebuilt, START + timedelta(days=3), RULES)
    assert summary(found).select("rule", "pairs").rows() == [("passed", 2), ("volume", 1)]


def test_many_moments_say_what_each_moment_says(lake, rebuilt):
    """The vectorised answer equals the one in words at every bar, recorded and rebuilt, cap included."""
    seen = START + timedelta(days=1, hours=6)
    lake.publish(
        "markets",
        listing(*(market(name) for name in ("AAA", "BBB", "DDD", "EEE", "FFF", "BTC3L"))),
        key=["symbol"],
        at=START + timedelta(days=1),
    )
    look = tickers(seen, AAA=2e5, BBB=1.0, DDD=3e5, EEE=4e5, FFF=5e5, BTC3L=9e9)
    lake.publish("tickers", look, key=["symbol"], at=seen)
    times = [START + timedelta(hours=13) * number for number in range(1, 7)] + [
        seen,
        seen + 4 * BAR,
        seen + 5 * BAR,
    ]
    rules = ScreeningRules(references=("BBB/USDT",), min_quote_volume_24h=50_000.0, max_survivors=3)
    born = {"CCC/USDT": START + timedelta(days=2)}
    over = universe_over(lake, rebuilt, times, rules, listed=born)
    for at in times:
        alone = universe_at(lake, rebuilt, at, rules, listed=born)
        here = over.filter(pl.col("at") == at)
        both = alone.join(here, on="symbol", how="semi")
        assert dict(here.select("symbol", "rule").iter_rows()) == dict(
            both.select("symbol", "rule").iter_rows()
        )
        # Pairs of which only the listing is known are named alone, and are never members.
        assert members(alone) == members(here)
        assert set(here["source"]) == set(alone["source"])
    assert "rank" in over["rule"].to_list()
    assert set(over["source"]) == {"recorded", "rebuilt"}


def test_later_bars_and_looks_never_change_the_past(lake, store):
    """What is known of noon on day 1 is the same before and after day 2 was stored."""
    store.append("15m", candles("AAA", START, START + timedelta(days=1)), tag="a")
    times = [START + number * BAR for number in range(1, 97)]
    before = universe_over(lake, store, times, RULES)
    store.append("15m", candles("AAA", START + timedelta(days=1), START + timedelta(days=2), 9e9), tag="b")
    store.append("15m", candles("ZZZ", START + timedelta(days=1), START + timedelta(days=2), 9e9), tag="c")
    lake.publish("markets", listing(market("AAA", status="3")), key=["symbol"], at=START + timedelta(days=2))
    assert universe_over(lake, store, times, RULES).equals(before)
