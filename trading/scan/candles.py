"""Candles on their way through a scan: what to ask for, and what is done with each batch that comes.

`Harvest.take` runs in the fetch's worker thread, beside the network: it stores the batch, writes down what
was answered, and measures each symbol whose bars are complete. Not here: asking (exchange), the ledger
(history), the verdict (screening).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from trading.exchange.scan import Batch
from trading.history.backfill import Books
from trading.history.plan import Page, bar_window, missing_pages
from trading.history.shelf import Shelf
from trading.history.spans import Span
from trading.market.errors import InvalidBars
from trading.market.frames import CANDLES
from trading.market.timeframes import Timeframe, from_ms, timeframe, to_ms
from trading.scan.request import ScanRequest
from trading.screening.screen import measure

# A first bar so long after the span that was asked for begins is a birth, and no quiet night.
_BIRTH = timedelta(days=1)


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


def births(shelf: Shelf, request: ScanRequest) -> dict[str, datetime]:
    """Return symbol -> open of its first bar, for those that were asked for a day or more before it."""
    asked = {symbol: spans[0][0] for symbol, spans in shelf.coverage.spans(request.timeframe).items()}
    if not asked:
        return {}
    rows = shelf.candles.scan(request.timeframe, symbols=list(asked)).group_by("symbol")
    first = rows.agg(pl.col("open_time").min()).collect()
    return {
        symbol: opened for symbol, opened in first.iter_rows() if opened - from_ms(asked[symbol]) >= _BIRTH
    }


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

    def take(self, batch: Batch) -> None:
        """Store a batch of whole symbols and measure them."""
        self.books.keep(batch)
        symbols = {want.symbol for want in batch.wants}
        grown = symbols - self._plan.whole
        # Nothing was stored of the others: what came is all there is.
        self._measure(batch.frame.filter(~pl.col("symbol").is_in(sorted(grown))) if grown else batch.frame)
        self._measure_stored(grown)
        self._seen |= symbols

    def finish(self) -> pl.DataFrame:
        """Measure the symbols that needed nothing, or got nothing, from what is stored; return all."""
        self._measure_stored(symbol for symbol in self._plan.symbols if symbol not in self._seen)
        return pl.concat(self._measured).sort("symbol") if self._measured else pl.DataFrame()

    def _measure_stored(self, symbols: Iterable[str]) -> None:
        wanted = sorted(symbols)
        if wanted:
            self._measure(
                self._shelf.candles.last_bars(
                    self._plan.bar.name, self._request.bars, until=self._plan.at, symbols=wanted
                )
            )

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
