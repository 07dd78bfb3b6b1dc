"""One pass: only what is missing is asked for, a failure is no fact, nothing is lost in a crash."""

from datetime import timedelta

import pytest

from tests.trading.ohlcv.venue import BAR, DAY, NOON, TODAY, World
from trading.market.errors import StoreError, Unreachable
from trading.market.timeframes import timeframe, to_ms
from trading.ohlcv.coverage import Coverage

HOUR = timedelta(hours=1)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


async def test_whole_history_comes_in_pages_and_ends_at_the_last_closed_bar(world):
    """Ten days and twelve hours: 1,008 bars in three pages each."""
    done = await world.backfill(TODAY - 10 * DAY)
    assert (done.requests, done.bars, done.slots, done.slots_there) == (6, 2 * 1008, 2 * 1008, 0)
    assert world.stored("A/USDT")[-1] == NOON.replace(minute=0) - BAR.delta


async def test_second_look_asks_for_new_bars_only(world):
    """Nothing within the bar; one page of one bar each after the next close; it says what was there."""
    await world.backfill(TODAY)
    world.venue.spent()
    idle = await world.backfill(TODAY)
    assert (idle.requests, idle.slots_there) == (0, 96)
    assert idle.sentence == "15m: nothing to ask for, all 96 bar slots were there"
    world.now += BAR.delta
    done = await world.backfill(TODAY)
    assert (done.bars, done.slots, done.slots_there) == (2, 98, 96)
    assert [(at, limit) for _, at, limit in world.venue.spent()] == [(NOON.replace(minute=0), 1)] * 2


async def test_an_empty_past_is_asked_for_once(world):
    """Born four days ago: the ten days before are asked for once, and never again."""
    world.venue.born["A/USDT"] = TODAY - 4 * DAY
    await world.backfill(TODAY - 14 * DAY)
    world.venue.spent()
    await world.backfill(TODAY - 14 * DAY)
    assert world.venue.spent() == []


async def test_a_page_that_failed_is_asked_for_again_and_no_other(world):
    """Pages one and three came, two did not: the next pass asks for exactly page two."""
    second = TODAY - 10 * DAY + 500 * BAR.delta
    world.venue.failing = {second}
    assert set((await world.backfill(TODAY - 10 * DAY)).failed) == {"A/USDT", "B/USDT"}
    world.venue.failing = set()
    world.venue.spent()
    await world.backfill(TODAY - 10 * DAY)
    assert world.venue.spent() == [("A/USDT", second, 500), ("B/USDT", second, 500)]
    assert len(world.stored("A/USDT")) == 1008


async def test_a_late_bar_at_the_edge_of_now_is_asked_for_again(world):
    """The venue had not written the newest bar yet: that is no quiet quarter of an hour."""
    newest = NOON.replace(minute=0) - BAR.delta
    world.venue.silent["A/USDT"] = (newest, newest + BAR.delta)
    await world.backfill(TODAY)
    world.venue.silent.clear()
    await world.backfill(TODAY)
    assert world.stored("A/USDT")[-1] == newest


async def test_a_symbol_that_went_silent_costs_one_page_a_look(world):
    """Nothing since morning: only the edge of now is asked for, not the whole silence."""
    world.venue.silent["A/USDT"] = (TODAY + 6 * HOUR, TODAY + 2 * DAY)
    await world.backfill(TODAY)
    world.now += 4 * HOUR
    world.venue.spent()
    await world.backfill(TODAY)
    ((_, since, limit),) = [asked for asked in world.venue.spent() if asked[0] == "A/USDT"]
    assert (since, limit) == (NOON.replace(minute=0) - 2 * BAR.delta, 18)


async def test_candles_that_others_stored_are_not_asked_for(world):
    """A scan writes candles without a ledger: what is stored without a hole is there."""
    await world.backfill(TODAY - DAY)
    (world.folder / "coverage.db").unlink()
    world.venue.spent()
    done = await world.backfill(TODAY - 2 * DAY)
    assert [(s, at) for s, at, _ in world.venue.spent()] == [(s, TODAY - 2 * DAY) for s in world.symbols]
    assert done.bars == 2 * 96


async def test_doubtful_bars_are_set_aside_and_counted(world):
    """The bar is not stored, its reason is; its slot is asked for once more, the page is answered."""
    world.venue.bad["B/USDT"] = TODAY + HOUR
    done = await world.backfill(TODAY)
    assert done.quarantined == {"high_below_low": 1}
    assert TODAY + HOUR not in world.stored("B/USDT")
    assert world.shelf.quarantine.counts().rows() == [("15m", "high_below_low", 1)]
    assert [(await world.backfill(TODAY)).requests for _ in range(2)] == [1, 0]


async def test_nothing_counts_as_answered_before_it_is_stored(world, monkeypatch):
    """The disk refuses: the pass stops, and the ledger has not a word of what was not stored."""
    shelf = world.shelf

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(shelf.candles, "append", refuse)
    monkeypatch.setattr(World, "shelf", property(lambda _: shelf))
    with pytest.raises(StoreError, match="no space left"):
        await world.backfill(TODAY)
    assert Coverage(world.folder / "coverage.db").spans("15m") == {}


async def test_a_venue_that_is_down_is_one_sentence_and_the_stored_bars_stay(world):
    """Not one answer: the pass fails as a whole instead of calling every symbol bad."""
    await world.backfill(TODAY)
    before = world.stored("A/USDT")
    world.now += BAR.delta
    world.venue.failing = {NOON.replace(minute=0)}
    with pytest.raises(Unreachable, match="no candles of any of 2 symbols; what is stored stays"):
        await world.backfill(TODAY)
    assert world.stored("A/USDT") == before


async def test_each_bar_length_has_its_own_history(tmp_path):
    """Hours are asked for although quarters are there; weeks begin on Mondays."""
    for name, bars in [("15m", 10 * 96 + 48), ("1h", 10 * 24 + 12), ("1w", 1)]:
        world = World(tmp_path)
        world.venue.bar = timeframe(name)
        done = await world.backfill(TODAY - 10 * DAY)
        assert done.bars == 2 * bars, name
        assert len(world.stored("A/USDT")) == bars


async def test_the_ledger_holds_whole_bars_up_to_now(world):
    """What later passes build on."""
    await world.backfill(TODAY)
    end = to_ms(NOON.replace(minute=0))
    assert world.shelf.coverage.spans("15m") == {name: [(to_ms(TODAY), end)] for name in world.symbols}


async def test_a_doubted_bar_at_the_edge_is_asked_for_once_more(world):
    """Its first bar came impossible: one further pass asks for that slot; mended meanwhile, it is stored."""
    world.venue.bad["A/USDT"] = TODAY
    await world.backfill(TODAY)
    assert world.stored("A/USDT")[0] == TODAY + BAR.delta
    world.venue.bad.clear()
    world.venue.spent()
    await world.backfill(TODAY)
    assert world.venue.spent() == [("A/USDT", TODAY, 1)]
    assert world.stored("A/USDT")[0] == TODAY


async def test_a_bar_that_stays_impossible_is_not_asked_for_for_ever(world):
    """The same bad bar a second time is what the venue has to say."""
    world.venue.bad["A/USDT"] = TODAY
    await world.backfill(TODAY)
    world.venue.spent()
    await world.backfill(TODAY)
    assert len(world.venue.spent()) == 1
    await world.backfill(TODAY)
    assert world.venue.spent() == []
