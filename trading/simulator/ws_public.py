"""Public feeds: one object per stream that somebody hears, turning the market into ready frames.

A feed remembers what it sent last and gives only what is new. It is made with the first subscriber
and dropped with the last. Nothing here knows connections or when to look.
"""

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple, Protocol

from trading.simulator.exchange import Exchange
from trading.simulator.source import QUOTE_VOLUME_DECIMALS, Bars, Pair
from trading.simulator.units import fixed, trimmed
from trading.simulator.ws_channels import EIGHT_HOURS, INTERVALS, Channel, Kind
from trading.simulator.ws_depth import DepthFeed, LimitDepthFeed, sides
from trading.simulator.ws_mini import MiniTickerFeed, MiniTickersFeed
from trading.simulator.ws_wire import (
    AGGRE_BOOK_TICKER,
    AGGRE_DEALS,
    BOOK_TICKER_BATCH,
    SPOT_KLINE,
    binary_frame,
    nested,
    text,
    texts,
    whole,
    wrapper,
)

# Bars sent at most for one look: a client that hears 1m bars at speed 900 gets 15 a second.
MAX_BARS = 240


class Feed(Protocol):
    """Makes the frames of one stream.

    Attributes
    ----------
    greeting : bytes | None
        The newest frame where it says the whole state: a new subscriber gets it at once.
    """

    greeting: bytes | None

    def frames(self, now_ms: int) -> list[bytes]:
        """Return what is new since the last call, as websocket frames, oldest first."""
        ...


class KlineFeed:
    """Candles: the unfinished one as it grows, and each finished one exactly as it ended."""

    def __init__(self, exchange: Exchange, channel: Channel) -> None:
        self.greeting: bytes | None = None
        self._source = exchange.source
        self._symbol = channel.symbol
        self._channel = channel
        self._frame = INTERVALS[channel.detail]
        self._symbol_id = symbol_id(channel.symbol)
        self._opened: int | None = None
        self._sent: tuple[int, ...] = ()

    def frames(self, now_ms: int) -> list[bytes]:
        """Return one frame per bar that is new or has changed."""
        frame = self._frame
        newest = frame.floor_ms(now_ms)
        since = newest if self._opened is None else max(self._opened, newest - (MAX_BARS - 1) * frame.ms)
        out = []
        for row in self._rows(since, now_ms):
            if row != self._sent:
                self._sent, self._opened = row, row[0]
                out.append(self._encode(row, now_ms))
        if out:
            self.greeting = out[-1]
        return out

    def _rows(self, since: int, now_ms: int) -> list[tuple[int, ...]]:
        name = self._frame.name
        if self._frame is EIGHT_HOURS:
            half = "4h" if "4h" in self._source.timeframes else ""
            bars = self._bars(half, since, now_ms)
            return [] if bars is None else _pairs_of(bars)
        bars = self._bars(name, since, now_ms)
        return [] if bars is None else list(zip(*(column.tolist() for column in bars), strict=True))

    def _bars(self, name: str, since: int, now_ms: int) -> Bars | None:
        if name not in self._source.timeframes:
            return None
        return self._source.bars(self._symbol, name, since, now_ms + 1, now_ms)

    def _encode(self, row: tuple[int, ...], now_ms: int) -> bytes:
        opened, first, high, low, last, volume, quote_volume = row
        pair = self._source.pairs[self._symbol]  # looked up: a relisting may change its decimals
        decimals = pair.price_decimals
        body = (
            text(1, self._channel.detail)
            + whole(2, opened // 1000)
            + text(3, trimmed(first, decimals))
            + text(4, trimmed(last, decimals))
            + text(5, trimmed(high, decimals))
            + text(6, trimmed(low, decimals))
            + text(7, trimmed(volume, pair.amount_decimals))
            + text(8, trimmed(quote_volume, QUOTE_VOLUME_DECIMALS))
            + whole(9, self._frame.next_ms(opened) // 1000)
        )
        name, symbol = self._channel.name, self._symbol
        return binary_frame(
            wrapper(name, SPOT_KLINE, body, symbol=symbol, symbol_id=self._symbol_id, create_ms=now_ms)
        )


def _pairs_of(bars: Bars) -> list[tuple[int, ...]]:
    """Return eight-hour rows of four-hour bars."""
    rows: dict[int, tuple[int, ...]] = {}
    for row in zip(*(column.tolist() for column in bars), strict=True):
        opened, first, high, low, last, volume, quote = row
        opened -= opened % EIGHT_HOURS.ms
        if opened in rows:
            _, first, high0, low0, _, volume0, quote0 = rows[opened]
            high, low, volume, quote = max(high, high0), min(low, low0), volume + volume0, quote + quote0
        rows[opened] = (opened, first, high, low, last, volume, quote)
    return list(rows.values())


class Print(NamedTuple):
    """One public trade; `side` as the schema numbers it: 1 bought, 2 sold."""

    at_ms: int
    price: int
    steps: int
    side: int


class DealsFeed:
    """Public trades: the path since the last look as at most three prints, its whole volume in them.

    Extremes and last price are printed, so candles built from the trades have the highs and lows of
    the kline stream. What takers here traded comes print by print, as `add` is told.
    """

    def __init__(self, exchange: Exchange, channel: Channel) -> None:
        self.greeting: bytes | None = None
        self._source = exchange.source
        self._symbol = channel.symbol
        self._channel = channel
        self._event = channel.name.rpartition("@")[0]
        self._cursor: int | None = None
        self._last = 0
        self._ours: list[Print] = []

    def add(self, fill: Print) -> None:
        """Take in a taker's fill: it goes out with the next look."""
        self._ours.append(fill)

    def frames(self, now_ms: int) -> list[bytes]:
        """Return one frame with the new trades, or nothing."""
        prints = self._market(now_ms)
        if self._ours:
            prints = sorted([*prints, *self._ours], key=lambda fill: fill.at_ms)
            self._ours = []
        if not prints:
            return []
        pair = self._source.pairs[self._symbol]
        body = b"".join(
            nested(
                1,
                text(1, fixed(fill.price, pair.price_decimals))
                + text(2, fixed(fill.steps, pair.amount_decimals))
                + whole(3, fill.side)
                + whole(4, fill.at_ms),
            )
            for fill in prints
        )
        body += text(2, self._event)
        name, symbol = self._channel.name, self._symbol
        return [binary_frame(wrapper(name, AGGRE_DEALS, body, symbol=symbol, send_ms=now_ms))]

    def _market(self, now_ms: int) -> list[Print]:
        symbol = self._symbol
        since, self._cursor = self._cursor, now_ms
        if since is None or since >= now_ms:
            self._last = self._last or self._source.price(symbol, now_ms)
            return []
        low, high, last, volume = self._source.step_path(symbol, since, now_ms)
        before, self._last = self._last, last
        if volume <= 0:
            return []
        path = (low, high, last) if last >= before else (high, low, last)
        prices = [p for number, p in enumerate(path) if number == 2 or p != path[number + 1]]
        count, prints = min(len(prices), volume), []
        for number, price in enumerate(prices[-count:]):
            steps = volume // count + (number < volume % count)
            at_ms = since + (now_ms - since) * (number + 1) // count
            prints.append(Print(at_ms, price, steps, 1 if price >= before else 2))
            before = price
        return prints


class BookTickerFeed:
    """Best bid and ask, when they change; as one message or as MEXC's batch of one."""

    def __init__(self, exchange: Exchange, channel: Channel) -> None:
        self.greeting: bytes | None = None
        self._books = exchange.books
        self._source = exchange.source
        self._symbol = channel.symbol
        self._channel = channel
        self._state: tuple[float, ...] = ()
        self._sent = b""

    def frames(self, now_ms: int) -> list[bytes]:
        """Return the new top of the book, or nothing."""
        state = self._books.state(self._symbol, now_ms)
        if state == self._state:
            return []
        self._state = state
        pair = self._source.pairs[self._symbol]
        body = book_ticker_body(pair, *sides(self._books, self._symbol, now_ms, 1))
        if body == self._sent:
            return []
        self._sent = body
        number = AGGRE_BOOK_TICKER
        if self._channel.kind is Kind.BOOK_TICKER_BATCH:
            number, body = BOOK_TICKER_BATCH, nested(1, body)
        name, symbol = self._channel.name, self._symbol
        self.greeting = binary_frame(wrapper(name, number, body, symbol=symbol, send_ms=now_ms))
        return [self.greeting]


def book_ticker_body(pair: Pair, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> bytes:
    """Return the message of a best bid and ask; an empty side is ``0``."""
    (bid, bid_steps), (ask, ask_steps) = (side[0] if side else (0, 0) for side in (bids, asks))
    price, amount = pair.price_decimals, pair.amount_decimals
    return texts(fixed(bid, price), fixed(bid_steps, amount), fixed(ask, price), fixed(ask_steps, amount))


def symbol_id(symbol: str) -> str:
    """Return 32 hex digits that stand for a pair, as MEXC has them."""
    return blake2b(symbol.encode(), digest_size=16).hexdigest()


_MAKERS: dict[Kind, Callable[[Exchange, Channel], Feed]] = {
    Kind.KLINE: KlineFeed,
    Kind.DEALS: DealsFeed,
    Kind.BOOK_TICKER: BookTickerFeed,
    Kind.BOOK_TICKER_BATCH: BookTickerFeed,
    Kind.DEPTH: DepthFeed,
    Kind.LIMIT_DEPTH: LimitDepthFeed,
    Kind.MINI_TICKER: MiniTickerFeed,
    Kind.MINI_TICKERS: MiniTickersFeed,
}


def make_feed(exchange: Exchange, channel: Channel) -> Feed:
    """Return the feed of a public stream whose symbol is listed."""
    return _MAKERS[channel.kind](exchange, channel)
