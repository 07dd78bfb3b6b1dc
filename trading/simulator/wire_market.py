"""Public market data in MEXC's shapes: exchange information, tickers, depth, trades."""

from collections.abc import Iterable

from trading.market.timeframes import DAY_MS
from trading.simulator.book import Levels
from trading.simulator.listings import status_at
from trading.simulator.source import QUOTE_VOLUME_DECIMALS, Bars, Pair, Snapshot
from trading.simulator.units import fixed, trimmed

type Json = dict[str, object]


def symbol_info(pair: Pair, now_ms: int) -> Json:
    """Return one entry of exchangeInfo's `symbols`; key set and types as recorded."""
    market_cap = f"{pair.market_cap:f}"
    return {
        "symbol": pair.symbol,
        "status": status_at(pair, now_ms),
        "baseAsset": pair.base,
        "baseAssetPrecision": pair.amount_decimals,
        "quoteAsset": pair.quote,
        "quotePrecision": pair.price_decimals,
        "quoteAssetPrecision": pair.price_decimals,
        "baseCommissionPrecision": pair.amount_decimals,
        "quoteCommissionPrecision": pair.price_decimals,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
        "isSpotTradingAllowed": pair.is_api_tradable,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": f"{pair.min_cost:f}",
        "baseSizePrecision": f"{pair.min_amount:f}",
        "permissions": ["SPOT"],
        "filters": [],
        "maxQuoteAmount": f"{pair.max_cost:f}",
        "makerCommission": f"{pair.maker_fee:f}",
        "takerCommission": f"{pair.taker_fee:f}",
        "quoteAmountPrecisionMarket": f"{pair.min_cost:f}",
        "maxQuoteAmountMarket": market_cap,
        "fullName": pair.full_name,
        "tradeSideType": 1,
    }


def tickers(pairs: Iterable[Pair], shot: Snapshot, quantities: Iterable[int], now_ms: int) -> list[Json]:
    """Return ticker/24hr entries for pairs in the order of the snapshot's rows.

    priceChangePercent is a fraction (0.0173 = 1.73 %), as MEXC sends it.
    """
    columns = (shot.last, shot.bid, shot.ask, shot.open_24h, shot.high_24h, shot.low_24h, shot.volume_24h)
    rows = zip(*(column.tolist() for column in (*columns, shot.quote_volume_24h)), quantities, strict=True)
    listed = zip(pairs, rows, strict=True)
    return [_ticker(pair, row, now_ms) for pair, row in listed if pair.listed_ms <= now_ms]


def _ticker(pair: Pair, row: tuple[int, ...], now_ms: int) -> Json:
    last, bid, ask, opened, high, low, volume, quote_volume, quantity = row
    price, amount = pair.price_decimals, pair.amount_decimals
    quantity_text, open_text = fixed(quantity, amount), fixed(opened, price)
    change = (last - opened) / opened if opened else 0.0
    return {
        "symbol": pair.symbol,
        "priceChange": fixed(last - opened, price),
        "priceChangePercent": f"{change:.4f}",
        "prevClosePrice": open_text,
        "lastPrice": fixed(last, price),
        "bidPrice": fixed(bid, price),
        "bidQty": quantity_text,
        "askPrice": fixed(ask, price),
        "askQty": quantity_text,
        "openPrice": open_text,
        "highPrice": fixed(high, price),
        "lowPrice": fixed(low, price),
        "volume": fixed(volume, amount),
        "quoteVolume": fixed(quote_volume, QUOTE_VOLUME_DECIMALS),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "count": None,
    }


def book_ticker(pair: Pair, bid: int, bid_quantity: int, ask: int, ask_quantity: int) -> Json:
    """Return one ticker/bookTicker entry."""
    return {
        "symbol": pair.symbol,
        "bidPrice": fixed(bid, pair.price_decimals),
        "bidQty": fixed(bid_quantity, pair.amount_decimals),
        "askPrice": fixed(ask, pair.price_decimals),
        "askQty": fixed(ask_quantity, pair.amount_decimals),
    }


def depth(pair: Pair, bids: Levels, asks: Levels, now_ms: int, version: int | None = None) -> Json:
    """Return the depth answer; lastUpdateId grows with market time, `version` where the book is streamed."""
    return {
        "lastUpdateId": now_ms if version is None else version,
        "bids": _levels(pair, bids),
        "asks": _levels(pair, asks),
        "timestamp": now_ms,
    }


def _levels(pair: Pair, levels: Levels) -> list[list[str]]:
    rows = zip(levels.price.tolist(), levels.quantity.tolist(), strict=True)
    return [[fixed(p, pair.price_decimals), fixed(q, pair.amount_decimals)] for p, q in rows]


# Where in a bar its four prints stand, and in which order the extremes come (rising bars dip first).
_MOMENTS = (0.05, 0.35, 0.65, 0.95)


def prints(bars: Bars, bar_ms: int, now_ms: int, limit: int) -> list[tuple[int, int, int, bool]]:
    """Return (time ms, price ticks, steps, is buyer the maker) of public trades, newest first.

    Four prints a bar stand for all its trades; their quantities sum to the bar's volume.
    """
    rows: list[tuple[int, int, int, bool]] = []
    columns = (bars.open_ms, bars.open, bars.high, bars.low, bars.close, bars.volume)
    for opened, first, high, low, last, volume in zip(*(c.tolist() for c in columns), strict=True):
        length = min(bar_ms, max(1, now_ms - opened))
        path = (first, low, high, last) if last >= first else (first, high, low, last)
        before = first
        for number, (moment, price) in enumerate(zip(_MOMENTS, path, strict=True)):
            steps = volume // 4 + (number < volume % 4)
            if steps:
                rows.append((opened + int(length * moment), price, steps, price < before))
            before = price
    return rows[::-1][:limit]


def trade(pair: Pair, row: tuple[int, int, int, bool]) -> Json:
    """Return one entry of /trades."""
    at_ms, price, steps, buyer_is_maker = row
    decimals = pair.price_decimals + pair.amount_decimals
    return {
        "id": None,
        "price": fixed(price, pair.price_decimals),
        "qty": fixed(steps, pair.amount_decimals),
        "quoteQty": trimmed(price * steps, decimals),
        "time": at_ms,
        "isBuyerMaker": buyer_is_maker,
        "isBestMatch": True,
        "tradeType": "ASK" if buyer_is_maker else "BID",
    }


def aggregate_trade(pair: Pair, row: tuple[int, int, int, bool]) -> Json:
    """Return one entry of /aggTrades; ids are null on the wire."""
    at_ms, price, steps, buyer_is_maker = row
    return {
        "a": None,
        "f": None,
        "l": None,
        "p": fixed(price, pair.price_decimals),
        "q": fixed(steps, pair.amount_decimals),
        "T": at_ms,
        "m": buyer_is_maker,
        "M": True,
    }
