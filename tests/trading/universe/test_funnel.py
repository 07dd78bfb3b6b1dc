"""The whole funnel at past moments: recorded or rebuilt, many at once as each alone, nothing from later."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.trading.universe.test_past import BAR, RULES, START, candles, listing, market, tickers
from trading.market.errors import BadInput, MissingData
from trading.screening.chain.declared import chain_of
from trading.store.candles import CandleStore
from trading.store.lake import Lake
from trading.universe.funnel import funnel_at, funnel_over
from trading.universe.past import universe_at

NOON = START + timedelta(days=1, hours=12)
TABLES = [
    {"name": "quote"},
    {"name": "api"},
    {"name": "ticker"},
    {"name": "volume", "source": "ticker", "min": 96_000},
    {"name": "spread"},
    {"name": "limit", "label": "rank", "count": 3},
    {"name": "bars", "min": 40},
    {"name": "expression", "keep": "close >= lowest(low, 20)"},
    {"name": "news", "optional": True},
]
CHAIN = chain_of(TABLES, bars=50)


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


@pytest.fixture
def store(tmp_path):
    """AAA trades all the time, BBB too little, GONE until noon of the second day, CCC from the third on."""
    made, end = CandleStore(tmp_path), START + timedelta(days=4)
    for number, frame in enumerate(
        [
            candles("AAA", START, end),
            candles("BBB", START, end, 999.0),
            candles("GONE", START, NOON, 5_000.0),
            candles("CCC", START + timedelta(days=2), end, 2_000.0),
        ]
    ):
        made.append("15m", frame, tag=f"t{number}")
    return made


def rules_of(funnel: pl.DataFrame) -> dict[str, str]:
    return dict(funnel.select("symbol", "rule").iter_rows())


def test_the_funnel_of_a_past_moment_knows_its_time(lake, store):
    """GONE passed on its last day and does not exist a day later; CCC has a quarter of a day by then."""
    then = funnel_at(lake, store, NOON, CHAIN)
    assert rules_of(then.sifted.funnel) == {"AAA/USDT": "passed", "GONE/USDT": "passed", "BBB/USDT": "volume"}
    later = funnel_at(lake, store, START + timedelta(days=2, hours=6), CHAIN)
    assert rules_of(later.sifted.funnel)["CCC/USDT"] == "volume"
    next_day = funnel_at(lake, store, START + timedelta(days=3), CHAIN)
    assert rules_of(next_day.sifted.funnel) == {
        "AAA/USDT": "passed",
        "BBB/USDT": "volume",
        "CCC/USDT": "passed",
    }


def test_what_candles_cannot_tell_is_named(lake, store):
    """No listing and no quote then: neither spread nor the flag for orders was known."""
    found = funnel_at(lake, store, NOON, CHAIN)
    assert (found.source, found.seen_at) == ("rebuilt", NOON)
    assert found.sifted.not_knowable == ("api", "spread")


def test_the_pre_filter_agrees_with_the_universe_of_that_moment(lake, store):
    """The same rules said in both ways: who falls before candles falls there too."""
    for at in (NOON, START + timedelta(days=3)):
        members = universe_at(lake, store, at, RULES).filter("is_member")["symbol"].sort().to_list()
        found = funnel_at(lake, store, at, chain_of(TABLES[:6]))
        assert sorted(found.sifted.kept) == members


def look(lake: Lake, at: datetime, **volumes: float) -> None:
    lake.publish("markets", listing(*(market(name) for name in volumes)), key=["symbol"], at=at)
    lake.publish("tickers", tickers(at, **volumes), key=["symbol"], at=at)


def test_many_moments_are_each_moment_alone(lake, store):
    """Over two days and a half, recorded looks in between, from candles that are read once."""
    look(lake, NOON, AAA=1e6, BBB=5.0, GONE=2e6)
    look(lake, NOON + timedelta(hours=6), AAA=1e6, BBB=3e6)
    moments = [NOON + number * timedelta(minutes=100) for number in range(12)]
    over = funnel_over(lake, store, [*reversed(moments), NOON], CHAIN)
    for at in moments:
        alone = funnel_at(lake, store, at, CHAIN)
        own = over.filter(pl.col("at") == at)
        assert_frame_equal(own.drop("at", "source"), alone.sifted.funnel)
        assert own["source"].unique().to_list() == [alone.source]
    assert over["source"].n_unique() == 2
    assert over["rule"].n_unique() > 2


def test_nothing_that_is_published_later_changes_a_past_funnel(lake, store):
    """Looks, news, clusters and bars of later: the decisions at noon stay as they were."""
    tables = [*TABLES[:-1], {"name": "news"}, {"name": "cluster", "optional": True, "max_age_days": 1}]
    chain = chain_of(tables, bars=50)
    story = {"item_id": ["a"], "first_seen": [NOON], "symbols": [["BBB/USDT"]], "event": ["hack"]}
    frame = pl.DataFrame(story, schema_overrides={"first_seen": pl.Datetime("ms", "UTC")})
    lake.publish("news_events", frame, key=["item_id"], at=NOON)
    before = funnel_at(lake, store, NOON, chain)
    soon = NOON + BAR
    look(lake, soon, AAA=1.0, NEW=1e9)
    fresh = frame.with_columns(
        item_id=pl.lit("b"), first_seen=pl.lit(soon, pl.Datetime("ms", "UTC")), symbols=pl.lit(["AAA/USDT"])
    )
    lake.publish("news_events", pl.concat([frame, fresh]), key=["item_id"], at=soon)
    groups = pl.DataFrame({"symbol": ["AAA/USDT", "GONE/USDT"], "cluster": [0, 0]})
    lake.publish("clusters", groups, key=["symbol"], at=soon)
    assert_frame_equal(funnel_at(lake, store, NOON, chain).sifted.decisions, before.sifted.decisions)
    assert "AAA/USDT" in before.sifted.kept
    assert funnel_at(lake, store, soon, chain).sifted.kept == []


def test_a_delisting_in_the_news_reaches_the_filter_from_when_it_was_seen(lake, store):
    """AAA ends two days on, said at noon; a bare "will delist" of BBB and a hack of it are not dated ends."""
    chain = chain_of([{"name": "quote"}, {"name": "delist"}], bars=50)
    with pytest.raises(MissingData, match="needs delistings"):
        funnel_at(lake, store, NOON, chain)
    end = NOON + timedelta(days=2)
    rows = [
        ("a", NOON, ["AAA/USDT"], "delisting", end),
        ("b", NOON, ["BBB/USDT"], "delisting", None),
        ("c", NOON, ["BBB/USDT"], "hack", end),
        ("d", NOON + BAR, ["AAA/USDT"], "delisting", None),
    ]
    schema = {
        "item_id": pl.String,
        "first_seen": pl.Datetime("ms", "UTC"),
        "symbols": pl.List(pl.String),
        "event": pl.String,
        "effective": pl.Datetime("ms", "UTC"),
    }
    stories = pl.DataFrame(rows, schema=schema, orient="row")
    lake.publish("news_events", stories, key=["item_id"], at=NOON)
    found = funnel_at(lake, store, NOON + 2 * BAR, chain).sifted
    (row,) = found.funnel.filter(~pl.col("is_kept")).to_dicts()
    assert (row["symbol"], row["rule"]) == ("AAA/USDT", "delist")
    assert row["value"] == pytest.approx(2 - 0.5 / 24)
    assert "AAA/USDT" in funnel_at(lake, store, NOON - BAR, chain).sifted.kept
    # The feed moves the date in the same story: at noon it was as it had been said.
    then = funnel_at(lake, store, NOON, chain).sifted.decisions
    moved = stories.with_columns(pl.col("effective") - timedelta(days=1))
    lake.publish("news_events", moved, key=["item_id"], at=NOON + 2 * BAR)
    assert_frame_equal(funnel_at(lake, store, NOON, chain).sifted.decisions, then)
    later = funnel_at(lake, store, NOON + 2 * BAR, chain).sifted.funnel.filter(~pl.col("is_kept"))
    assert later["value"].to_list() == [pytest.approx(1 - 0.5 / 24)]
    lake.publish("news_events", stories.drop("effective"), key=["item_id"], at=NOON + 3 * BAR)
    assert "AAA/USDT" in funnel_at(lake, store, NOON + 3 * BAR, chain).sifted.kept


def test_an_unknown_or_naive_moment_is_one_sentence(lake, store):
    """What is known, from when to when."""
    with pytest.raises(MissingData, match="15m candles from 2025-03-01 to 2025-03-04"):
        funnel_at(lake, store, datetime(2024, 1, 1, tzinfo=UTC), CHAIN)
    with pytest.raises(BadInput, match="must be aware"):
        funnel_at(lake, store, datetime(2025, 3, 2), CHAIN)  # noqa: DTZ001  # the point of the test
    assert funnel_over(lake, store, [], CHAIN).is_empty()
