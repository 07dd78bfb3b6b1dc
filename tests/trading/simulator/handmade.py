"""A small market whose path is written down by hand: straight lines between chosen points."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from trading.market.timeframes import TIMEFRAMES
from trading.simulator.source import Bars, Pair, PathStep, Snapshot

START_MS = 1_772_409_600_000  # Monday 2026-03-02 00:00 UTC
MINUTE_MS = 60_000
SEED = 7

type Path = list[tuple[int, int]]  # (ms after START_MS, ticks), ascending; straight lines between


def pair(symbol: str = "AAAUSDT", **changes: Any) -> Pair:
    """Return a pair with a tick of 0.01 and a step of 0.001."""
    base = symbol.removesuffix("USDT")
    plain = Pair(
        symbol=symbol, base=base, quote="USDT", full_name=f"{base} coin", price_decimals=2, amount_decimals=3,
        min_amount=Decimal(0), min_cost=Decimal(1), max_cost=Decimal(2_000_000), maker_fee=Decimal(0),
        taker_fee=Decimal("0.0005"), status="1", is_api_tradable=True, listed_ms=0, delisted_ms=None,
        sector=-1, has_edge=False,
    )  # fmt: skip
    return replace(plain, **changes)


class FakeMarket:
    """A `MarketSource` whose prices are straight lines and whose volume flows evenly."""

    kind = "synthetic"
    seed: int | None = SEED
    timeframes = tuple(name for name in TIMEFRAMES if name != "1m")
    finest_timeframe = "5m"
    first_ms = START_MS - 400 * 86_400_000
    last_ms: int | None = None
    default_start_ms = START_MS

    def __init__(self, *pairs: Pair, steps_per_minute: int = 60_000) -> None:
        self.pairs = {p.symbol: p for p in pairs or (pair(),)}
        self.paths: dict[str, Path] = {symbol: [(0, 10_000)] for symbol in self.pairs}
        self.steps_per_minute = steps_per_minute

    def price(self, symbol: str, now_ms: int) -> int:
        times, ticks = zip(*self.paths[symbol], strict=True)
        return round(float(np.interp(now_ms - START_MS, times, ticks)))

    def half_spread(self, symbol: str, now_ms: int) -> int:
        return 2

    def step_path(self, symbol: str, from_ms: int, to_ms: int) -> PathStep:
        inside = [t for ms, t in self.paths[symbol] if from_ms < START_MS + ms <= to_ms]
        seen = [self.price(symbol, from_ms), self.price(symbol, to_ms), *inside]
        return PathStep(min(seen), max(seen), seen[1], self.flow(from_ms, to_ms))

    def flow(self, from_ms: int, to_ms: int) -> int:
        """Return the steps traded in (from_ms, to_ms]."""
        return to_ms * self.steps_per_minute // MINUTE_MS - from_ms * self.steps_per_minute // MINUTE_MS

    def bars(self, symbol: str, timeframe: str, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        frame = TIMEFRAMES[timeframe]
        at = frame.floor_ms(max(start_ms, self.first_ms))
        rows = []
        while at < end_ms and at <= now_ms:
            if at >= start_ms:
                rows.append((at, *self._bar(symbol, at, min(frame.next_ms(at), now_ms))))
            at = frame.next_ms(at)
        return Bars(*np.array(rows, dtype=np.int64).reshape(-1, 7).T)

    def _bar(self, symbol: str, at: int, until: int) -> tuple[int, ...]:
        low, high, last, volume = self.step_path(symbol, at, until)
        return self.price(symbol, at), high, low, last, volume, volume * last

    def snapshot(self, now_ms: int) -> Snapshot:
        rows = []
        for symbol in self.pairs:
            last, half = self.price(symbol, now_ms), self.half_spread(symbol, now_ms)
            low, high, _, volume = self.step_path(symbol, now_ms - 86_400_000, now_ms)
            opened = self.price(symbol, now_ms - 86_400_000)
            rows.append((last, last - half, last + half, opened, high, low, volume, volume * last * 10))
        return Snapshot(*np.array(rows, dtype=np.int64).T)
