"""The market as served: levers pulled (`levered`) and our own orders' footprints on top (`footprint`).

Prices, quotes, paths, candles and tickers hold what our takers did: their prints, and the push that wears
off. What does not: public trade lists and the order of events inside a bar; a candle's extremes are exact
to the push's change within five minutes, and rows that the source has not (holes) stay missing.
"""

from itertools import pairwise

import numpy as np

from trading.market.timeframes import DAY_MS, TIMEFRAMES
from trading.simulator.footprint import Footprint
from trading.simulator.levered import LeveredMarket
from trading.simulator.source import QUOTE_VOLUME_DECIMALS, Bars, MarketSource, PathStep, Snapshot

# How finely a bar is cut where a push wears off: pieces of this length, this many at most.
_PIECE_MS = 300_000
_MAX_PIECES = 48


class ServedMarket(LeveredMarket):
    """See `MarketSource`; fills are reported with `imprint`."""

    def __init__(self, base: MarketSource) -> None:
        super().__init__(base)
        self._bar_ms = TIMEFRAMES[base.finest_timeframe].ms
        self._feet: dict[str, Footprint] = {}
        self._finished: dict[tuple[str, str, int], tuple[int, ...]] = {}
        # Symbols with something new on the tape, for whoever saves.
        self.trodden: set[str] = set()

    def imprint(self, symbol: str, at_ms: int, fills: list[tuple[int, int]], push: float) -> None:
        """Take in a taker's fills (price, steps) and by how many ticks they push the price for longer."""
        foot = self._feet.get(symbol)
        if foot is None:
            foot = self._feet[symbol] = Footprint(self._bar_ms)
        prices = [price for price, _ in fills]
        foot.add(
            at_ms,
            low=min(prices),
            high=max(prices),
            steps=sum(steps for _, steps in fills),
            quote=self._quote(symbol, sum(price * steps for price, steps in fills)),
            residual=prices[-1] - self.mid(symbol, at_ms),
            push=push,
        )
        self.trodden.add(symbol)

    def footprint(self, symbol: str) -> Footprint | None:
        """Return what our orders have left in a symbol."""
        return self._feet.get(symbol)

    @property
    def footprints(self) -> dict[str, Footprint]:
        """All footprints, by wire name."""
        return self._feet

    def restore_footprint(self, symbol: str, raw: list[list[list[int]]]) -> None:
        """Put a saved footprint back."""
        self._feet[symbol] = Footprint.from_json(self._bar_ms, raw)
        self.trodden.add(symbol)

    def mid(self, symbol: str, now_ms: int) -> int:
        """Return the middle between bid and ask, in ticks."""
        path = super().price(symbol, now_ms)
        foot = self._feet.get(symbol)
        return path if foot is None else max(1, path + round(foot.shift(self.trading_ms(symbol, now_ms))))

    def price(self, symbol: str, now_ms: int) -> int:
        """See `MarketSource.price`; after a fill of ours it comes back to the middle as the book refills."""
        path = super().price(symbol, now_ms)
        foot = self._feet.get(symbol)
        return path if foot is None else max(1, path + self._away(foot, self.trading_ms(symbol, now_ms)))

    def step_path(self, symbol: str, from_ms: int, to_ms: int) -> PathStep:
        """See `MarketSource.step_path`; with the push, without our own prints."""
        step = super().step_path(symbol, from_ms, to_ms)
        foot = self._feet.get(symbol)
        if foot is None:
            return step
        down, up = foot.range(from_ms, to_ms)
        last = max(1, step.last + round(foot.shift(to_ms)))
        return PathStep(max(1, min(step.low + down, last)), max(step.high + up, last), last, step.volume)

    def bars(self, symbol: str, timeframe: str, start_ms: int, end_ms: int, now_ms: int) -> Bars:
        """See `MarketSource.bars`."""
        found = super().bars(symbol, timeframe, start_ms, end_ms, now_ms)
        foot = self._feet.get(symbol)
        if foot is None or len(found.open_ms) == 0:
            return found
        frame = TIMEFRAMES[timeframe]
        changed = Bars(*(column.copy() for column in found))
        first = int(np.searchsorted(found.open_ms, foot.begins_ms - frame.ms))
        for row in range(first, len(found.open_ms)):
            opened = int(found.open_ms[row])
            until = frame.next_ms(opened)
            values = self._finished.get((symbol, timeframe, opened))
            if values is None:
                plain = tuple(int(column[row]) for column in found[1:])
                values = self._trodden_bar(symbol, foot, opened, min(until, now_ms), plain)
                if until <= now_ms:
                    self._finished[symbol, timeframe, opened] = values
            for column, value in zip(changed[1:], values, strict=True):
                column[row] = value
        return changed

    def snapshot(self, now_ms: int) -> Snapshot:
        """See `MarketSource.snapshot`."""
        shot = super().snapshot(now_ms)
        if not self._feet:
            return shot
        columns = Snapshot(*(column.copy() for column in shot))
        rows = self.rows
        for symbol, foot in self._feet.items():
            row = rows[symbol]
            if not self.has_levers(symbol):
                at_ms = self.trading_ms(symbol, now_ms)
                shift = round(foot.shift(at_ms))
                columns.last[row] = max(1, int(columns.last[row]) + self._away(foot, at_ms))
                columns.bid[row] = max(1, int(columns.bid[row]) + shift)
                columns.ask[row] = max(2, int(columns.ask[row]) + shift)
            cells = foot.between(now_ms - DAY_MS, now_ms + 1)
            last = int(columns.last[row])
            columns.high_24h[row] = max(int(columns.high_24h[row]), last, *(c.high for c in cells))
            columns.low_24h[row] = min(int(columns.low_24h[row]), last, *(c.low for c in cells))
            columns.volume_24h[row] += sum(c.steps for c in cells)
            columns.quote_volume_24h[row] += sum(c.quote for c in cells)
        return columns

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
        """See `LeveredMarket.relist`; no push outlives it."""
        old = self.pairs.get(symbol)
        super().relist(
            symbol, at_ms, ratio=ratio, price_decimals=price_decimals,
            amount_decimals=amount_decimals, keeps_history=keeps_history,
        )  # fmt: skip
        foot, new = self._feet.get(symbol), self.pairs[symbol]
        if foot is None or old is None:
            return
        foot.cut(
            at_ms,
            10.0 ** (new.price_decimals - old.price_decimals),
            10.0 ** (new.amount_decimals - old.amount_decimals),
        )
        self.trodden.add(symbol)
        for key in [key for key in self._finished if key[0] == symbol]:
            del self._finished[key]

    def _trodden_bar(
        self, symbol: str, foot: Footprint, opened: int, until: int, plain: tuple[int, ...]
    ) -> tuple[int, ...]:
        first, high, low, last, volume, quote = plain
        cells = foot.between(opened, max(until, opened + 1))
        window = foot.active(opened, until)
        if not cells and window is None and foot.residual(opened) == 0:
            return plain
        first = max(1, first + self._away(foot, opened))
        last = max(1, last + self._away(foot, self.trading_ms(symbol, until)))
        if window is not None and until > opened:
            low, high = self._extremes(symbol, foot, opened, until, window)
        low = max(1, min(low, first, last, *(cell.low for cell in cells)))
        high = max(high, first, last, *(cell.high for cell in cells))
        volume += sum(cell.steps for cell in cells)
        return first, high, low, last, volume, quote + sum(cell.quote for cell in cells)

    def _extremes(
        self, symbol: str, foot: Footprint, opened: int, until: int, window: tuple[int, int]
    ) -> tuple[int, int]:
        begin, end = window
        piece = max(_PIECE_MS, (end - begin) // _MAX_PIECES + 1)
        edges = sorted({opened, *range(begin, end, piece), end, until})
        lows, highs = [], []
        for start, stop in pairwise(edges):
            step = super().step_path(symbol, start, stop)
            down, up = foot.range(start, stop)
            lows.append(step.low + down)
            highs.append(step.high + up)
        return min(lows), max(highs)

    @staticmethod
    def _away(foot: Footprint, at_ms: int) -> int:
        return round(foot.shift(at_ms) + foot.residual(at_ms))

    def _quote(self, symbol: str, product: int) -> int:
        pair = self.pairs[symbol]
        places = QUOTE_VOLUME_DECIMALS - pair.price_decimals - pair.amount_decimals
        return int(product * 10**places) if places >= 0 else int(product // 10**-places)
