"""What the scan would have cost one symbol after another, and what the venue's own limit allows."""

import asyncio
import time

from interfaces.run.record import ScanSpeed
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.public import PAGE_BARS

SAMPLE = 30


def scan_speed(
    settings: ExchangeSettings,
    symbols: list[str],
    *,
    timeframe: str,
    bars: int,
    took_s: float,
    requests: int,
    http_429: int,
    round_trip_ms: float,
) -> ScanSpeed:
    """Fetch the candles of a sample one request after another and extrapolate to all symbols scanned.

    The floor is weight over rate: every candle page weighs 1, whoever asks.
    """
    sample = symbols[:: max(len(symbols) // SAMPLE, 1)][:SAMPLE]
    spent = asyncio.run(_one_by_one(settings, sample, timeframe, bars))
    return ScanSpeed(
        one_by_one_s=spent / max(len(sample), 1) * len(symbols),
        sample=len(sample),
        took_s=took_s,
        floor_s=requests / settings.rate_per_s,
        requests=requests,
        rate_per_s=settings.rate_per_s,
        round_trip_ms=round_trip_ms,
        http_429=http_429,
    )


async def _one_by_one(settings: ExchangeSettings, symbols: list[str], timeframe: str, bars: int) -> float:
    from trading.market.timeframes import timeframe as named

    length = named(timeframe).ms
    async with GatewayPool(settings) as pool:
        await pool.public.markets()
        end = named(timeframe).floor_ms(pool.public.clock.now_ms())
        began = time.monotonic()
        for symbol in symbols:
            for since in range(end - bars * length, end, PAGE_BARS * length):
                limit = min(PAGE_BARS, (end - since) // length)
                await pool.public.candles(symbol, timeframe, since_ms=since, limit=limit)
        return time.monotonic() - began
