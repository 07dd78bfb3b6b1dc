"""One contract for both ways to the market: through ccxt and around it come the same objects and errors."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from trading.exchange.gateway import PublicGateway
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.market import errors as tree
from trading.market.frames import CANDLES, TICKERS
from trading.market.timeframes import TIMEFRAMES, timeframe

from .conftest import START_MS, Answer, Request, Venue, row

QUARTER = timeframe("15m")
# ccxt raises ValueError on it and loads nothing; one row that we leave out.
BREAKS_CCXT = row("BADUSDT", "BAD", baseAssetPrecision="x")
LISTED = [
    row(),
    row("ETHUSDT", "ETH", status="2"),
    row("GASUSDT", "GAS", baseSizePrecision="0"),
    row("XUSDC", "X", "USDC"),
]


def klines(request: Request) -> Answer:
    """Bars of any length, with a forming one, a twin, a hole and two that no market printed."""
    bar = next(one for one in TIMEFRAMES.values() if one.wire == request.query["interval"])
    start, end = int(request.query["startTime"]), int(request.query["endTime"])
    opens = [start]
    while (following := bar.next_ms(opens[-1])) <= min(end, START_MS):
        opens.append(following)
    rows = [[at, "2.5", "4", "1.25", "3", "10", at, f"{30 + k}"] for k, at in enumerate(opens)]
    if len(rows) > 8:
        rows[2][2] = "0.5"
        rows[3][4] = "NaN"
        rows[4] = [*rows[5][:7], "99"]
    return Answer(rows[: int(request.query["limit"])])


def answers(venue: Venue) -> None:
    ticker = {
        "lastPrice": "110.5", "bidPrice": "109", "askPrice": "0", "openPrice": "100", "highPrice": "120",
        "lowPrice": "90", "volume": "5", "quoteVolume": None, "closeTime": START_MS + 7,
    }  # fmt: skip
    book = {"bidPrice": "1.10", "bidQty": "2", "askPrice": "1.20", "askQty": "4"}
    ids = ["BTCUSDT", "GASUSDT", "NOTLISTED"]
    venue.answers["GET", "ticker/24hr"] = Answer([{"symbol": name, **ticker} for name in ids])
    venue.answers["GET", "ticker/bookTicker"] = Answer([{"symbol": name, **book} for name in ids])
    venue.answers["GET", "klines"] = klines


@dataclass
class Way:
    """A pool whose listing came this way, and the venue behind it."""

    pool: GatewayPool
    venue: Venue

    @property
    def gateway(self) -> PublicGateway:
        return self.pool.public


async def opened(venue: Venue, way: str) -> GatewayPool:
    venue.speed = 0.0  # both ways look at the same moment
    answers(venue)
    venue.answers["GET", "exchangeInfo"] = Answer({"symbols": [*LISTED, *([BREAKS_CCXT] * (way == "http"))]})
    pool = await GatewayPool(ExchangeSettings(venue.base_url, rate_per_s=10_000, timeout_s=0.5)).__aenter__()
    await pool.public.markets()
    assert pool.public.source == way
    return pool


@pytest.fixture(params=["ccxt", "http"])
async def way(request: pytest.FixtureRequest, venue: Venue) -> AsyncIterator[Way]:
    pool = await opened(venue, request.param)
    yield Way(pool, venue)
    await pool.close()


@pytest.fixture
async def both(venue: Venue) -> AsyncIterator[tuple[PublicGateway, PublicGateway]]:
    pools = [await opened(venue, name) for name in ("ccxt", "http")]
    yield pools[0].public, pools[1].public
    for pool in pools:
        await pool.close()


async def test_markets_are_exact_and_whole(way: Way) -> None:
    """Every usable row is a market, scannable or not, in the venue's order, with numbers to the digit."""
    markets = await way.gateway.markets()
    assert [market.symbol for market in markets] == ["BTC/USDT", "ETH/USDT", "GASDAO/USDT", "X/USDC"]
    assert [market.is_scannable for market in markets] == [True, False, True, True]
    assert markets[0].tick == Decimal("0.01")
    assert markets[2].min_amount == 0


async def test_tickers_are_one_row_a_listed_pair(way: Way) -> None:
    """Empty sides are null, the moment is the answer's, unlisted pairs stay out."""
    frame = await way.gateway.tickers()
    assert frame.schema == TICKERS
    assert frame["symbol"].to_list() == ["BTC/USDT", "GASDAO/USDT"]
    assert frame.row(0, named=True)["ask"] is None
    assert frame["at"].dt.epoch("ms").to_list() == [START_MS + 7] * 2


@pytest.mark.parametrize("name", TIMEFRAMES)
async def test_candles_are_closed_sorted_and_sound(way: Way, name: str) -> None:
    """For every timeframe: what is wrong is told, what is forming is not, the rest comes."""
    told: list[pl.DataFrame] = []
    frame = await way.gateway.candles("BTC/USDT", name, limit=20, on_rejected=told.append)
    assert frame.schema == CANDLES
    assert frame["open_time"].is_sorted()
    assert pl.concat(told)["reason"].to_list() == ["high_below_low", "not_a_number", "duplicate"]
    bar = timeframe(name)
    assert bar.next_ms(frame["open_time"].dt.epoch("ms")[-1]) <= START_MS


async def test_quotes_are_exact(way: Way) -> None:
    """Decimals as the venue wrote them, and only pairs that have both sides."""
    quotes = await way.gateway.quotes(["BTC/USDT", "GASDAO/USDT", "X/USDC"])
    assert {symbol: (str(q.bid), str(q.ask)) for symbol, q in quotes.items()} == dict.fromkeys(
        ["BTC/USDT", "GASDAO/USDT"], ("1.10", "1.20")
    )


FAILURES = [
    (Answer({"code": -1121, "msg": "Invalid symbol."}, 400), tree.UnknownSymbol, 1),
    (Answer({"code": 503, "msg": "busy"}, 503), tree.Unreachable, 3),
    (Answer(raw=b"<html>403</html>", status=403), tree.Unreachable, 3),
    (Answer(raw=b'[[1,"2"'), tree.BadPayload, 3),
    (Answer({"rows": []}), tree.BadPayload, 1),
    (Answer({"code": 418, "msg": "ban"}, 418, {"Retry-After": "0"}), tree.Banned, 1),
    (Answer({"code": 429, "msg": "slow"}, 429, {"Retry-After": "0"}), tree.RateLimited, 6),
    (Answer([], hang_s=1.0), tree.Timeout, 3),
]


@pytest.mark.parametrize(
    ("answer", "expected", "times"), FAILURES, ids=lambda value: getattr(value, "__name__", None)
)
async def test_failures_have_one_class_whichever_way(
    way: Way, answer: Answer, expected: type, times: int
) -> None:
    """And are tried again as often."""
    way.venue.answers["GET", "klines"] = answer
    with pytest.raises(tree.SluiceError) as caught:
        await way.gateway.candles("BTC/USDT", "15m", limit=1)
    assert type(caught.value) is expected
    assert len(way.venue.of("klines")) == times


async def test_both_ways_give_identical_objects(both: tuple[PublicGateway, PublicGateway]) -> None:
    """Markets, tickers, candles of every timeframe, what was set aside, quotes: equal, not similar."""
    one, other = both
    assert await one.markets() == await other.markets()
    assert_frame_equal(await one.tickers(), await other.tickers(), check_exact=True)
    assert await one.quotes(["BTC/USDT", "GASDAO/USDT"]) == await other.quotes(["BTC/USDT", "GASDAO/USDT"])
    for name in TIMEFRAMES:
        for options in ({"limit": 20}, {"since_ms": START_MS - 40 * timeframe(name).ms, "limit": 15}):
            frames = [await gateway.candles("BTC/USDT", name, **options) for gateway in both]
            assert_frame_equal(*frames, check_exact=True)
    assert_frame_equal(*[await _set_aside(gateway) for gateway in both], check_exact=True)


async def test_both_ways_send_identical_requests(
    both: tuple[PublicGateway, PublicGateway], venue: Venue
) -> None:
    """The same paths with the same parameters: a venue cannot tell them apart by what they ask."""
    asked: list[list[Any]] = []
    for gateway in both:
        before = len(venue.requests)
        await gateway.tickers()
        await gateway.quotes(["BTC/USDT"])
        await gateway.candles("GASDAO/USDT", "1h", limit=700)
        sent = [
            (r.method, r.path, sorted(r.query.items())) for r in venue.requests[before:] if r.path != "time"
        ]
        asked.append(sent)
    assert asked[0] == asked[1]
    assert len(asked[0]) == 4


async def _set_aside(gateway: PublicGateway) -> pl.DataFrame:
    told: list[pl.DataFrame] = []
    await gateway.candles("BTC/USDT", "15m", limit=20, on_rejected=told.append)
    return pl.concat(told)
