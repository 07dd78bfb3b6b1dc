"""The public endpoints: everything that needs no key."""

from collections.abc import Callable

import orjson

from trading.market.timeframes import BY_WIRE, DAY_MS, TIMEFRAMES
from trading.simulator import wire_market
from trading.simulator.exchange import Exchange
from trading.simulator.klines import encode_klines
from trading.simulator.listings import status_at
from trading.simulator.orders import Side
from trading.simulator.source import ONLINE, Bars, Pair
from trading.simulator.units import fixed
from trading.simulator.wire import Call, Refusal, dumps

MAX_KLINES = 500  # the docs say 1000; in practice 500 (ccxt: "docs say 1000 but in practice it's 500")
MAX_TRADES = 1000
MAX_DEPTH = 5000

type Handler = Callable[[Exchange, Call], bytes]


def ping(_x: Exchange, _call: Call) -> bytes:
    """Answer nothing, quickly."""
    return b"{}"


def server_time(_x: Exchange, call: Call) -> bytes:
    """Answer market time."""
    return b'{"serverTime":%d}' % call.now_ms


def exchange_info(x: Exchange, call: Call) -> bytes:
    """Answer the listing: all pairs, `symbol`, or comma-separated `symbols`."""
    wanted = call.text("symbol") or call.text("symbols")
    if wanted is None:
        pairs = x.listing.visible(call.now_ms)
    else:
        pairs = [x.listing.pair(symbol, call.now_ms) for symbol in wanted.split(",")]
    return dumps(
        {
            "timezone": "CST",
            "serverTime": call.now_ms,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [_symbol_info(x, pair, call.now_ms) for pair in pairs],
        }
    )


def _symbol_info(x: Exchange, pair: Pair, now_ms: int) -> wire_market.Json:
    row = wire_market.symbol_info(pair, now_ms)
    if x.faults.rules and x.faults.standing("market_disabled", pair.symbol, now_ms, x.wall_s()):
        row["orderTypes"] = ["LIMIT", "LIMIT_MAKER"]
    return row


def default_symbols(x: Exchange, call: Call) -> bytes:
    """Answer the symbols open to the API."""
    names = [pair.symbol for pair in x.listing.visible(call.now_ms) if pair.is_api_tradable]
    return dumps({"code": 0, "data": names, "msg": "success", "timestamp": call.now_ms})


def offline_symbols(x: Exchange, call: Call) -> bytes:
    """Answer the symbols that are halted or delisted."""
    from_listing = x.listing.visible(call.now_ms)
    gone = [p.symbol for p in from_listing if status_at(p, call.now_ms) != ONLINE]
    return dumps({"code": 0, "data": gone, "msg": "success", "timestamp": call.now_ms})


def klines(x: Exchange, call: Call) -> bytes:
    """Answer candles whose open lies in [startTime, endTime), the unfinished last one included.

    With a start the oldest come first and the answer stops at the limit; without one it is the
    newest `limit` bars. A timeframe finer than the market has gives an empty list.
    """
    symbol = call.need("symbol")
    frame = BY_WIRE.get(call.need("interval"))
    if frame is None:
        raise Refusal(-1121, "Invalid interval.")
    pair = x.listing.pair(symbol, call.now_ms)
    if frame.name not in x.source.timeframes:
        return b"[]"
    limit = call.limit(MAX_KLINES, MAX_KLINES)
    start_ms, end_ms = call.integer("startTime"), call.integer("endTime")
    until = min(end_ms, call.now_ms + 1) if end_ms is not None else call.now_ms + 1
    if start_ms is None:
        # Months are shorter than 31 days: reach back further, cut below.
        reach = 31 * DAY_MS if frame.name == "1M" else frame.ms
        start_ms = frame.floor_ms(max(0, until - 1)) - (limit - 1) * reach
        bars = _cut(x.source.bars(symbol, frame.name, start_ms, until, call.now_ms), slice(-limit, None))
    else:
        until = min(until, start_ms + (limit + 1) * (31 * DAY_MS if frame.name == "1M" else frame.ms))
        bars = _cut(x.source.bars(symbol, frame.name, start_ms, until, call.now_ms), slice(0, limit))
    return encode_klines(bars, frame, pair.price_decimals, pair.amount_decimals)


def _cut(bars: Bars, rows: slice) -> Bars:
    return Bars(*(column[rows] for column in bars))


def ticker_24h(x: Exchange, call: Call) -> bytes:
    """Answer rolling 24 h figures: a list of all pairs, or one object with `symbol`."""
    at_ms, shot = x.snapshot(call.now_ms)
    quantities = x.books.best_quantities(shot.last, at_ms)
    symbol = call.text("symbol")
    if symbol is None:
        return dumps(wire_market.tickers(x.source.pairs.values(), shot, quantities.tolist(), at_ms))
    pair = x.listing.pair(symbol, call.now_ms)
    row = x.books.row(symbol)
    one = type(shot)(*(column[row : row + 1] for column in shot))
    return dumps(wire_market.tickers([pair], one, [int(quantities[row])], at_ms)[0])


def book_ticker(x: Exchange, call: Call) -> bytes:
    """Answer best bids and asks: a list of all pairs, or one object with `symbol`."""
    symbol = call.text("symbol")
    if symbol is not None:
        return dumps(_book_ticker(x, x.listing.pair(symbol, call.now_ms), call.now_ms))
    at_ms, shot = x.snapshot(call.now_ms)
    quantities = x.books.best_quantities(shot.last, at_ms).tolist()
    rows = zip(x.source.pairs.values(), shot.bid.tolist(), shot.ask.tolist(), quantities, strict=True)
    return dumps(
        [wire_market.book_ticker(p, bid, q, ask, q) for p, bid, ask, q in rows if p.listed_ms <= at_ms]
    )


def _book_ticker(x: Exchange, pair: Pair, now_ms: int) -> wire_market.Json:
    bids = x.books.side(pair.symbol, Side.SELL, now_ms, 1)
    asks = x.books.side(pair.symbol, Side.BUY, now_ms, 1)
    bid, bid_quantity = (int(bids.price[0]), int(bids.quantity[0])) if len(bids.price) else (0, 0)
    ask, ask_quantity = (int(asks.price[0]), int(asks.quantity[0])) if len(asks.price) else (0, 0)
    return wire_market.book_ticker(pair, bid, bid_quantity, ask, ask_quantity)


def price_ticker(x: Exchange, call: Call) -> bytes:
    """Answer last prices: a list of all pairs, or one object with `symbol`."""
    symbol = call.text("symbol")
    if symbol is not None:
        pair = x.listing.pair(symbol, call.now_ms)
        price = x.source.price(symbol, call.now_ms)
        return dumps({"symbol": symbol, "price": fixed(price, pair.price_decimals)})
    at_ms, shot = x.snapshot(call.now_ms)
    rows = zip(x.source.pairs.values(), shot.last.tolist(), strict=True)
    return dumps(
        [
            {"symbol": p.symbol, "price": fixed(last, p.price_decimals)}
            for p, last in rows
            if p.listed_ms <= at_ms
        ]
    )


def average_price(x: Exchange, call: Call) -> bytes:
    """Answer the average price of the last five minutes (of the last bar where bars are longer)."""
    pair = x.listing.pair(call.need("symbol"), call.now_ms)
    frame = TIMEFRAMES[x.source.finest_timeframe]
    bars = x.source.bars(
        pair.symbol, frame.name, call.now_ms - max(5 * 60_000, frame.ms), call.now_ms + 1, call.now_ms
    )
    typical = (bars.high + bars.low + bars.close).sum()
    count = 3 * len(bars.close)
    price = int(typical) // count if count else x.source.price(pair.symbol, call.now_ms)
    return dumps({"mins": 5, "price": fixed(price, pair.price_decimals)})


def depth(x: Exchange, call: Call) -> bytes:
    """Answer the order book, best first."""
    pair = x.listing.pair(call.need("symbol"), call.now_ms)
    limit = call.limit(100, MAX_DEPTH)
    version = None if x.depth_version is None else x.depth_version(pair.symbol, call.now_ms)
    bids = x.books.side(pair.symbol, Side.SELL, call.now_ms, limit)
    asks = x.books.side(pair.symbol, Side.BUY, call.now_ms, limit)
    return dumps(wire_market.depth(pair, bids, asks, call.now_ms, version))


def trades(x: Exchange, call: Call) -> bytes:
    """Answer recent public trades, newest first."""
    pair, rows = _prints(x, call)
    return dumps([wire_market.trade(pair, row) for row in rows])


def aggregate_trades(x: Exchange, call: Call) -> bytes:
    """Answer public trades in the short form, newest first, in [startTime, endTime]."""
    pair, rows = _prints(x, call)
    return dumps([wire_market.aggregate_trade(pair, row) for row in rows])


def _prints(x: Exchange, call: Call) -> tuple[Pair, list[tuple[int, int, int, bool]]]:
    pair = x.listing.pair(call.need("symbol"), call.now_ms)
    limit = call.limit(500, MAX_TRADES)
    frame = TIMEFRAMES[x.source.finest_timeframe]
    end_ms = call.integer("endTime")
    until = call.now_ms if end_ms is None else min(end_ms, call.now_ms)
    start_ms = call.integer("startTime")
    since = until - (limit // 4 + 2) * frame.ms if start_ms is None else max(start_ms, until - 3_600_000)
    bars = x.source.bars(pair.symbol, frame.name, frame.floor_ms(max(0, since)), until + 1, call.now_ms)
    rows = wire_market.prints(bars, frame.ms, call.now_ms, 4 * len(bars.open_ms))
    return pair, [row for row in rows if (start_ms is None or row[0] >= start_ms) and row[0] <= until][:limit]


def contract_detail(_x: Exchange, _call: Call) -> bytes:
    """Answer that there are no futures here (ccxt's load_markets always asks)."""
    return orjson.dumps({"success": True, "code": 0, "data": []})


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "ping"): ping,
    ("GET", "time"): server_time,
    ("GET", "exchangeInfo"): exchange_info,
    ("GET", "defaultSymbols"): default_symbols,
    ("GET", "symbol/offline"): offline_symbols,
    ("GET", "klines"): klines,
    ("GET", "ticker/24hr"): ticker_24h,
    ("GET", "ticker/bookTicker"): book_ticker,
    ("GET", "ticker/price"): price_ticker,
    ("GET", "avgPrice"): average_price,
    ("GET", "depth"): depth,
    ("GET", "trades"): trades,
    ("GET", "historicalTrades"): trades,
    ("GET", "aggTrades"): aggregate_trades,
}
