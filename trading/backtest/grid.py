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
from trading.backtest.grid_figures import Sums, add_trades, by_symbol_frame, empty_sums, figures_frame
from trading.backtest.replay import Mode, replay
from trading.backtest.strategy import Strategy
from trading.backtest.walk import Bools, Floats
from trading.market.errors import BadInput

MOST_CONFIGURATIONS = 100_000
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
    mode, fee, slots, markets, detail
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


def run_grid(job: GridJob) -> GridResult:
    """Return the figures of every configuration.

    Raises
    ------
    BadInput
        If there is no configuration, or more than `MOST_CONFIGURATIONS`; or as `replay` raises.
    """
    count = len(job.strategies)
    if not 0 < count <= MOST_CONFIGURATIONS:
        raise BadInput(f"a grid must have 1 to {MOST_CONFIGURATIONS:,} configurations, had {count:,}")
    first, last = _day_span(job.candles)
    symbols = job.candles.symbols
    sums = empty_sums(count, last - first + 1, len(symbols) if job.is_by_symbol else 0)
    is_fast = np.zeros(count, np.bool_)
    for place in np.flatnonzero(~is_fast).tolist():
        found = replay(
            job.candles, job.strategies[place], job.mode, fee=job.fee, slots=job.slots, markets=job.markets,
            detail=job.detail,
        )  # fmt: skip
        add_trades(sums, place, found.trades, symbols, first)
    return _result(job, sums, first, is_fast)


def _result(job: GridJob, sums: Sums, first: int, is_fast: Bools) -> GridResult:
    days = (np.arange(len(sums.daily)) + first).astype("datetime64[D]")
    by_symbol = by_symbol_frame(sums, job.candles.symbols) if job.is_by_symbol else None
    return GridResult(figures_frame(sums), by_symbol, days, sums.daily if job.is_daily else None, is_fast)


def _day_span(candles: CandleFile) -> tuple[int, int]:
    """Return the first and the last UTC day of the candles, counted from 1970."""
    open_ms, offsets = candles.bars.open_ms, candles.bars.offsets
    return int(open_ms[offsets[:-1]].min() // _DAY_MS), int(open_ms[offsets[1:] - 1].max() // _DAY_MS)
