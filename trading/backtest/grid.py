"""Many configurations of strategies over the same candles: figures per configuration, no trade is kept.

What each configuration would have traded is `replay`'s to the trade. Those that need no portfolio (slots,
money, protections) share their indicators and conditions and are streamed through the compiled loop, one
block of symbols at a time (`grid_fast`); the others are replayed one by one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.backtest.candle_file import CandleFile, MarketRules
from trading.backtest.grid_fast import Shared, add_plain, is_plain
from trading.backtest.grid_figures import Sums, add_trades, by_symbol_frame, empty_sums, figures_frame
from trading.backtest.grid_sums import COLUMNS
from trading.backtest.replay import Mode, replay
from trading.backtest.strategy import Strategy
from trading.backtest.walk import Bools, Floats
from trading.market.errors import BadInput

MOST_CONFIGURATIONS = 100_000
MOST_MB = 2_000
# Measured by `bench grid`: per bar and configuration, and what blocks and books take whatever is asked.
_S_PER_BAR, _FIXED_S, _FIXED_MB, _COPIES = 5e-9, 0.2, 90.0, 2
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class GridJob:
    """What to run.

    Parameters
    ----------
    candles : CandleFile
        As `read_candles` gives them.
    strategies : sequence of Strategy
        One per configuration; which of them share an expression is found here.
    mode, fee, slots, markets, detail, since_ms
        As `replay` takes them, the same for all configurations.
    is_daily : bool
        Also return the result per UTC day and configuration.
    is_by_symbol : bool
        Also return figures per configuration and symbol.
    """

    candles: CandleFile
    strategies: Sequence[Strategy]
    mode: Mode = Mode.DEFAULT
    fee: float | None = None
    slots: int = 0
    markets: Mapping[str, MarketRules] | None = None
    detail: CandleFile | None = None
    since_ms: int = 0
    is_daily: bool = False
    is_by_symbol: bool = False


@dataclass(frozen=True, slots=True)
class GridResult:
    """What came of it.

    Parameters
    ----------
    figures : DataFrame
        `GRID_FIGURES`, one row per configuration, in the order given.
    by_symbol : DataFrame or None
        `SYMBOL_FIGURES`, one row per configuration and symbol with a trade.
    days : array of datetime64[D], shape (n_days,)
        UTC days of the candles, first to last, without holes.
    daily : array of shape (n_days, n_configurations) or None
        Sum of the net returns of the trades that ended that day, each trade one stake.
    is_fast : array of bool, shape (n_configurations,)
        Which went through the shared loop; the others were replayed one by one.
    """

    figures: pl.DataFrame
    by_symbol: pl.DataFrame | None
    days: NDArray[np.datetime64] = field(repr=False)
    daily: Floats | None = field(repr=False)
    is_fast: Bools = field(repr=False)


@dataclass(frozen=True, slots=True)
class GridCost:
    """What a grid will take: CPU seconds on one quiet core, and MB beside the candles."""

    cpu_s: float
    memory_mb: float

    def __str__(self) -> str:
        """As a person reads it."""
        return f"about {self.cpu_s:,.0f} CPU-s and {self.memory_mb:,.0f} MB"


def estimate(configurations: int, rows: int, days: int, *, symbols: int = 0) -> GridCost:
    """Return what a grid of plain configurations will take, before it is run.

    Parameters
    ----------
    rows, days : int
        Candle rows of all symbols, and UTC days they span.
    symbols : int
        Number of symbols if figures by symbol are asked, else 0.
    """
    kept = configurations * (days + COLUMNS * (1 + symbols)) * 8
    return GridCost(_FIXED_S + configurations * rows * _S_PER_BAR, _FIXED_MB + kept * _COPIES / 1e6)


def run_grid(job: GridJob) -> GridResult:
    """Return the figures of every configuration.

    Raises
    ------
    BadInput
        If there is no configuration, more than `MOST_CONFIGURATIONS`, or what is kept would pass `MOST_MB`;
        or as `replay` raises.
    """
    first, last = _day_span(job.candles)
    symbols = job.candles.symbols
    _check_size(job, last - first + 1)
    count = len(job.strategies)
    sums = empty_sums(count, last - first + 1, len(symbols) if job.is_by_symbol else 0)
    is_fast: Bools = np.zeros(count, np.bool_)
    if job.slots == 0 and job.detail is None:
        is_fast = np.array([is_plain(each, job.mode) for each in job.strategies], np.bool_)
    plain = [(place, job.strategies[place]) for place in np.flatnonzero(is_fast).tolist()]
    if plain:
        shared = Shared(job.candles, job.mode, job.fee, job.markets, job.since_ms, first)
        add_plain(shared, plain, sums)
    for place in np.flatnonzero(~is_fast).tolist():
        found = replay(
            job.candles, job.strategies[place], job.mode, fee=job.fee, slots=job.slots, markets=job.markets,
            detail=job.detail, since_ms=job.since_ms,
        )  # fmt: skip
        add_trades(sums, place, found.trades, symbols, first)
    return _result(job, sums, first, is_fast)


def _check_size(job: GridJob, days: int) -> None:
    count = len(job.strategies)
    symbols = len(job.candles.symbols) if job.is_by_symbol else 0
    cost = estimate(count, len(job.candles.bars.close), days, symbols=symbols)
    if not 0 < count <= MOST_CONFIGURATIONS:
        needs = f": {cost}" if count else ""
        raise BadInput(f"a grid must have 1 to {MOST_CONFIGURATIONS:,} configurations, had {count:,}{needs}")
    if cost.memory_mb > MOST_MB:
        raise BadInput(
            f"a grid may keep {MOST_MB:,} MB, {count:,} configurations over {days:,} days and "
            f"{symbols:,} symbols need {cost.memory_mb:,.0f}: run parts of it"
        )


def _result(job: GridJob, sums: Sums, first: int, is_fast: Bools) -> GridResult:
    days = (np.arange(sums.daily.shape[1]) + first).astype("datetime64[D]")
    by_symbol = by_symbol_frame(sums, job.candles.symbols) if job.is_by_symbol else None
    return GridResult(figures_frame(sums), by_symbol, days, sums.daily.T if job.is_daily else None, is_fast)


def _day_span(candles: CandleFile) -> tuple[int, int]:
    """Return the first and the last UTC day of the candles, counted from 1970."""
    open_ms, offsets = candles.bars.open_ms, candles.bars.offsets
    return int(open_ms[offsets[:-1]].min() // _DAY_MS), int(open_ms[offsets[1:] - 1].max() // _DAY_MS)
