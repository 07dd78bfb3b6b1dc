"""A strategy over candles in one mode: arrays in, a frame of trades and what was left out.

Order of work: fill holes (freqtrade's way only), columns, conditions, the portfolio loop, trades. Fill rules
are in `entries`, `walk` and `walk_freqtrade`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from trading.backtest import job as book
from trading.backtest.candle_file import PLAIN_MARKET, CandleFile, MarketRules, filled
from trading.backtest.columns import column_table
from trading.backtest.fill_frame import doubt_frame, fill_frame
from trading.backtest.job import AdjustedJob, AnyJob, Job, Signals
from trading.backtest.protections import Guards, as_freqtrade
from trading.backtest.runs import adjusted, empty_book, frozen, in_time_order, one_by_one
from trading.backtest.strategy import Strategy
from trading.backtest.trade_frame import trade_frame
from trading.backtest.translate import adjust_of, terms_of, venue_of
from trading.backtest.walk import Bars, Bools, Floats
from trading.indicators.expressions.expression import Expression
from trading.market.errors import BadInput, InvalidBars
from trading.risk.exit_machine import MOST_TICKS

_OFF = Guards()
_MOST_SLOTS = 1_000_000
# Why a signal was not traded, an addition not bought, a part not sold; and where it is counted.
LEFT_OUT = {
    "no_slot": book.NO_SLOT,
    "no_volume": book.NO_VOLUME,
    "below_minimum": book.TOO_SMALL,
    "after_a_hole": book.AFTER_HOLE,
    "above_entry_limit": book.TOO_HIGH,
    "locked_by_protections": book.LOCKED,
    "no_cash": book.NO_CASH,
    "limit_not_reached": book.NOT_REACHED,
    "addition_below_minimum": book.NOT_ADDED,
    "part_below_minimum": book.NOT_PARTED,
}


class Mode(StrEnum):
    """Which fill rules: freqtrade's for comparison, or our pessimistic ones."""

    FREQTRADE = "freqtrade"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Replay:
    """Trades (`trade_frame.REPLAY_TRADES`) of one mode, and how many signals were left out for which reason.

    `ambiguous` bars touched both sides and were taken as losses, `resolved` ones were told by finer bars.
    `fills` (`fill_frame.FILLS`) where asked for; `doubts` names the ambiguous bars: `symbol`, `ts`.
    """

    mode: Mode
    trades: pl.DataFrame
    left_out: dict[str, int]
    ambiguous: int
    resolved: int
    doubts: pl.DataFrame
    fills: pl.DataFrame | None = None


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
    with_fills: bool = False,
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
    with_fills : bool
        Also return every buy and sale.

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
    if slots > _MOST_SLOTS:
        raise BadInput(f"slots must be at most {_MOST_SLOTS:,}, was {slots}")
    if strategy.stake == 0 and strategy.sizing.risk == 0 and slots == 0:
        raise BadInput('stake.amount = "slots" shares the wallet by slots: give --slots, which was 0')
    if mode is Mode.FREQTRADE and (strategy.additions or strategy.parts):
        raise BadInput(
            "mode freqtrade does not know entry.add and risk.partial: they are followed in mode default only"
        )
    used = filled(candles) if mode is Mode.FREQTRADE else candles
    rules = [(markets or {}).get(symbol, PLAIN_MARKET) for symbol in used.symbols]
    bars = used.bars._replace(per_unit=np.array([r.tick.denominator / r.tick.numerator for r in rules]))
    check_ticks(bars, used.symbols)
    signals, rank, masks = strategy_signals(bars, strategy)
    if since_ms:
        # A signal acts at the next bar's open.
        is_late = bars.open_ms + used.bar_ms >= since_ms
        signals = signals._replace(is_entry=signals.is_entry & is_late)
    is_peer = mode is Mode.FREQTRADE
    venue = venue_of(rules, strategy, fee, bars, is_freqtrade=is_peer)
    paid = float(venue.fees.entry[0, 0])
    terms = terms_of(bars, used.bar_ms, strategy, slots, is_freqtrade=is_peer, fee=paid)
    finer = detail_bars(detail, used.symbols, used.bar_ms)
    plain = Job(bars, finer, signals, venue, terms, empty_book())
    is_adjusted = strategy.is_adjusted and not is_peer
    job = adjusted(plain, adjust_of(strategy, venue, masks)) if is_adjusted else plain
    guards = as_freqtrade(strategy.guards, used.bar_ms) if is_peer else strategy.guards
    return run(used.symbols, job, strategy.startup, rank, threads, guards=guards, with_fills=with_fills)


def strategy_signals(bars: Bars, strategy: Strategy) -> tuple[Signals, Floats, Bools]:
    """Return entries and exits per row, what ranks entries of one moment (empty = none), and `conditions`."""
    wanted = [name for each in strategy.expressions for name in each.indicators]
    table = column_table(bars, wanted)
    is_entry = _flags(strategy.entry.of(table))
    is_exit = (
        np.zeros(len(is_entry), np.bool_) if strategy.exit_ is None else _flags(strategy.exit_.of(table))
    )
    rank = _numbers(strategy.rank, table, -np.inf)
    masks = np.zeros((len(strategy.conditions), len(is_entry)), np.bool_)
    for row, each in enumerate(strategy.conditions):
        masks[row] = _flags(each.of(table))
    return Signals(is_entry, is_exit, _numbers(strategy.scale, table, 0.0)), rank, masks


def run(
    symbols: list[str],
    job: AnyJob,
    startup: int,
    rank: Floats,
    threads: int = 1,
    *,
    guards: Guards = _OFF,
    with_fills: bool = False,
) -> Replay:
    """Return the trades of prepared arrays; the first signal of a symbol is its bar `startup`."""
    job = frozen(job)
    is_shared = job.terms.slots > 0 or job.terms.wallet > 0 or guards.is_on
    if is_shared:
        found = in_time_order(symbols, job, startup, rank, guards)
    else:
        found = one_by_one(job, startup, threads)
    mode = Mode.FREQTRADE if job.terms.is_freqtrade else Mode.DEFAULT
    counts = found.counts
    left_out = {name: int(counts[place]) for name, place in LEFT_OUT.items()}
    trades = trade_frame(symbols, job, found.rows, found.rates, is_shared=is_shared, threads=threads)
    doubts = trades.filter("is_ambiguous").select("symbol", ts="close_ts")
    if isinstance(job, AdjustedJob):
        doubts = doubt_frame(symbols, job, found.rows, found.fills)
    fills = None
    if with_fills:
        fills = fill_frame(symbols, job, found.rows, found.rates, found.fills, found.fill_rates)
    return Replay(
        mode,
        trades,
        left_out,
        int(counts[book.AMBIGUOUS_BARS]),
        int(counts[book.RESOLVED_BARS]),
        doubts,
        fills,
    )


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
