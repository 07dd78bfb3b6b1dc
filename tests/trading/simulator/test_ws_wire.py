"""The protobuf writer against the message classes that ccxt ships."""

import pytest
from ccxt.protobuf.mexc.PushDataV3ApiWrapper_pb2 import PushDataV3ApiWrapper
from hypothesis import given
from hypothesis import strategies as st

from trading.simulator import ws_wire as wire

words = st.text(max_size=40)
numbers = st.integers(0, 2**63 - 1)
digits = st.decimals(0, 10**12, places=8).map(str)


@given(value=st.integers(0, 2**63 - 1))
def test_varint_carries_seven_bits_a_byte(value):
    """Low groups first, the top bit set on all but the last byte."""
    raw = wire.varint(value)
    assert sum((byte & 0x7F) << 7 * place for place, byte in enumerate(raw)) == value
    assert [byte >> 7 for byte in raw] == [1] * (len(raw) - 1) + [0]


@given(channel=words, symbol=words, symbol_id=words, create=numbers, send=numbers)
def test_wrapper_is_read_as_written_and_is_the_bytes_google_writes(channel, symbol, symbol_id, create, send):
    """Our bytes parse to the same fields, and serialising what was parsed gives our bytes again."""
    raw = wire.wrapper(
        channel, wire.AGGRE_BOOK_TICKER, wire.texts("1", "2", "3", "4"),
        symbol=symbol, symbol_id=symbol_id, create_ms=create, send_ms=send,
    )  # fmt: skip
    message = PushDataV3ApiWrapper.FromString(raw)
    assert (message.channel, message.symbol, message.symbolId) == (channel, symbol, symbol_id)
    assert (message.createTime, message.sendTime) == (create, send)
    assert message.publicAggreBookTicker.askQuantity == "4"
    assert message.SerializeToString(deterministic=True) == raw


@given(rows=st.lists(st.tuples(digits, digits), max_size=30), event=words)
def test_levels_are_read_as_written(rows, event):
    """Repeated price and quantity messages keep their order."""
    body = wire.levels(2, rows) + wire.text(3, event) + wire.text(4, "7") + wire.text(5, "9")
    raw = wire.wrapper("c", wire.AGGRE_DEPTHS, body)
    depths = PushDataV3ApiWrapper.FromString(raw).publicAggreDepths
    assert [(item.price, item.quantity) for item in depths.bids] == rows
    assert (depths.eventType, depths.fromVersion, depths.toVersion) == (event, "7", "9")
    assert PushDataV3ApiWrapper.FromString(raw).SerializeToString(deterministic=True) == raw


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (wire.LIMIT_DEPTHS, "publicLimitDepths"),
        (wire.PRIVATE_ORDERS, "privateOrders"),
        (wire.PRIVATE_DEALS, "privateDeals"),
        (wire.PRIVATE_ACCOUNT, "privateAccount"),
        (wire.SPOT_KLINE, "publicSpotKline"),
        (wire.MINI_TICKER, "publicMiniTicker"),
        (wire.MINI_TICKERS, "publicMiniTickers"),
        (wire.BOOK_TICKER_BATCH, "publicBookTickerBatch"),
        (wire.AGGRE_DEPTHS, "publicAggreDepths"),
        (wire.AGGRE_DEALS, "publicAggreDeals"),
        (wire.AGGRE_BOOK_TICKER, "publicAggreBookTicker"),
    ],
)
def test_field_numbers_are_those_of_the_schema(number, name):
    """Each message travels in the field that MEXC's schema gives it."""
    assert PushDataV3ApiWrapper.DESCRIPTOR.fields_by_name[name].number == number


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65_535, b"\x82\x7e\xff\xff"),
        (65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_frame_length_takes_the_shortest_of_three_forms(size, head):
    """RFC 6455, 5.2: 7 bits, 16 bits from 126 on, 64 bits from 65,536 on; final, binary, unmasked."""
    assert wire.binary_frame(bytes(size)) == head + bytes(size)


def test_close_frame_carries_code_and_reason():
    """Two bytes of code, then text."""
    assert wire.close_frame(1008, "no") == b"\x88\x04\x03\xf0no"
