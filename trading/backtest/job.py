"""What the compiled loops read and write: candles, signals, markets, terms, and the book of trades.

Strategies that adjust positions have types of their own, `AdjustedJob` and `AdjustedBook`, with the same
names in them: one function is compiled for either, and the plain loop carries nothing that it does not use.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trading.backtest.fees import Fees
from trading.backtest.walk import Bars, Bools, Floats, Ints
from trading.risk.exit_machine import ExitNumbers
from trading.risk.freqtrade_exits import FreqtradeNumbers

# Columns of the whole numbers and of the figures that are written per trade.
OWNER, SIGNAL, ENTRY, LEAVE, CODE, STEPS, AMBIGUOUS = range(7)
OPEN_RATE, CLOSE_RATE, OPEN_MARK, CLOSE_MARK, SPENT, GOT, DUST = range(7)
# Places in the counts of signals that were not traded, and of bars that did not tell stop from target.
NO_SLOT, NO_VOLUME, TOO_SMALL, AFTER_HOLE, TOO_HIGH, LOCKED, NO_CASH, AMBIGUOUS_BARS, RESOLVED_BARS = range(9)
NOT_REACHED, NOT_ADDED, NOT_PARTED = 9, 10, 11
COUNTS = 12
TARGET = 2  # the exit machine's code of a target


class Venue(NamedTuple):
    """What each symbol's market asks; arrays of one number per symbol.

    Tick and step as ratios of whole numbers (`tick_num` / `tick_den`), the least amount and cost of an
    order, the fees, the cost in parts of the price (half spread, slippage), and the target ladder in parts of
    the price paid by (span of fees, symbol, rung): fees and costs differ. `decimals` per candle row:
    freqtrade's tick (empty by default).
    """

    tick_num: Ints
    tick_den: Ints
    step_num: Ints
    step_den: Ints
    min_amount: Floats
    min_cost: Floats
    fees: Fees
    cost: Ints
    factors: Ints
    decimals: NDArray[np.int8]


class Terms(NamedTuple):
    """What the run assumes. `is_freqtrade` chooses the fill rules; 0 stands for a limit that is off.

    `stake` in quote units a trade (0 = the wallet's realised worth shared by the slots); `wallet` in quote
    units to begin with (0 = no end of money); `slots` open positions at most; `volume_share` of a bar's
    volume is the most one fill takes; `entry_limit` the most the open may lie above the signal's close;
    `impact` × √(stake / what the signal's bar traded) is added to the cost; a target that
    rests in the book pays fees as a maker and no cost; `end_ms` opens the last bar. `risk` are the shares of
    `trading.risk.sizing` (risk per trade, largest position, reserve) against the `stop`, `most_stake` caps.
    """

    is_freqtrade: bool
    stake: float
    wallet: float
    slots: int
    volume_share: float
    entry_limit: float
    impact: float
    target_rests: bool
    bar_ms: int
    end_ms: int
    exits: ExitNumbers
    peer: FreqtradeNumbers
    risk: tuple[float, float, float] = (0.0, 1.0, 0.0)
    stop: float = 1.0
    most_stake: float = 0.0


class Signals(NamedTuple):
    """Per candle row: entry and exit as said by its close, and a factor of the stake (or empty)."""

    is_entry: Bools
    is_exit: Bools
    scale: Floats


class Book(NamedTuple):
    """What is written: whole numbers and figures per trade, and counts of what was left out."""

    rows: Ints
    rates: Floats
    counts: Ints


class AdjustedBook(NamedTuple):
    """A `Book` with the fills of each trade, (trade, row, code, steps) and (rate, fee in quote units, mark).

    `whole` and `money` are the arrays in which `adjusted` remembers a position while it follows it.
    """

    rows: Ints
    rates: Floats
    counts: Ints
    fills: Ints
    fill_rates: Floats
    whole: Ints
    money: Floats


class Adjust(NamedTuple):
    """Additions and parts of a strategy, and limit orders to enter; empty arrays where it asks for none.

    Additions: parts of the average left where one buys (0 = by condition), share of the first stake, or
    quote units, how often at most, row of its condition in `masks` (-1 = none). Parts: by (span of fees,
    symbol, part) the factor of the average (0 = by condition), the share of what was bought, the condition.
    `masks` is (condition, candle row).
    """

    add_keep: Ints = np.zeros(0, np.int64)
    add_share: Floats = np.zeros(0)
    add_amount: Floats = np.zeros(0)
    add_most: Ints = np.zeros(0, np.int64)
    add_mask: Ints = np.zeros(0, np.int64)
    part_factors: Ints = np.zeros((1, 1, 0), np.int64)
    part_share: Floats = np.zeros(0)
    part_mask: Ints = np.zeros(0, np.int64)
    masks: Bools = np.zeros((0, 0), np.bool_)
    add_share_sum: float = 0.0
    add_amount_sum: float = 0.0
    entry_rests: bool = False


class Job(NamedTuple):
    """Everything one run reads and writes; `detail` = finer candles of the same symbols, or no rows."""

    bars: Bars
    detail: Bars
    signals: Signals
    venue: Venue
    terms: Terms
    book: Book


class AdjustedJob(NamedTuple):
    """A `Job` whose positions are adjusted, or entered by limit orders."""

    bars: Bars
    detail: Bars
    signals: Signals
    venue: Venue
    terms: Terms
    book: AdjustedBook
    adjust: Adjust


type AnyJob = Job | AdjustedJob
type AnyBook = Book | AdjustedBook
