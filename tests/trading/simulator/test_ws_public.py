"""Public feeds against the handmade market, in a time that moves only when told to."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.simulator.handmade import MINUTE_MS, START_MS, FakeMarket, pair
from tests.trading.simulator.ws_stand import exchange_of, payload, read
from trading.market.timeframes import DAY_MS, HOUR_MS
from trading.simulator.orders import Side
from trading.simulator.recorded import RecordedMarket, recorded
from trading.simulator.ws_channels import parse_channel
from trading.simulator.ws_public import MAX_BARS, Print, make_feed

KLINE = "spot@public.kline.v3.api.pb@AAAUSDT@"
DEALS = "spot@public.aggre.deals.v3.api.pb@100ms@AAAUSDT"
DEPTH = "spot@public.aggre.depth.v3.api.pb@100ms@AAAUSDT"
TOP = "spot@public.aggre.bookTicker.v3.api.pb@100ms@AAAUSDT"


class Listener:
    """A feed and what it said."""

    def __init__(self, name: str, market: Any = None) -> None:
        self.market = market or FakeMarket()
        self.exchange = exchange_of(self.market)
        channel = parse_channel(name)
        assert channel is not None
        self.feed: Any = make_feed(self.exchange, channel)

    def at(self, ms: int) -> list[dict[str, Any]]:
        """Return the messages at `ms` after the start."""
        return [read(payload(frame)) for frame in self.feed.frames(START_MS + ms)]


def rising() -> FakeMarket:
    """Return a market that rises from 100.00 by a cent a second for an hour."""
    market = FakeMarket()
    market.paths["AAAUSDT"] = [(0, 10_000), (HOUR_MS, 13_600)]
    return market


def test_kline_grows_ends_exactly_and_the_next_begins():
    """The last word on a bar is its final state, sent before the first word on the next one."""
    ear = Listener(KLINE + "Min5", rising())
    (first,) = ear.at(60_000)
    assert first["channel"] == KLINE + "Min5"
    assert (first["symbol"], first["createTime"]) == ("AAAUSDT", str(START_MS + 60_000))
    bar = first["publicSpotKline"]
    assert bar["interval"] == "Min5"
    assert (bar["windowStart"], bar["windowEnd"]) == (str(START_MS // 1000), str(START_MS // 1000 + 300))
    assert (bar["openingPrice"], bar["closingPrice"], bar["highestPrice"], bar["lowestPrice"]) == (
        "100", "100.6", "100.6", "100")  # fmt: skip
    assert bar["volume"] == "60"
    ended, begun = (message["publicSpotKline"] for message in ear.at(320_000))
    assert (ended["windowStart"], ended["closingPrice"], ended["volume"]) == (
        str(START_MS // 1000), "103", "300")  # fmt: skip
    assert (begun["windowStart"], begun["openingPrice"], begun["closingPrice"]) == (
        str(START_MS // 1000 + 300), "103", "103.2")  # fmt: skip


def test_kline_says_nothing_when_nothing_changed():
    """A frozen clock gives one message, no more."""
    ear = Listener(KLINE + "Min5")
    assert len(ear.at(60_000)) == 1
    assert ear.at(60_000) == []
    assert ear.feed.greeting is not None


def test_kline_sends_every_bar_of_an_accelerated_market():
    """Between two looks many bars may end: each is sent, in order, none twice."""
    ear = Listener(KLINE + "Min5", rising())
    ear.at(0)
    opened = [int(m["publicSpotKline"]["windowStart"]) - START_MS // 1000 for m in ear.at(47 * MINUTE_MS)]
    assert opened == list(range(0, 2701, 300))


def test_kline_of_a_wild_clock_is_bounded():
    """No look sends more than `MAX_BARS`; the newest come."""
    ear = Listener(KLINE + "Min5")
    ear.at(0)
    heard = ear.at(30 * DAY_MS)
    assert len(heard) == MAX_BARS
    assert int(heard[-1]["publicSpotKline"]["windowStart"]) * 1000 == START_MS + 30 * DAY_MS


def test_kline_of_a_timeframe_the_market_lacks_is_silent():
    """As REST answers with an empty list."""
    assert Listener(KLINE + "Min1").at(60_000) == []


def test_eight_hours_are_two_bars_of_four():
    """Open of the first, close of the second, extremes and volumes of both."""
    market = FakeMarket()
    market.paths["AAAUSDT"] = [(0, 10_000), (3 * HOUR_MS, 9_000), (7 * HOUR_MS, 12_000)]
    (heard,) = Listener(KLINE + "Hour8", market).at(8 * HOUR_MS - 1)
    bar = heard["publicSpotKline"]
    assert [bar[name] for name in ("openingPrice", "highestPrice", "lowestPrice", "closingPrice")] == [
        "100", "120", "90", "120"]  # fmt: skip
    assert Decimal(bar["volume"]) == pytest.approx(Decimal(480 * 60), abs=Decimal("0.01"))
    assert int(bar["windowEnd"]) - int(bar["windowStart"]) == 8 * 3600


@given(moments=st.lists(st.integers(1, 3 * MINUTE_MS), min_size=1, max_size=12))
def test_deals_carry_the_whole_volume_and_both_extremes(moments):
    """Prints between first and last look sum to the volume of that stretch; none is outside the path."""
    market = FakeMarket()
    market.paths["AAAUSDT"] = [(0, 10_000), (20_000, 10_700), (45_000, 9_500), (180_000, 10_100)]
    ear = Listener(DEALS, market)
    ear.at(0)
    times = sorted(set(moments))
    deals = [deal for ms in times for m in ear.at(ms) for deal in m["publicAggreDeals"]["deals"]]
    volume = sum(Decimal(deal["quantity"]) for deal in deals)
    assert volume == Decimal(market.flow(START_MS, START_MS + times[-1])) / 1000
    low, high, last, _ = market.step_path("AAAUSDT", START_MS, START_MS + times[-1])
    prices = [Decimal(deal["price"]) * 100 for deal in deals]
    if len(deals) >= 3 * len(times):
        assert (min(prices), max(prices)) == (low, high)
    assert all(low <= price <= high for price in prices)
    if prices:
        assert prices[-1] == last
    stamps = [int(deal["time"]) for deal in deals]
    assert stamps == sorted(stamps)
    assert all(START_MS < stamp <= START_MS + times[-1] for stamp in stamps)


def test_deals_name_the_side_by_the_last_step():
    """A print above the one before was bought (1), one below sold (2)."""
    market = FakeMarket()
    market.paths["AAAUSDT"] = [(0, 10_000), (1_000, 10_100), (2_000, 9_900), (3_000, 9_950)]
    ear = Listener(DEALS, market)
    ear.at(0)
    (heard,) = ear.at(3_000)
    deals = heard["publicAggreDeals"]
    assert [(d["price"], d["tradeType"]) for d in deals["deals"]] == [
        ("101.00", 1),
        ("99.00", 2),
        ("99.50", 1),
    ]
    assert deals["eventType"] == "spot@public.aggre.deals.v3.api.pb@100ms"
    assert heard["sendTime"] == str(START_MS + 3_000)


def test_fills_of_takers_are_trades_too():
    """They stand among the market's prints by time, with the taker's side, even where nothing else traded."""
    ear = Listener(DEALS, FakeMarket(steps_per_minute=0))
    ear.at(0)
    ear.feed.add(Print(START_MS + 70, 10_010, 5, 1))
    ear.feed.add(Print(START_MS + 90, 9_990, 7, 2))
    (heard,) = ear.at(100)
    assert [(d["price"], d["quantity"], d["tradeType"]) for d in heard["publicAggreDeals"]["deals"]] == [
        ("100.10", "0.005", 1), ("99.90", "0.007", 2)]  # fmt: skip
    assert ear.at(200) == []


def test_book_ticker_shows_what_rest_shows_and_only_when_it_changes():
    """Best bid and ask of the book at that moment."""
    ear = Listener(TOP, rising())
    (heard,) = ear.at(10_000)
    books, now = ear.exchange.books, START_MS + 10_000
    ask, bid = books.side("AAAUSDT", Side.BUY, now, 1), books.side("AAAUSDT", Side.SELL, now, 1)
    assert heard["publicAggreBookTicker"] == {
        "bidPrice": f"{bid.price[0] / 100:.2f}",
        "bidQuantity": f"{bid.quantity[0] / 1000:.3f}",
        "askPrice": f"{ask.price[0] / 100:.2f}",
        "askQuantity": f"{ask.quantity[0] / 1000:.3f}",
    }
    assert ear.at(10_000) == []
    assert len(ear.at(20_000)) == 1


def test_batched_book_ticker_holds_one_item():
    """The same figures in MEXC's other wrapping."""
    (heard,) = Listener("spot@public.bookTicker.batch.v3.api.pb@AAAUSDT").at(0)
    (plain,) = Listener(TOP).at(0)
    assert heard["publicBookTickerBatch"]["items"] == [plain["publicAggreBookTicker"]]


def _book(ear: Listener, ms: int) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for name, side in (("asks", Side.BUY), ("bids", Side.SELL)):
        levels = ear.exchange.books.side("AAAUSDT", side, START_MS + ms, 5000)
        rows = zip(levels.price.tolist(), levels.quantity.tolist(), strict=True)
        found[name] = {f"{price / 100:.2f}": f"{steps / 1000:.3f}" for price, steps in rows}
    return found


@given(
    steps=st.lists(
        st.tuples(
            st.integers(1, 90_000), st.sampled_from([None, Side.BUY, Side.SELL]), st.integers(1, 5_000)
        ),
        min_size=1,
        max_size=8,
    )
)
def test_increments_turn_one_book_into_the_next(steps):
    """A snapshot with every later increment applied is the book; versions join without a gap."""
    market = FakeMarket()
    market.paths["AAAUSDT"] = [(0, 10_000), (200_000, 10_300), (500_000, 9_600)]
    ear = Listener(DEPTH, market)
    now, version = 0, START_MS
    ear.at(now)
    book = _book(ear, now)
    for wait, taken, amount in steps:
        now += wait
        if taken is not None:
            ear.exchange.books.eat("AAAUSDT", taken, START_MS + now, amount)
        for heard in ear.at(now):
            depth = heard["publicAggreDepths"]
            assert int(depth["fromVersion"]) == version + 1
            version = int(depth["toVersion"])
            for name in ("asks", "bids"):
                for level in depth.get(name, ()):
                    if Decimal(level["quantity"]) == 0:
                        del book[name][level["price"]]
                    else:
                        book[name][level["price"]] = level["quantity"]
    assert book == _book(ear, now)


def test_increments_of_an_unchanged_book_are_not_sent():
    """Price and spread stand still: nothing to say, and the next increment's versions join the last."""
    ear = Listener(DEPTH)
    assert ear.at(0) == []
    assert ear.at(100) == []
    ear.exchange.books.eat("AAAUSDT", Side.BUY, START_MS + 150, 3)
    (heard,) = ear.at(200)
    depth = heard["publicAggreDepths"]
    assert (depth["fromVersion"], depth["toVersion"]) == (str(START_MS + 1), str(START_MS + 200))


@pytest.mark.parametrize("levels", [5, 10, 20])
def test_limit_depth_is_the_best_levels_whole(levels):
    """The first N of both sides, best first, with the version of the moment."""
    ear = Listener(f"spot@public.limit.depth.v3.api.pb@AAAUSDT@{levels}")
    (heard,) = ear.at(0)
    depth, book = heard["publicLimitDepths"], _book(ear, 0)
    assert depth["eventType"] == "spot@public.limit.depth.v3.api.pb"
    assert depth["version"] == str(START_MS)
    for name in ("asks", "bids"):
        assert [(row["price"], row["quantity"]) for row in depth[name]] == list(book[name].items())[:levels]
    assert ear.at(0) == []


def test_mini_ticker_counts_from_the_day_of_its_zone():
    """At 06:00 UTC the day of UTC+0 is 6 h old, that of UTC+8 is 14 h old; `rate` is always 24 h."""
    market = FakeMarket()
    market.paths["AAAUSDT"] = [(-DAY_MS, 8_000), (-8 * HOUR_MS, 9_000), (0, 10_000), (6 * HOUR_MS, 12_000)]
    figures = {}
    for zone in ("UTC+0", "UTC+8", "24H"):
        ear = Listener(f"spot@public.miniTicker.v3.api.pb@AAAUSDT@{zone}", market)
        (heard,) = ear.at(6 * HOUR_MS)
        figures[zone] = heard["publicMiniTicker"]
    day_ago = market.price("AAAUSDT", START_MS - 18 * HOUR_MS)
    assert figures["UTC+0"]["zonedRate"] == "0.2000"  # 120 over 100
    assert figures["UTC+8"]["zonedRate"] == "0.3333"  # 120 over 90 at 16:00 the day before
    assert figures["24H"]["zonedRate"] == figures["24H"]["rate"] == f"{12_000 / day_ago - 1:.4f}"
    assert figures["UTC+0"]["price"] == "120"


def test_mini_tickers_hold_every_listed_pair():
    """One message for the market; a pair not listed yet is not in it."""
    market = FakeMarket(pair("AAAUSDT"), pair("BBBUSDT"), pair("NEWUSDT", listed_ms=START_MS + DAY_MS))
    ear = Listener("spot@public.miniTickers.v3.api.pb@UTC+8", market)
    (heard,) = ear.at(0)
    assert [item["symbol"] for item in heard["publicMiniTickers"]["items"]] == ["AAAUSDT", "BBBUSDT"]


def hourly(folder: Path, hours: int) -> RecordedMarket:
    """Return recorded candles that rise by one an hour from 100."""
    rows = [
        ("AAAUSDT", START_MS + k * HOUR_MS, 100.0 + k, 103.0 + k, 98.0 + k, 101.0 + k, 10.0)
        for k in range(hours)
    ]
    frame = pl.DataFrame(rows, ["symbol", "ts", "open", "high", "low", "close", "volume"], orient="row")
    frame.with_columns(pl.col("ts").cast(pl.Datetime("ms", "UTC"))).write_parquet(folder / "a.parquet")
    return recorded(folder / "a.parquet")


def test_recorded_candles_stream_as_rest_shows_them(tmp_path: Path) -> None:
    """Real candles of an hour: finer streams are silent, coarser ones carry the same bars as REST."""
    market = hourly(tmp_path, 72)
    assert Listener(KLINE + "Min15", market).at(HOUR_MS) == []
    ear = Listener(KLINE + "Hour4", market)
    heard = [message["publicSpotKline"] for ms in range(0, 12 * HOUR_MS, 900_000) for message in ear.at(ms)]
    final = {int(bar["windowStart"]) * 1000: bar for bar in heard}
    bars = market.bars("AAAUSDT", "4h", START_MS, START_MS + 8 * HOUR_MS, START_MS + 12 * HOUR_MS)
    decimals = 10 ** market.pairs["AAAUSDT"].price_decimals
    columns = (bars.open_ms.tolist(), bars.high.tolist(), bars.close.tolist())
    assert columns[0] == [START_MS, START_MS + 4 * HOUR_MS]
    for opened, high, close in zip(*columns, strict=True):
        assert Decimal(final[opened]["highestPrice"]) == Decimal(high) / decimals
        assert Decimal(final[opened]["closingPrice"]) == Decimal(close) / decimals


@pytest.mark.parametrize("name", [KLINE + "Hour4", DEALS, TOP, DEPTH])
def test_streams_outlive_the_end_of_recorded_candles(name: str, tmp_path: Path) -> None:
    """Past the last candle nothing is traded: streams fall silent, nothing breaks."""
    ear = Listener(name, hourly(tmp_path, 24))
    for ms in range(22 * HOUR_MS, 40 * HOUR_MS, HOUR_MS):
        ear.at(ms)
    assert ear.at(41 * HOUR_MS) == ear.at(41 * HOUR_MS + 60_000) == []
