"""The compiled loops driven: books emptied when full, symbols shared among threads, signals in order."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.backtest import entries as book
from trading.backtest.adjusted import fresh
from trading.backtest.adjusted_orders import FILLS
from trading.backtest.entries import NO_ADJUST, Adjust, Book, Job, Signals
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


def one_by_one(job: Job, startup: int, threads: int) -> Walked:
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


def _span(job: Job, startup: int, first: int, until: int) -> list[tuple[Book, int]]:
    """Return the books that were filled and how far; the counts of all are in each of them."""
    books: list[tuple[Book, int]] = []
    loop = by_symbol_adjusted if job.adjust.is_on else by_symbol
    own, k, t = empty_book(job.adjust), first, 0
    while k < until:
        count, k, t = loop(job._replace(book=own), startup, k, t, until)
        books.append((own, count))
        own = empty_book(job.adjust)._replace(counts=own.counts)
    return books


def in_time_order(symbols: list[str], job: Job, startup: int, rank: Floats, guards: Guards) -> Walked:
    """Return the trades of one portfolio, in the order in which entries were decided."""
    candidates, owner = _candidates(symbols, job, startup, rank)
    desk = new_desk(len(symbols), job.terms.wallet, len(candidates) if guards.is_on else 0)
    loop = by_time_adjusted if job.adjust.is_on else by_time
    books: list[tuple[Book, int]] = []
    place, own = 0, job.book
    while place < len(candidates):
        count, place = loop(job._replace(book=own), desk, guards, candidates, owner, place)
        books.append((own, count))
        own = empty_book(job.adjust)._replace(counts=own.counts)
    return _joined(books or [(own, 0)])._replace(counts=own.counts)


def _joined(books: list[tuple[Book, int]]) -> Walked:
    """Return what books hold, column by column as they do: nothing is copied when it is one."""
    only, count = books[0]
    rows, rates = only.rows[:count], only.rates[:count]
    if len(books) > 1:
        rows = np.concatenate([of.rows[:count].T for of, count in books], axis=1).T
        rates = np.concatenate([of.rates[:count].T for of, count in books], axis=1).T
    used = [int(of.whole[FILLS]) if len(of.whole) else 0 for of, _ in books]
    before = np.cumsum([0] + [count for _, count in books[:-1]]).tolist()
    fills = [
        of.fills[:n] + np.array([shift, 0, 0, 0])
        for (of, _), n, shift in zip(books, used, before, strict=True)
    ]
    fill_rates = [of.fill_rates[:n] for (of, _), n in zip(books, used, strict=True)]
    return Walked(rows, rates, only.counts, np.concatenate(fills), np.concatenate(fill_rates))


def _candidates(symbols: list[str], job: Job, startup: int, rank: Floats) -> tuple[Ints, Ints]:
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


def frozen(job: Job) -> Job:
    """Return the job with inputs that cannot be written: one kind of array, one compilation."""
    return job._replace(
        bars=Bars(*map(_frozen, job.bars)),
        detail=Bars(*map(_frozen, job.detail)),
        signals=Signals(*map(_frozen, job.signals)),
    )


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that cannot be written: the loop would be compiled once more for every mixture."""
    view = array.view()
    view.flags.writeable = False
    return view


def empty_book(adjust: Adjust = NO_ADJUST) -> Book:
    """Return room for some trades, and counts of zero.

    Columns lie one after another: they are read one by one. Their length is no power of two, or all columns
    of a trade would compete for the same lines of the processor's memory.
    """
    count = BOOK_ROWS // 8 if adjust.is_on else BOOK_ROWS
    rows, rates = np.empty((7, count), np.int64).T, np.empty((7, count)).T
    plain = Book(rows, rates, np.zeros(book.COUNTS, np.int64))
    return fresh(plain, adjust) if adjust.is_on else plain
