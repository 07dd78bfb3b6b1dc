"""Recorded answers, read twice: by ccxt and by our gateway's readers. Both must say the same.

What ccxt makes of a record is also held against what the record says it made (two known differences of ccxt
with itself are left out: an id it invents for public trades, and the ticker's `average`).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from trading.exchange.bars import to_candles
from trading.exchange.listing import to_markets
from trading.exchange.order_wire import to_fill, to_order
from trading.exchange.prices import to_tickers
from trading.exchange.verify.client import Reader
from trading.exchange.verify.findings import Finding
from trading.exchange.verify.samples import ResponseCase, Samples
from trading.market.symbols import Market
from trading.market.timeframes import timeframe, to_ms

_THEIR_OWN = {"fetchTrades": {"id"}, "fetchTicker": {"average"}}
_RELATIVE = 1e-12


async def read_all(samples: Samples) -> list[Finding]:
    """Return one finding per recorded answer and reader."""
    # Signed answers are read too, so it signs with a key that nobody has; nothing leaves this process.
    reader = Reader({"apiKey": "none", "secret": "none"})
    reader.canned = {"symbols": [dict(row) for row in samples.rows]}
    theirs = {market["symbol"]: market for market in await reader.fetch_spot_markets()}
    reader.set_markets(list(theirs.values()))
    ours = {m.symbol: m for m in to_markets(samples.rows, reader.safe_currency_code)}
    findings = [_market(symbol, ours.get(symbol), theirs[symbol]) for symbol in theirs]
    findings += [_market_then(symbol, theirs.get(symbol), told) for symbol, told in samples.listing.items()]
    for case in samples.responses:
        reader.canned = case.http
        read = await getattr(reader, case.python_name)(*case.inputs)
        findings.append(_with_itself(case, read))
        findings.append(_with_ours(case, read, ours, reader.safe_currency_code))
    await reader.close()
    return findings


def _market(symbol: str, ours: Market | None, theirs: Mapping[str, Any]) -> Finding:
    if ours is None:
        return Finding("parse", f"market {symbol}", False, "our reader left it out")
    pairs = {
        "id": (ours.exchange_id, theirs["id"]),
        "tick": (float(ours.tick), theirs["precision"]["price"]),
        "step": (float(ours.step), theirs["precision"]["amount"]),
        "min_amount": (float(ours.min_amount), theirs["limits"]["amount"]["min"] or 0.0),
        "min_cost": (float(ours.min_cost), theirs["limits"]["cost"]["min"]),
        "max_cost": (float(ours.max_cost), theirs["limits"]["cost"]["max"]),
        "taker_fee": (float(ours.taker_fee), theirs["taker"]),
        "maker_fee": (float(ours.maker_fee), theirs["maker"]),
        "active": (ours.is_api_tradable, theirs["active"]),
    }
    return _compared(f"market {symbol}", pairs)


def _market_then(symbol: str, now: Mapping[str, Any] | None, told: Mapping[str, Any]) -> Finding:
    pairs = {name: (None if now is None else now.get(name), value) for name, value in told.items()}
    return _compared(f"market {symbol} ccxt now and then", pairs)


def _with_itself(case: ResponseCase, read: Any) -> Finding:
    """Whether the ccxt installed here reads the record as the one that recorded it did."""
    told = case.parsed
    skipped = _THEIR_OWN.get(case.method, set())
    if isinstance(told, list) and told and isinstance(told[0], dict):
        told, read = told[0], read[0]
    if isinstance(told, dict):
        pairs = {name: (read.get(name), value) for name, value in told.items() if name not in skipped}
    else:
        pairs = {"rows": (read, told)}
    return _compared(f"{case.method} ccxt now and then", pairs)


def _with_ours(case: ResponseCase, read: Any, markets: Mapping[str, Market], unify: Any) -> Finding:
    name = f"{case.method} ours and ccxt"
    market = markets[case.inputs[0]]
    build = _OURS.get(case.method)
    if build is None:
        return Finding("parse", name, True, "our gateway does not read this answer")
    return _compared(name, build(case, read, market, unify))


def _candles(case: ResponseCase, read: Any, market: Market, _: Any) -> dict[str, tuple[Any, Any]]:
    frame = to_candles(
        market.symbol,
        case.http,
        timeframe=timeframe(case.inputs[1]),
        closed_by_ms=case.http[-1][6],
        rejected=Counter(),
    )
    rows = frame.select("open_time", "open", "high", "low", "close", "volume").rows()
    return {"rows": ([[to_ms(row[0]), *row[1:]] for row in rows], read)}


def _ticker(case: ResponseCase, read: Any, market: Market, _: Any) -> dict[str, tuple[Any, Any]]:
    frame = to_tickers(case.http, {market.exchange_id: market}, now=datetime.now(UTC))
    row = frame.row(0, named=True)
    return {
        "at": (to_ms(row["at"]), read["timestamp"]),
        "last": (row["last"], read["last"]),
        "bid": (row["bid"], read["bid"]),
        "ask": (row["ask"], read["ask"]),
        "open": (row["open_24h"], read["open"]),
        "high": (row["high_24h"], read["high"]),
        "low": (row["low_24h"], read["low"]),
        "base volume": (row["volume_base_24h"], read["baseVolume"]),
        "quote volume": (row["volume_quote_24h"], read["quoteVolume"]),
    }


def _order(case: ResponseCase, read: Any, market: Market, _: Any) -> dict[str, tuple[Any, Any]]:
    ours, theirs = to_order(case.http[0], market), read[0]
    state = {"filled": "closed", "open": "open", "partial": "open"}.get(ours.status.value, "canceled")
    return {
        "id": (ours.order_id, theirs["id"]),
        "side": (ours.side.value, theirs["side"]),
        "type": (ours.type.value, theirs["type"]),
        "status": (state, theirs["status"]),
        "amount": (float(ours.amount), theirs["amount"]),
        "filled": (float(ours.filled), theirs["filled"]),
        "cost": (float(ours.filled_cost), theirs["cost"]),
        "at": (to_ms(ours.at), theirs["timestamp"]),
    }


def _fill(case: ResponseCase, read: Any, market: Market, unify: Any) -> dict[str, tuple[Any, Any]]:
    ours, theirs = to_fill(case.http[0], market, unify), read[0]
    return {
        "id": (ours.trade_id, theirs["id"]),
        "order": (ours.order_id, theirs["order"]),
        "side": (ours.side.value, theirs["side"]),
        "maker": ("maker" if ours.is_maker else "taker", theirs["takerOrMaker"]),
        "price": (float(ours.price), theirs["price"]),
        "amount": (float(ours.amount), theirs["amount"]),
        "cost": (float(ours.cost), theirs["cost"]),
        "fee": (float(ours.fee), theirs["fee"]["cost"]),
        "fee asset": (ours.fee_asset, theirs["fee"]["currency"]),
        "at": (to_ms(ours.at), theirs["timestamp"]),
    }


_OURS = {"fetchOHLCV": _candles, "fetchTicker": _ticker, "fetchOrders": _order, "fetchMyTrades": _fill}


def _compared(name: str, pairs: Mapping[str, tuple[Any, Any]]) -> Finding:
    wrong = [
        f"{field}: {ours!r} against {theirs!r}"
        for field, (ours, theirs) in pairs.items()
        if not same(ours, theirs)
    ]
    return Finding("parse", name, not wrong, "; ".join(wrong) or f"{len(pairs)} fields equal")


def same(ours: Any, theirs: Any) -> bool:
    """Whether two parsed values are equal; numbers to 12 digits, lists and objects member by member."""
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, int | float) and isinstance(theirs, int | float):
        return math.isclose(ours, theirs, rel_tol=_RELATIVE)
    if isinstance(ours, Sequence) and isinstance(theirs, Sequence) and not isinstance(ours, str):
        return len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        # A record names the fields that matter; ccxt has gained others since.
        return all(same(ours.get(key), value) for key, value in theirs.items())
    return bool(ours == theirs)
