"""The shared loop of a grid: symbols in blocks, and per block every configuration through the compiled loop.

A block is small enough that its candles and the masks of all conditions stay near the processor; what is
kept of its trades are sums.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from trading.backtest.candle_file import PLAIN_MARKET, CandleFile, MarketRules, filled
from trading.backtest.columns import column_table
from trading.backtest.grid_figures import Sums
from trading.backtest.grid_masks import Masks
from trading.backtest.grid_sums import add_book
from trading.backtest.job import Job, Signals, Venue
from trading.backtest.portfolio import by_symbol
from trading.backtest.replay import Mode, check_ticks, no_detail
from trading.backtest.runs import empty_book, frozen
from trading.backtest.strategy import Strategy
from trading.backtest.translate import terms_of, venue_of
from trading.backtest.walk import Bars, Bools
from trading.indicators.expressions.expression import Expression
from trading.indicators.expressions.tree import is_condition, walk

_MASK_BYTES = 24_000_000  # of one block, all conditions together
# What the shared loop knows of a strategy; with anything else it is replayed alone.
_SHARED = frozenset(
    {
        "entry", "exit_", "startup", "rank", "entry_limit", "stoploss", "roi", "trailing", "max_hold_min",
        "stake", "volume_share", "costs", "take_profit", "name", "about", "digest",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shared:
    """What all configurations have in common; see `grid.GridJob`."""

    candles: CandleFile
    mode: Mode
    fee: float | None
    markets: Mapping[str, MarketRules] | None
    since_ms: int
    first_day: int


def is_plain(strategy: Strategy, mode: Mode) -> bool:
    """Return whether the strategy needs nothing but the shared loop: no portfolio, no unknown feature."""
    blank = Strategy(strategy.entry, strategy.stoploss, strategy.stake)
    names = [each.name for each in fields(Strategy) if each.name not in _SHARED]
    if strategy.is_adjusted or (strategy.take_profit > 0 and mode is Mode.FREQTRADE):
        return False  # a loop of its own; a target there that hangs on the fee
    is_blank = all(getattr(strategy, name) == getattr(blank, name) for name in names)
    return strategy.stake > 0 and not strategy.is_adjusted and is_blank


def add_plain(shared: Shared, wanted: Sequence[tuple[int, Strategy]], sums: Sums) -> None:
    """Add the trades of the strategies to their places in `sums`.

    Raises
    ------
    InvalidBars
        If a price is not a whole number below 2^52 of its ticks.
    """
    is_peer = shared.mode is Mode.FREQTRADE
    used = filled(shared.candles) if is_peer else shared.candles
    rules = [(shared.markets or {}).get(symbol, PLAIN_MARKET) for symbol in used.symbols]
    bars = used.bars._replace(per_unit=np.array([r.tick.denominator / r.tick.numerator for r in rules]))
    check_ticks(bars, used.symbols)
    terms = [terms_of(bars, used.bar_ms, each, 0, is_freqtrade=is_peer) for _, each in wanted]
    expressions = _distinct(each for _, each in wanted)
    room = empty_book()
    for first, until in _blocks(bars, expressions):
        block = _cut(bars, first, until)
        masks = _masks(block, expressions)
        entries = masks
        if shared.since_ms:  # a signal acts at the next bar's open
            is_late = block.open_ms + used.bar_ms >= shared.since_ms
            entries = {key: mask & is_late for key, mask in masks.items()}
        venues = _Venues(rules, first, until, block, shared.fee, is_freqtrade=is_peer)
        for (place, strategy), term in zip(wanted, terms, strict=True):
            signals = Signals(entries[strategy.entry], masks[strategy.exit_], np.empty(0))
            job = frozen(Job(block, no_detail(until - first), signals, venues.of(strategy), term, room))
            _walk(job, strategy.startup, place, first, sums, shared.first_day)


def _walk(job: Job, startup: int, place: int, first: int, sums: Sums, first_day: int) -> None:
    """Run one configuration over one block and add its trades."""
    k, t, symbols = 0, 0, len(job.bars.offsets) - 1
    own = sums.own[place, first : first + symbols]
    while k < symbols:
        count, k, t = by_symbol(job, startup, k, t, symbols)
        totals = (sums.total[place], sums.daily[place], own)
        add_book(job.book, count, job.bars.open_ms, first_day, job.terms.is_freqtrade, *totals)


class _Venues:
    """What the markets of one block ask, made once for each kind of costs and targets."""

    def __init__(
        self,
        rules: list[MarketRules],
        first: int,
        until: int,
        block: Bars,
        fee: float | None,
        *,
        is_freqtrade: bool,
    ) -> None:
        self._rules, self._first, self._until, self._block = rules, first, until, block
        self._fee, self._is_freqtrade = fee, is_freqtrade
        self._made: dict[Any, Venue] = {}

    def of(self, strategy: Strategy) -> Venue:
        key = (strategy.costs, () if self._is_freqtrade else strategy.roi, strategy.take_profit)
        if key not in self._made:
            fee = self._fee
            if self._is_freqtrade and fee is None:  # freqtrade's only fee is that of the first market of all
                alone = _cut(self._block, 0, 1)
                leader = venue_of(self._rules[:1], strategy, None, alone, is_freqtrade=True)
                fee = float(leader.fees.entry[0, 0])
            self._made[key] = venue_of(
                self._rules[self._first : self._until], strategy, fee, self._block,
                is_freqtrade=self._is_freqtrade,
            )  # fmt: skip
        return self._made[key]


def _distinct(strategies: Iterable[Strategy]) -> list[Expression | None]:
    """Return the conditions there are; None = a strategy without an exit signal."""
    return list(dict.fromkeys(each for one in strategies for each in (one.entry, one.exit_)))


def _masks(block: Bars, expressions: list[Expression | None]) -> dict[Expression | None, Bools]:
    """Return where each condition holds; None never does."""
    named = [each for each in expressions if each is not None]
    made = Masks(column_table(block, [name for each in named for name in each.indicators]))
    found: dict[Expression | None, Bools] = {each: made.of(each.tree) for each in named}
    found[None] = np.zeros(len(block.close), np.bool_)
    return found


def _blocks(bars: Bars, expressions: list[Expression | None]) -> Iterator[tuple[int, int]]:
    """Yield (first, until) symbols of blocks whose masks stay within `_MASK_BYTES`; one symbol at least."""
    nodes = {node for each in expressions if each is not None for node in walk(each.tree)}
    rows = _MASK_BYTES // (1 + sum(is_condition(node) for node in nodes))
    first, symbols = 0, len(bars.offsets) - 1
    while first < symbols:
        until = int(np.searchsorted(bars.offsets, bars.offsets[first] + rows, side="right")) - 1
        until = min(max(until, first + 1), symbols)
        yield first, until
        first = until


def _cut(bars: Bars, first: int, until: int) -> Bars:
    """Return the candles of symbols `first` to `until`."""
    rows = slice(int(bars.offsets[first]), int(bars.offsets[until]))
    columns = {
        name: getattr(bars, name)[rows] for name in ("open_ms", "open", "high", "low", "close", "volume")
    }
    return Bars(bars.offsets[first : until + 1] - rows.start, **columns, per_unit=bars.per_unit[first:until])
