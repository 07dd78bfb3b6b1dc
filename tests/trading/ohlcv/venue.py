"""A venue that answers pages from memory, and a shelf with passes over it: what tests of history share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from trading.exchange.throttle import LimiterStats
from trading.market.errors import Unreachable
from trading.market.frames import CANDLES, QUARANTINE, empty
from trading.market.timeframes import Timeframe, from_ms, timeframe, to_ms
from trading.ohlcv.backfill import Pass, backfill
from trading.ohlcv.plan import bar_window
from trading.ohlcv.repair import Repair, repair
from trading.ohlcv.shelf import Shelf

BAR = timeframe("15m")
DAY = timedelta(days=1)
TODAY = datetime(2026, 8, 17, tzinfo=UTC)
NOON = TODAY + timedelta(hours=12, minutes=3)


@dataclass
class FakeVenue:
    """Some symbols began late, some hours had no trades, some pages fail, some bars are impossible."""

    bar: Timeframe = BAR
    born: dict[str, datetime] = field(default_factory=dict)
    silent: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    bad: dict[str, datetime] = field(default_factory=dict)
    failing: set[datetime] = field(default_factory=set)
    asked: list[tuple[str, datetime, int]] = field(default_factory=list)

    async def candles(self, symbol, name, *, since_ms, limit, on_rejected=None):
        bar, since = timeframe(name), from_ms(since_ms)
        self.asked.append((symbol, since, limit))
        if since in self.failing:
            raise Unreachable("no answer")
        opens = [from_ms(since_ms + n * bar.ms) for n in range(limit)]
        low, high = self.silent.get(symbol, (NOON, NOON))
        there = [at for at in opens if at >= self.born.get(symbol, at) and not low <= at < high]
        rows = [(symbol, at, *price_of(at)) for at in there if at != self.bad.get(symbol)]
        if self.bad.get(symbol) in there and on_rejected is not None:
            bad = [(symbol, name, self.bad[symbol], "high_below_low", "[1,2]", NOON)]
            on_rejected(pl.DataFrame(bad, schema=QUARANTINE, orient="row"))
        return pl.DataFrame(rows, schema=CANDLES, orient="row") if rows else empty(CANDLES)

    def spent(self) -> list[tuple[str, datetime, int]]:
        """Return what was asked since the last call."""
        asked, self.asked = self.asked, []
        return asked


def price_of(at: datetime) -> tuple[float, ...]:
    """Return open, high, low, close, volume and quote volume of the bar at `at`: no two bars are alike."""
    price = 1.0 + (to_ms(at) // BAR.ms) % 1000
    return price, price + 1, price - 0.5, price, 2.0, 2 * price


@dataclass
class World:
    """One shelf and one venue, at one market time."""

    folder: Path
    venue: FakeVenue = field(default_factory=FakeVenue)
    now: datetime = NOON
    symbols: Sequence[str] = ("A/USDT", "B/USDT")

    @property
    def shelf(self) -> Shelf:
        return Shelf.at(self.folder)

    async def backfill(self, start: datetime, end: datetime = TODAY + DAY, **options) -> Pass:
        bar = self.venue.bar
        window = bar_window(bar, to_ms(start), to_ms(end), to_ms(self.now))
        return await backfill(
            self.venue,  # type: ignore[arg-type]  # the part of the gateway that is used
            self.shelf,
            options.pop("symbols", self.symbols),
            bar,
            window,
            now_ms=to_ms(self.now),
            tag="test",
            pressure=LimiterStats(),
            concurrency=1,
            **options,
        )

    async def repair(self, start: datetime, end: datetime = TODAY + DAY, **options) -> Repair:
        window = (to_ms(start), min(to_ms(end), BAR.floor_ms(to_ms(self.now))))
        options = {"at": self.now, "tag": "test"} | options
        return await repair(self.venue, self.shelf, self.venue.bar, window, **options)  # type: ignore[arg-type]  # as above

    def stored(self, symbol: str) -> list[datetime]:
        return self.shelf.candles.read(self.venue.bar.name, symbols=[symbol])["open_time"].to_list()

    def lose(self, symbol: str, start: datetime, end: datetime) -> None:
        """Take bars out of the files, as a damaged disk or a wrong hand would."""
        for path in (self.folder / "candles").rglob("part-*.parquet"):
            rows = pl.read_parquet(path)
            lost = (pl.col("symbol") == symbol) & pl.col("open_time").is_between(start, end, closed="left")
            rows.filter(~lost).write_parquet(path)
