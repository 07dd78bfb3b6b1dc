"""Where the history of one world stands: candles, the ledger of what was asked, doubtful bars, known holes.

Here: opening them together, and what the candles alone say about what is there. Not here: fetching.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from trading.market.timeframes import Timeframe, from_ms
from trading.ohlcv.coverage import Coverage
from trading.ohlcv.spans import Span, union, without
from trading.store.candles import CandleStore
from trading.store.gaps import GapBook
from trading.store.lake import Lake
from trading.store.quarantine import Quarantine

LEDGER = "coverage.db"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The history of one world."""

    lake: Lake
    candles: CandleStore
    coverage: Coverage
    quarantine: Quarantine
    gaps: GapBook

    @classmethod
    def at(cls, root: Path) -> "Shelf":
        """Return the shelf under the lake root `root`; nothing is made until something is written."""
        return cls(Lake(root), CandleStore(root), Coverage(root / LEDGER), Quarantine(root), GapBook(root))

    def answered(self, timeframe: Timeframe, window: Span, symbols: Sequence[str]) -> dict[str, list[Span]]:
        """Return symbol -> spans of `window` that need not be asked for again.

        That is what the ledger says was answered. Where it says nothing, runs of bars that are stored
        count too: another part of the project may have written them, or the ledger may be younger.
        """
        known = self.coverage.spans(timeframe.name)
        found = {symbol: known.get(symbol, []) for symbol in symbols}
        silent = {symbol: gap[0][0] for symbol in found if (gap := without(window, found[symbol]))}
        if not silent:
            return found
        rest = (min(silent.values()), window[1])
        for symbol, runs in stored_runs(self.candles, timeframe, rest, list(silent)).items():
            found[symbol] = union([*found[symbol], *runs])
        return found


def stored_runs(
    candles: CandleStore, timeframe: Timeframe, window: Span, symbols: Sequence[str]
) -> dict[str, list[Span]]:
    """Return symbol -> spans of `window` in which every bar is stored; symbols without any are left out."""
    runs: dict[str, list[Span]] = {}
    first, last = from_ms(window[0]), from_ms(window[1])
    for day in candles.dates(timeframe.name):
        if str(first.date()) <= day <= str(last.date()):
            # Day by day: months of minutes would not fit into memory.
            for symbol, start, end in _runs_of_day(candles, timeframe, day, (first, last), symbols):
                runs.setdefault(symbol, []).append((start, end))
    return {symbol: union(spans) for symbol, spans in runs.items()}


def _runs_of_day(
    candles: CandleStore,
    timeframe: Timeframe,
    day: str,
    window: tuple[datetime, datetime],
    symbols: Sequence[str],
) -> list[tuple[str, int, int]]:
    midnight = datetime.fromisoformat(f"{day}T00:00:00+00:00")
    until = midnight + timedelta(days=1)
    times = candles.times(
        timeframe.name, start=max(window[0], midnight), end=min(window[1], until), symbols=symbols
    )
    opens = times.select("symbol", at=pl.col("open_time").dt.epoch("ms"))
    broken = (pl.col("at").diff() != timeframe.ms) | (pl.col("symbol") != pl.col("symbol").shift())
    runs = (
        opens.with_columns(run=broken.fill_null(value=True).cum_sum())
        .group_by("run", maintain_order=True)
        .agg(pl.col("symbol").first(), start=pl.col("at").min(), last=pl.col("at").max())
    )
    rows = runs.select("symbol", "start", "last").iter_rows()
    return [(symbol, start, timeframe.next_ms(last)) for symbol, start, last in rows]
