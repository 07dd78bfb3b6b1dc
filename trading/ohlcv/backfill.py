"""One pass over the candles of many symbols: fetch what is missing, store it batch by batch, write it down.

A pass may be killed at any moment. What was stored stays; what the ledger says was answered is not asked
again; files appear whole or not at all. A page that did not come stays missing in the ledger and is asked
for by the next pass. Not here: holes inside what was answered (`repair`), and the record of days (`days`).
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from trading.exchange.gateway import PublicGateway
from trading.exchange.scan import Batch, fetch_candles
from trading.market.errors import Unreachable
from trading.market.timeframes import Timeframe
from trading.ohlcv.coverage import Answer
from trading.ohlcv.plan import Page, missing_pages
from trading.ohlcv.shelf import Shelf
from trading.ohlcv.spans import Span, length, union, without

Progress = Callable[[int, int], None]
# A bar may reach the venue's answer some seconds after its close: so many slots at the end of the window
# count as answered only when their bars came.
_LATE_BARS = 2
# How reasons begin that say nothing about a symbol (see trading/exchange/scan.py).
_NO_ANSWER = ("Unreachable", "Timeout", "RateLimited", "Banned", "not asked for")


class Pressure(Protocol):
    """The part of the limiter's statistics that a pass reports."""

    held_s: float
    http_429: int


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over one bar length did.

    `slots` counts bar slots of the window over all symbols, `slots_there` those that needed no request;
    `bars` are rows written; `seconds` is wall time, `held_s` the part of it in which the limiter held
    requests back; `failed` maps a symbol to the reason of its last failure;
    `quarantined` counts doubtful rows by reason.
    """

    timeframe: str
    window: Span
    symbols: int
    slots: int
    slots_there: int
    requests: int = 0
    bars: int = 0
    seconds: float = 0.0
    held_s: float = 0.0
    http_429: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """One line for a log or a terminal."""
        if self.requests == 0:
            return f"{self.timeframe}: nothing to ask for, all {self.slots:,} bar slots were there"
        return (
            f"{self.timeframe}: {self.bars:,} bars of {self.symbols:,} symbols in {self.requests:,} requests "
            f"and {self.seconds:.1f} s; {self.slots_there:,} of {self.slots:,} bar slots were there already, "
            f"{len(self.failed)} symbols failed, {sum(self.quarantined.values()):,} bars quarantined"
        )


async def backfill(
    gateway: PublicGateway,
    shelf: Shelf,
    symbols: Sequence[str],
    timeframe: Timeframe,
    window: Span,
    *,
    now_ms: int,
    tag: str,
    pressure: Pressure,
    concurrency: int | None = None,
    on_progress: Progress | None = None,
) -> Pass:
    """Bring `window` up to what the venue has, for all `symbols`.

    Parameters
    ----------
    window : (start_ms, end_ms)
        From `plan.bar_window`: whole bars that have closed.
    now_ms : int
        Market time of the pass.
    tag : str
        Goes into file names (a run's id).
    pressure : Pressure
        The statistics of the limiter that the gateway uses.
    on_progress : callable or None
        Called with (pages done, pages planned).

    Raises
    ------
    StoreError
        If a batch could not be stored; what came before it is stored and written down.
    Unreachable
        If the venue did not answer for a single symbol; what was stored before stays.
    """
    taken = await asyncio.to_thread(shelf.answered, timeframe, window, symbols)
    pages = missing_pages(symbols, timeframe, window, taken)
    left = sum(length(without(window, taken[symbol])) for symbol in taken) // timeframe.ms
    slots = len(taken) * ((window[1] - window[0]) // timeframe.ms)
    before = (pressure.held_s, pressure.http_429)
    books = Books(shelf, timeframe, pages, now_ms=now_ms, tag=tag)
    fetched = await fetch_candles(
        gateway,
        [page.want for page in pages],
        timeframe.name,
        concurrency=concurrency,
        on_progress=on_progress,
        on_batch=books.keep,
    )
    if books.pages == 0:
        _require_answers({page.want.symbol for page in pages}, fetched.failed)
    return Pass(
        timeframe=timeframe.name,
        window=window,
        symbols=len(taken),
        slots=slots,
        slots_there=slots - left,
        requests=fetched.requests,
        bars=books.bars,
        seconds=fetched.seconds,
        held_s=pressure.held_s - before[0],
        http_429=pressure.http_429 - before[1],
        failed=fetched.failed,
        quarantined=dict(books.quarantined),
    )


def _require_answers(asked: set[str], failed: Mapping[str, str]) -> None:
    """Raise when the venue, not this or that symbol, is the trouble."""
    if asked and all(failed.get(symbol, "").startswith(_NO_ANSWER) for symbol in asked):
        reason = failed[min(asked)]
        raise Unreachable(f"no candles of any of {len(asked):,} symbols; what is stored stays. {reason}")


class Books:
    """Stores each batch and then writes down what it settled: in this order, so that a kill loses nothing."""

    def __init__(
        self, shelf: Shelf, timeframe: Timeframe, pages: Iterable[Page], *, now_ms: int, tag: str
    ) -> None:
        self.bars = self.pages = 0
        self.quarantined: Counter[str] = Counter()
        self._shelf = shelf
        self._timeframe = timeframe
        self._pages = {page.key: page for page in pages}
        # Pages that end here end with the newest closed bar, which the venue may not have written yet.
        self._edge_ms = timeframe.floor_ms(now_ms)
        self._settled_ms = timeframe.floor_ms(self._edge_ms - _LATE_BARS * timeframe.ms)
        self._tag = tag

    def keep(self, batch: Batch) -> None:
        """Store candles and doubtful bars durably; only then call their pages answered."""
        if batch.frame.height:
            self._shelf.candles.append(self._timeframe.name, batch.frame, tag=self._tag)
        doubted: dict[str, list[Span]] = {}
        if batch.quarantined.height:
            doubted = self._slots(self._shelf.quarantine.add(batch.quarantined))
            reasons = batch.quarantined.group_by("reason").len()
            self.quarantined.update(dict(reasons.iter_rows()))
        answers = [
            (symbol, *span)
            for symbol, start, end in self._answers(batch)
            for span in without((start, end), doubted.get(symbol, ()))
        ]
        self._shelf.coverage.record(self._timeframe.name, answers)
        self.bars += batch.frame.height
        self.pages += len(batch.wants)

    def _slots(self, fresh: pl.DataFrame) -> dict[str, list[Span]]:
        """Return symbol -> slots of bars that are doubted for the first time: asked for once more.

        The same bad bar again is the venue's answer, and closes its slot.
        """
        found: dict[str, list[Span]] = {}
        times = fresh.select("symbol", pl.col("open_time").dt.epoch("ms")).drop_nulls()
        for symbol, at in times.unique().sort("symbol", "open_time").iter_rows():
            start = self._timeframe.floor_ms(at)
            found.setdefault(symbol, []).append((start, self._timeframe.next_ms(start)))
        return {symbol: union(spans) for symbol, spans in found.items()}

    def _answers(self, batch: Batch) -> list[Answer]:
        newest = dict(
            batch.frame.group_by("symbol").agg(pl.col("open_time").max().dt.epoch("ms")).iter_rows()
        )
        answers = []
        for page in (self._pages[want.symbol, want.since_ms or 0] for want in batch.wants):
            symbol, start = page.key
            end = page.end_ms
            if end >= self._edge_ms:
                came = self._timeframe.next_ms(newest[symbol]) if symbol in newest else start
                end = min(max(came, self._settled_ms), end)
            if end > start:
                answers.append((symbol, start, end))
        return answers
