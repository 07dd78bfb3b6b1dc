"""An order book as the venue tells it, checked. Asking for it is `trading.exchange.public`'s matter."""

import math
from typing import Any

import polars as pl

from trading.market.errors import BadPayload
from trading.market.frames import BOOK

_SIDES = (("bid", "bids"), ("ask", "asks"))


def to_book(symbol: str, answer: Any) -> pl.DataFrame:
    """Return BOOK from the answer of ``/api/v3/depth``, best first on each side; empty levels are left out.

    Raises
    ------
    BadPayload
        If a side is missing, a level is no pair of numbers above 0, or the best bid reaches the best ask.
    """
    levels: list[tuple[str, float, float]] = []
    for side, key in _SIDES:
        rows = answer.get(key) if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise BadPayload(f"depth of {symbol}: the answer has no {key}")
        found = [_level(symbol, row) for row in rows]
        found = sorted((level for level in found if level[1] > 0), reverse=side == "bid")
        levels += [(side, price, amount) for price, amount in found]
    book = pl.DataFrame(levels, schema=BOOK, orient="row")
    best = dict(book.group_by("side", maintain_order=True).first().select("side", "price").iter_rows())
    if len(best) == 2 and best["bid"] >= best["ask"]:
        raise BadPayload(f"depth of {symbol}: bid {best['bid']} is not below ask {best['ask']}")
    return book


def _level(symbol: str, row: Any) -> tuple[float, float]:
    try:
        price, amount = float(row[0]), float(row[1])
    except (TypeError, ValueError, IndexError, KeyError):
        raise BadPayload(f"depth of {symbol}: no level of price and amount: {str(row)[:60]}") from None
    if not (0 < price < math.inf and 0 <= amount < math.inf):
        raise BadPayload(f"depth of {symbol}: a level has price {price} and amount {amount}")
    return price, amount
