"""The compiled loops driven: books emptied when full, symbols shared among threads, signals in order."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.backtest import job as book
from trading.backtest.adjusted_orders import FILLS
from trading.backtest.adjusted_trade import fresh
from trading.backtest.job import Adjust, AdjustedBook, AdjustedJob, AnyBook, AnyJob, Book, Job, Signals
from trading.backtest.portfolio import by_symbol, by_symbol_adjusted, by_time, by_time_adjusted, new_desk
from trading.backtest.protections import Guards
from trading.backtest.walk import Bars, Floats, Ints

BOOK_ROWS = 65_600  # trades of one book: when it is full, another is begun


class Walked(NamedTuple):
    """What the loop wrote, taken out of its books; the numbers of trades in `fills` count over all rows."""

    rows: Ints
    rates: Floats
    counts: Ints
    fills: Ints
    fill_rates: Floats


def walked(job: Job, startup: int, threads: int = 1) -> tuple[Ints, Floats, Ints]:
    """Return trades as `entries` writes them, by symbol and time, and the counts; slots are unlimited."""
    return one_by_one(frozen(job), startup, threads)[:3]


def one_by_one(job: AnyJob, startup: int, threads: int) -> Walked:
    """Return the trades of symbols that do not need one another, by symbol and time."""
    count = len(job.bars.offsets) - 1
    cuts = np.unique(np.searchsorted(job.bars.offsets, np.linspace(0, job.bars.offsets[-1], threads + 1)))
    cuts[-1] = count
    spans = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
    if len(spans) == 1:
        found = [_span(job, startup, *spans[0])]
    else:
        with ThreadPoolExecutor(len(spans)) as pool:
            found = list(pool.map(lambda span: _span(job, startup, *span), spans))
    counts: Ints = np.sum([books[-1][0].counts for books in found], axis=0)
    return _joined([each for books in found for each in books])._replace(counts=counts)


def _span(job: AnyJob, startup: int, first: int, until: int) -> list[tuple[AnyBook, int]]:
    """Return the books that were filled and how far; the counts of all are in each of them."""
    books: list[tuple[AnyBook, int]] = []
    loop = by_symbol_adjusted if isinstance(job, AdjustedJob) else by_symbol
    own, k, t = fresh_book(job), first, 0
    while k < until:
        count, k, t = loop(_with_book(job, own), startup, k, t, until)
        books.append((own, count))
        own = fresh_book(job)._replace(counts=own.counts)
    return books


def in_time_order(symbols: list[str], job: AnyJob, startup: int, rank: Floats, guards: Guards) -> Walked:
    """Return the trades of one portfolio, in the order in which entries were decided."""
    candidates, owner = _candidates(symbols, job, startup, rank)
    desk = new_desk(len(symbols), job.terms.wallet, len(candidates) if guards.is_on else 0)
    loop = by_time_adjusted if isinstance(job, AdjustedJob) else by_time
    books: list[tuple[AnyBook, int]] = []
    place, own = 0, job.book
    while place < len(candidates):
        count, place = loop(_with_book(job, own), desk, guards, candidates, owner, place)
        books.append((own, count))
        own = fresh_book(job)._replace(counts=own.counts)
    return _joined(books or [(own, 0)])._replace(counts=own.counts)


def _joined(books: list[tuple[AnyBook, int]]) -> Walked:
    """Return what books hold, column by column as they do: nothing is copied when it is one."""
    only, count = books[0]
    rows, rates = only.rows[:count], only.rates[:count]
    if len(books) > 1:
        rows = np.concatenate([of.rows[:count].T for of, count in books], axis=1).T
        rates = np.concatenate([of.rates[:count].T for of, count in books], axis=1).T
    if not isinstance(only, AdjustedBook):
        return Walked(rows, rates, only.counts, np.empty((0, 4), np.int64), np.empty((0, 3)))
    adjusted_books = [(of, count) for of, count in books if isinstance(of, AdjustedBook)]
    used = [int(of.whole[FILLS]) for of, _ in adjusted_books]
    before = np.cumsum([0] + [count for _, count in books[:-1]]).tolist()
    fills = [
        of.fills[:n] + np.array([shift, 0, 0, 0])
        for (of, _), n, shift in zip(adjusted_books, used, before, strict=True)
    ]
    fill_rates = [of.fill_rates[:n] for (of, _), n in zip(adjusted_books, used, strict=True)]
    return Walked(rows, rates, only.counts, np.concatenate(fills), np.concatenate(fill_rates))


def _candidates(symbols: list[str], job: AnyJob, startup: int, rank: Floats) -> tuple[Ints, Ints]:
    """Return the signal rows in the order they are asked, with their symbols.

    Ties of one moment: freqtrade's by the symbols' first appearance; ours by rank, then the symbol's name.
    """
    bars, signals = job.bars, job.signals
    rows = np.flatnonzero(signals.is_entry & ~signals.is_exit)
    owner = np.searchsorted(bars.offsets, rows, side="right") - 1
    keep = (rows >= bars.offsets[owner] + startup) & (rows + 1 < bars.offsets[owner + 1])
    rows, owner = rows[keep], owner[keep]
    tie = owner
    if not job.terms.is_freqtrade:
        place = np.empty(len(symbols), np.int64)
        place[np.argsort(np.array(symbols))] = np.arange(len(symbols))
        tie = place[owner]
    score = -rank[rows] if len(rank) and not job.terms.is_freqtrade else np.zeros(len(rows))
    order = np.lexsort((tie, score, bars.open_ms[rows + 1]))
    return rows[order], owner[order]


def frozen[T: AnyJob](job: T) -> T:
    """Return the job with inputs that cannot be written: one kind of array, one compilation."""
    return job._replace(  # type: ignore[return-value]  # mypy gives the union, not T
        bars=Bars(*map(_frozen, job.bars)),
        detail=Bars(*map(_frozen, job.detail)),
        signals=Signals(*map(_frozen, job.signals)),
    )


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that cannot be written: the loop would be compiled once more for every mixture."""
    view = array.view()
    view.flags.writeable = False
    return view


def empty_book(count: int = BOOK_ROWS) -> Book:
    """Return room for some trades, and counts of zero.

    Columns lie one after another: they are read one by one. Their length is no power of two, or all columns
    of a trade would compete for the same lines of the processor's memory.
    """
    rows, rates = np.empty((7, count), np.int64).T, np.empty((7, count)).T
    return Book(rows, rates, np.zeros(book.COUNTS, np.int64))


def adjusted_book(adjust: Adjust) -> AdjustedBook:
    """Return `empty_book` with room for the fills of its trades."""
    return fresh(empty_book(BOOK_ROWS // 8), adjust)


def adjusted(job: Job, adjust: Adjust) -> AdjustedJob:
    """Return the job of a strategy that adjusts positions, with a book for their fills."""
    bars, detail, signals, venue, terms, _ = job
    return AdjustedJob(bars, detail, signals, venue, terms, adjusted_book(adjust), adjust)


def _with_book(job: AnyJob, own: AnyBook) -> AnyJob:
    return job._replace(book=own)  # type: ignore[arg-type]  # `fresh_book` makes the job's own kind


def fresh_book(job: AnyJob) -> AnyBook:
    """Return an empty book of the job's kind."""
    return adjusted_book(job.adjust) if isinstance(job, AdjustedJob) else empty_book()
