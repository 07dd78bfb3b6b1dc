"""The order book: asked for under the wire name, checked, best first."""

from typing import Any

import pytest

from trading.exchange.book import to_book
from trading.exchange.pool import GatewayPool
from trading.market.errors import BadInput, BadPayload, UnknownSymbol

from .conftest import Answer, Venue

GOOD = {
    "lastUpdateId": 1,
    "bids": [["98", "2"], ["99", "1"]],
    "asks": [["101.5", "4"], ["101", "3"], ["102", "0"]],
}


async def test_a_book_is_asked_for_by_the_wire_name_and_comes_best_first(
    venue: Venue, pool: GatewayPool
) -> None:
    """Levels out of order are put in order; a level of nothing is left out."""
    venue.answers["GET", "depth"] = Answer(GOOD)
    book = await pool.public.order_book("BTC/USDT", levels=50)
    assert venue.of("depth")[0].query == {"symbol": "BTCUSDT", "limit": "50"}
    assert book.rows() == [("bid", 99.0, 1.0), ("bid", 98.0, 2.0), ("ask", 101.0, 3.0), ("ask", 101.5, 4.0)]


async def test_a_book_that_cannot_be_meant_is_refused(venue: Venue, pool: GatewayPool) -> None:
    """Before anything is asked of the venue."""
    with pytest.raises(BadInput, match="levels must be at least 1, was 0"):
        await pool.public.order_book("BTC/USDT", levels=0)
    with pytest.raises(UnknownSymbol):
        await pool.public.order_book("NOSUCH/USDT")
    assert venue.of("depth") == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([], "has no bids"),
        ({"bids": []}, "has no asks"),
        (GOOD | {"asks": [["x", "1"]]}, "no level of price and amount"),
        (GOOD | {"asks": [["101"]]}, "no level of price and amount"),
        (GOOD | {"asks": [["nan", "1"]]}, "price nan"),
        (GOOD | {"asks": [["0", "1"]]}, "price 0.0"),
        (GOOD | {"bids": [["101", "1"]]}, "bid 101.0 is not below ask 101.0"),
    ],
)
def test_an_answer_that_is_no_book_is_one_clear_error(answer: Any, words: str) -> None:
    """Names the symbol and what was wrong."""
    with pytest.raises(BadPayload, match=words):
        to_book("BTC/USDT", answer)


def test_an_empty_side_is_a_book_too() -> None:
    """A pair that nobody sells: bids alone."""
    assert to_book("A/USDT", {"bids": [["1", "1"]], "asks": []})["side"].to_list() == ["bid"]
