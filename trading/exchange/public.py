"""Market data for everybody: one look at a time, over ccxt or, when that fails, over plain HTTP."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from trading.exchange.bars import OnRejected, to_candles
from trading.exchange.book import to_book
from trading.exchange.clock_sync import SyncedClock
from trading.exchange.gateway import Quote
from trading.exchange.listing import MarketTable, to_markets
from trading.exchange.prices import to_quotes, to_tickers
from trading.exchange.public_api import HttpWire, PublicWire
from trading.market.errors import BadInput, BadPayload, ExchangeError, RateLimited, Unreachable
from trading.market.frames import CANDLES, empty
from trading.market.symbols import Market
from trading.market.timeframes import Timeframe
from trading.market.timeframes import timeframe as find_timeframe

_LOG = logging.getLogger(__name__)

# MEXC's page says 1000 rows, in practice it gives 500 (ccxt's mexc.py says so too).
PAGE_BARS = 500
# How old the last word on market time may be when candles are asked for, in wall seconds.
_CLOCK_AGE_S = 5.0
_EXAMPLES = 5


class PublicMarketData:
    """A `trading.exchange.gateway.PublicGateway`.

    `rejected` counts dropped candle rows by reason; `left_out` names the markets that the last listing
    had and we could not use, each with its reason.
    """

    def __init__(
        self,
        primary: PublicWire,
        fallback: HttpWire,
        *,
        table: MarketTable,
        clock: SyncedClock,
        unify: Callable[[str], str],
    ) -> None:
        self._primary = primary
        self._fallback = fallback
        self._table = table
        self._clock = clock
        self._unify = unify
        self._wire: PublicWire | None = None
        self._listing = asyncio.Lock()
        self.rejected: Counter[str] = Counter()
        self.left_out: dict[str, str] = {}

    @property
    def clock(self) -> SyncedClock:
        """Market time, synchronised to `/time`."""
        return self._clock

    @property
    def source(self) -> str:
        """The way the listing came: "ccxt", "http", or "none" before the first."""
        return "none" if self._wire is None else self._wire.name

    async def sync_clock(self) -> None:
        """Compare our market clock with the venue's now."""
        await self._clock.sync()

    async def markets(self) -> list[Market]:
        """Return everything listed now: ccxt's `load_markets`, else plain HTTP.

        Raises
        ------
        BadPayload, Unreachable
            If both ways failed; the message says what each ran into.
        """
        api_symbols = await self._api_symbols()
        try:
            rows = await self._primary.exchange_info()
            wire: PublicWire = self._primary
        except RateLimited:
            raise  # asking the same venue another way would only make it worse
        except (BadPayload, Unreachable) as error:
            _LOG.warning("the listing by ccxt failed, trying plain HTTP: %s", error)
            rows = await self._fallback_rows(error)
            wire = self._fallback
        left_out: dict[str, str] = {}
        markets = to_markets(rows, self._unify, api_symbols, rejected=left_out)
        self._tell(left_out)
        if not markets:
            raise BadPayload(f"exchangeInfo over {wire.name}: none of {len(rows)} rows is a usable market")
        self._table.replace(markets)
        self._wire = wire
        return markets

    async def tickers(self) -> pl.DataFrame:
        """Return `frames.TICKERS` of all listed symbols, in one call."""
        wire = await self._ready()
        rows = await wire.get("ticker/24hr", {})
        await self._clock.fresh(_CLOCK_AGE_S)
        return to_tickers(rows, self._table.by_id, now=self._clock.now())

    async def candles(
        self,
        symbol: str,
        timeframe: str,
        *,
        since_ms: int | None = None,
        limit: int = PAGE_BARS,
        on_rejected: OnRejected | None = None,
    ) -> pl.DataFrame:
        """Return closed, validated bars, oldest first, asking as many pages as `limit` needs.

        `on_rejected` gets `frames.QUARANTINE` rows of each page that had any.

        Raises
        ------
        UnknownSymbol, UnknownTimeframe, BadInput
            If the request cannot be meant.
        ExchangeError
            If the venue did not answer usefully after retries.
        """
        if limit < 1:
            raise BadInput(f"limit must be at least 1, was {limit}")
        bar = find_timeframe(timeframe)
        wire = await self._ready()
        market = self._table.get(symbol)
        await self._clock.fresh(_CLOCK_AGE_S)
        closed_by_ms = self._clock.known_ms()
        end_ms = bar.floor_ms(closed_by_ms)
        start_ms = _back(bar, end_ms, limit) if since_ms is None else _first_open(bar, since_ms)
        frames = []
        for page_ms, page_end_ms in _pages(bar, start_ms, end_ms, limit):
            rows = await wire.get(
                "klines",
                {
                    "symbol": market.exchange_id,
                    "interval": bar.wire,
                    "startTime": page_ms,
                    "endTime": page_end_ms,
                    "limit": PAGE_BARS,
                },
            )
            frames.append(
                to_candles(
                    symbol,
                    rows,
                    timeframe=bar,
                    closed_by_ms=closed_by_ms,
                    rejected=self.rejected,
                    window_ms=(page_ms, page_end_ms),
                    now_ms=max(closed_by_ms, self._clock.now_ms()),
                    on_rejected=on_rejected,
                )
            )
        if len(frames) == 1:
            return frames[0]
        return pl.concat(frames) if frames else empty(CANDLES)

    async def quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return best bid and ask of those `symbols` that have both; one request however many."""
        wire = await self._ready()
        wanted = {market.exchange_id: market for market in map(self._table.get, symbols)}
        if not wanted:
            return {}
        params: dict[str, Any] = {"symbol": next(iter(wanted))} if len(wanted) == 1 else {}
        rows = await wire.get("ticker/bookTicker", params)
        await self._clock.fresh(_CLOCK_AGE_S)
        return to_quotes(rows, wanted, at=self._clock.now())

    async def order_book(self, symbol: str, *, levels: int = 500) -> pl.DataFrame:
        """Return `frames.BOOK` of one symbol now, at most `levels` a side.

        Raises
        ------
        UnknownSymbol, BadInput
            If the request cannot be meant.
        BadPayload
            If the answer is no order book.
        """
        if levels < 1:
            raise BadInput(f"levels must be at least 1, was {levels}")
        wire = await self._ready()
        params = {"symbol": self._table.get(symbol).exchange_id, "limit": levels}
        return to_book(symbol, await wire.get("depth", params))

    async def close(self) -> None:
        """Nothing to release: the pool owns the connections."""

    def _tell(self, left_out: dict[str, str]) -> None:
        if left_out != self.left_out and left_out:
            examples = "; ".join(f"{name}: {reason}" for name, reason in list(left_out.items())[:_EXAMPLES])
            _LOG.warning("%d listed markets are left out: %s", len(left_out), examples)
        self.left_out = left_out

    async def _ready(self) -> PublicWire:
        # Many workers begin at once; one of them asks for the listing, the others wait for it.
        async with self._listing:
            if self._wire is None:
                await self.markets()
        return self._wire or self._fallback

    async def _api_symbols(self) -> set[str] | None:
        """Return the ids open to the API, or None where the venue does not say."""
        try:
            data = await self._fallback.get("defaultSymbols", {})
        except RateLimited:
            raise
        except ExchangeError as error:
            _LOG.warning("the list of symbols open to the API is not to be had: %s", error)
            return None
        listed = data.get("data") if isinstance(data, dict) else data
        return {str(name) for name in listed} if isinstance(listed, list) and listed else None

    async def _fallback_rows(self, first: Exception) -> list[Any]:
        try:
            return await self._fallback.exchange_info()
        except (BadPayload, Unreachable) as second:
            raise type(second)(
                f"no listing to be had. Tried the gateway by ccxt ({first}), then plain HTTP ({second})"
            ) from second


def _first_open(bar: Timeframe, since_ms: int) -> int:
    opens = bar.floor_ms(since_ms)
    return opens if opens == since_ms else bar.next_ms(opens)


def _back(bar: Timeframe, end_ms: int, bars: int) -> int:
    if bar.name != "1M":
        return end_ms - bars * bar.ms
    start = end_ms
    for _ in range(bars):
        start = bar.floor_ms(start - 1)
    return start


def _pages(bar: Timeframe, start_ms: int, end_ms: int, limit: int) -> list[tuple[int, int]]:
    pages = []
    at, left = start_ms, limit
    while at < end_ms and left > 0:
        count = min(left, PAGE_BARS)
        until = at + count * bar.ms if bar.name != "1M" else at + count * 31 * 86_400_000
        pages.append((at, min(until, end_ms)))
        at, left = (until if bar.name != "1M" else bar.floor_ms(until)), left - count
    return pages
