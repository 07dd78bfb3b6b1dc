"""A venue in memory: so many symbols, a distance, a limiter, faults by symbol. Prices are a seeded walk."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from zlib import crc32

import numpy as np
import polars as pl

from tests.trading.scan.virtual import loop_time
from trading.exchange.throttle import Limiter
from trading.exchange.weights import weight_of
from trading.market.clock import ManualClock
from trading.market.errors import ExchangeError
from trading.market.frames import CANDLES, QUARANTINE, TICKERS
from trading.market.symbols import Market
from trading.market.timeframes import from_ms, timeframe

AT = datetime(2025, 3, 3, 12, 7, tzinfo=UTC)
BAR_MS = 900_000
BORN_MS = 1_700_000_000_000 // BAR_MS * BAR_MS


def symbols(count: int) -> list[str]:
    return [f"S{number:04d}/USDT" for number in range(count)]


def market(symbol: str, **changes: object) -> Market:
    base, quote = symbol.split("/")
    facts: dict[str, object] = {
        "symbol": symbol,
        "exchange_id": base + quote,
        "base": base,
        "quote": quote,
        "status": "1",
        "is_scannable": True,
        "is_api_tradable": True,
        "tick": Decimal("0.01"),
        "step": Decimal("0.001"),
        "min_amount": Decimal(0),
        "min_cost": Decimal(1),
        "max_cost": Decimal(2_000_000),
        "maker_fee": Decimal(0),
        "taker_fee": Decimal("0.0005"),
    }
    return Market(**(facts | changes))  # type: ignore[arg-type]


def bars(symbol: str, since_ms: int, end_ms: int, bar_ms: int = BAR_MS) -> pl.DataFrame:
    """The bars of `symbol` in [since, end): the same whichever window they are asked in."""
    opens = np.arange(since_ms, end_ms, bar_ms)
    place = (np.append(opens, end_ms) - BORN_MS) // bar_ms - 1
    seed = crc32(symbol.encode())
    # Sums of sines of unlike lengths look enough like a price, and need no path from the beginning.
    path = 100 + sum(np.sin((place + seed % 997) / length) * length / 8 for length in (7, 31, 97))
    opened, close = path[:-1], path[1:]
    high, low = np.maximum(opened, close) + 0.2, np.minimum(opened, close) - 0.2
    volume = np.full(len(opens), 50.0)
    columns = dict(zip(list(CANDLES)[2:], (opened, high, low, close, volume, volume * 100), strict=True))
    names = pl.Series("symbol", [symbol] * len(opens), dtype=pl.String)
    times = pl.Series("open_time", opens).cast(CANDLES["open_time"])
    return pl.DataFrame([names, times, *(pl.Series(name, column) for name, column in columns.items())])


class FakeVenue:
    """Gateway and limiter in one, as `run_scan` takes them; time is the loop's, market time stands still."""

    def __init__(
        self, listed: list[Market], *, rate: float = 50.0, burst: float | None = None, latency_s: float = 0.08
    ) -> None:
        self.limiter = Limiter(rate, burst=burst, wall=loop_time)
        self.listed = listed
        self.latency_s = latency_s
        self.clock = ManualClock.at(AT)
        self.source = "fake"
        self.volume: Callable[[str], float] = lambda symbol: 1e6
        self.fault: Callable[[str], Exception | None] = lambda symbol: None
        self.odd: set[str] = set()
        self.down: ExchangeError | None = None
        self.asked: list[tuple[str, int, int]] = []

    @property
    def public(self) -> "FakeVenue":
        return self

    async def sync_clock(self) -> None:
        await self._ask("time")

    async def markets(self) -> list[Market]:
        await self._ask("exchangeInfo")
        return self.listed

    async def tickers(self) -> pl.DataFrame:
        await self._ask("ticker/24hr")
        rows = [
            (each.symbol, self.clock.now(), 100.0, 99.9, 100.1, 99.0, 101.0, 98.0, 1e4, volume, 0.01)
            for each in self.listed
            if (volume := self.volume(each.symbol)) >= 0
        ]
        return pl.DataFrame(rows, schema=TICKERS, orient="row")

    async def candles(self, symbol, name, *, since_ms=None, limit=500, on_rejected=None) -> pl.DataFrame:
        self.asked.append((symbol, since_ms, limit))
        await self._ask("klines")
        fault = self.fault(symbol)
        if fault is not None:
            raise fault
        if symbol in self.odd and on_rejected is not None:
            row = (symbol, name, None, "malformed", "[null]", self.clock.now())
            on_rejected(pl.DataFrame([row], schema=QUARANTINE, orient="row"))
        bar = timeframe(name)
        end_ms = min(since_ms + limit * bar.ms, bar.floor_ms(self.clock.now_ms()))
        return bars(symbol, since_ms, end_ms, bar.ms)

    async def _ask(self, path: str) -> None:
        await self.limiter.acquire(weight_of("GET", path))
        await asyncio.sleep(self.latency_s)
        if self.down is not None:
            raise self.down


def everything(names: list[str], count: int = 500) -> pl.DataFrame:
    """All bars that a scan at `AT` looks at."""
    end_ms = int(AT.timestamp() * 1000) // BAR_MS * BAR_MS
    return pl.concat([bars(name, end_ms - count * BAR_MS, end_ms) for name in names])


__all__ = ["AT", "BAR_MS", "FakeVenue", "bars", "everything", "from_ms", "market", "symbols"]
