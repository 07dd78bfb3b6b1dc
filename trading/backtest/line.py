"""The research line's frames as jobs of the one engine: the loop of `replay`, the costs of the line's table.

What differs from a strategy file: signals are given and not computed, exits are `ExitRules` (targets are
parts of the price paid, as the live engine takes them), fee, spread and slippage are each symbol's own.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from trading.backtest.block import Block
from trading.backtest.candle_file import CandleFile, filled
from trading.backtest.every_entry import every_entry
from trading.backtest.job import Job, Signals
from trading.backtest.replay import detail_bars
from trading.backtest.runs import empty_book, frozen, walked
from trading.backtest.strategy import Costs, Strategy, Trailing
from trading.backtest.translate import terms_of, venue_of
from trading.backtest.walk import Bars, Bools, Floats, Ints
from trading.indicators.catalogue import known
from trading.indicators.expressions.expression import condition
from trading.market.errors import InvalidBars
from trading.risk.exit_machine import WHOLE
from trading.risk.exits import ExitRules

_ANYTHING = condition("close > 0", known=known)  # signals of the line are given, not computed
_MINUTE_MS = 60_000
_FORCED = 6


@dataclass(frozen=True, slots=True)
class LineRun:
    """What the line asks of the engine.

    `costs` has one row per symbol (`costs.COSTS`); `stake` in quote units a trade; `entry_limit` the most the
    open may lie above the signal's close; `volume_share` the most of a bar's volume that is bought.
    """

    block: Block
    costs: pl.DataFrame
    exits: ExitRules
    stake: float
    entry_limit: float
    volume_share: float
    detail: CandleFile | None = None

    @property
    def fee(self) -> Floats:
        """Of both sides, one per symbol."""
        return self.costs["taker_fee"].to_numpy()

    @property
    def price_cost(self) -> Floats:
        """Half the spread and slippage, as a fraction of the price."""
        return (self.costs["half_spread"] + self.costs["slippage"]).to_numpy()

    def trades(self, is_entry: Bools, is_exit: Bools) -> tuple[Ints, Floats]:
        """Return the trades in order of symbol and time: whole numbers and rates as `entries` writes them."""
        rows, rates, _ = walked(self.job(is_entry, is_exit), 0)
        return rows, rates

    def every_entry(self, is_wanted: Bools, is_exit: Bools) -> tuple[Ints, Floats]:
        """Return per candle row where an entry after it ended (-1 = nowhere) and its net return (or NaN)."""
        n = len(self.block.candles)
        row, earned = np.empty(n, np.int64), np.full(n, np.nan)
        every_entry(frozen(self.job(is_wanted, is_exit)), row, earned)
        return row, earned

    def job(self, is_entry: Bools, is_exit: Bools) -> Job:
        """Return what the loops read and write, with an empty book."""
        block, exits, n = self.block, self.exits, len(self.block.symbols)
        strategy = self._strategy(0.0)
        fee = np.ascontiguousarray(self.fee[None, :])
        bars = block.bars
        venue = venue_of(block.markets, strategy, 0.0, bars, is_freqtrade=False)
        numbers = exits.numbers(block.bar_ms)
        terms = terms_of(bars, block.bar_ms, strategy, 0, is_freqtrade=False)
        return Job(
            bars,
            detail_bars(self.detail, block.symbols.to_list(), block.bar_ms),
            Signals(is_entry, is_exit, np.empty(0)),
            venue._replace(
                fees=venue.fees._replace(entry=fee, target=fee, leave=fee),
                cost=np.rint(self.price_cost * WHOLE).astype(np.int64),
                factors=np.tile(numbers.factors, (1, n, 1)),
            ),
            # A limit of 0 means: not above the close. The engine knows 0 as no limit.
            terms._replace(exits=numbers, entry_limit=max(self.entry_limit, 1e-15)),
            empty_book(),
        )

    def freqtrade_returns(self, is_entry: Bools, is_exit: Bools) -> tuple[Ints, Floats] | None:
        """Return symbol and net return of each trade that freqtrade's fill rules would have closed.

        Same signals, market ticks and costs: only the fills differ. What freqtrade sells because the
        candles end is left out, as open trades are. None where its rules cannot run: bars off their grid.
        """
        block = self.block
        try:
            whole = filled(CandleFile(block.symbols.to_list(), block.bars, block.bar_ms))
        except InvalidBars:
            return None
        owner = np.repeat(np.arange(len(block.symbols)), np.diff(block.bars.offsets))
        since = block.bars.open_ms - block.bars.open_ms[block.bars.offsets[:-1]][owner]
        place = whole.bars.offsets[:-1][owner] + since // block.bar_ms
        told = np.zeros(len(whole.bars.open_ms), np.bool_)
        told[place] = is_exit
        found = [
            self._freqtrade(whole.bars, place[is_entry & (self.fee[owner] == fee)], told, fee)
            for fee in np.unique(self.fee)  # the ladder there is net of one fee
        ]
        symbol, rates = np.concatenate([k for k, _ in found]), np.concatenate([rates for _, rates in found])
        cost, fee = self.price_cost[symbol], self.fee[symbol]
        got = rates[:, 1] * (1 - cost) * (1 - fee)
        return symbol, got / (rates[:, 0] * (1 + cost) * (1 + fee)) - 1

    def _freqtrade(self, bars: Bars, entries: Ints, is_exit: Bools, fee: float) -> tuple[Ints, Floats]:
        block, strategy = self.block, self._strategy(fee)
        is_entry = np.zeros(len(bars.open_ms), np.bool_)
        is_entry[entries] = True
        venue = venue_of(block.markets, strategy, fee, bars, is_freqtrade=False)
        job = Job(
            bars,
            detail_bars(None, block.symbols.to_list(), block.bar_ms),
            Signals(is_entry, is_exit, np.empty(0)),
            # The market's own tick, not the digits that freqtrade finds in a month's candles.
            venue._replace(decimals=np.full(len(bars.open_ms), -1, np.int8)),
            terms_of(bars, block.bar_ms, strategy, 0, is_freqtrade=True, fee=fee),
            empty_book(),
        )
        rows, rates, _ = walked(job, 0)
        closed = rows[:, 4] < _FORCED
        return rows[closed, 0], rates[closed]

    def _strategy(self, fee: float) -> Strategy:
        """Return the exits as a strategy file would say them to a venue of this fee."""
        exits, bar_min = self.exits, self.block.bar_ms / _MINUTE_MS
        trail = exits.trailing_stop
        # As a strategy file says targets: what is left after the fee of both sides.
        net = (1 - fee) / (1 + fee)
        return Strategy(
            entry=_ANYTHING,
            stoploss=exits.stop_loss,
            stake=self.stake,
            entry_limit=self.entry_limit,
            take_profit=exits.take_profit or 0.0,
            roi=tuple((round(age * bar_min), (1 + target) * net - 1) for age, target in exits.ladder),
            trailing=None if trail is None else Trailing(trail, exits.trailing_offset),
            max_hold_min=(exits.max_hold_bars or 0) * self.block.bar_ms // _MINUTE_MS,
            volume_share=self.volume_share,
            costs=Costs(fee=fee, half_spread=0.0, slippage=0.0, impact=0.0),
        )
