"""Candles and terms that configurations run on: all of them in the grid kernel, or one with its trades."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trading.backtest.candle_file import CandleFile, MarketRules
from trading.backtest.grid import GridJob, run_grid
from trading.backtest.replay import Mode, replay
from trading.backtest.search.outcome import DAY_MS, Outcome, of_grid, of_trades
from trading.backtest.strategy import Strategy
from trading.backtest.validation.holdout import Holdout
from trading.backtest.walk import Bars
from trading.market.errors import BadInput, InvalidBars

_CHUNK = 256  # configurations run at a time: progress is shown between chunks
_SAMPLE_ROWS = 40_000
Update = Callable[[int, int], None]


def _silent(_done: int, _of: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What every configuration of a search shares; `replay` says what the fields mean.

    `places` is the capital in stakes where slots are unlimited; 0 = one per symbol of the candles.
    """

    candles: CandleFile
    mode: Mode = Mode.DEFAULT
    fee: float | None = None
    slots: int = 0
    markets: Mapping[str, MarketRules] | None = None
    detail: CandleFile | None = None
    places: float = 0.0

    def __post_init__(self) -> None:
        if self.fee is not None and not 0 <= self.fee < 1:
            raise BadInput(f"fee must lie in [0, 1), was {self.fee}")
        if self.slots < 0:
            raise BadInput(f"slots must be 0 (no limit) or more, was {self.slots}")

    @property
    def capital(self) -> float:
        """Stakes that the capital is: one per slot, or one per symbol."""
        return float(self.slots or self.places or self.symbols)

    @property
    def symbols(self) -> int:
        """How many symbols there are; one that holdouts cut into stretches is one."""
        return len(set(self.candles.symbols))

    @property
    def span_ms(self) -> tuple[int, int]:
        """First bar's open and last bar's end."""
        open_ms, offsets = self.candles.bars.open_ms, self.candles.bars.offsets
        return int(open_ms[offsets[:-1]].min()), int(open_ms[offsets[1:] - 1].max()) + self.candles.bar_ms

    @property
    def begin(self) -> datetime:
        """Open of the first bar."""
        return datetime.fromtimestamp(self.span_ms[0] / 1000, UTC)

    @property
    def end(self) -> datetime:
        """End of the last bar: the market time at which all of it was known."""
        return datetime.fromtimestamp(self.span_ms[1] / 1000, UTC)

    @property
    def days(self) -> tuple[int, int]:
        """First UTC day, counted from 1970, and number of days."""
        begin, end = self.span_ms
        first = begin // DAY_MS
        return first, (end - self.candles.bar_ms) // DAY_MS - first + 1

    def side_cost(self, strategy: Strategy) -> float:
        """Return what one side costs on top of the candle's price, as a fraction; without impact."""
        costs = strategy.costs
        fee = costs.fee if self.fee is None else self.fee
        return fee + (0.0 if self.mode is Mode.FREQTRADE else costs.half_spread + costs.slippage)

    @property
    def data_id(self) -> str:
        """Digest of candles and terms: the same trial on the same data is one trial."""
        state = blake2b(digest_size=8)
        for column in self.candles.bars[:-1]:
            state.update(np.ascontiguousarray(column).tobytes())
        terms = [
            self.candles.symbols,
            str(self.mode),
            self.fee,
            self.slots,
            sorted((self.markets or {}).items()),
        ]
        state.update(repr(terms).encode())
        return state.hexdigest()

    def between(self, begin_ms: int, end_ms: int) -> "Bench":
        """Return the same with the bars that open from `begin_ms` on and end by `end_ms`; the capital stays.

        Raises
        ------
        InvalidBars
            If no symbol has two bars there.
        """
        return replace(self, candles=cut(self.candles, begin_ms, end_ms), places=self.capital)

    def trades(self, strategy: Strategy, since_ms: int = 0) -> pl.DataFrame:
        """Return the trades of one configuration, entered from `since_ms` on."""
        parts = by_time(self.candles) if self._is_shared(strategy) else [self.candles]
        found = [
            replay(
                part, strategy, self.mode, fee=self.fee, slots=self.slots, markets=self.markets,
                detail=self.detail, since_ms=since_ms,
            ).trades
            for part in parts
        ]  # fmt: skip
        return pl.concat(found)

    def _is_shared(self, strategy: Strategy) -> bool:
        """Whether holdouts cut the candles and positions share slots, a wallet or protections."""
        is_cut = self.symbols < len(self.candles.symbols)
        return is_cut and (self.slots > 0 or strategy.wallet > 0 or strategy.guards.is_on)

    def outcome(self, strategy: Strategy) -> Outcome:
        """Return the outcome of one configuration, with all that trades tell."""
        return of_trades(self.trades(strategy), *self.days, self.capital)

    def outcomes(
        self, strategies: Sequence[Strategy], *, needs_trades: bool = False, update: Update = _silent
    ) -> list[Outcome]:
        """Return the outcome of each configuration, in order.

        Parameters
        ----------
        needs_trades : bool
            Replay each by itself, for what the grid's sums do not tell: durations, losses, symbols.
        update : callable
            Told how many are done, of how many.
        """
        found: list[Outcome] = []
        needs_trades = needs_trades or any(map(self._is_shared, strategies))
        step = 1 if needs_trades else _CHUNK
        for first in range(0, len(strategies), step):
            chunk = strategies[first : first + step]
            found += [self.outcome(chunk[0])] if needs_trades else self._grid(chunk)
            update(len(found), len(strategies))
        return found

    def _grid(self, strategies: Sequence[Strategy]) -> list[Outcome]:
        job = GridJob(
            self.candles, strategies, self.mode, fee=self.fee, slots=self.slots, markets=self.markets,
            detail=self.detail, is_daily=True,
        )  # fmt: skip
        result = run_grid(job)
        if result.daily is None:
            raise AssertionError("a grid that was asked for days gave none")
        return of_grid(result.figures, result.daily, self.capital)

    def seconds(self, strategies: Sequence[Strategy], count: int, *, needs_trades: bool = False) -> float:
        """Return an estimate of the CPU seconds that `count` configurations cost.

        Two and then more of the given ones are run on the first symbols, until `_SAMPLE_ROWS` rows; what the
        later ones cost more is what each further one does. The first run compiles and is not counted.
        """
        few = replace(self, candles=_head(self.candles, _SAMPLE_ROWS))
        share = len(few.candles.bars.close) / len(self.candles.bars.close)
        few.outcomes(strategies[:1], needs_trades=needs_trades)
        spent = []
        for part in (strategies[:1], strategies):
            before = time.process_time()
            few.outcomes(part, needs_trades=needs_trades)
            spent.append(time.process_time() - before)
        each = (spent[1] - spent[0]) / max(1, len(strategies) - 1) if len(strategies) > 1 else spent[0]
        return max(spent[0] + max(each, 0.0) * (count - 1), 0.0) / share


def cut(candles: CandleFile, begin_ms: int, end_ms: int) -> CandleFile:
    """Return the bars that open from `begin_ms` on and end by `end_ms`; without symbols of fewer than two.

    Raises
    ------
    InvalidBars
        If no symbol is left.
    """
    open_ms = candles.bars.open_ms
    return _kept(candles, (open_ms >= begin_ms) & (open_ms + candles.bar_ms <= end_ms))


def without_holdouts(candles: CandleFile, holdouts: Sequence[Holdout]) -> tuple[CandleFile, int]:
    """Return the candles outside every holdout, and how many bars were left out.

    A bar is inside if any part of it is. What lies before a holdout and what lies after it are two stretches
    of the same symbol: a trade that is open at its begin counts at the last close before it, as at the end of
    all candles, else its end would tell how far the price went inside; indicators warm up anew behind it.

    Raises
    ------
    InvalidBars
        If nothing is left.
    """
    open_ms = candles.bars.open_ms
    inside = np.zeros(len(open_ms), bool)
    for one in holdouts:
        begin, end = (round(time.timestamp() * 1000) for time in (one.begin, one.end))
        inside |= (open_ms + candles.bar_ms > begin) & (open_ms < end)
    dropped = int(inside.sum())
    return (_kept(_stretches(candles, ~inside), ~inside) if dropped else candles), dropped


def by_time(candles: CandleFile) -> list[CandleFile]:
    """Return the stretches that share time, oldest first, to be run one after another.

    The portfolio loop gives no slot back of a position that is open at a symbol's last bar.
    """
    offsets, open_ms = candles.bars.offsets, candles.bars.open_ms
    begins, ends = open_ms[offsets[:-1]], open_ms[offsets[1:] - 1]
    order = np.argsort(begins, kind="stable")
    before = np.maximum.accumulate(ends[order])[:-1]
    cuts = begins[order][1:][begins[order][1:] > before].tolist()
    edges = [int(begins.min()), *cuts, int(ends.max()) + candles.bar_ms]
    return [cut(candles, begin, end) for begin, end in pairwise(edges)]


def _stretches(candles: CandleFile, keep: NDArray[np.bool_]) -> CandleFile:
    """Return the candles with each symbol begun anew, under its name, where `keep` sets in again."""
    offsets = candles.bars.offsets
    begins = np.flatnonzero(keep[1:] & ~keep[:-1]) + 1
    starts = np.union1d(offsets, begins).astype(np.int64)
    owner = np.searchsorted(offsets, starts[:-1], side="right") - 1
    symbols = [candles.symbols[k] for k in owner.tolist()]
    return CandleFile(symbols, candles.bars._replace(offsets=starts), candles.bar_ms)


def _kept(candles: CandleFile, keep: NDArray[np.bool_]) -> CandleFile:
    bars = candles.bars
    lengths = np.add.reduceat(keep, bars.offsets[:-1], dtype=np.int64)
    is_long = lengths >= 2
    if not is_long.any():
        raise InvalidBars("no symbol has two bars in that stretch of time")
    keep = keep & np.repeat(is_long, np.diff(bars.offsets))
    offsets = np.concatenate([[0], np.cumsum(lengths[is_long])]).astype(np.int64)
    columns = {
        name: np.ascontiguousarray(getattr(bars, name)[keep])
        for name in ("open_ms", "open", "high", "low", "close", "volume")
    }
    symbols = [symbol for symbol, is_kept in zip(candles.symbols, is_long, strict=True) if is_kept]
    return CandleFile(symbols, Bars(offsets, **columns, per_unit=np.empty(0)), candles.bar_ms)


def _head(candles: CandleFile, rows: int) -> CandleFile:
    """Return the first symbols of together at most `rows` rows; one at least."""
    count = max(1, int(np.searchsorted(candles.bars.offsets, rows, side="right")) - 1)
    keep = np.zeros(len(candles.bars.close), bool)
    keep[: candles.bars.offsets[count]] = True
    return _kept(candles, keep)
