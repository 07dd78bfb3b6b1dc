"""What the market bears in one symbol: average minute volume, depth up to an entry's limit and exit band.

Volume: 24 h tickers, every few minutes. Depth: the best level of the quote; where that does not suffice for
what the fleet may want, the book is asked for, once per symbol and set (weight 3 each).
"""

import json
from collections.abc import Mapping
from decimal import Decimal

import structlog

from trading.exchange.gateway import PublicGateway, Quote
from trading.exchange.throttle import Priority, priority
from trading.market.errors import SluiceError
from trading.risk.fleet import Room
from trading.store.order_log import OrderLog

_log = structlog.get_logger("execution.liquidity")
MINUTES_A_DAY = 1440
_CURSOR = "fleet:minute_volume"  # JSON: symbol -> quote units in an average minute
LEVELS = 100


class Liquidity:
    """The newest look at each symbol."""

    def __init__(self, public: PublicGateway, exit_band: Decimal, log: OrderLog | None = None) -> None:
        self._public = public
        self._log = log
        self._band = exit_band
        self._minute: dict[str, Decimal] = {}
        self._depth: dict[str, tuple[Decimal, Decimal]] = {}  # asks up to the limit, bids within the band

    async def step(self) -> int:
        """Read what all symbols traded in a day; return how many. Goes behind all other requests.

        One worker asks the venue and writes it down, the others read that.
        """
        if self._log is not None and not self._log.scope.leads:
            told = json.loads(self._log.cursor(_CURSOR) or "{}")
            self._minute = {symbol: Decimal(volume) for symbol, volume in told.items()}
            return len(self._minute)
        with priority(Priority.SCAN):
            tickers = await self._public.tickers()
        rows = tickers.select("symbol", "volume_quote_24h").drop_nulls().iter_rows()
        self._minute = {symbol: Decimal(repr(volume)) / MINUTES_A_DAY for symbol, volume in rows}
        if self._log is not None:
            told = {symbol: format(volume, "f") for symbol, volume in self._minute.items()}
            self._log.set_cursor(_CURSOR, json.dumps(told))
        return len(self._minute)

    def room(self, symbol: str) -> Room:
        """Return what is known of a symbol."""
        asks, bids = self._depth.get(symbol, (None, None))
        return Room(self._minute.get(symbol), asks, bids)

    async def look(self, quotes: Mapping[str, Quote], limits: Mapping[str, Decimal], enough: Decimal) -> None:
        """Measure the depth of each symbol with a quote and a limit.

        Parameters
        ----------
        limits : mapping
            Symbol -> highest price an entry may pay.
        enough : Decimal
            Quote units of depth above which nobody needs to know more: then the best level is all there is.
        """
        thin = []
        for symbol, quote in quotes.items():
            asks, bids = quote.ask * quote.ask_amount, quote.bid * quote.bid_amount
            self._depth[symbol] = asks, bids
            if min(asks, bids) < enough and symbol in limits:
                thin.append(symbol)
        for symbol in thin:
            with priority(Priority.ENTRY):
                await self._book(symbol, quotes[symbol], limits[symbol])

    async def _book(self, symbol: str, quote: Quote, limit: Decimal) -> None:
        try:
            book = await self._public.order_book(symbol, levels=LEVELS)
        except SluiceError as error:  # the best level stays the bound: too little rather than too much
            _log.info("book_unknown", symbol=symbol, error=f"{error!r}")
            return
        least = quote.bid * (1 - self._band)
        asks = bids = Decimal(0)
        for side, price, amount in book.select("side", "price", "amount").iter_rows():
            level = Decimal(repr(price))
            worth = level * Decimal(repr(amount))
            if side == "ask" and level <= limit:
                asks += worth
            elif side == "bid" and level >= least:
                bids += worth
        self._depth[symbol] = max(asks, self._depth[symbol][0]), max(bids, self._depth[symbol][1])
