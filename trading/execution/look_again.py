"""A further look at one symbol, asked for when the stream brings none in time.

Few symbols are asked for their book (weight 3, and the depth is known then), many by the one call for all
quotes (weight 10). Goes before all other requests.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal

import polars as pl
import structlog

from trading.exchange.gateway import Quote
from trading.exchange.throttle import Priority, priority
from trading.execution.desk import Desk
from trading.market.errors import SluiceError

_log = structlog.get_logger("execution.look_again")
FEW, LEVELS = 3, 20
RETRY_S, MOST_RETRY_S = 0.2, 5.0  # before a symbol that could not be looked at is tried again, doubling

type Take = Callable[[Quote], None]
type TakeBook = Callable[[str, pl.DataFrame], None]


class LookAgain:
    """Timers by symbol, and one request at a time for those whose time has come."""

    def __init__(self, desk: Desk, take: Take, take_book: TakeBook = lambda _symbol, _book: None) -> None:
        self._desk = desk
        self._take = take
        self._take_book = take_book
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._due: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._failures: Counter[str] = Counter()  # in a row, by symbol
        self.looks = 0

    def want(self, symbol: str, after_s: float) -> None:
        """Look at `symbol` in `after_s` wall seconds, unless `drop` comes first."""
        if symbol not in self._timers and symbol not in self._due:
            loop = asyncio.get_running_loop()
            self._timers[symbol] = loop.call_later(after_s, self._is_due, symbol)

    def drop(self, symbol: str) -> None:
        """A newer observation has come by itself: no need to ask."""
        timer = self._timers.pop(symbol, None)
        if timer is not None:
            timer.cancel()
        self._due.discard(symbol)
        self._failures.pop(symbol, None)

    async def close(self) -> None:
        """Ask for nothing more."""
        for symbol in list(self._timers):
            self.drop(symbol)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _is_due(self, symbol: str) -> None:
        self._timers.pop(symbol, None)
        self._due.add(symbol)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._ask())

    async def _ask(self) -> None:
        with priority(Priority.EXIT):
            while self._due:
                symbols = sorted(self._due)
                quotes, failed = await self._look(symbols)
                self.looks += 1
                self._due.difference_update(symbols)
                for symbol in failed:
                    self._failures[symbol] += 1
                    self.want(symbol, min(RETRY_S * 2 ** (self._failures[symbol] - 1), MOST_RETRY_S))
                for quote in quotes.values():
                    self._guarded(quote)

    def _guarded(self, quote: Quote) -> None:
        try:
            self._take(quote)
        except Exception:  # one symbol's trouble must not end the second look at all others
            _log.exception("quote_not_heard", symbol=quote.symbol)

    async def _look(self, symbols: list[str]) -> tuple[dict[str, Quote], list[str]]:
        """Return quotes, and the symbols that could not be looked at; these keep no other from its look."""
        found: dict[str, Quote] = {}
        failed: list[str] = []
        if len(symbols) > FEW:
            try:
                return await self._desk.quotes(symbols), []
            except SluiceError as error:
                _log.info("second_look_failed", symbols=len(symbols), error=f"{error!r}")
                return {}, symbols
        for symbol in symbols:
            try:
                book = await self._desk.public.order_book(symbol, levels=LEVELS)
            except SluiceError as error:
                _log.info("second_look_failed", symbol=symbol, error=f"{error!r}")
                failed.append(symbol)
                continue
            self._take_book(symbol, book)
            quote = best_of(symbol, book, self._desk)
            if quote is not None:
                found[symbol] = quote
        return found, failed


def best_of(symbol: str, book: pl.DataFrame, desk: Desk) -> Quote | None:
    """Return the best bid and ask of a book; None where a side is empty."""
    best: dict[str, tuple[Decimal, Decimal]] = {}
    for side, price, amount in book.select("side", "price", "amount").iter_rows():
        level = Decimal(repr(price)), Decimal(repr(amount))
        known = best.get(side)
        if known is None or (level[0] > known[0]) == (side == "bid"):
            best[side] = level
    if len(best) < 2:
        return None
    bid, ask = best["bid"], best["ask"]
    return Quote(symbol, bid[0], ask[0], bid[1], ask[1], desk.public.clock.now())


def depth_within(book: pl.DataFrame, least: Decimal) -> Decimal:
    """Return the base units that stand bid at `least` or above."""
    rows: Mapping[str, list[float]] = book.filter(pl.col("side") == "bid").to_dict(as_series=False)
    pairs = zip(rows["price"], rows["amount"], strict=True)
    return sum(
        (Decimal(repr(amount)) for price, amount in pairs if Decimal(repr(price)) >= least), Decimal(0)
    )
