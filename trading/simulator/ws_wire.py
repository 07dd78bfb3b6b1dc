"""Bytes of the websocket streams: MEXC's protobuf messages, and websocket frames around them.

A writer of just what `PushDataV3ApiWrapper` needs (proto3: varints and length-delimited fields,
defaults left out, fields in ascending order). Field numbers are MEXC's published schema. Nothing
here knows subscriptions or time.
"""

from collections.abc import Iterable
from struct import pack

# Which field of the wrapper holds which message.
LIMIT_DEPTHS = 303
PRIVATE_ORDERS = 304
PRIVATE_DEALS = 306
PRIVATE_ACCOUNT = 307
SPOT_KLINE = 308
MINI_TICKER = 309
MINI_TICKERS = 310
BOOK_TICKER_BATCH = 311
AGGRE_DEPTHS = 313
AGGRE_DEALS = 314
AGGRE_BOOK_TICKER = 315

_TEXT = 0x1
_BINARY = 0x2
_CLOSE = 0x8
_FIN = 0x80


def varint(value: int) -> bytes:
    """Return a non-negative integer as a protobuf varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def nested(number: int, body: bytes) -> bytes:
    """Return field `number` holding `body`, present even if empty."""
    return varint(number << 3 | 2) + varint(len(body)) + body


def text(number: int, value: str) -> bytes:
    """Return field `number` holding `value`; nothing for an empty one."""
    return nested(number, value.encode()) if value else b""


def whole(number: int, value: int) -> bytes:
    """Return field `number` holding a non-negative integer (or a bool); nothing for 0."""
    return varint(number << 3) + varint(value) if value else b""


def texts(*values: str) -> bytes:
    """Return fields 1, 2, 3 ... holding `values`."""
    return b"".join(text(number, value) for number, value in enumerate(values, 1))


def levels(number: int, rows: Iterable[tuple[str, str]]) -> bytes:
    """Return field `number` repeated: one message of price and quantity per row."""
    key = varint(number << 3 | 2)
    out = []
    for price, quantity in rows:
        p, q = price.encode(), quantity.encode()
        # Numbers are far below 128 characters: every length is one byte.
        out.append(b"%b%c\n%c%b\x12%c%b" % (key, len(p) + len(q) + 4, len(p), p, len(q), q))
    return b"".join(out)


def wrapper(
    channel: str,
    number: int,
    body: bytes,
    *,
    symbol: str = "",
    symbol_id: str = "",
    create_ms: int = 0,
    send_ms: int = 0,
) -> bytes:
    """Return a whole PushDataV3ApiWrapper whose message field `number` holds `body`."""
    return (
        text(1, channel)
        + text(3, symbol)
        + text(4, symbol_id)
        + whole(5, create_ms)
        + whole(6, send_ms)
        + nested(number, body)
    )


def _frame(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 65_536:
        return pack("!BBH", _FIN | opcode, 126, size) + payload
    return pack("!BBQ", _FIN | opcode, 127, size) + payload


def binary_frame(payload: bytes) -> bytes:
    """Return `payload` as one unmasked binary frame: the same bytes serve every subscriber."""
    return _frame(_BINARY, payload)


def text_frame(payload: bytes) -> bytes:
    """Return `payload` (UTF-8) as one unmasked text frame."""
    return _frame(_TEXT, payload)


def close_frame(code: int, reason: str) -> bytes:
    """Return a close frame; `reason` is at most 123 bytes."""
    return _frame(_CLOSE, pack("!H", code) + reason.encode()[:123])
