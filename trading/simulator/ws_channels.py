"""Names of the streams: what a client may subscribe to, taken apart. Nothing here sends anything."""

import re
from enum import Enum
from typing import NamedTuple

from trading.market.timeframes import HOUR_MS, TIMEFRAMES, Timeframe

EIGHT_HOURS = Timeframe("8h", "8h", 8 * HOUR_MS)  # a stream has it, REST has not
INTERVALS: dict[str, Timeframe] = {
    "Min1": TIMEFRAMES["1m"],
    "Min5": TIMEFRAMES["5m"],
    "Min15": TIMEFRAMES["15m"],
    "Min30": TIMEFRAMES["30m"],
    "Min60": TIMEFRAMES["1h"],
    "Hour4": TIMEFRAMES["4h"],
    "Hour8": EIGHT_HOURS,
    "Day1": TIMEFRAMES["1d"],
    "Week1": TIMEFRAMES["1w"],
    "Month1": TIMEFRAMES["1M"],
}
_ZONE = re.compile(r"24H|UTC([+-])(\d{1,2})(?::(\d\d))?")


class Kind(Enum):
    """What a stream carries; the value is its name on the wire."""

    KLINE = "public.kline.v3.api.pb"
    DEALS = "public.aggre.deals.v3.api.pb"
    DEPTH = "public.aggre.depth.v3.api.pb"
    BOOK_TICKER = "public.aggre.bookTicker.v3.api.pb"
    BOOK_TICKER_BATCH = "public.bookTicker.batch.v3.api.pb"
    LIMIT_DEPTH = "public.limit.depth.v3.api.pb"
    MINI_TICKER = "public.miniTicker.v3.api.pb"
    MINI_TICKERS = "public.miniTickers.v3.api.pb"
    ORDERS = "private.orders.v3.api.pb"
    FILLS = "private.deals.v3.api.pb"
    ACCOUNT = "private.account.v3.api.pb"


PRIVATE = frozenset({Kind.ORDERS, Kind.FILLS, Kind.ACCOUNT})
_BY_NAME = {kind.value: kind for kind in Kind}
_PACED = frozenset({Kind.DEALS, Kind.DEPTH, Kind.BOOK_TICKER})
_PACES = frozenset({"10ms", "100ms"})
_DEPTHS = frozenset({"5", "10", "20"})


class Channel(NamedTuple):
    """One stream: `detail` is its pace, interval, depth or time zone, as written; both may be empty."""

    name: str
    kind: Kind
    symbol: str
    detail: str


def parse_channel(name: str) -> Channel | None:
    """Return the stream called `name`, or None where MEXC would block it; symbols are not looked up."""
    head, _, rest = name.partition("@")
    word, _, tail = rest.partition("@")
    kind = _BY_NAME.get(word)
    if head != "spot" or kind is None:
        return None
    parts = tail.split("@") if tail else []
    if kind in PRIVATE:
        return Channel(name, kind, "", "") if not parts else None
    if kind is Kind.BOOK_TICKER_BATCH:
        return Channel(name, kind, parts[0], "") if len(parts) == 1 else None
    if kind is Kind.MINI_TICKERS:
        return Channel(name, kind, "", parts[0]) if len(parts) == 1 and is_zone(parts[0]) else None
    if len(parts) != 2:
        return None
    detail, symbol = parts if kind in _PACED else parts[::-1]
    return Channel(name, kind, symbol, detail) if _fits(kind, detail) else None


def _fits(kind: Kind, detail: str) -> bool:
    if kind in _PACED:
        return detail in _PACES
    if kind is Kind.KLINE:
        return detail in INTERVALS
    return detail in _DEPTHS if kind is Kind.LIMIT_DEPTH else is_zone(detail)


def is_zone(text: str) -> bool:
    """Return whether `text` names a day for mini tickers: ``24H``, ``UTC+8``, ``UTC+5:30``."""
    return _ZONE.fullmatch(text) is not None


def zone_offset_ms(text: str) -> int | None:
    """Return the offset from UTC of a zone in ms; None for ``24H``, the rolling day."""
    match = _ZONE.fullmatch(text)
    if match is None or match.group(1) is None:
        return None
    minutes = int(match.group(2)) * 60 + int(match.group(3) or 0)
    return (minutes if match.group(1) == "+" else -minutes) * 60_000
