"""A strategy over candles in one mode: arrays in, a frame of trades and what was left out.

Order of work: fill holes (freqtrade's way only), columns, conditions, the portfolio loop, trades. Fill rules
are in `entries`, `walk` and `walk_freqtrade`.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.backtest import entries as book
from trading.backtest.candle_file import PLAIN_MARKET, CandleFile, MarketRules, filled
from trading.backtest.columns import column_table
from trading.backtest.entries import Book, Job, Signals
from trading.backtest.portfolio import by_symbol, by_time, new_desk
from trading.backtest.protections import Guards
from trading.backtest.strategy import Strategy
from trading.backtest.trade_frame import trade_frame
from trading.backtest.translate import terms_of, venue_of
from trading.backtest.walk import Bars, Bools, Floats, Ints
from trading.indicators.expressions.expression import Expression
from trading.market.errors import BadInput, InvalidBars
from trading.risk.exit_machine import MOST_TICKS

_BOOK_ROWS = 65_600  # trades of one book: when it is full, another is begun
_OFF = Guards()
LEFT_OUT = (
    "no_slot",
    "no_volume",
    "below_minimum",
    "after_a_hole",
    "above_entry_limit",
    "locked_by_protections",
    "no_cash",
)


class Mode(StrEnum):
    """Which fill rules: freqtrade's for comparison, or our pessimistic ones."""

    FREQTRADE = "freqtrade"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Replay:
    """Trades (`trade_frame.REPLAY_TRADES`) of one mode, and how many signals were left out for which reason.

    `ambiguous` bars touched stop and target and were taken as stops; `resolved` ones were told by finer bars.
    """

    mode: Mode
    trades: pl.DataFrame
    left_out: dict[str, int]
    ambiguous: int
    resolved: int

    @property
    def doubts(self) -> pl.DataFrame:
        """`symbol` and `ts` of the bars that were taken as stops because nothing told otherwise."""
        return self.trades.filter("is_ambiguous").select("symbol", ts="close_ts")


def replay(
    candles: CandleFile,
    strategy: Strategy,
    mode: Mode = Mode.DEFAULT,
    *,
    fee: float | None = None,
    slots: int = 0,
    markets: Mapping[str, MarketRules] | None = None,
    threads: int = 1,
    detail: CandleFile | None = None,
    since_ms: int = 0,
) -> Replay:
    """Return what `strategy` would have traded.

    Parameters
    ----------
    candles : CandleFile
        As `read_candles` gives them.
    fee : float, optional
        Fraction of the traded value, both sides of every symbol, in [0, 1); where not given the market's,
        then the strategy's.
    slots : int
        Open positions at most; 0 = no limit.
    markets : mapping, optional
        Rules by symbol; tick and step 1e-8 where a symbol is not named.
    threads : int
        Symbols are shared among them while slots are unlimited.
    detail : CandleFile, optional
        Finer candles: which came first in a bar that touched stop and target (mode default).
    since_ms : int
        No entry before this moment (ms UTC): the candles before it only warm indicators up.

    Raises
    ------
    BadInput
        If a number is out of bounds.
    InvalidBars
        If a price is not a whole number below 2^52 of its ticks.
    """
    if fee is not None and not 0 <= fee < 1:
        raise BadInput(f"fee must lie in [0, 1), was {fee}")
    if slots < 0:
        raise BadInput(f"slots must be 0 (no limit) or more, was {slots}")
    if strategy.stake == 0 and slots == 0:
        raise BadInput('stake.amount = "slots" shares the wallet by slots: give --slots, which was 0')
    used = filled(candles) if mode is Mode.FREQTRADE else candles
    rules = [(markets or {}).get(symbol, PLAIN_MARKET) for symbol in used.symbols]
    bars = used.bars._replace(per_unit=np.array([r.tick.denominator / r.tick.numerator for r in rules]))
    check_ticks(bars, used.symbols)
    signals, rank = strategy_signals(bars, strategy)
    if since_ms:
        # A signal acts at the next bar's open.
        is_late = bars.open_ms + used.bar_ms >= since_ms
        signals = signals._replace(is_entry=signals.is_entry & is_late)
    is_peer = mode is Mode.FREQTRADE
    venue = venue_of(rules, strategy, fee, bars, is_freqtrade=is_peer)
    paid = float(venue.fees.entry[0, 0])
    terms = terms_of(bars, used.bar_ms, strategy, slots, is_freqtrade=is_peer, fee=paid)
    job = Job(bars, detail_bars(detail, used.symbols, used.bar_ms), signals, venue, terms, empty_book())
    return run(used.symbols, job, strategy.startup, rank, threads, guards=strategy.guards)


def strategy_signals(bars: Bars, strategy: Strategy) -> tuple[Signals, Floats]:
    """Return entries and exits per row, and the value that ranks entries of one moment (empty = none)."""
    wanted = [name for each in strategy.expressions for name in each.indicators]
    table = column_table(bars, wanted)
    is_entry = _flags(strategy.entry.of(table))
    is_exit = (
        np.zeros(len(is_entry), np.bool_) if strategy.exit_ is None else _flags(strategy.exit_.of(table))
    )
    rank = _numbers(strategy.rank, table, -np.inf)
    return Signals(is_entry, is_exit, _numbers(strategy.scale, table, 0.0)), rank


def run(
    symbols: list[str], job: Job, startup: int, rank: Floats, threads: int = 1, *, guards: Guards = _OFF
) -> Replay:
    """Return the trades of prepared arrays; the first signal of a symbol is its bar `startup`."""
    job = frozen(job)
    is_shared = job.terms.slots > 0 or job.terms.wallet > 0 or guards.is_on
    if is_shared:
        rows, rates, counts = _in_time_order(symbols, job, startup, rank, guards)
    else:
        rows, rates, counts = _one_by_one(job, startup, threads)
    mode = Mode.FREQTRADE if job.terms.is_freqtrade else Mode.DEFAULT
    left_out = {name: int(counts[place]) for place, name in enumerate(LEFT_OUT)}
    trades = trade_frame(symbols, job, rows, rates, is_shared=is_shared, threads=threads)
    return Replay(mode, trades, left_out, int(counts[book.AMBIGUOUS_BARS]), int(counts[book.RESOLVED_BARS]))


def walked(job: Job, startup: int, threads: int = 1) -> tuple[Ints, Floats, Ints]:
    """Return trades as `entries` writes them, by symbol and time, and the counts; slots are unlimited."""
    return _one_by_one(frozen(job), startup, threads)


def _one_by_one(job: Job, startup: int, threads: int) -> tuple[Ints, Floats, Ints]:
    count = len(job.bars.offsets) - 1
    cuts = np.unique(np.searchsorted(job.bars.offsets, np.linspace(0, job.bars.offsets[-1], threads + 1)))
    cuts[-1] = count
    spans = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
    if len(spans) == 1:
        found = [_span(job, startup, *spans[0])]
    else:
        with ThreadPoolExecutor(len(spans)) as pool:
            found = list(pool.map(lambda span: _span(job, startup, *span), spans))
    rows, rates = _joined([book for books in found for book in books])
    return rows, rates, np.sum([books[-1][0].counts for books in found], axis=0)


def _span(job: Job, startup: int, first: int, until: int) -> list[tuple[Book, int]]:
    """Return the books that were filled and how far; the counts of all are in each of them."""
    books: list[tuple[Book, int]] = []
    own, k, t = empty_book(), first, 0
    while k < until:
        count, k, t = by_symbol(job._replace(book=own), startup, k, t, until)
        books.append((own, count))
        own = empty_book()._replace(counts=own.counts)
    return books


def _joined(books: list[tuple[Book, int]]) -> tuple[Ints, Floats]:
    """Return what books hold, column by column as they do: nothing is copied when it is one."""
    if len(books) == 1:
        only, count = books[0]
        return only.rows[:count], only.rates[:count]
    rows = np.concatenate([of.rows[:count].T for of, count in books], axis=1)
    rates = np.concatenate([of.rates[:count].T for of, count in books], axis=1)
    return rows.T, rates.T


def _in_time_order(
    symbols: list[str], job: Job, startup: int, rank: Floats, guards: Guards
) -> tuple[Ints, Floats, Ints]:
    candidates, owner = _candidates(symbols, job, startup, rank)
    desk = new_desk(len(symbols), job.terms.wallet, len(candidates) if guards.is_on else 0)
    books: list[tuple[Book, int]] = []
    place, own = 0, job.book
    while place < len(candidates):
        count, place = by_time(job._replace(book=own), desk, guards, candidates, owner, place)
        books.append((own, count))
        own = empty_book()._replace(counts=own.counts)
    rows, rates = _joined(books or [(own, 0)])
    return rows, rates, own.counts


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


def detail_bars(detail: CandleFile | None, symbols: list[str], bar_ms: int) -> Bars:
    """Return the finer candles in the order of `symbols`; a symbol without any has no rows."""
    if detail is None:
        return no_detail(len(symbols))
    if not 0 < detail.bar_ms < bar_ms:
        raise BadInput(f"detail bars must be shorter than {bar_ms} ms, were {detail.bar_ms}")
    place = {symbol: k for k, symbol in enumerate(detail.symbols)}
    spans = [
        np.arange(detail.bars.offsets[place[s]], detail.bars.offsets[place[s] + 1])
        if s in place
        else np.arange(0)
        for s in symbols
    ]
    rows = np.concatenate(spans)
    offsets = np.concatenate([[0], np.cumsum([len(span) for span in spans])]).astype(np.int64)
    columns = {
        name: getattr(detail.bars, name)[rows]
        for name in ("open_ms", "open", "high", "low", "close", "volume")
    }
    return Bars(offsets, **columns, per_unit=np.empty(0))


def no_detail(symbols: int) -> Bars:
    """Return finer candles that are not there."""
    none = np.empty(0)
    return Bars(np.zeros(symbols + 1, np.int64), np.empty(0, np.int64), none, none, none, none, none, none)


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


def empty_book() -> Book:
    """Return room for some trades, and counts of zero.

    Columns lie one after another: they are read one by one. Their length is no power of two, or all columns
    of a trade would compete for the same lines of the processor's memory.
    """
    rows, rates = np.empty((7, _BOOK_ROWS), np.int64).T, np.empty((7, _BOOK_ROWS)).T
    return Book(rows, rates, np.zeros(book.COUNTS, np.int64))


def check_ticks(bars: Bars, symbols: list[str]) -> None:
    """Raise InvalidBars if a price is less than a tick or no exact number of them."""
    most = np.maximum.reduceat(bars.high, bars.offsets[:-1]) * bars.per_unit
    least = np.minimum.reduceat(bars.low, bars.offsets[:-1]) * bars.per_unit
    for k in np.flatnonzero((most >= MOST_TICKS) | (least < 0.5))[:1]:
        tick = 1 / bars.per_unit[k]
        raise InvalidBars(
            f"{symbols[k]}: prices must lie between one tick ({tick:g}) and 2^52 ticks, were from "
            f"{least[k] * tick:g} to {most[k] * tick:g}"
        )


def _numbers(asked: Expression | None, table: pl.DataFrame, unknown: float) -> Floats:
    """Return the values of an expression, `unknown` where it has none; empty without an expression."""
    return np.empty(0) if asked is None else asked.of(table).fill_null(unknown).to_numpy()


def _flags(values: pl.Series) -> Bools:
    flags: Bools = values.fill_null(value=False).to_numpy().astype(np.bool_)
    return flags
