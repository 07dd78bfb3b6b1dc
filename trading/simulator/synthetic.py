"""The synthetic market: a `MarketSource` made from a seed alone, endless for practical purposes.

This module turns questions in wire names and ms into kernel calls. How prices come about is in
`weather`, `tree`, `volumes`, `paths`; who is listed in `pairs`; the whole story in
docs/explanation/market-model.md.
"""

from collections.abc import Mapping

import numpy as np

from trading.market.errors import UnknownSymbol
from trading.market.timeframes import DAY_MS, TIMEFRAMES
from trading.simulator import walk
from trading.simulator.aggregate import empty_bars, join_bars, sum_bars
from trading.simulator.pairs import drafts
from trading.simulator.source import Bars, Int64s, Pair, PathStep, Snapshot
from trading.simulator.table import pair_table
from trading.simulator.tree import LENGTH
from trading.simulator.weather import ANCHOR_DAY, EPOCH_MS, HORIZON_DAYS, build_weather, regimes

DEFAULT_START_MS = EPOCH_MS + ANCHOR_DAY * DAY_MS  # Monday 2026-08-17 00:00 UTC
_MINUTE_MS = 60_000
_LEVELS = {"1m": 6, "5m": 5, "15m": 4, "30m": 3, "1h": 2, "4h": 1, "1d": 0, "1w": 0, "1M": 0}


class SyntheticMarket:
    """See `MarketSource`; made by `synthetic`.

    Attributes
    ----------
    edge : bool
        Whether mean reversion is planted in about 1 % of the pairs (`edge_symbols`).
    """

    kind = "synthetic"

    def __init__(self, seed: int, symbols: int, *, edge: bool, as_of_ms: int) -> None:
        made = drafts(seed, symbols, as_of_ms, has_edge=edge)
        self.seed: int | None = seed
        self.edge = edge
        self.pairs: Mapping[str, Pair] = {draft.pair.symbol: draft.pair for draft in made}
        self.timeframes = tuple(TIMEFRAMES)
        self.first_ms = EPOCH_MS
        self.last_ms: int | None = EPOCH_MS + HORIZON_DAYS * DAY_MS
        self.default_start_ms = as_of_ms
        self._rows = {symbol: row for row, symbol in enumerate(self.pairs)}
        self._weather = build_weather(seed)
        self._table = pair_table(seed, made, self._weather)
        self._seen: tuple[int, Snapshot] | None = None

    @property
    def finest_timeframe(self) -> str:
        """Always one minute."""
        return "1m"

    @property
    def edge_symbols(self) -> tuple[str, ...]:
        """Wire names of the pairs with a planted pattern."""
        return tuple(symbol for symbol, pair in self.pairs.items() if pair.has_edge)

    def regime(self, at_ms: int) -> int:
        """Return the planted volatility regime of that day: 0 calm, 1 normal, 2 turbulent."""
        return int(regimes(self.seed or 0)[(at_ms - EPOCH_MS) // DAY_MS])

    def bars(self, symbol: str, timeframe: str, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        """See `MarketSource.bars`."""
        row = self._row(symbol)
        level = _LEVELS.get(timeframe)
        if level is None:
            return empty_bars()
        frame = TIMEFRAMES[timeframe]
        first = frame.floor_ms(max(start_ms, self.first_ms))
        if first < start_ms:
            first = frame.next_ms(first)
        end_ms = min(end_ms, now_ms + 1, self.last_ms or now_ms)
        if first >= end_ms:
            return empty_bars()
        # Bars that open at or after `forming` are not finished at now_ms: there is at most one.
        forming = frame.floor_ms(now_ms)
        finished = self._finished(row, level, timeframe, first, min(_ceil(timeframe, end_ms), forming))
        if not first <= forming < end_ms:
            return finished
        return join_bars(finished, self._forming(row, forming, now_ms))

    def price(self, symbol: str, now_ms: int) -> int:
        """See `MarketSource.price`."""
        return int(self._stretch(self._row(symbol), now_ms, now_ms)[3])

    def half_spread(self, symbol: str, now_ms: int) -> int:
        """See `MarketSource.half_spread`."""
        return int(self._stretch(self._row(symbol), now_ms, now_ms)[6])

    def step_path(self, symbol: str, from_ms: int, to_ms: int) -> PathStep:
        """See `MarketSource.step_path`."""
        _, high, low, last, volume, _, _ = self._stretch(self._row(symbol), from_ms, to_ms).tolist()
        return PathStep(low, high, last, volume)

    def snapshot(self, now_ms: int) -> Snapshot:
        """See `MarketSource.snapshot`; computed once per market second, as of its beginning."""
        second = now_ms // 1000 * 1000
        if self._seen is None or self._seen[0] != second:
            at = self._since_epoch(second)
            everyone = np.arange(len(self._rows))
            rows = walk.stretch(self._table, self._weather, everyone, max(0, at - DAY_MS), at)
            last, spread = rows[:, 3], rows[:, 6]
            figures = (last - spread, last + spread, *(rows[:, k] for k in (0, 1, 2, 4, 5)))
            self._seen = second, Snapshot(last.copy(), *(np.ascontiguousarray(column) for column in figures))
        return self._seen[1]

    def _row(self, symbol: str) -> int:
        row = self._rows.get(symbol)
        if row is None:
            raise UnknownSymbol(f"no pair {symbol!r} on this market of {len(self._rows)}")
        return row

    def _since_epoch(self, at_ms: int) -> int:
        return min(max(at_ms - EPOCH_MS, 0), HORIZON_DAYS * DAY_MS - 1)

    def _stretch(self, row: int, from_ms: int, to_ms: int) -> Int64s:
        start, end = self._since_epoch(from_ms), self._since_epoch(to_ms)
        rows = walk.stretch(self._table, self._weather, np.array([row]), start, end)
        figures: Int64s = rows[0]
        return figures

    def _finished(self, row: int, level: int, name: str, first_ms: int, end_ms: int) -> Bars:
        if end_ms <= first_ms:
            return empty_bars()
        start, end = (first_ms - EPOCH_MS) // _MINUTE_MS, (end_ms - EPOCH_MS) // _MINUTE_MS
        room = (end - start) // int(LENGTH[level]) + 1
        places, rows = walk.page(self._table, row, self._weather, level, start, end, room)
        open_ms = EPOCH_MS + places * _MINUTE_MS
        days = Bars(open_ms, *(np.ascontiguousarray(column) for column in rows.T))
        return days if name not in ("1w", "1M") else sum_bars(days, name)

    def _forming(self, row: int, open_ms: int, now_ms: int) -> Bars:
        born, died = (EPOCH_MS + int(self._table.ints[row, k]) * _MINUTE_MS for k in (2, 3))
        if now_ms < born or open_ms >= died:
            return empty_bars()
        figures = self._stretch(row, max(open_ms, born), now_ms)
        return Bars(np.array([open_ms]), *(figures[k : k + 1] for k in range(6)))


def _ceil(name: str, at_ms: int) -> int:
    frame = TIMEFRAMES[name]
    floor = frame.floor_ms(at_ms)
    return floor if floor == at_ms else frame.next_ms(floor)


def synthetic(
    seed: int = 7, symbols: int = 2610, *, edge: bool = True, as_of_ms: int = DEFAULT_START_MS
) -> SyntheticMarket:
    """Return the market made by `seed`.

    Parameters
    ----------
    seed : int
        Everything follows from it; the same on every run.
    symbols : int
        How many pairs; the first n of a larger market are the market of n.
    edge : bool
        Plant mean reversion in about 1 % of the pairs (declared in their full names).
    as_of_ms : int
        Market time at which all pairs are listed and the young ones are young: the start.

    Raises
    ------
    BadInput
        If `symbols` or `as_of_ms` is out of bounds.
    """
    return SyntheticMarket(seed, symbols, edge=edge, as_of_ms=as_of_ms)
