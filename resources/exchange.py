"""The exchange as a Dagster resource: one gateway, one limiter and one event loop per process."""

import asyncio
import atexit
import threading
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import dagster as dg
import polars as pl

from resources.settings import load_settings
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.market.symbols import Market

T = TypeVar("T")


class _Portal:
    """A gateway pool that lives on its own event loop, so that steps of one process share its limiter."""

    def __init__(self, settings: ExchangeSettings) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="exchange", daemon=True).start()
        self._pool = self._wait(_opened(settings))
        atexit.register(self.close)

    def call(self, use: Callable[[GatewayPool], Awaitable[T]]) -> T:
        return self._wait(use(self._pool))

    def close(self) -> None:
        if self._loop.is_running():
            self._wait(self._pool.close())
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _wait(self, awaitable: Awaitable[T]) -> T:
        async def run() -> T:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result()


async def _opened(settings: ExchangeSettings) -> GatewayPool:
    return await GatewayPool(settings).__aenter__()


_PORTALS: dict[ExchangeSettings, _Portal] = {}
_LOCK = threading.Lock()


class Exchange(dg.ConfigurableResource[None]):
    """The venue that the settings name; the embedded exchange and MEXC are one code path."""

    world: str = ""

    def call(self, use: Callable[[GatewayPool], Awaitable[T]]) -> T:
        """Run `use(pool)` on the process's exchange loop and return its result."""
        settings = load_settings(self.world).exchange_settings
        with _LOCK:
            portal = _PORTALS.get(settings)
            if portal is None:
                portal = _PORTALS[settings] = _Portal(settings)
        return portal.call(use)

    def listing(self) -> tuple[list[Market], str, datetime]:
        """Return every listed market, where it came from (ccxt or http), and the market time of the look."""

        async def ask(pool: GatewayPool) -> tuple[list[Market], str, datetime]:
            await pool.public.sync_clock()
            listed = await pool.public.markets()
            return listed, pool.public.source, pool.public.clock.now()

        return self.call(ask)

    def look(self) -> tuple[pl.DataFrame, datetime]:
        """Return all tickers of one call and the market time of the look."""

        async def ask(pool: GatewayPool) -> tuple[pl.DataFrame, datetime]:
            # The moment that everything below is "as of": asked, not estimated.
            await pool.public.sync_clock()
            at = pool.public.clock.now()
            return await pool.public.tickers(), at

        return self.call(ask)

    def book(self, symbol: str) -> pl.DataFrame:
        """Return the order book of `symbol` now."""

        async def ask(pool: GatewayPool) -> pl.DataFrame:
            return await pool.public.order_book(symbol)

        return self.call(ask)

    def market_time(self) -> datetime:
        """Return the venue's time now."""

        async def ask(pool: GatewayPool) -> datetime:
            await pool.public.sync_clock()
            return pool.public.clock.now()

        return self.call(ask)
