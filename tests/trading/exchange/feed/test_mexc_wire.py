"""MEXC's protobuf pushes as our values, against ccxt's own reading of the same bytes."""

from decimal import Decimal
from typing import Any

import ccxt.pro
import pytest
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper
from hypothesis import given
from hypothesis import strategies as st

from trading.exchange.feed.events import Candle, Kind, Stream
from trading.exchange.feed.mexc_wire import Reader, channel, stream_of
from trading.exchange.gateway import Quote
from trading.market.errors import BadInput, BadPayload
from trading.market.orders import Balance, Fill, OrderState, OrderStatus, OrderType, Side
from trading.market.symbols import Market
from trading.market.timeframes import from_ms

SENT_MS = 1_754_737_941_062


LISTED = {
    wire_id: Market(
        symbol=symbol,
        exchange_id=wire_id,
        base=symbol.split("/")[0],
        quote="USDT",
        status="1",
        is_scannable=True,
        is_api_tradable=True,
        tick=Decimal("0.01"),
        step=Decimal("0.000001"),
        min_amount=Decimal(0),
        min_cost=Decimal(1),
        max_cost=Decimal(10**6),
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
    )
    for wire_id, symbol in (("BTCUSDT", "BTC/USDT"), ("GASUSDT", "GASDAO/USDT"), ("MXUSDT", "MX/USDT"))
}
READER = Reader(LISTED.get, lambda coin: {"GAS": "GASDAO"}.get(coin, coin))


def kline(**changes: Any) -> PushDataV3ApiWrapper:
    """The bar that ccxt's source quotes from MEXC."""
    push = PushDataV3ApiWrapper(
        channel="spot@public.kline.v3.api.pb@BTCUSDT@Min1", symbol="BTCUSDT", createTime=SENT_MS
    )
    fields = {
        "interval": "Min1",
        "windowStart": 1_754_737_920,
        "openingPrice": "117317.31",
        "closingPrice": "117325.26",
        "highestPrice": "117341",
        "lowestPrice": "117317.3",
        "volume": "3.12599854",
        "amount": "366804.43",
        "windowEnd": 1_754_737_980,
    } | changes
    for name, value in fields.items():
        setattr(push.publicSpotKline, name, value)
    return push


def own_order(**changes: Any) -> PushDataV3ApiWrapper:
    """The order that ccxt's source quotes from MEXC."""
    push = PushDataV3ApiWrapper(
        channel="spot@private.orders.v3.api.pb", symbol="MXUSDT", sendTime=1_754_996_075_510
    )
    fields = {
        "id": "C02__583905164440776704043",
        "clientId": "abc",
        "price": "0.001053",
        "quantity": "2000",
        "amount": "0",
        "avgPrice": "0.001007",
        "orderType": 5,
        "tradeType": 1,
        "remainAmount": "0.092",
        "remainQuantity": "0",
        "lastDealQuantity": "2000",
        "cumulativeQuantity": "2000",
        "cumulativeAmount": "2.014",
        "status": 2,
        "createTime": 1_754_996_075_502,
    } | changes
    for name, value in fields.items():
        setattr(push.privateOrders, name, value)
    return push


def read(push: PushDataV3ApiWrapper) -> tuple[Stream, list[Any]]:
    found = READER.read(push.SerializeToString())
    assert found is not None
    return found.stream, found.values


def test_bar_is_read_exactly_with_its_quote_volume() -> None:
    """Numbers as written; forming, because it was sent before its end."""
    stream, (bar,) = read(kline())
    assert stream == Stream(Kind.CANDLES, "BTC/USDT", "1m")
    assert bar == Candle(
        symbol="BTC/USDT",
        timeframe="1m",
        open_time=from_ms(1_754_737_920_000),
        open=Decimal("117317.31"),
        high=Decimal(117341),
        low=Decimal("117317.3"),
        close=Decimal("117325.26"),
        volume=Decimal("3.12599854"),
        quote_volume=Decimal("366804.43"),
        at=from_ms(SENT_MS),
        is_closed=False,
    )


@pytest.mark.parametrize(("sent_ms", "is_closed"), [(1_754_737_979_999, False), (1_754_737_980_000, True)])
def test_bar_is_closed_from_its_end_on(sent_ms: int, is_closed: bool) -> None:
    """Only what was sent at or after the end is the last word."""
    push = kline()
    push.createTime = sent_ms
    assert read(push)[1][0].is_closed is is_closed


async def test_our_reading_agrees_with_ccxts_on_the_same_bytes() -> None:
    """Bar, quote, print, order and fill: the same numbers, where ccxt keeps them."""
    exchange = ccxt.pro.mexc()
    exchange.set_markets(
        [exchange.safe_market_structure(
            {"id": "MXUSDT", "symbol": "MX/USDT", "base": "MX", "quote": "USDT", "baseId": "MX",
             "quoteId": "USDT", "type": "spot", "spot": True}
        )]
    )  # fmt: skip
    listed = exchange.market("MX/USDT")
    bar_push = kline()
    bar = read(bar_push)[1][0]
    theirs = exchange.parse_ws_ohlcv(
        exchange.decode_proto_msg(bar_push.SerializeToString())["publicSpotKline"]
    )
    assert theirs[0] == int(bar.open_time.timestamp() * 1000)
    assert theirs[1:] == [float(n) for n in (bar.open, bar.high, bar.low, bar.close, bar.volume)]

    order_push = own_order()
    mine = read(order_push)[1][0]
    body = exchange.decode_proto_msg(order_push.SerializeToString())["privateOrders"]
    theirs = exchange.parse_ws_order(body, listed)
    assert (mine.order_id, mine.client_order_id, str(mine.side)) == (
        theirs["id"],
        theirs["clientOrderId"],
        theirs["side"],
    )
    assert (float(mine.filled), float(mine.amount)) == (theirs["filled"], theirs["amount"])
    assert mine.status is OrderStatus.FILLED
    assert theirs["status"] == "closed"
    await exchange.close()


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (1, OrderStatus.OPEN),
        (2, OrderStatus.FILLED),
        (3, OrderStatus.PARTIAL),
        (4, OrderStatus.CANCELED),
        (5, OrderStatus.PARTIALLY_CANCELED),
    ],
)
def test_each_order_status_keeps_its_meaning(number: int, status: OrderStatus) -> None:
    """ccxt calls 5 closed, as if all had been filled; for us it is what it is."""
    assert read(own_order(status=number))[1][0].status is status


def test_market_order_has_no_price_of_its_own() -> None:
    """The venue writes its protection price there."""
    order = read(own_order())[1][0]
    assert isinstance(order, OrderState)
    assert (order.type, order.price, order.filled_cost) == (OrderType.MARKET, None, Decimal("2.014"))
    assert read(own_order(orderType=1))[1][0].price == Decimal("0.001053")


def test_fill_and_balance_are_read_with_renamed_coins() -> None:
    """MEXC's GAS is GASDAO here, in symbols and in fees."""
    push = PushDataV3ApiWrapper(channel="spot@private.deals.v3.api.pb", symbol="GASUSDT", sendTime=SENT_MS)
    deal = push.privateDeals
    deal.price, deal.quantity, deal.amount = "3.6962", "1", "3.6962"
    deal.tradeType, deal.tradeId, deal.orderId = 2, "505979017439002624X1", "C02__505979017439002624115"
    deal.feeAmount, deal.feeCurrency, deal.time, deal.isMaker = "0.0003998377369698171", "GAS", SENT_MS, True
    stream, (fill,) = read(push)
    assert stream == Stream(Kind.FILLS)
    assert isinstance(fill, Fill)
    assert (fill.symbol, fill.side, fill.fee, fill.fee_asset, fill.is_maker) == (
        "GASDAO/USDT",
        Side.SELL,
        Decimal("0.0003998377369698171"),
        "GASDAO",
        True,
    )
    push = PushDataV3ApiWrapper(channel="spot@private.account.v3.api.pb", createTime=SENT_MS)
    account = push.privateAccount
    account.vcoinName, account.balanceAmount, account.frozenAmount = "GAS", "0.006016465074677006", "4.4022"
    assert read(push)[1] == [Balance("GASDAO", Decimal("0.006016465074677006"), Decimal("4.4022"))]


def test_quote_with_an_empty_side_is_no_quote() -> None:
    """MEXC sends 0 or nothing where a side of the book is empty; the stream lives all the same."""
    push = PushDataV3ApiWrapper(
        channel="spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT", symbol="BTCUSDT", sendTime=SENT_MS
    )
    top = push.publicAggreBookTicker
    top.bidPrice, top.bidQuantity, top.askPrice, top.askQuantity = "93387.28", "3.73485", "93387.29", "7.66"
    stream, (found,) = read(push)
    price, other = Decimal("93387.28"), Decimal("93387.29")
    assert found == Quote("BTC/USDT", price, other, Decimal("3.73485"), Decimal("7.66"), from_ms(SENT_MS))
    top.askPrice = ""
    assert read(push) == (stream, [])


def test_symbol_is_taken_from_the_channel_where_the_field_is_missing() -> None:
    """It is optional in the schema."""
    push = kline()
    push.ClearField("symbol")
    assert read(push)[0].symbol == "BTC/USDT"


@pytest.mark.parametrize(
    "changes",
    [
        {"openingPrice": "NaN"},
        {"openingPrice": "-1"},
        {"openingPrice": "1e999999"},
        {"openingPrice": "0"},
        {"highestPrice": "117300"},
        {"windowStart": 1_754_737_921},
        {"windowStart": -60},
        {"interval": "Min3"},
        {"volume": "-3"},
    ],
)
def test_bar_no_market_can_have_printed_is_refused(changes: dict[str, Any]) -> None:
    """Prices above 0, high and low around them, an open on the grid."""
    with pytest.raises(BadPayload):
        read(kline(**changes))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else_than_bad_payload(data: bytes) -> None:
    """Whatever comes over the wire."""
    try:
        READER.read(data)
    except BadPayload:
        return


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_damaged_message_never_raises_anything_else(at: int, noise: bytes) -> None:
    """A good message with a few bytes overwritten is read or refused."""
    good = bytearray(own_order().SerializeToString())
    good[at % len(good) : at % len(good) + len(noise)] = noise
    try:
        READER.read(bytes(good))
    except BadPayload:
        return


STREAMS = [
    Stream(Kind.QUOTES, "BTC/USDT"),
    Stream(Kind.TRADES, "GASDAO/USDT"),
    Stream(Kind.CANDLES, "BTC/USDT", "1h"),
    Stream(Kind.CANDLES, "BTC/USDT", "1M"),
    Stream(Kind.ORDERS),
    Stream(Kind.FILLS),
    Stream(Kind.BALANCES),
]


@pytest.mark.parametrize("stream", STREAMS, ids=str)
def test_channel_names_lead_back_to_their_stream(stream: Stream) -> None:
    """What the venue confirms is what was asked for."""
    called = {market.symbol: market for market in LISTED.values()}
    name = channel(stream, None if stream.symbol is None else called[stream.symbol])
    assert stream_of(name, LISTED.get) == stream


def test_channel_names_are_those_ccxt_subscribes_to() -> None:
    """Read off ccxt's mexc class."""
    btc = LISTED["BTCUSDT"]
    assert channel(STREAMS[0], btc) == "spot@public.aggre.bookTicker.v3.api.pb@100ms@BTCUSDT"
    assert channel(STREAMS[2], btc) == "spot@public.kline.v3.api.pb@BTCUSDT@Min60"
    assert stream_of("spot@public.kline.v3.api.pb@NOPE@Min1", LISTED.get) is None
    with pytest.raises(BadInput, match="asked for 3m"):
        channel(Stream(Kind.CANDLES, "BTC/USDT", "3m"), btc)
    with pytest.raises(BadInput, match="needs a symbol"):
        channel(Stream(Kind.QUOTES), None)
