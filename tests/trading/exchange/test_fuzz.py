"""Whatever a venue sends: no exception outside our tree, bad rows fall out with a reason, good ones stay."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import polars as pl
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.exchange.bars import read_rows, to_candles
from trading.exchange.errors import Reply, decode
from trading.exchange.listing import to_markets
from trading.exchange.pool import ExchangeSettings, GatewayPool
from trading.exchange.prices import to_quotes, to_tickers
from trading.exchange.scan import Want, fetch_candles
from trading.market.errors import SluiceError
from trading.market.frames import CANDLES, QUARANTINE, TICKERS
from trading.market.timeframes import timeframe

from .conftest import START_MS, Answer, Venue, row

QUARTER = timeframe("15m")
NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
NAMES = [
    "../../etc/passwd", "..", ".", "", " ", "A/B/C", "A\\B", "BTCUSDT\x00", "\n", "a" * 5000, "%2e", "C:\\x",
    "\u202eTDSU", "BTC\u200bUSDT", "\x1b[31mRED", "'; DROP TABLE candles;--", "symbol=BTCUSDT", "#1", "{}",
]  # fmt: skip
NUMBERS = [
    "NaN", "nan", "Infinity", "-inf", "1e400", "-1e400", "1e-400", "9" * 400, "1_000", "0x10", "",
    " 1", "1,5",
    "١٢", "-1", "0", "-0", "1e999999999", "2.", ".", "--1", "1e", "null", "true",
]  # fmt: skip
odd = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=12),
    st.sampled_from(NAMES), st.sampled_from(NUMBERS), st.sampled_from([1e300, -1e300, 10**60, 2**53, 2**63]),
)  # fmt: skip
junk = st.recursive(
    odd,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=20,
)


def spoiled(good: dict[str, Any]) -> st.SearchStrategy[Any]:
    """A row like `good` with some fields replaced or missing, or no row at all."""
    fields = st.dictionaries(st.sampled_from(sorted(good)), odd | junk, min_size=1, max_size=4)
    cut = st.sets(st.sampled_from(sorted(good)), min_size=1)
    return (
        junk
        | fields.map(lambda new: good | new)
        | cut.map(lambda gone: {k: good[k] for k in good if k not in gone})
    )


def bodies(rows: list[Any], key: str | None = None) -> Iterator[bytes]:
    """The answer as it would go over the wire; Python's writer, since it lets NaN and Infinity through."""
    whole = rows if key is None else {key: rows}
    yield json.dumps(whole).encode()
    yield json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")


def parsed(body: bytes) -> Any:
    return decode(Reply(200, {}, body, 0.0, 0.0), method="GET", path="/x")


def mixed(data: st.DataObject, good: list[Any], bad: st.SearchStrategy[Any]) -> list[Any]:
    """The good rows in order, with bad ones between them."""
    rows: list[Any] = []
    for one in good:
        rows += [*data.draw(st.lists(bad, max_size=2)), one]
    return rows + data.draw(st.lists(bad, max_size=2))


GOOD_MARKETS = [row(), row("ETHUSDT", "ETH"), row("币安人生USDT", "币安人生")]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_listing_keeps_the_good_markets_and_names_the_others(data: st.DataObject) -> None:
    """A name that could leave a folder, a URL or a line is no name; letters of any script are."""
    spoilt = spoiled(row("BADUSDT", "BAD"))
    rows = mixed(data, GOOD_MARKETS, spoilt)
    for body in bodies(rows, "symbols"):
        try:
            answer = parsed(body)
        except SluiceError:  # a bare NaN is no JSON
            continue
        rejected: dict[str, str] = {}
        markets = to_markets(answer["symbols"], str.upper, None, rejected=rejected)
        ids = {market.exchange_id for market in markets}
        assert {"BTCUSDT", "ETHUSDT", "币安人生USDT"} <= ids
        assert len(ids) + len(rejected) <= len(rows)
        for market in markets:
            for name in (market.exchange_id, market.base, market.quote):
                assert name.isprintable()
                assert not set(name) & set("/\\ \n#?:%")
                assert not name.startswith(".")
            assert market.full_name.isprintable()
            assert market.tick > 0
            assert market.step > 0
            assert min(market.min_amount, market.min_cost, market.max_cost) >= 0
        assert all(text.isprintable() for pair in rejected.items() for text in pair)


MARKETS = {market.exchange_id: market for market in to_markets(GOOD_MARKETS, str.upper)}
TICKER = {
    "symbol": "BTCUSDT", "lastPrice": "110", "bidPrice": "109", "askPrice": "111", "openPrice": "100",
    "highPrice": "120", "lowPrice": "90", "volume": "5", "quoteVolume": "500", "closeTime": START_MS,
}  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_tickers_keep_the_good_rows_and_null_what_is_no_number(data: st.DataObject) -> None:
    """One bad pair changes nothing for its neighbours."""
    rows = mixed(data, [TICKER], spoiled(TICKER | {"symbol": "ETHUSDT"}))
    for body in bodies(rows):
        try:
            frame = to_tickers(parsed(body), MARKETS, now=NOW)
        except SluiceError:
            continue
        assert frame.schema == TICKERS
        assert frame["symbol"].is_unique().all()
        btc = frame.row(by_predicate=pl.col("symbol") == "BTC/USDT", named=True)
        if all(
            not isinstance(other, dict) or other.get("symbol") != "BTCUSDT" or other is TICKER
            for other in rows
        ):
            assert (btc["last"], btc["bid"], btc["change_24h"]) == (110.0, 109.0, pytest.approx(0.1))
        for name in frame.columns[2:]:
            numbers = frame[name].drop_nulls()
            assert numbers.is_finite().all()
            assert name == "change_24h" or (numbers >= 0).all()


BOOK = {"symbol": "BTCUSDT", "bidPrice": "1.5", "bidQty": "2", "askPrice": "1.6", "askQty": "4"}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_quotes_keep_the_good_rows(data: st.DataObject) -> None:
    """What has no two positive prices and sane amounts is no quote."""
    rows = mixed(data, [BOOK], spoiled(BOOK | {"symbol": "ETHUSDT"}))
    for body in bodies(rows):
        try:
            quotes = to_quotes(parsed(body), MARKETS, at=NOW)
        except SluiceError:
            continue
        assert "BTC/USDT" in quotes
        for quote in quotes.values():
            numbers = (quote.bid, quote.ask, quote.bid_amount, quote.ask_amount)
            assert all(number.is_finite() for number in numbers)
            assert min(quote.bid, quote.ask) > 0


def kline(index: int) -> list[Any]:
    opens = START_MS + index * QUARTER.ms
    return [opens, "2", "4", "1", "3", "10", opens + QUARTER.ms, "30"]


def spoiled_kline(index: int) -> st.SearchStrategy[Any]:
    good = kline(index)
    spots = st.dictionaries(st.integers(0, 7), odd | junk, min_size=1, max_size=3)
    changed = spots.map(lambda new: [new.get(place, value) for place, value in enumerate(good)])
    return junk | changed | st.integers(0, 7).map(lambda width: good[:width])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_klines_keep_the_good_bars_and_set_the_others_aside(data: st.DataObject) -> None:
    """Five good bars come through whatever lies between them; each of the others has a reason."""
    # Spoilt rows that still look like a bar are of slots after the good ones: nothing contradicts those.
    bad = st.lists(spoiled_kline(20), max_size=2)
    rows = [kline(index) for index in range(5)] + data.draw(bad)
    place = data.draw(st.integers(0, 5))
    rows[place:place] = data.draw(st.lists(junk.filter(lambda one: not isinstance(one, list)), max_size=2))
    for body in bodies(rows):
        counts: Counter[str] = Counter()
        told: list[pl.DataFrame] = []
        try:
            frame = to_candles(
                "A/USDT",
                read_rows(Reply(200, {}, body, 0.0, 0.0), path="/klines"),
                timeframe=QUARTER,
                closed_by_ms=START_MS + 50 * QUARTER.ms,
                rejected=counts,
                window_ms=(START_MS, START_MS + 50 * QUARTER.ms),
                on_rejected=told.append,
            )
        except SluiceError:
            continue
        assert frame.schema == CANDLES
        assert {START_MS + index * QUARTER.ms for index in range(5)} <= {*frame["open_time"].dt.epoch("ms")}
        assert frame.height + counts.total() == len(rows)
        aside = pl.concat(told) if told else pl.DataFrame(schema=QUARANTINE)
        assert aside.schema == QUARANTINE
        assert dict(Counter(aside["reason"])) == {k: n for k, n in counts.items() if k != "unfinished"}
        values = frame.drop("symbol", "open_time")
        assert values.select(pl.all().is_finite().all()).row(0) == (True,) * 6 or frame.is_empty()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_truncated_answers_are_bad_payloads_or_whole_rows(data: st.DataObject) -> None:
    """Cut anywhere, or with a byte flipped: ccxt makes rows of None of it, we make an error or fewer rows."""
    body = data.draw(st.sampled_from([
        orjson.dumps([kline(index) for index in range(3)]), orjson.dumps([TICKER]), orjson.dumps([BOOK]),
        orjson.dumps({"symbols": GOOD_MARKETS}),
    ]))  # fmt: skip
    cut = bytearray(body[: data.draw(st.integers(0, len(body)))])
    if cut and data.draw(st.booleans()):
        cut[data.draw(st.integers(0, len(cut) - 1))] = data.draw(st.integers(0, 255))
    reply = Reply(200, {}, bytes(cut), 0.0, 0.0)
    for use in (
        lambda: to_candles(
            "A", read_rows(reply, path="/k"), timeframe=QUARTER, closed_by_ms=2**50, rejected=Counter()
        ),
        lambda: to_tickers(parsed(reply.body), MARKETS, now=NOW),
        lambda: to_quotes(parsed(reply.body), MARKETS, at=NOW),
        lambda: to_markets(parsed(reply.body), str.upper),
    ):
        try:
            found = use()
        except SluiceError:
            continue
        if isinstance(found, pl.DataFrame) and "close" in found.columns:
            assert sum(found.null_count().row(0)) == 0
            assert found.height <= 3


async def test_scan_outlives_a_venue_that_sends_nonsense(venue: Venue) -> None:
    """A listing and candles full of it, over HTTP through ccxt or around it: the good pairs arrive whole."""
    nonsense: list[Any] = [
        None, 5, "x", [], {}, row(NAMES[0], NAMES[0]), row("A/B/C", "A/B"), row("X" * 5000, "X"),
        row("NANUSDT", "NAN", baseAssetPrecision="NaN"), row("HUGEUSDT", "HUGE", maxQuoteAmount="9" * 4000),
        row("NULLUSDT", "NULL", quoteAssetPrecision=None), row("DEEPUSDT", "DEEP", fullName={"a": [1]}),
    ]  # fmt: skip
    venue.answers["GET", "exchangeInfo"] = Answer({"symbols": [*GOOD_MARKETS, *nonsense]})

    def klines(request: Any) -> Answer:
        start = int(request.query["startTime"])
        good = [[start + k * QUARTER.ms, "2", "4", "1", "3", "10", 0, "30"] for k in range(3)]
        if request.query["symbol"] == "ETHUSDT":
            return Answer([*good[:2], [None] * 8, {"a": 1}, ["x"] * 8, good[2]])
        if request.query["symbol"] == "DEEPUSDT":
            return Answer(raw=b"[[1,2" + b"[" * 100_000)
        return Answer(good)

    venue.answers["GET", "klines"] = klines
    async with GatewayPool(ExchangeSettings(venue.base_url, rate_per_s=10_000)) as pool:
        listed = [market.symbol for market in await pool.public.markets()]
        found = await fetch_candles(pool.public, [Want(symbol, limit=3) for symbol in listed], "15m")
        left_out = pool.public.left_out
    assert listed[:3] == ["BTC/USDT", "ETH/USDT", "币安人生/USDT"]
    assert dict(found.frame["symbol"].value_counts().iter_rows()) == {
        "BTC/USDT": 3, "ETH/USDT": 3, "币安人生/USDT": 3
    }  # fmt: skip
    assert set(found.failed) == {"DEEP/USDT"}
    assert found.quarantined["reason"].to_list() == ["malformed"] * 3
    assert len(left_out) >= 6
    assert "'../../etc/passwd'" in left_out


class Fuzzed:
    """A venue whose listing is what the example says."""

    def __init__(self) -> None:
        self.rows: list[Any] = []

    async def handle(self, request: web.Request) -> web.Response:
        if request.path.endswith("/time"):
            return web.json_response({"serverTime": START_MS})
        if request.path.endswith("/exchangeInfo"):
            return web.Response(body=json.dumps({"symbols": self.rows}).encode())
        return web.json_response({"code": 0, "data": []})


def test_any_listing_over_http_gives_the_good_markets_or_an_error_of_ours() -> None:
    """ccxt's own parser is in this way: what it stumbles over is asked for again around it."""
    fuzzed = Fuzzed()
    with asyncio.Runner() as runner:
        app_runner, pool = runner.run(_serving(fuzzed))

        @settings(max_examples=40, deadline=None)
        @given(st.data())
        def check(data: st.DataObject) -> None:
            fuzzed.rows = mixed(data, GOOD_MARKETS, spoiled(row("BADUSDT", "BAD")))
            fuzzed.rows = [one for one in fuzzed.rows if _is_json(one)]
            markets = runner.run(pool.public.markets())
            assert {"BTC/USDT", "ETH/USDT", "币安人生/USDT"} <= {market.symbol for market in markets}

        check()
        runner.run(pool.close())
        runner.run(app_runner.cleanup())


def _is_json(value: Any) -> bool:
    try:
        return bool(json.dumps(value, allow_nan=False).encode())
    except (ValueError, UnicodeEncodeError):
        return False


async def _serving(fuzzed: Fuzzed) -> tuple[web.AppRunner, GatewayPool]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", fuzzed.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return runner, GatewayPool(ExchangeSettings(url, rate_per_s=100_000, timeout_s=5))
