"""Tickers and best quotes: from the wire's strings to frames and exact quotes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from trading.exchange.gateway import Quote
from trading.exchange.listing import decimal
from trading.market.errors import BadPayload
from trading.market.frames import TICKERS, UTC_MS
from trading.market.symbols import Market

_WIRE = {
    "last": "lastPrice",
    "bid": "bidPrice",
    "ask": "askPrice",
    "open_24h": "openPrice",
    "high_24h": "highPrice",
    "low_24h": "lowPrice",
    "volume_base_24h": "volume",
    "volume_quote_24h": "quoteVolume",
}
# Python's dates end before it.
_YEAR_10000_MS = 253_402_300_800_000


def to_tickers(rows: Any, markets: Mapping[str, Market], *, now: datetime) -> pl.DataFrame:
    """Return `frames.TICKERS`, sorted by symbol: one row per listed pair the answer names.

    A number that is missing, no number, not finite or negative becomes null; a price of zero too (MEXC
    sends 0 where a side of the book is empty). `at` is the newest close time in the answer, else `now`.
    Pairs that are not in `markets` (wire id -> market) are left out.

    Raises
    ------
    BadPayload
        If the body is no list of objects.
    """
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        raise BadPayload(f"ticker/24hr: expected a list, got {type(rows).__name__}")
    known = [
        row
        for row in rows
        if isinstance(row, dict) and isinstance(name := row.get("symbol"), str) and name in markets
    ]
    closes = [time for row in known if (time := _milliseconds(row.get("closeTime"))) is not None]
    at = pl.lit(max(closes) if closes else int(now.timestamp() * 1000)).cast(UTC_MS)
    frame = pl.DataFrame(
        {
            "symbol": [markets[row["symbol"]].symbol for row in known],
            **{name: [_text(row.get(wire)) for row in known] for name, wire in _WIRE.items()},
        },
        schema={"symbol": pl.String, **dict.fromkeys(_WIRE, pl.String)},
    )
    volumes = [
        pl.when((volume := _finite(name)) >= 0).then(volume).alias(name)
        for name in ("volume_base_24h", "volume_quote_24h")
    ]
    prices = [
        pl.when((price := _finite(name)) > 0).then(price).alias(name)
        for name in ("last", "bid", "ask", "open_24h", "high_24h", "low_24h")
    ]
    return (
        frame.with_columns(*volumes, *prices, at=at)
        .with_columns(change_24h=_finite_only(pl.col("last") / pl.col("open_24h") - 1))
        .unique("symbol", keep="last")
        .sort("symbol")
        .select(list(TICKERS))
    )


def _finite(name: str) -> pl.Expr:
    return _finite_only(pl.col(name).cast(pl.Float64, strict=False)).alias(name)


def _finite_only(number: pl.Expr) -> pl.Expr:
    return pl.when(number.is_finite()).then(number)


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _milliseconds(value: Any) -> int | None:
    try:
        time = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return time if 0 < time < _YEAR_10000_MS else None


def to_quotes(rows: Any, wanted: Mapping[str, Market], *, at: datetime) -> dict[str, Quote]:
    """Return symbol -> quote for the pairs in `wanted` (wire id -> market) that have both sides.

    Raises
    ------
    BadPayload
        If the body is neither an object nor a list.
    """
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list):
        raise BadPayload(f"ticker/bookTicker: expected a list, got {type(rows).__name__}")
    found: dict[str, Quote] = {}
    for row in rows:
        market = wanted.get(str(row.get("symbol"))) if isinstance(row, dict) else None
        if market is None:
            continue
        try:
            bid, ask = decimal(row.get("bidPrice")), decimal(row.get("askPrice"))
            amounts = decimal(row.get("bidQty") or 0), decimal(row.get("askQty") or 0)
        except BadPayload:
            continue
        if bid > 0 and ask > 0 and min(amounts) >= 0:
            found[market.symbol] = Quote(market.symbol, bid, ask, amounts[0], amounts[1], at)
    return found
