"""Public prints over REST, page by page."""

from typing import Any

import pytest

from tests.trading.exchange.feed.fakes import START_MS
from tests.trading.exchange.feed.test_mexc_wire import LISTED
from trading.exchange.feed.trades_rest import RestTrades
from trading.market.errors import BadPayload
from trading.market.orders import Side

HOUR_MS = 3_600_000


class Tape:
    """Prints every 100 ms from START on; a page holds at most 1,000, its newest."""

    def __init__(self, prints: int) -> None:
        self.rows = [
            {"a": None, "p": f"{n + 1}", "q": "2", "T": START_MS + 100 * n, "m": n % 2 == 0}
            for n in range(prints)
        ]
        self.queries: list[dict[str, Any]] = []

    async def get(self, path: str, params: dict[str, Any]) -> Any:
        assert path == "aggTrades"
        assert params["endTime"] - params["startTime"] <= HOUR_MS
        self.queries.append(params)
        found = [row for row in self.rows if params["startTime"] <= row["T"] <= params["endTime"]]
        return found[-params["limit"] :][::-1]


def reader(tape: Any, now_ms: int) -> RestTrades:
    called = {market.symbol: market for market in LISTED.values()}
    return RestTrades(tape.get, called.__getitem__, lambda: now_ms)


async def test_prints_come_oldest_first_from_the_asked_moment_on() -> None:
    """One page; the seller took where the buyer was the maker."""
    tape = Tape(5)
    found = await reader(tape, START_MS + 10_000).trades("BTC/USDT", START_MS + 200)
    assert [str(trade.price) for trade in found] == ["3", "4", "5"]
    assert [trade.side for trade in found] == [Side.SELL, Side.BUY, Side.SELL]
    assert len(tape.queries) == 1


async def test_gap_of_more_than_a_page_or_an_hour_is_read_whole() -> None:
    """Full pages are asked again in halves, long gaps hour by hour; nothing double at the seams."""
    tape = Tape(3_500)
    now_ms = START_MS + 2 * HOUR_MS + 5
    found = await reader(tape, now_ms).trades("BTC/USDT", START_MS)
    assert [int(trade.price) for trade in found] == list(range(1, 3_501))


@pytest.mark.parametrize(
    "answer", [None, {"code": 1}, [None], [{"p": "1", "q": "1"}], [{"p": "0", "q": "1", "T": 1}]]
)
async def test_garbage_is_refused(answer: Any) -> None:
    """It must not become prints."""

    class Garbage:
        async def get(self, path: str, params: dict[str, Any]) -> Any:
            return answer

    with pytest.raises(BadPayload):
        await reader(Garbage(), START_MS).trades("BTC/USDT", START_MS)
