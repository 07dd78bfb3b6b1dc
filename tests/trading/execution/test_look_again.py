"""A second look asked for: one symbol that the venue does not show keeps no other from its look."""

import asyncio
from collections import Counter

import polars as pl

from tests.trading.execution.world import START
from trading.execution.look_again import LookAgain
from trading.market.clock import ManualClock
from trading.market.errors import SymbolHalted
from trading.market.timeframes import to_ms


class Books:
    """A venue that shows the books of all symbols but one, and counts who was asked for."""

    def __init__(self, halted: str) -> None:
        self.halted, self.asked = halted, Counter[str]()
        self.clock = ManualClock(to_ms(START))
        self.public = self

    async def order_book(self, symbol: str, *, levels: int) -> pl.DataFrame:
        self.asked[symbol] += 1
        if symbol == self.halted:
            raise SymbolHalted(f"{symbol} is halted")
        return pl.DataFrame({"side": ["bid", "ask"], "price": [9.0, 10.0], "amount": [5.0, 5.0]})


async def test_a_symbol_that_is_not_shown_keeps_no_other_from_its_look() -> None:
    """AAA is halted: BBB is seen at once; AAA is asked at 0, 0.2 and 0.6 s, not every 0.2 s for ever."""
    venue = Books("AAA/USDT")
    seen = []
    again = LookAgain(venue, lambda quote: seen.append((quote.symbol, quote.bid)))
    again.want("AAA/USDT", 0.0)
    again.want("BBB/USDT", 0.0)
    await asyncio.sleep(0.1)
    assert [symbol for symbol, _ in seen] == ["BBB/USDT"]
    await asyncio.sleep(1.0)
    assert venue.asked["BBB/USDT"] == 1
    assert 2 <= venue.asked["AAA/USDT"] <= 3
    await again.close()
