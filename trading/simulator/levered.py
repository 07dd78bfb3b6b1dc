"""A market under levers: a source's market, cut into eras by halts, delistings and relistings.

A `MarketSource` around another one. Untouched symbols pass straight through. What pulls the levers is
`levers`; the arithmetic of eras is `lives`.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from trading.market.errors import BadInput, UnknownSymbol
from trading.market.timeframes import DAY_MS, TIMEFRAMES, Timeframe
from trading.simulator.aggregate import empty_bars
from trading.simulator.lives import Era, Life, Scale, quote_units, scale_of
from trading.simulator.source import DELISTED, HALTED, ONLINE, Bars, MarketSource, Pair, PathStep, Snapshot
from trading.simulator.units import ATOM_DECIMALS


class LeveredMarket:
    """See `MarketSource`; `base` is the market underneath.

    Levers must be pulled in the order of market time, at or after everything already asked for.
    """

    def __init__(self, base: MarketSource) -> None:
        self.base = base
        self.kind = base.kind
        self.seed = base.seed
        self.timeframes = base.timeframes
        self.first_ms, self.last_ms = base.first_ms, base.last_ms
        self.default_start_ms = base.default_start_ms
        self._pairs = dict(base.pairs)
        self._lives: dict[str, Life] = {}
        self.rows = {symbol: row for row, symbol in enumerate(self._pairs)}

    @property
    def pairs(self) -> Mapping[str, Pair]:
        """By wire name, in listing order; the facts as they stand now."""
        return self._pairs

    @property
    def finest_timeframe(self) -> str:
        """Shortest bar it can answer."""
        return self.base.finest_timeframe

    # Levers

    def end(self, symbol: str, at_ms: int, status: str) -> None:
        """End trading of a symbol at `at_ms`; `status` is HALTED or DELISTED.

        Raises
        ------
        BadInput
            If the symbol is unknown or not trading then.
        """
        era = self._life(symbol).last
        if self._pairs[symbol].status != ONLINE or at_ms < era.start_ms:
            raise BadInput(f"{symbol} is not trading at market time {at_ms}")
        era.end_ms, era.end_status = at_ms, status
        self._pairs[symbol] = era.pair_at(at_ms)

    def resume(self, symbol: str, at_ms: int) -> None:
        """Let a halted symbol trade again, at the price that its path has reached meanwhile.

        Raises
        ------
        BadInput
            If the symbol is unknown or not halted.
        """
        life = self._life(symbol)
        if self._pairs[symbol].status != HALTED or life.last.end_ms is None:
            raise BadInput(f"{symbol} is not halted")
        self._begin(life, replace(life.last, start_ms=at_ms, end_ms=None))

    def relist(
        self,
        symbol: str,
        at_ms: int,
        *,
        ratio: float,
        price_decimals: int | None = None,
        amount_decimals: int | None = None,
        keeps_history: bool = True,
    ) -> None:
        """Begin a new coin (or a new unit of the old one) under an old name.

        Parameters
        ----------
        ratio : float
            New price over the price that the symbol would have had.
        price_decimals, amount_decimals : int | None
            New precision; None keeps the old one.
        keeps_history : bool
            Whether candles from before stay visible (in today's ticks), as on real venues, or vanish.

        Raises
        ------
        BadInput
            If the symbol is unknown, or a number is out of bounds.
        """
        if not 1e-9 <= ratio <= 1e9:
            raise BadInput(f"relisting ratio must be between 1e-9 and 1e9, was {ratio!r}")
        life = self._life(symbol)
        old = life.last
        if old.end_ms is None:
            old.end_ms, old.end_status = at_ms, DELISTED
        pair = replace(
            old.pair,
            price_decimals=old.pair.price_decimals if price_decimals is None else price_decimals,
            amount_decimals=old.pair.amount_decimals if amount_decimals is None else amount_decimals,
            listed_ms=at_ms,
        )
        decimals = pair.price_decimals, pair.amount_decimals
        if min(decimals) < 0 or sum(decimals) > ATOM_DECIMALS:
            raise BadInput(
                f"decimals of {symbol} must be at least 0 and sum to at most {ATOM_DECIMALS}, "
                f"were {decimals[0]} and {decimals[1]}"
            )
        if not keeps_history:
            life.shown_from_ms = at_ms
        self._begin(life, Era(at_ms, old.ratio * ratio, pair))

    def era(self, symbol: str) -> int:
        """Return the number of the present trading stretch: 0 until something was resumed or relisted."""
        life = self._lives.get(symbol)
        return 0 if life is None else len(life.eras) - 1

    def pair_of(self, symbol: str, era: int) -> Pair:
        """Return the facts of a symbol in one of its trading stretches."""
        life = self._lives.get(symbol)
        return self._pairs[symbol] if life is None else life.eras[era].pair

    def trading_ms(self, symbol: str, now_ms: int) -> int:
        """Return `now_ms`, or when trading ended if it has: prices stand still from there."""
        life = self._lives.get(symbol)
        end_ms = None if life is None else life.at(now_ms).end_ms
        return now_ms if end_ms is None else min(now_ms, end_ms)

    def has_levers(self, symbol: str) -> bool:
        """Return whether any lever was ever pulled on a symbol."""
        return symbol in self._lives

    def ended_by_itself(self, symbol: str, now_ms: int) -> int | None:
        """Return when trading of a symbol ended by itself, None if it has not by `now_ms`.

        What a lever ended, the lever settles.
        """
        end_ms = None if symbol in self._lives else self._pairs[symbol].delisted_ms
        return end_ms if end_ms is not None and end_ms <= now_ms else None

    def _life(self, symbol: str) -> Life:
        base = self.base.pairs.get(symbol)
        if base is None:
            raise UnknownSymbol(f"no pair {symbol!r} among the {len(self._pairs)} of this market")
        if base.delisted_ms is not None or base.status != ONLINE:
            raise BadInput(f"{symbol} ends by itself in this market; take a symbol that trades on")
        return self._lives.setdefault(symbol, Life(base))

    def _begin(self, life: Life, era: Era) -> None:
        life.eras.append(era)
        self._pairs[era.pair.symbol] = era.pair

    # Questions

    def price(self, symbol: str, now_ms: int) -> int:
        """See `MarketSource.price`; frozen where trading has ended."""
        life = self._lives.get(symbol)
        if life is None:
            return self.base.price(symbol, now_ms)
        at_ms = self.trading_ms(symbol, now_ms)
        return self._scale(life, life.at(now_ms)).ticks(self.base.price(symbol, at_ms))

    def half_spread(self, symbol: str, now_ms: int) -> int:
        """See `MarketSource.half_spread`."""
        life = self._lives.get(symbol)
        half = self.base.half_spread(symbol, now_ms)
        if life is None:
            return half
        return max(1, min(self._scale(life, life.at(now_ms)).ticks(half), self.price(symbol, now_ms) - 1))

    def step_path(self, symbol: str, from_ms: int, to_ms: int) -> PathStep:
        """See `MarketSource.step_path`; no volume where trading has ended."""
        life = self._lives.get(symbol)
        if life is None:
            return self.base.step_path(symbol, from_ms, to_ms)
        steps = []
        for era, start, end in life.stretches(from_ms, to_ms):
            scale, step = self._scale(life, era), self.base.step_path(symbol, start, end)
            steps.append([scale.ticks(ticks) for ticks in step[:3]] + [scale.steps(step.volume)])
        if not steps:
            last = self.price(symbol, to_ms)
            return PathStep(last, last, last, 0)
        lows, highs, lasts, volumes = zip(*steps, strict=True)
        return PathStep(min(lows), max(highs), lasts[-1], sum(volumes))

    def bars(self, symbol: str, timeframe: str, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        """See `MarketSource.bars`; a bar cut by the end of trading holds what was traded in it."""
        found = self.base.bars(symbol, timeframe, start_ms, end_ms, now_ms)
        life = self._lives.get(symbol)
        if life is None or len(found.open_ms) == 0:
            return found
        frame = TIMEFRAMES[timeframe]
        parts = []
        for row, opened in enumerate(found.open_ms.tolist()):
            until = frame.next_ms(opened)
            pieces = life.stretches(opened, min(until, now_ms + 1))
            one = Bars(*(column[row : row + 1] for column in found))
            if len(pieces) == 1 and self._is_whole(pieces[0].era, opened, until, now_ms):
                parts.append(self._scale(life, pieces[0].era).bars(one))
            elif pieces:
                parts.append(self._pieced(life, opened, frame, now_ms))
        if not parts:
            return empty_bars()
        return Bars(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def snapshot(self, now_ms: int) -> Snapshot:
        """See `MarketSource.snapshot`."""
        shot = self.base.snapshot(now_ms)
        if not self._lives:
            return shot
        columns = Snapshot(*(column.copy() for column in shot))
        rows = self.rows
        for symbol in self._lives:
            for column, value in zip(columns, self._day(symbol, now_ms), strict=True):
                column[rows[symbol]] = value
        return columns

    def _day(self, symbol: str, now_ms: int) -> tuple[int, ...]:
        last, half = self.price(symbol, now_ms), self.half_spread(symbol, now_ms)
        life = self._lives[symbol]
        pieces = life.stretches(now_ms - DAY_MS, now_ms)
        if not pieces:
            return last, last - half, last + half, last, last, last, 0, 0
        opened = self._scale(life, pieces[0].era).ticks(self.base.price(symbol, pieces[0].from_ms))
        low, high, _, volume = self.step_path(symbol, now_ms - DAY_MS, now_ms)
        quote = quote_units(self._pairs[symbol], volume, (opened, high, low, last))
        return last, last - half, last + half, opened, high, low, volume, quote

    @staticmethod
    def _is_whole(era: Era, opened: int, until: int, now_ms: int) -> bool:
        return era.start_ms <= opened and (era.end_ms is None or era.end_ms >= min(until, now_ms))

    def _pieced(self, life: Life, opened: int, frame: Timeframe, now_ms: int) -> Bars:
        # A bar in which trading ended or began: made from the pieces of path inside it.
        symbol = life.base.symbol
        until = min(frame.next_ms(opened), now_ms)
        era, start, _ = life.stretches(opened, max(until, opened + 1))[0]
        first = self._scale(life, era).ticks(self.base.price(symbol, start))
        low, high, last, volume = self.step_path(symbol, opened, until)
        low, high = min(low, first), max(high, first)
        quote = quote_units(self._pairs[symbol], volume, (first, high, low, last))
        return Bars(*(np.array([v], np.int64) for v in (opened, first, high, low, last, volume, quote)))

    def _scale(self, life: Life, era: Era) -> Scale:
        return scale_of(era, life.base, self._pairs[life.base.symbol])
