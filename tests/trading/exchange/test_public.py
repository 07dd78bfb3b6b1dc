"""Market data against canned answers: ccxt first, plain HTTP when that fails, the same objects either way."""

from typing import Any

import pytest

from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.scan import Want, fetch_candles
from trading.market.errors import BadInput, BadPayload, UnknownSymbol, UnknownTimeframe, Unreachable
from trading.market.frames import CANDLES
from trading.market.timeframes import timeframe

from .conftest import START_MS, Answer, Request, Venue, row

QUARTER = timeframe("15m")
# ccxt raises ValueError on it and loads nothing; one row that we leave out.
BREAKS_CCXT = row("BADUSDT", "BAD", baseAssetPrecision="x")


def klines(first_ms: int = START_MS - 2000 * QUARTER.ms):
    """A pair that exists since `first_ms`, with its forming bar, at most 500 rows, endTime exclusive."""

    def answer(request: Request) -> Answer:
        start, end = int(request.query["startTime"]), int(request.query["endTime"])
        opens = range(max(start, first_ms), min(end, START_MS + 1), QUARTER.ms)
        rows = [[t, "2", "4", "1", "3", "10", t + QUARTER.ms, "30"] for t in opens]
        return Answer(rows[: min(500, int(request.query["limit"]))])

    return answer


async def test_listing_comes_through_ccxt(venue: Venue, pool: GatewayPool) -> None:
    """load_markets, with no request to a contract or wallet endpoint."""
    markets = await pool.public.markets()
    assert [market.symbol for market in markets] == ["BTC/USDT", "ETH/USDT"]
    assert pool.public.source == "ccxt"
    assert {request.path for request in venue.requests} == {"time", "defaultSymbols", "exchangeInfo"}


async def test_listing_falls_back_to_plain_http_with_equal_markets(venue: Venue, pool: GatewayPool) -> None:
    """A row that makes ccxt stumble does not stop the line; the objects are the same."""
    through_ccxt = await pool.public.markets()
    venue.answers["GET", "exchangeInfo"] = Answer({"symbols": [row(), row("ETHUSDT", "ETH"), BREAKS_CCXT]})
    assert await pool.public.markets() == through_ccxt
    assert pool.public.source == "http"


async def test_listing_recovers_to_ccxt(venue: Venue, pool: GatewayPool) -> None:
    """The fallback is for this look only."""
    good = venue.answers["GET", "exchangeInfo"]
    venue.answers["GET", "exchangeInfo"] = Answer({"symbols": [row(), BREAKS_CCXT]})
    await pool.public.markets()
    venue.answers["GET", "exchangeInfo"] = good
    await pool.public.markets()
    assert pool.public.source == "ccxt"


async def test_failure_of_both_ways_says_what_was_tried(venue: Venue, pool: GatewayPool) -> None:
    """And the listing known before stays usable."""
    await pool.public.markets()
    venue.answers["GET", "exchangeInfo"] = Answer({"symbols": []})
    with pytest.raises(BadPayload, match=r"Tried the gateway by ccxt \(.* then plain HTTP \("):
        await pool.public.markets()
    venue.answers["GET", "klines"] = klines()
    assert (await pool.public.candles("BTC/USDT", "15m", limit=3)).height == 3


async def test_venue_that_is_down_does_not_stop_the_start(venue: Venue) -> None:
    """Entering the pool works; the first question tells."""
    async with GatewayPool(ExchangeSettings("http://127.0.0.1:1", timeout_s=0.5)) as pool:
        with pytest.raises(Unreachable, match=r"no connection to 127\.0\.0\.1"):
            await pool.public.markets()


async def test_missing_default_symbols_is_no_reason_to_trade_nothing(venue: Venue, pool: GatewayPool) -> None:
    """Without that list the flags in exchangeInfo decide."""
    venue.answers["GET", "defaultSymbols"] = Answer({"code": 700007, "msg": "No permission"}, 403)
    assert all(market.is_api_tradable for market in await pool.public.markets())
    venue.answers["GET", "defaultSymbols"] = Answer({"code": 0, "data": ["ETHUSDT"]})
    flags = {market.symbol: market.is_api_tradable for market in await pool.public.markets()}
    assert flags == {"BTC/USDT": False, "ETH/USDT": True}


async def test_candles_are_the_last_closed_slots(venue: Venue, pool: GatewayPool) -> None:
    """The forming bar never comes; the window is asked for explicitly, in wire names."""
    venue.answers["GET", "klines"] = klines()
    frame = await pool.public.candles("BTC/USDT", "15m", limit=4)
    assert frame["open_time"].dt.epoch("ms").to_list() == [START_MS - k * QUARTER.ms for k in (4, 3, 2, 1)]
    (sent,) = venue.of("klines")
    assert (sent.query["symbol"], sent.query["interval"], sent.query["endTime"]) == (
        "BTCUSDT",
        "15m",
        str(START_MS),
    )


async def test_long_history_comes_in_pages_of_500(venue: Venue, pool: GatewayPool) -> None:
    """1,200 bars are three requests and no bar twice."""
    venue.answers["GET", "klines"] = klines()
    frame = await pool.public.candles("BTC/USDT", "15m", limit=1200)
    assert frame.height == 1200
    assert frame["open_time"].is_unique().all()
    assert frame["open_time"].is_sorted()
    assert len(venue.of("klines")) == 3


async def test_candles_since_a_moment(venue: Venue, pool: GatewayPool) -> None:
    """From the first bar that opens at or after it; nothing from the future is asked for."""
    venue.answers["GET", "klines"] = klines()
    since = START_MS - 10 * QUARTER.ms + 1
    frame = await pool.public.candles("BTC/USDT", "15m", since_ms=since, limit=500)
    assert frame.height == 9
    assert (await pool.public.candles("BTC/USDT", "15m", since_ms=START_MS + 1)).schema == CANDLES
    assert len(venue.of("klines")) == 1


async def test_venue_that_ignores_the_window_cannot_smuggle_in_bars(venue: Venue, pool: GatewayPool) -> None:
    """Rows before, after and beyond now are dropped."""
    rows = [[START_MS + k * QUARTER.ms, "2", "4", "1", "3", "1", 0, "1"] for k in range(-50, 50)]
    venue.answers["GET", "klines"] = Answer(rows)
    assert (await pool.public.candles("BTC/USDT", "15m", limit=2)).height == 2


async def test_bad_questions_are_refused_by_name(venue: Venue, pool: GatewayPool) -> None:
    """Symbol, timeframe, limit: one sentence each, nothing sent."""
    await pool.public.markets()
    sent = len(venue.requests)
    with pytest.raises(UnknownSymbol, match="near: BTC/USDT"):
        await pool.public.candles("BTC/USD", "15m")
    with pytest.raises(UnknownTimeframe, match="3m"):
        await pool.public.candles("BTC/USDT", "3m")
    with pytest.raises(BadInput, match="at least 1, was 0"):
        await pool.public.candles("BTC/USDT", "15m", limit=0)
    with pytest.raises(BadInput, match="base_url"):
        ExchangeSettings("ftp://x")
    assert len(venue.requests) == sent


async def test_quotes_of_one_and_of_many_symbols_are_one_request(venue: Venue, pool: GatewayPool) -> None:
    """One symbol is asked by name, several as the whole book ticker."""
    book = [
        {"symbol": name, "bidPrice": "1", "bidQty": "2", "askPrice": "3", "askQty": "4"}
        for name in ("BTCUSDT", "ETHUSDT")
    ]
    venue.answers["GET", "ticker/bookTicker"] = lambda r: Answer(book[0] if "symbol" in r.query else book)
    assert list(await pool.public.quotes(["BTC/USDT"])) == ["BTC/USDT"]
    assert sorted(await pool.public.quotes(["ETH/USDT", "BTC/USDT"])) == ["BTC/USDT", "ETH/USDT"]
    assert await pool.public.quotes([]) == {}
    assert [request.query.get("symbol") for request in venue.of("ticker/bookTicker")] == ["BTCUSDT", None]


async def test_429_waits_as_asked_and_then_succeeds(venue: Venue, pool: GatewayPool) -> None:
    """Retry-After from the header, counted, and the pace goes down."""
    answers: list[Answer] = [Answer({"code": 429, "msg": "Too Many"}, 429, {"Retry-After": "0.2"})]
    good = klines()
    venue.answers["GET", "klines"] = lambda request: answers.pop() if answers else good(request)
    assert (await pool.public.candles("BTC/USDT", "15m", limit=2)).height == 2
    assert pool.limiter.stats.http_429 == 1
    assert pool.limiter.pace_per_s < 10_000


async def test_scan_goes_on_past_bad_symbols(venue: Venue, pool: GatewayPool) -> None:
    """Unknown, refused and damaged symbols are told with their reasons; the rest is whole."""
    names = [f"S{n:02d}" for n in range(40)]
    venue.answers["GET", "exchangeInfo"] = Answer({"symbols": [row(f"{name}USDT", name) for name in names]})
    good = klines()

    def answer(request: Request) -> Answer:
        symbol = request.query["symbol"]
        if symbol == "S03USDT":
            return Answer({"code": -1121, "msg": "Invalid symbol."}, 400)
        if symbol == "S07USDT":
            return Answer(raw=b'[[1,"2"')
        if symbol == "S09USDT":
            return Answer([[None] * 8, *good(request).body])
        return good(request)

    venue.answers["GET", "klines"] = answer
    told: list[tuple[int, int]] = []
    wants = [Want(f"{name}/USDT", limit=3) for name in (*names, "NOPE")]
    result = await fetch_candles(
        pool.public, wants, "15m", concurrency=8, on_progress=lambda done, total: told.append((done, total))
    )
    assert set(result.failed) == {"S03/USDT", "S07/USDT", "NOPE/USDT"}
    assert result.failed["S07/USDT"].startswith("BadPayload")
    assert result.frame["symbol"].n_unique() == 38
    assert result.frame.height == 38 * 3
    assert result.rejected == {"malformed": 1}
    assert sorted(told) == [(n, 41) for n in range(1, 42)]
    assert result.requests == 41


async def test_overlapping_pages_give_each_bar_once_in_order(venue: Venue, pool: GatewayPool) -> None:
    """Pages arrive in any order and may overlap; the frame is sorted by symbol and time."""
    venue.answers["GET", "klines"] = klines()
    starts = [START_MS - back * QUARTER.ms for back in (10, 30, 20)]
    wants = [Want(symbol, since_ms=at, limit=15) for at in starts for symbol in ("ETH/USDT", "BTC/USDT")]
    frame = (await fetch_candles(pool.public, wants, "15m")).frame
    assert frame.height == 2 * 30
    assert frame.equals(frame.unique(["symbol", "open_time"]).sort("symbol", "open_time"))


async def test_scan_of_nothing_is_nothing(venue: Venue, pool: GatewayPool) -> None:
    """An empty list of wants is no error; a concurrency of 0 is."""
    assert (await fetch_candles(pool.public, [], "15m")).frame.schema == CANDLES
    with pytest.raises(BadInput, match="concurrency must be at least 1, was 0"):
        await fetch_candles(pool.public, [], "15m", concurrency=0)


@pytest.mark.parametrize("body", [None, {}, {"symbols": None}, {"symbols": "x"}, {"symbols": {}}, [], "x", 5])
async def test_odd_listing_is_told_not_crashed_on(venue: Venue, pool: GatewayPool, body: Any) -> None:
    """Whatever exchangeInfo holds."""
    venue.answers["GET", "exchangeInfo"] = Answer(body)
    with pytest.raises(BadPayload, match="Tried the gateway by ccxt"):
        await pool.public.markets()
