"""The order book as streams: increments with versions, and the top 5, 10 or 20 levels.

A version is market time in ms, as in REST's `lastUpdateId`. An increment covers versions
`fromVersion` .. `toVersion`, the next one begins right after it: no version is left out.
"""

from trading.simulator.book import BookMaker
from trading.simulator.exchange import Exchange
from trading.simulator.orders import Side
from trading.simulator.source import Pair
from trading.simulator.units import fixed
from trading.simulator.ws_channels import Channel
from trading.simulator.ws_wire import AGGRE_DEPTHS, LIMIT_DEPTHS, binary_frame, levels, text, wrapper

type Rows = list[tuple[int, int]]  # (price ticks, steps), best first

DEPTH = 5000


def sides(books: BookMaker, symbol: str, now_ms: int, limit: int) -> tuple[Rows, Rows]:
    """Return bids and asks, best first."""
    bids = books.side(symbol, Side.SELL, now_ms, limit)
    asks = books.side(symbol, Side.BUY, now_ms, limit)
    return (
        list(zip(bids.price.tolist(), bids.quantity.tolist(), strict=True)),
        list(zip(asks.price.tolist(), asks.quantity.tolist(), strict=True)),
    )


class DepthFeed:
    """What changed in the book since the last look; the first look only remembers.

    `version` is that of the book as sent; it stands still while the book does.
    """

    def __init__(self, exchange: Exchange, channel: Channel) -> None:
        self.greeting: bytes | None = None
        self._books = exchange.books
        self._source = exchange.source
        self._symbol = channel.symbol
        self._channel = channel
        self._event = channel.name.rpartition("@")[0]
        self.version: int | None = None
        self._state: tuple[float, ...] = ()
        self._pair = exchange.source.pairs[channel.symbol]
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}

    def frames(self, now_ms: int) -> list[bytes]:
        """Return one frame with the changed levels, or nothing."""
        if self.version is not None and now_ms <= self.version:
            return []
        state = self._books.state(self._symbol, now_ms)
        if state == self._state:
            return []
        self._state = state
        bids, asks = (dict(rows) for rows in sides(self._books, self._symbol, now_ms, DEPTH))
        pair = self._source.pairs[self._symbol]
        changed_bids = _diff(self._pair, self._bids, pair, bids)
        changed_asks = _diff(self._pair, self._asks, pair, asks)
        self._bids, self._asks, self._pair = bids, asks, pair
        version = self.version
        if version is None or not (changed_bids or changed_asks):
            self.version = now_ms if version is None else version
            return []
        self.version = now_ms
        body = (
            levels(1, changed_asks)
            + levels(2, changed_bids)
            + text(3, self._event)
            + text(4, str(version + 1))
            + text(5, str(now_ms))
        )
        name, symbol = self._channel.name, self._symbol
        return [binary_frame(wrapper(name, AGGRE_DEPTHS, body, symbol=symbol, send_ms=now_ms))]


class LimitDepthFeed:
    """The best levels of both sides, whole, when they change."""

    def __init__(self, exchange: Exchange, channel: Channel) -> None:
        self.greeting: bytes | None = None
        self._books = exchange.books
        self._source = exchange.source
        self._symbol = channel.symbol
        self._channel = channel
        self._event = channel.name.split("@" + channel.symbol)[0]
        self._limit = int(channel.detail)
        self._state: tuple[float, ...] = ()
        self._sent: tuple[Rows, Rows] | None = None

    def frames(self, now_ms: int) -> list[bytes]:
        """Return one frame with all levels, or nothing."""
        state = self._books.state(self._symbol, now_ms)
        if state == self._state:
            return []
        self._state = state
        shown = sides(self._books, self._symbol, now_ms, self._limit)
        if shown == self._sent:
            return []
        self._sent = shown
        pair = self._source.pairs[self._symbol]
        body = (
            levels(1, _texts(pair, shown[1]))
            + levels(2, _texts(pair, shown[0]))
            + text(3, self._event)
            + text(4, str(now_ms))
        )
        name, symbol = self._channel.name, self._symbol
        self.greeting = binary_frame(wrapper(name, LIMIT_DEPTHS, body, symbol=symbol, send_ms=now_ms))
        return [self.greeting]


def _diff(old: Pair, before: dict[int, int], pair: Pair, after: dict[int, int]) -> list[tuple[str, str]]:
    """Return the levels to set as text, those that are gone with quantity 0."""
    if (old.price_decimals, old.amount_decimals) != (pair.price_decimals, pair.amount_decimals):
        # Relisted in other units: the numbers do not compare.
        gone, changed = sorted(before), sorted(after.items())
    else:
        gone, changed = sorted(before.keys() - after.keys()), sorted(after.items() - before.items())
    return [(fixed(price, old.price_decimals), "0") for price in gone] + _texts(pair, changed)


def _texts(pair: Pair, rows: Rows) -> list[tuple[str, str]]:
    price_decimals, amount_decimals = pair.price_decimals, pair.amount_decimals
    return [(fixed(price, price_decimals), fixed(steps, amount_decimals)) for price, steps in rows]
