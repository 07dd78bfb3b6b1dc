"""The order book, synthesised around the price: depth follows liquidity, spacing follows the spread.

A level's quantity is a pure function of seed, symbol, side and price, so the book of a moment is the
same for everyone. What takers eat is remembered and grows back within a minute of market time, and
part of the way they climbed stays for some minutes (`footprint`): a thousand buyers at once climb the
book and move the price, one buyer an hour later finds both as if nothing had been.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trading.market.errors import BadInput
from trading.simulator.footprint import REFILL_MS
from trading.simulator.listings import Listing
from trading.simulator.orders import Side
from trading.simulator.source import QUOTE_VOLUME_DECIMALS, Pair

LEVELS = 200
# Share of how far a taker pushed the best price that stays until it wears off (see `footprint`). Studies of
# real books find about two thirds of the first impact at the end of a large order, a third soon after.
IMPACT = 0.3
# Best level in dollars = 4 * sqrt(dollars traded per hour): about 25 k at 40 M an hour, 180 at 2,000.
# A rule of thumb, not a measurement: depth grows slower than turnover on real venues.
_BEST_LEVEL = 4.0
_LEAST_LEVEL = 25.0
_LIQUIDITY_MS = 6 * 3_600_000


class Levels(NamedTuple):
    """One side of the book, best first: prices in ticks, quantities in steps."""

    price: npt.NDArray[np.int64]
    quantity: npt.NDArray[np.int64]


class Take(NamedTuple):
    """One level's share of a taker's fill."""

    price: int
    steps: int


@dataclass(slots=True)
class _Eaten:
    steps: float
    at_ms: int


class BookMaker:
    """Synthesises books and remembers what was taken from them."""

    def __init__(self, listing: Listing, seed: int, *, impact: float = IMPACT) -> None:
        if not 0 <= impact <= 1:
            raise BadInput(f"impact must be between 0 and 1, was {impact}")
        self._impact = impact
        self._listing = listing
        self._source = listing.source
        self._seed = seed
        self._symbol_seed: dict[str, int] = {}
        self._eaten: dict[tuple[str, Side], _Eaten] = {}
        self._row = {symbol: row for row, symbol in enumerate(self._source.pairs)}
        self._hourly: npt.NDArray[np.float64] | None = None
        self._hourly_at = 0

    def side(self, symbol: str, side: Side, now_ms: int, limit: int = LEVELS) -> Levels:
        """Return what a `side` taker would meet (asks for a buy), best first, without what is eaten."""
        levels = self._whole(symbol, side, now_ms)
        gone = self._gone(symbol, side, now_ms)
        if gone:
            left = np.clip(np.cumsum(levels.quantity) - gone, 0, levels.quantity)
            keep = left > 0
            levels = Levels(levels.price[keep], left[keep])
        return Levels(levels.price[:limit], levels.quantity[:limit])

    def state(self, symbol: str, now_ms: int) -> tuple[float, ...]:
        """Return all that the book of a moment is made of: where two states are equal, the books are.

        A fifth of what a book costs; streams ask it before they make one.
        """
        pair = self._source.pairs[symbol]
        return (
            self._source.mid(symbol, now_ms),
            self._source.half_spread(symbol, now_ms),
            self._gone(symbol, Side.BUY, now_ms),
            self._gone(symbol, Side.SELL, now_ms),
            self._listing.worth(pair.quote, now_ms),
            now_ms // _LIQUIDITY_MS,
            pair.price_decimals,
            pair.amount_decimals,
        )

    def last(self, symbol: str, now_ms: int) -> int:
        """Return the last price, in ticks."""
        return self._source.price(symbol, now_ms)

    def walk(self, symbol: str, side: Side, now_ms: int, *, limit_price: int, steps: int) -> list[Take]:
        """Return the fills of a taker of up to `steps` that accepts prices up to `limit_price`."""
        takes: list[Take] = []
        mid, half = self._source.mid(symbol, now_ms), self._source.half_spread(symbol, now_ms)
        if limit_price < mid + half if side is Side.BUY else limit_price > mid - half:
            return takes  # away from the touch: no need to make the book
        levels = self.side(symbol, side, now_ms)
        for price, quantity in zip(levels.price.tolist(), levels.quantity.tolist(), strict=True):
            if steps <= 0 or (price > limit_price if side is Side.BUY else price < limit_price):
                break
            part = min(steps, quantity)
            takes.append(Take(price, part))
            steps -= part
        return takes

    def eat(self, symbol: str, side: Side, now_ms: int, steps: int) -> None:
        """Remember that a `side` taker took `steps`: those levels are gone for a while."""
        gone = self._gone(symbol, side, now_ms)
        self._eaten[(symbol, side)] = _Eaten(gone + steps, now_ms)

    def trade(self, symbol: str, side: Side, now_ms: int, takes: list[Take]) -> None:
        """Let a `side` taker's fills have happened: levels eaten, prints on the tape, the price pushed."""
        self.eat(symbol, side, now_ms, sum(take.steps for take in takes))
        push = 0.0
        if self._impact > 0:
            rest = self.side(symbol, side, now_ms, 1).price
            after = int(rest[0]) if len(rest) else takes[-1].price
            push = self._impact * (after - takes[0].price)
        self._source.imprint(symbol, now_ms, [(take.price, take.steps) for take in takes], push)

    def best_quantities(self, prices: npt.NDArray[np.int64], now_ms: int) -> npt.NDArray[np.int64]:
        """Return about how much stands at the best level of every pair, in steps (for all tickers)."""
        dollars = self._level_dollars(now_ms)
        steps: npt.NDArray[np.float64] = dollars / np.maximum(prices, 1) * self._steps_per_tick()
        return np.maximum(1, steps).astype(np.int64)

    def row(self, symbol: str) -> int:
        """Return the row of a pair in the source's snapshots."""
        return self._row[symbol]

    def _gone(self, symbol: str, side: Side, now_ms: int) -> int:
        eaten = self._eaten.get((symbol, side))
        if eaten is None:
            return 0
        left = eaten.steps * min(1.0, 1 - (now_ms - eaten.at_ms) / REFILL_MS)
        if left < 1:
            del self._eaten[(symbol, side)]
            return 0
        return int(left)

    def _whole(self, symbol: str, side: Side, now_ms: int) -> Levels:
        pair = self._source.pairs[symbol]
        mid, half = self._source.mid(symbol, now_ms), self._source.half_spread(symbol, now_ms)
        rank = np.arange(LEVELS, dtype=np.float64)
        # Spacing widens outward: half a spread near the touch, three times that at the end.
        away = half + np.floor(rank * max(1.0, half * 0.5) * (1 + rank / LEVELS)).astype(np.int64)
        price = mid + away if side is Side.BUY else mid - away
        price = price[price > 0]
        noise = self._noise(symbol, side, price)
        best = self._best_steps(pair, mid, now_ms)
        quantity = np.maximum(1, best * (1 + 0.05 * rank[: len(price)]) * noise).astype(np.int64)
        return Levels(price, quantity)

    def _best_steps(self, pair: Pair, mid: int, now_ms: int) -> float:
        dollars = float(self._level_dollars(now_ms)[self._row[pair.symbol]])
        scale = 10.0 ** (pair.price_decimals + pair.amount_decimals)
        return float(dollars / self._listing.worth(pair.quote, now_ms) / max(1, mid) * scale)

    def _level_dollars(self, now_ms: int) -> npt.NDArray[np.float64]:
        if self._hourly is None or not 0 <= now_ms - self._hourly_at < _LIQUIDITY_MS:
            # The grid keeps the book a function of market time, not of when somebody first looked.
            at = max(now_ms // _LIQUIDITY_MS * _LIQUIDITY_MS, self._source.first_ms)
            quote = self._source.snapshot(at).quote_volume_24h / 10.0**QUOTE_VOLUME_DECIMALS
            worth = {q: self._listing.worth(q, at) for q in {p.quote for p in self._source.pairs.values()}}
            scale = np.array([worth[pair.quote] for pair in self._source.pairs.values()])
            self._hourly = np.maximum(_LEAST_LEVEL, _BEST_LEVEL * np.sqrt(np.maximum(0, quote) * scale / 24))
            self._hourly_at = at
        return self._hourly

    def _steps_per_tick(self) -> npt.NDArray[np.float64]:
        decimals = [p.price_decimals + p.amount_decimals for p in self._source.pairs.values()]
        return 10.0 ** np.array(decimals, dtype=np.float64)

    def _noise(self, symbol: str, side: Side, price: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        base = self._symbol_seed.get(symbol)
        if base is None:
            raw = blake2b(f"book|{self._seed}|{symbol}".encode(), digest_size=8).digest()
            base = self._symbol_seed[symbol] = int.from_bytes(raw, "little") >> 1
        bits = price.astype(np.uint64) * np.uint64(2) + np.uint64(side is Side.BUY) + np.uint64(base)
        # splitmix64's finaliser (Steele, Lea, Flood 2014): neighbouring prices get unrelated values.
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
        return 0.4 + 1.2 * (bits >> np.uint64(11)).astype(np.float64) / 2.0**53
