"""Candles on their way through a scan: what to ask for, and what is done with each batch that comes.

`Harvest.take` runs in the fetch's worker thread, beside the network: it stores the batch, writes down what
was answered, and measures each symbol whose bars are complete. Not here: asking (exchange), the ledger
(history), the verdict (screening).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from trading.exchange.scan import Batch
from trading.market.errors import InvalidBars
from trading.market.frames import CANDLES, empty
from trading.market.timeframes import Timeframe, from_ms, timeframe, to_ms
from trading.ohlcv.backfill import Books
from trading.ohlcv.plan import Page, bar_window, missing_pages
from trading.ohlcv.shelf import Shelf
from trading.ohlcv.spans import Span
from trading.scan.request import ScanRequest
from trading.screening.screen import measure

# A symbol without a bar for so long and bars afterwards was born, or has slept: neither has a history.
_QUIET = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Plan:
    """The pages to ask for, by symbol, and the window of bar opens they complete."""

    bar: Timeframe
    window: Span
    at: datetime
    symbols: list[str]
    pages: list[Page]
    whole: frozenset[str]  # nothing of them was there: their pages hold all their bars


def plan(shelf: Shelf, request: ScanRequest, symbols: Sequence[str], at: datetime) -> Plan:
    """Return what a scan at market time `at` must ask for; a cold one asks for everything."""
    bar = timeframe(request.timeframe)
    window = scan_window(request, at)
    taken = {} if request.is_cold else shelf.answered(bar, window, symbols)
    place = {symbol: number for number, symbol in enumerate(symbols)}
    # Symbol by symbol, unlike a backfill: one is measured as soon as its last page has come.
    pages = sorted(missing_pages(symbols, bar, window, taken), key=lambda page: place[page.want.symbol])
    whole = frozenset(symbol for symbol in symbols if not taken.get(symbol))
    return Plan(bar, window, at, list(symbols), pages, whole)


def scan_window(request: ScanRequest, at: datetime) -> Span:
    """Return the last `request.bars` slots that have closed at market time `at`."""
    bar, now_ms = timeframe(request.timeframe), to_ms(at)
    start_ms = bar.floor_ms(now_ms)
    for _ in range(request.bars if bar.name == "1M" else 0):
        start_ms = bar.floor_ms(start_ms - 1)
    if bar.name != "1M":
        start_ms -= request.bars * bar.ms
    return bar_window(bar, start_ms, now_ms, now_ms)


def births(shelf: Shelf, timeframe: str, at: datetime, days: float | None) -> dict[str, datetime]:
    """Return symbol -> open of its first bar, for those whose first bar is younger than `days` at `at`.

    A symbol is known to be young when bars from a day before were asked for as well and there are none: then
    the bar is a birth, and no quiet night or short history of ours. Reads the last `days` + 1 days only.
    """
    if days is None:
        return {}
    bound = at - timedelta(days=days)
    before = bound - _QUIET
    asked = shelf.coverage.spans(timeframe)
    known = [symbol for symbol, spans in asked.items() if spans[0][0] <= to_ms(before)]
    rows = shelf.candles.scan(timeframe, start=before, symbols=known).group_by("symbol")
    first = rows.agg(pl.col("open_time").min()).collect()
    return {symbol: opened for symbol, opened in first.iter_rows() if opened > bound}


def whole_minutes(shelf: Shelf, at: datetime, minutes: int) -> pl.DataFrame | None:
    """Return the last `minutes` closed one-minute bars of each symbol all of whose minutes were asked for.

    Of a symbol asked for in part nothing is returned: a minute that nobody asked for is not one without
    trade. None where no symbol was, or no minute is wanted.
    """
    end = timeframe("1m").floor_ms(to_ms(at))
    start = end - minutes * 60_000
    asked = shelf.coverage.spans("1m") if minutes else {}
    whole = [name for name, spans in asked.items() if any(a <= start and end <= b for a, b in spans)]
    if not whole:
        return None
    return shelf.candles.read("1m", start=from_ms(start), end=from_ms(end), symbols=whole)


class Harvest:
    """Takes the batches of one scan; `measured` has one row per symbol with bars."""

    def __init__(self, shelf: Shelf, request: ScanRequest, asked: Plan) -> None:
        self.failed: dict[str, str] = {}
        self._shelf = shelf
        self._request = request
        self._plan = asked
        now_ms = to_ms(asked.at)
        self.books = Books(shelf, asked.bar, asked.pages, now_ms=now_ms, tag=f"scan-{now_ms}")
        self._measured: list[pl.DataFrame] = []
        self._seen: set[str] = set()
        self._before: dict[str, pl.DataFrame] | None = None

    def take(self, batch: Batch) -> None:
        """Store a batch of whole symbols and measure them."""
        self.books.keep(batch)
        symbols = {want.symbol for want in batch.wants}
        # Of the others nothing was stored: what came is all there is.
        grown = sorted(symbols - self._plan.whole)
        self._measure(_together([self._stored().get(symbol) for symbol in grown], batch.frame))
        self._seen |= symbols

    def finish(self) -> pl.DataFrame:
        """Measure the symbols that needed nothing, or got nothing, from what is stored; return all."""
        left = [symbol for symbol in self._plan.symbols if symbol not in self._seen]
        if left and self._request.is_cold:
            self._measure(self._read(left))
        elif left:
            self._measure(_together([self._stored().get(symbol) for symbol in left], empty(CANDLES)))
        return pl.concat(self._measured).sort("symbol") if self._measured else pl.DataFrame()

    def _stored(self) -> dict[str, pl.DataFrame]:
        """Return symbol -> its bars of the window from before this scan: read once, not for each batch."""
        if self._before is None:
            rows = self._read([symbol for symbol in self._plan.symbols if symbol not in self._plan.whole])
            parts = rows.partition_by("symbol", as_dict=True)
            self._before = {str(key[0]): part for key, part in parts.items()}
        return self._before

    def _read(self, symbols: Sequence[str]) -> pl.DataFrame:
        start, end = (from_ms(edge) for edge in self._plan.window)
        if not symbols:
            return empty(CANDLES)
        return self._shelf.candles.read(self._plan.bar.name, start=start, end=end, symbols=symbols)

    def _measure(self, candles: pl.DataFrame) -> None:
        if candles.is_empty():
            return
        newest = from_ms(self._plan.window[1] - self._plan.bar.ms)
        try:
            found = measure(candles.select(list(CANDLES)), self._request.rules, newest, self._plan.bar.ms)
            self._measured.append(found)
        except InvalidBars as error:
            parts = candles.partition_by("symbol")
            if len(parts) == 1:
                self.failed[candles["symbol"][0]] = f"InvalidBars: {error}"
                return
            for part in parts:
                self._measure(part)


def _together(before: Sequence[pl.DataFrame | None], fresh: pl.DataFrame) -> pl.DataFrame:
    """Return both, a bar that came again as it came now."""
    parts = [part.select(list(CANDLES)) for part in before if part is not None]
    if not parts:
        return fresh
    key = ["symbol", "open_time"]
    return pl.concat([*parts, fresh]).unique(key, keep="last", maintain_order=True).sort(key)
