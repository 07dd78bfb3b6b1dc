"""Holes between stored bars: found, asked for again, and written down with what became of each."""

from datetime import timedelta

import pytest

from tests.trading.ohlcv.venue import BAR, DAY, TODAY, World
from trading.store.gaps import CONFIRMED, OPEN, REFETCHED

HOUR = timedelta(hours=1)
START = TODAY - 2 * DAY
HOLE = (START + 5 * HOUR, START + 7 * HOUR)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def book(world: World) -> list[tuple[object, ...]]:
    return world.shelf.gaps.read("15m").select("symbol", "start", "end", "bars", "state").rows()


async def test_nothing_is_asked_where_nothing_is_missing(world):
    """No hole, no request, no line in the book."""
    await world.backfill(START)
    world.venue.spent()
    done = await world.repair(START)
    assert (done.found, done.requests, world.venue.spent(), book(world)) == (0, 0, [], [])
    assert done.sentence == "15m: no hole between stored bars"


async def test_bars_lost_from_the_files_come_back(world):
    """The ledger says they were answered; the files say otherwise, and the files are what we trade on."""
    await world.backfill(START)
    before = world.stored("A/USDT")
    world.lose("A/USDT", *HOLE)
    world.venue.spent()
    done = await world.repair(START)
    assert world.venue.spent() == [("A/USDT", HOLE[0], 8)]
    assert (done.found, done.filled, done.confirmed, done.still_open, done.bars) == (1, 1, 0, 0, 8)
    assert world.stored("A/USDT") == before
    assert book(world) == [("A/USDT", *HOLE, 8, REFETCHED)]


async def test_a_hole_that_the_venue_has_too_is_confirmed_and_left_alone(world):
    """Asked for again once; later passes know."""
    world.venue.silent["A/USDT"] = HOLE
    await world.backfill(START)
    first = await world.repair(START)
    assert (first.found, first.confirmed) == (1, 1)
    assert book(world) == [("A/USDT", *HOLE, 8, CONFIRMED)]
    world.venue.spent()
    second = await world.repair(START)
    assert (second.found, second.known, second.requests, world.venue.spent()) == (1, 1, 0, [])
    assert book(world) == [("A/USDT", *HOLE, 8, CONFIRMED)]


async def test_a_confirmed_hole_is_asked_for_on_demand(world):
    """`again`: the venue may have mended its history."""
    world.venue.silent["A/USDT"] = HOLE
    await world.backfill(START)
    await world.repair(START)
    world.venue.silent.clear()
    done = await world.repair(START, again=True)
    assert (done.filled, done.bars) == (1, 8)
    assert book(world) == [("A/USDT", *HOLE, 8, REFETCHED)]


async def test_a_hole_without_an_answer_stays_open(world):
    """Open in the book, and asked for by the next pass."""
    await world.backfill(START)
    world.lose("A/USDT", *HOLE)
    world.venue.failing = {HOLE[0]}
    done = await world.repair(START)
    assert (done.still_open, set(done.failed)) == (1, {"A/USDT"})
    assert book(world) == [("A/USDT", *HOLE, 8, OPEN)]
    world.venue.failing = set()
    assert (await world.repair(START)).filled == 1
    assert book(world) == [("A/USDT", *HOLE, 8, REFETCHED)]


async def test_what_is_left_of_a_hole_is_confirmed(world):
    """Two of eight bars come back: the rest is the venue's own, and known by its new bounds."""
    await world.backfill(START)
    world.lose("A/USDT", *HOLE)
    world.venue.silent["A/USDT"] = (HOLE[0], HOLE[1] - 2 * BAR.delta)
    done = await world.repair(START)
    assert (done.bars, done.confirmed) == (2, 1)
    assert book(world) == [("A/USDT", HOLE[0], HOLE[1] - 2 * BAR.delta, 6, CONFIRMED)]
    world.venue.spent()
    await world.repair(START)
    assert world.venue.spent() == []


async def test_holes_of_one_symbol_share_a_page(world):
    """Two holes within 500 bars: one request."""
    await world.backfill(START)
    world.lose("A/USDT", *HOLE)
    world.lose("A/USDT", HOLE[1] + HOUR, HOLE[1] + 2 * HOUR)
    done = await world.repair(START)
    assert (done.found, done.requests, done.filled) == (2, 1, 2)


async def test_a_bound_on_requests_leaves_the_rest_open(world):
    """A pass with little time mends the oldest hole; the book keeps the others for the next."""
    await world.backfill(START)
    world.lose("A/USDT", *HOLE)
    world.lose("B/USDT", HOLE[0] + HOUR, HOLE[1])
    done = await world.repair(START, most_pages=1)
    assert (done.requests, done.filled, done.still_open) == (1, 1, 1)
    assert [(row[0], row[-1]) for row in book(world)] == [("A/USDT", REFETCHED), ("B/USDT", OPEN)]


async def test_a_hole_closed_by_other_hands_is_closed_in_the_book(world):
    """A scan stored the bars meanwhile."""
    await world.backfill(START)
    before = world.shelf.candles.read("15m")
    world.lose("A/USDT", *HOLE)
    world.venue.failing = {HOLE[0]}
    await world.repair(START)
    world.shelf.candles.append("15m", before, tag="scan")
    await world.repair(START)
    assert book(world) == [("A/USDT", *HOLE, 8, REFETCHED)]


async def test_an_impossible_bar_leaves_a_confirmed_hole(world):
    """The venue sends it again and again: set aside, and the hole is not asked for on every pass."""
    world.venue.bad["A/USDT"] = HOLE[0]
    await world.backfill(START)
    await world.repair(START)
    assert book(world) == [("A/USDT", HOLE[0], HOLE[0] + BAR.delta, 1, CONFIRMED)]
    assert world.shelf.quarantine.counts()["rows"].to_list() == [1]


async def test_a_hole_longer_than_a_page_is_confirmed_when_all_its_pages_came(world):
    """Eight days without a trade: two pages; with the second one lost the hole stays open."""
    start = TODAY - 12 * DAY
    hole = (start + DAY, start + 9 * DAY)
    world.venue.silent["A/USDT"] = hole
    await world.backfill(start)
    world.venue.failing = {hole[0] + 500 * BAR.delta}
    assert (await world.repair(start)).still_open == 1
    world.venue.failing = set()
    assert (await world.repair(start)).confirmed == 1
