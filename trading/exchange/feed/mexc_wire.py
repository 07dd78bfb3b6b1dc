"""MEXC's websocket words: names of channels, and its protobuf messages as our values.

The message classes ship with ccxt (ccxt/protobuf/mexc). Fields are read off them directly: ccxt's own
handlers turn prices into floats, drop the quote volume of bars and call a partly filled, cancelled order
closed. Not here: connections (mexc_socket.py).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types

from trading.exchange.feed.events import Candle, Kind, Stream, Trade, Value
from trading.exchange.gateway import Quote
from trading.exchange.listing import decimal
from trading.exchange.only_mexc import PushDataV3ApiWrapper
from trading.market.errors import BadInput, BadPayload
from trading.market.orders import Balance, Fill, OrderState, OrderStatus, OrderType, Side
from trading.market.symbols import Market
from trading.market.timeframes import from_ms, timeframe

INTERVALS = {
    "1m": "Min1",
    "5m": "Min5",
    "15m": "Min15",
    "30m": "Min30",
    "1h": "Min60",
    "4h": "Hour4",
    "1d": "Day1",
    "1w": "Week1",
    "1M": "Month1",
}
_TIMEFRAMES = {wire: name for name, wire in INTERVALS.items()}
_PRIVATE = {
    Kind.ORDERS: "spot@private.orders.v3.api.pb",
    Kind.FILLS: "spot@private.deals.v3.api.pb",
    Kind.BALANCES: "spot@private.account.v3.api.pb",
}
_PRIVATE_BACK = {channel: Stream(kind) for kind, channel in _PRIVATE.items()}
# Times of the wire lie between the years 2001 and 2286; anything else is no time.
_TIMES_MS = range(10**12, 10**13)
_STATUSES = {
    1: OrderStatus.OPEN,
    2: OrderStatus.FILLED,
    3: OrderStatus.PARTIAL,
    4: OrderStatus.CANCELED,
    5: OrderStatus.PARTIALLY_CANCELED,
}
_TYPES = {
    1: OrderType.LIMIT,
    2: OrderType.LIMIT_MAKER,
    3: OrderType.IOC,
    4: OrderType.FOK,
    5: OrderType.MARKET,
}


def channel(stream: Stream, market: Market | None) -> str:
    """Return the venue's name of `stream`; `market` is that of its symbol.

    Raises
    ------
    BadInput
        If the stream lacks its symbol, or its timeframe is none that is streamed.
    """
    if stream.kind.is_private:
        return _PRIVATE[stream.kind]
    if market is None:
        raise BadInput(f"a stream of {stream.kind} needs a symbol")
    if stream.kind is Kind.CANDLES:
        if stream.timeframe not in INTERVALS:
            known = ", ".join(INTERVALS)
            raise BadInput(f"candles are streamed in {known}; asked for {stream.timeframe}")
        return f"spot@public.kline.v3.api.pb@{market.exchange_id}@{INTERVALS[stream.timeframe]}"
    name = "bookTicker" if stream.kind is Kind.QUOTES else "deals"
    return f"spot@public.aggre.{name}.v3.api.pb@100ms@{market.exchange_id}"


class Push(NamedTuple):
    """One message: its stream, its values oldest first, and when the venue sent it (market time)."""

    stream: Stream
    values: list[Value]
    at: datetime


class Reader:
    """From the bytes of a push to values.

    Parameters
    ----------
    market_of : callable
        Wire id -> listed market, or None.
    unify : callable
        Coin id -> unified coin name.
    """

    def __init__(self, market_of: Callable[[str], Market | None], unify: Callable[[str], str]) -> None:
        self._market_of = market_of
        self._unify = unify
        self._bodies: Mapping[str, Callable[[Any, Any, str], Push]] = {
            "publicAggreBookTicker": self._quote,
            "publicAggreDeals": self._trades,
            "publicSpotKline": self._candle,
            "privateOrders": self._order,
            "privateDeals": self._fill,
            "privateAccount": self._balance,
        }

    def read(self, data: bytes) -> Push | None:
        """Return what a binary message says; None for kinds we do not hear.

        Raises
        ------
        BadPayload
            If the bytes are no message, or a number or time in it is none.
        """
        message = PushDataV3ApiWrapper()
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            raise BadPayload(f"websocket: {len(data)} bytes that are no protobuf message") from error
        name = message.WhichOneof("body")
        reader = self._bodies.get(name or "")
        return None if reader is None else reader(message, getattr(message, name), message.channel)

    def _market(self, message: Any, channel: str) -> Market:
        wire_id = message.symbol or _id_in(channel)
        market = self._market_of(wire_id)
        if market is None:
            raise BadPayload(f"websocket: nothing listed is called {wire_id[:30]!r}")
        return market

    def _quote(self, message: Any, body: Any, channel: str) -> Push:
        market = self._market(message, channel)
        bid, ask = _amount(body.bidPrice), _amount(body.askPrice)
        stream, at = Stream(Kind.QUOTES, market.symbol), _sent(message)
        if bid <= 0 or ask <= 0:  # an empty side of the book: there is no quote to tell
            return Push(stream, [], at)
        amounts = _amount(body.bidQuantity), _amount(body.askQuantity)
        return Push(stream, [Quote(market.symbol, bid, ask, amounts[0], amounts[1], at)], at)

    def _trades(self, message: Any, body: Any, channel: str) -> Push:
        market = self._market(message, channel)
        trades: list[Value] = [
            Trade(
                symbol=market.symbol,
                side=_side(deal.tradeType),
                price=_positive(deal.price),
                amount=_positive(deal.quantity),
                at=_moment(deal.time),
            )
            for deal in body.deals
        ]
        return Push(Stream(Kind.TRADES, market.symbol), trades, _sent(message))

    def _candle(self, message: Any, body: Any, channel: str) -> Push:
        market = self._market(message, channel)
        name = _TIMEFRAMES.get(body.interval)
        if name is None:
            raise BadPayload(f"websocket: candles of an unknown length {body.interval[:20]!r}")
        bar = timeframe(name)
        # Bar times travel in seconds.
        opens_ms = body.windowStart * 1000
        if bar.floor_ms(opens_ms) != opens_ms or opens_ms not in _TIMES_MS:
            raise BadPayload(f"websocket: no bar of {name} opens at {body.windowStart} s")
        at = _sent(message)
        opened, close = _positive(body.openingPrice), _positive(body.closingPrice)
        high, low = _positive(body.highestPrice), _positive(body.lowestPrice)
        if not low <= min(opened, close) <= max(opened, close) <= high:
            raise BadPayload(f"websocket: a bar of {market.symbol} leaves its own high and low")
        candle = Candle(
            symbol=market.symbol,
            timeframe=name,
            open_time=from_ms(opens_ms),
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=_amount(body.volume),
            quote_volume=_amount(body.amount),
            at=at,
            is_closed=at >= from_ms(bar.next_ms(opens_ms)),
        )
        return Push(Stream(Kind.CANDLES, market.symbol, name), [candle], at)

    def _order(self, message: Any, body: Any, channel: str) -> Push:
        market = self._market(message, channel)
        status, type_ = _STATUSES.get(body.status), _TYPES.get(body.orderType)
        if status is None or type_ is None or not body.id:
            raise BadPayload(
                f"websocket: an order of {market.symbol} with id {body.id[:40]!r}, "
                f"status {body.status}, type {body.orderType}"
            )
        price = _amount(body.price)
        order = OrderState(
            symbol=market.symbol,
            order_id=body.id,
            client_order_id=body.clientId or None,
            side=_side(body.tradeType),
            type=type_,
            status=status,
            amount=_amount(body.quantity),
            filled=_amount(body.cumulativeQuantity),
            filled_cost=_amount(body.cumulativeAmount),
            # As in order_wire.to_order: a market order's price is the venue's protection price.
            price=None if type_ is OrderType.MARKET or price == 0 else price,
            at=_moment(body.createTime),
        )
        return Push(Stream(Kind.ORDERS), [order], _sent(message, body.createTime))

    def _fill(self, message: Any, body: Any, channel: str) -> Push:
        market = self._market(message, channel)
        if not body.tradeId or not body.orderId:
            raise BadPayload(f"websocket: a fill of {market.symbol} without trade or order id")
        fill = Fill(
            symbol=market.symbol,
            order_id=body.orderId,
            trade_id=body.tradeId,
            side=_side(body.tradeType),
            price=_positive(body.price),
            amount=_positive(body.quantity),
            cost=_amount(body.amount),
            fee=_amount(body.feeAmount),
            fee_asset=self._unify(body.feeCurrency or market.quote),
            is_maker=bool(body.isMaker),
            at=_moment(body.time),
        )
        return Push(Stream(Kind.FILLS), [fill], _sent(message, body.time))

    def _balance(self, message: Any, body: Any, _channel: str) -> Push:
        if not body.vcoinName:
            raise BadPayload("websocket: a balance without an asset")
        balance = Balance(
            self._unify(body.vcoinName), _amount(body.balanceAmount), _amount(body.frozenAmount)
        )
        return Push(Stream(Kind.BALANCES), [balance], _sent(message, body.time))


def stream_of(name: str, market_of: Callable[[str], Market | None]) -> Stream | None:
    """Return the stream that the venue calls `name`, or None where it is none of ours."""
    if name in _PRIVATE_BACK:
        return _PRIVATE_BACK[name]
    market = market_of(_id_in(name))
    if market is None:
        return None
    if "public.kline." in name:
        length = _TIMEFRAMES.get(name.rpartition("@")[2])
        return None if length is None else Stream(Kind.CANDLES, market.symbol, length)
    if "public.aggre.bookTicker." in name:
        return Stream(Kind.QUOTES, market.symbol)
    return Stream(Kind.TRADES, market.symbol) if "public.aggre.deals." in name else None


def _id_in(channel: str) -> str:
    parts = channel.split("@")
    if len(parts) < 4:
        return ""
    return parts[2] if "kline" in parts[1] else parts[3]


def _amount(text: str) -> Decimal:
    number = decimal(text or 0)
    if number < 0:
        raise BadPayload(f"websocket: a number must not be negative, was {text[:40]}")
    return number


def _positive(text: str) -> Decimal:
    number = decimal(text or 0)
    if number <= 0:
        raise BadPayload(f"websocket: a price or amount must be above 0, was {text[:40]!r}")
    return number


def _side(value: int) -> Side:
    if value not in (1, 2):
        raise BadPayload(f"websocket: a side must be 1 (buy) or 2 (sell), was {value}")
    return Side.BUY if value == 1 else Side.SELL


def _sent(message: Any, otherwise: int = 0) -> datetime:
    # MEXC writes the one or the other, by kind of message.
    return _moment(max(message.sendTime, message.createTime) or otherwise)


def _moment(value: int) -> datetime:
    if value not in _TIMES_MS:
        raise BadPayload(f"websocket: expected a time in ms, got {value}")
    return from_ms(value)
