"""Holes between stored bars: found, asked for again, and written into the book with what became of each.

A hole that the venue has too is confirmed and not asked for again on every pass. Not here: what was never
asked for (`backfill`), and finding the holes in the files (trading/store/gaps.py).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from trading.exchange.gateway import PublicGateway
from trading.exchange.scan import fetch_candles
from trading.market.frames import GAPS, conform
from trading.market.timeframes import Timeframe, from_ms, to_ms
from trading.ohlcv.backfill import Books, Progress
from trading.ohlcv.plan import Page, pages_of
from trading.ohlcv.shelf import Shelf
from trading.ohlcv.spans import Span
from trading.store.gaps import CONFIRMED, OPEN, REFETCHED, find_gaps

_NAME = ["symbol", "start", "end"]


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of the holes of one window.

    `found` holes were there, `known` of them confirmed before and left alone; of the others `filled` were
    closed, `confirmed` are the venue's own, `still_open` got no answer or had to wait for the next pass.
    """

    timeframe: str
    found: int
    known: int
    requests: int = 0
    bars: int = 0
    filled: int = 0
    confirmed: int = 0
    still_open: int = 0
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """One line for a log or a terminal."""
        if self.found == 0:
            return f"{self.timeframe}: no hole between stored bars"
        return (
            f"{self.timeframe}: {self.found:,} holes, {self.known:,} known to be the venue's own; "
            f"{self.requests:,} requests closed {self.filled:,}, confirmed {self.confirmed:,}, "
            f"left {self.still_open:,} open"
        )


async def repair(
    gateway: PublicGateway,
    shelf: Shelf,
    timeframe: Timeframe,
    window: Span,
    *,
    at: datetime,
    tag: str,
    symbols: Sequence[str] | None = None,
    again: bool = False,
    most_pages: int | None = None,
    on_progress: Progress | None = None,
) -> Repair:
    """Find the holes of `window`, ask the venue for them, and record what became of each.

    Parameters
    ----------
    window : (start_ms, end_ms)
        Bars that open in it are looked at; a hole needs a stored bar on either side.
    at : datetime
        Market time of the pass.
    symbols : sequence of str or None
        Only these; None = all that are stored.
    again : bool
        Ask also for holes that were confirmed before.
    most_pages : int or None
        Leave what needs more requests than this for the next pass; None = no bound.
    """
    holes = await asyncio.to_thread(_holes, shelf, timeframe, window, at, symbols)
    before = shelf.gaps.read(timeframe.name)
    known = holes.clear() if again else _same(holes, before.filter(pl.col("state") == CONFIRMED))
    doubtful = holes.join(known, on=_NAME, how="anti")
    # Written down before anything is asked: a kill in between forgets no hole.
    shelf.gaps.record(pl.concat([doubtful, _closed_since(before, holes, window, at, symbols)]))
    pages = _pages(doubtful, timeframe)[:most_pages]
    books = Books(shelf, timeframe, pages, now_ms=to_ms(at), tag=tag)
    fetched = await fetch_candles(
        gateway,
        [page.want for page in pages],
        timeframe.name,
        on_progress=on_progress,
        on_batch=books.keep,
    )
    asked = [page for page in pages if page.want.symbol not in fetched.failed]
    left = await asyncio.to_thread(_holes, shelf, timeframe, window, at, _names(doubtful))
    settled = _settled(doubtful, left.join(known, on=_NAME, how="anti"), asked, at)
    shelf.gaps.record(settled)
    counts = dict(settled.group_by("state").len().iter_rows())
    return Repair(
        timeframe=timeframe.name,
        found=holes.height,
        known=known.height,
        requests=fetched.requests,
        bars=books.bars,
        filled=counts.get(REFETCHED, 0),
        confirmed=counts.get(CONFIRMED, 0),
        still_open=counts.get(OPEN, 0),
        failed=fetched.failed,
    )


def _holes(
    shelf: Shelf, timeframe: Timeframe, window: Span, at: datetime, symbols: Sequence[str] | None
) -> pl.DataFrame:
    start, end = (from_ms(moment) for moment in window)
    return find_gaps(shelf.candles, timeframe.name, start=start, end=end, symbols=symbols, at=at)


def _names(holes: pl.DataFrame) -> list[str]:
    return holes["symbol"].unique().sort().to_list()


def _same(holes: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    return holes.join(others.select(_NAME), on=_NAME, how="semi")


def _closed_since(
    before: pl.DataFrame, holes: pl.DataFrame, window: Span, at: datetime, symbols: Sequence[str] | None
) -> pl.DataFrame:
    """Return holes of the book that have gone by other hands, as refetched."""
    start, end = (from_ms(moment) for moment in window)
    # A hole at the window's edge has no bar beside it in the window, and is not found for that reason.
    inside = (pl.col("start") > start) & (pl.col("end") < end) & (pl.col("state") != REFETCHED)
    if symbols is not None:
        inside &= pl.col("symbol").is_in(list(symbols))
    gone = before.filter(inside).join(holes, on=_NAME, how="anti")
    # A hole that only became smaller keeps its place in the book under its start.
    gone = gone.join(holes, on=["symbol", "start"], how="anti")
    return conform(gone.with_columns(state=pl.lit(REFETCHED), checked_at=pl.lit(at)), GAPS)


def _pages(holes: pl.DataFrame, timeframe: Timeframe) -> list[Page]:
    spans: dict[str, list[Span]] = {}
    moments = holes.select("symbol", pl.col("start", "end").dt.epoch("ms"))
    for symbol, start, end in moments.iter_rows():
        spans.setdefault(symbol, []).append((start, end))
    pages = [page for symbol, missing in spans.items() for page in pages_of(symbol, timeframe, missing)]
    return sorted(pages, key=lambda page: (page.want.since_ms or 0, page.want.symbol))


def _settled(doubtful: pl.DataFrame, left: pl.DataFrame, asked: Sequence[Page], at: datetime) -> pl.DataFrame:
    """Return what became of each hole: closed, or what is left of it with whether the venue was asked."""
    filled = doubtful.join(left, on=["symbol", "start"], how="anti").with_columns(
        state=pl.lit(REFETCHED), checked_at=pl.lit(at)
    )
    spans = pl.DataFrame(
        [(page.want.symbol, from_ms(page.want.since_ms or 0), from_ms(page.end_ms)) for page in asked],
        schema={"symbol": pl.String, "asked_from": GAPS["start"], "asked_to": GAPS["end"]},
        orient="row",
    )
    overlap = (pl.col("asked_from") < pl.col("end")) & (pl.col("asked_to") > pl.col("start"))
    length = (pl.min_horizontal("end", "asked_to") - pl.max_horizontal("start", "asked_from")).sum()
    # Confirmed when its pages came whole: a hole longer than a page has several.
    whole = (
        left.join(spans, on="symbol")
        .filter(overlap)
        .group_by(_NAME)
        .agg(is_whole=length >= (pl.col("end") - pl.col("start")).first())
    )
    is_whole = pl.col("is_whole").fill_null(value=False)
    judged = left.join(whole, on=_NAME, how="left").with_columns(
        state=pl.when(is_whole).then(pl.lit(CONFIRMED)).otherwise(pl.lit(OPEN)),
        checked_at=pl.when(is_whole).then(pl.lit(at)),
    )
    ours = judged.join(doubtful.select("symbol").unique(), on="symbol", how="semi")
    return pl.concat([conform(filled, GAPS), conform(ours, GAPS)])
