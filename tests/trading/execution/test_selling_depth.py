"""The book behind the best bid is asked for once, however many exits want to know."""

import asyncio

import polars as pl

from tests.trading.execution.fake_venue import D
from trading.exchange.gateway import Quote
from trading.execution.selling_depth import FRESH_S, Depth
from trading.execution.settings import EngineSettings
from trading.market.clock import ManualClock

AAA = "AAA/USDT"
BOOK = pl.DataFrame({"side": ["bid", "bid", "ask"], "price": [100.0, 99.0, 101.0], "amount": [1.0, 4.0, 1.0]})


class SlowBook:
    """A venue whose answers take longer than a book is believed: the limiter's line is long."""

    def __init__(self) -> None:
        self.asked = 0
        self.now_s = 0.0

    async def order_book(self, _symbol, *, levels):
        self.asked += levels > 0
        await asyncio.sleep(0)
        self.now_s += FRESH_S / 2
        return BOOK


async def test_many_exits_of_one_symbol_ask_for_its_book_once():
    """Ten want it at once. Asking one after the other, each would find the book before it half stale."""
    venue = SlowBook()
    depth = Depth(venue, EngineSettings(), wall=lambda: venue.now_s)
    await asyncio.gather(*(depth.look(AAA) for _ in range(10)))
    assert venue.asked == 1
    now = ManualClock(0).now()
    room = depth._all(Quote(AAA, D(100), D(101), D(1), D(1), now), D("98.5"), False)
    assert room == D(5)


async def test_stale_book_is_asked_for_again():
    """A second later it says nothing of now."""
    venue = SlowBook()
    depth = Depth(venue, EngineSettings(), wall=lambda: venue.now_s)
    await depth.look(AAA)
    venue.now_s += FRESH_S
    await depth.look(AAA)
    assert venue.asked == 2
