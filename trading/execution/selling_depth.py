"""How much of a symbol all users together may sell on one look at it, so that they do not sell into a hole.

Room is counted anew with every quote. What stands behind the best bid is known only after a look at the book;
until then a few times the best level stands for it. A flatten takes a share of the best level.
"""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

import polars as pl
import structlog

from trading.exchange.gateway import PublicGateway, Quote
from trading.execution.look_again import LEVELS, depth_within
from trading.execution.settings import EngineSettings
from trading.market.errors import SluiceError
from trading.market.symbols import Market
from trading.risk.slices import slice_amount

_log = structlog.get_logger("execution.selling_depth")
FRESH_S = 1.0  # a book is believed for so long


class Depth:
    """Room by symbol."""

    def __init__(
        self,
        public: PublicGateway,
        settings: EngineSettings,
        wall: Callable[[], float] = time.monotonic,
    ) -> None:
        self._public = public
        self._settings = settings
        self._wall = wall
        self._books: dict[str, tuple[float, pl.DataFrame]] = {}
        self._room: dict[str, tuple[Quote, Decimal]] = {}  # base units left of this quote
        self._asked: dict[str, asyncio.Lock] = {}

    def begin(self) -> None:
        """Count all room anew."""
        self._room.clear()

    def seen(self, symbol: str, book: pl.DataFrame) -> None:
        """Take a book that somebody asked for."""
        self._books[symbol] = self._wall(), book

    async def look(self, symbol: str) -> None:
        """Ask for the book, unless a fresh one is known; without an answer the best level has to do.

        However many ask at once: one request, or at a slow rate each would find the one before it too old.
        """
        if self._is_fresh(symbol):
            return
        lock = self._asked.setdefault(symbol, asyncio.Lock())
        is_asked = lock.locked()
        async with lock:
            if is_asked or self._is_fresh(symbol):
                return
            try:
                self.seen(symbol, await self._public.order_book(symbol, levels=LEVELS))
            except SluiceError as error:
                _log.info("book_unknown", symbol=symbol, error=f"{error!r}")

    def _is_fresh(self, symbol: str) -> bool:
        return self._wall() - self._books.get(symbol, (float("-inf"), None))[0] < FRESH_S

    def take(
        self, symbol: str, amount: Decimal, quote: Quote, limit: Decimal, market: Market, *, is_flatten: bool
    ) -> Decimal:
        """Return how much of `amount` goes now; 0 = others took what there was, wait for the next look."""
        known = self._room.get(symbol)
        room = known[1] if known is not None and known[0] is quote else self._all(quote, limit, is_flatten)
        part = slice_amount(amount, room, quote.bid, market)
        self._room[symbol] = quote, room - part
        return part

    def _all(self, quote: Quote, limit: Decimal, is_flatten: bool) -> Decimal:
        if is_flatten:
            return quote.bid_amount * self._settings.flatten_share
        if self._is_fresh(quote.symbol):
            _, book = self._books[quote.symbol]
            return max(quote.bid_amount, depth_within(book, limit))
        return quote.bid_amount * self._settings.exit_depths
