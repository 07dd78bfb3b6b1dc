"""What our orders do to the market as served: prices, books, candles and tickers, and its way back."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.trading.simulator.fault_stand import LIMIT
from tests.trading.simulator.handmade import START_MS, FakeMarket, pair
from tests.trading.simulator.ordering import fills, order, state
from trading.simulator.accounts import AccountBook
from trading.simulator.synthetic import synthetic

MINUTE = 60_000


@pytest.fixture
def client(make_client: Any) -> Any:
    """One pair that stands at 100.00 for ever unless we push it; rich accounts."""
    rich = AccountBook(7, funds={"USDT": Decimal(10**7), "AAA": Decimal(10**5)})
    return make_client(FakeMarket(pair(max_cost=Decimal(10**8))), accounts=rich)


def last(client: Any) -> Decimal:
    return Decimal(client.get("/api/v3/ticker/price", symbol="AAAUSDT").body["price"])


def touch(client: Any) -> tuple[Decimal, Decimal]:
    row = client.get("/api/v3/ticker/bookTicker", symbol="AAAUSDT").body
    return Decimal(row["bidPrice"]), Decimal(row["askPrice"])


def test_a_large_buy_lifts_last_then_quotes_and_wears_off(client: Any) -> None:
    """The last price is the last fill at once; a minute later the book is whole around a middle that is
    0.3 of the push higher; five minutes later half of that; in an hour nothing."""
    bid, ask = touch(client)
    order(client, type="MARKET", quantity="20000")
    worst = max(Decimal(fill["price"]) for fill in fills(client))
    pushed_ask = touch(client)[1]
    assert last(client) == worst
    assert touch(client)[0] == bid
    client.forward(65_000)
    stays = touch(client)[0] - bid
    assert abs(stays - Decimal("0.3") * (pushed_ask - ask)) <= Decimal("0.02")
    assert touch(client)[1] - ask == stays
    client.forward(5 * MINUTE)
    assert abs(touch(client)[0] - bid - stays / 2) <= Decimal("0.01")
    client.forward(60 * MINUTE)
    assert (touch(client), last(client)) == ((bid, ask), Decimal(100))


def test_without_impact_the_quotes_come_back_as_they_were(make_client: Any) -> None:
    """--impact 0: a minute later nothing is left but the prints."""
    client = make_client(accounts=AccountBook(7, funds={"USDT": Decimal(10**7)}), impact=0.0)
    before = touch(client)
    order(client, type="MARKET", quantity="1900")
    client.forward(MINUTE)
    assert (touch(client), last(client)) == (before, Decimal(100))


def test_candles_and_tickers_hold_our_prints(client: Any) -> None:
    """In the bar: high, low and close enclose every fill, volume has grown by what was bought; the 24 h
    figures agree; the bar before is untouched."""
    client.forward(12 * MINUTE)
    order(client, type="MARKET", quantity="20000")
    prices = [Decimal(fill["price"]) for fill in fills(client)]
    asked = {"symbol": "AAAUSDT", "interval": "5m", "startTime": START_MS}
    rows = client.get("/api/v3/klines", **asked).body
    assert [row[5] for row in rows] == ["300.000", "300.000", "20120.000"]
    assert Decimal(rows[2][2]) == Decimal(rows[2][4]) == max(prices)
    assert Decimal(rows[2][3]) <= min(prices)
    assert rows[1][1:5] == ["100.00"] * 4
    ticker = client.get("/api/v3/ticker/24hr", symbol="AAAUSDT").body
    assert Decimal(ticker["highPrice"]) == Decimal(ticker["lastPrice"]) == max(prices)
    assert Decimal(ticker["volume"]) == 60 * 1_440 + 20_000


def test_a_finished_candle_never_changes_again(client: Any) -> None:
    """Asked right after its end and an hour later, on every timeframe: the same row, and rows join up."""
    order(client, type="MARKET", quantity="20000")
    client.forward(3 * MINUTE)
    order(client, type="MARKET", quantity="30000", side="SELL")
    asked = {"symbol": "AAAUSDT", "startTime": START_MS}
    for interval, minutes in (("5m", 5), ("15m", 15), ("60m", 60)):
        client.exchange.source._finished.clear()
        client.forward(minutes * MINUTE - (client.exchange.clock.now_ms() - START_MS) % (minutes * MINUTE))
        early = client.get("/api/v3/klines", interval=interval, **asked).body[:-1]
        client.exchange.source._finished.clear()
        client.forward(60 * MINUTE)
        late = client.get("/api/v3/klines", interval=interval, **asked).body
        assert late[: len(early)] == early
        assert all(before[4] == after[1] for before, after in pairwise(late))


def test_longer_candles_agree_with_the_shorter_ones(client: Any) -> None:
    """An hour's high, low, open, close and volumes are those of its twelve five-minute bars."""
    order(client, type="MARKET", quantity="20000")
    client.forward(20 * MINUTE)
    order(client, type="MARKET", quantity="30000", side="SELL")
    client.forward(60 * MINUTE)
    asked = {"symbol": "AAAUSDT", "startTime": START_MS, "endTime": START_MS + 60 * MINUTE}
    (hour,) = client.get("/api/v3/klines", interval="60m", **asked).body
    fives = client.get("/api/v3/klines", interval="5m", **asked).body
    assert len(fives) == 12
    assert (hour[1], hour[4]) == (fives[0][1], fives[-1][4])
    assert Decimal(hour[2]) == max(Decimal(row[2]) for row in fives)
    assert Decimal(hour[3]) == min(Decimal(row[3]) for row in fives)
    assert Decimal(hour[5]) == sum(Decimal(row[5]) for row in fives)
    assert Decimal(hour[7]) == sum(Decimal(row[7]) for row in fives)


def test_a_taker_meets_others_resting_orders_on_its_way(client: Any) -> None:
    """Account 2 offers at a price that account 1 buys through: it fills as maker; 1's own does not."""
    ask = touch(client)[1]
    offer = LIMIT | {"side": "SELL", "price": str(ask + Decimal("0.05"))}
    theirs = client.signed("POST", "order", who=2, **offer).body["orderId"]
    mine = client.signed("POST", "order", who=1, **offer).body["orderId"]
    order(client, type="MARKET", quantity="20000")
    filled = client.signed("GET", "order", who=2, symbol="AAAUSDT", orderId=theirs).body
    assert (filled["status"], state(client, mine)["status"]) == ("FILLED", "NEW")
    assert client.signed("GET", "myTrades", who=2, symbol="AAAUSDT").body[0]["isMaker"] is True


def test_a_thousand_accounts_buying_at_once_move_a_thin_price(make_client: Any) -> None:
    """A thousand market buys of 100 USDT in the same moment on the thinnest trading pair of a synthetic
    market: what they pay on average lies well above the middle, the price moves with them, most of that is
    gone within minutes and all of it within the hour. One such buy alone hardly moves anything."""
    market = synthetic(7, 60)
    shot = market.snapshot(market.default_start_ms)
    traded = [
        (int(volume), symbol)
        for symbol, volume in zip(market.pairs, shot.quote_volume_24h.tolist(), strict=True)
        if volume > 10**9 and market.pairs[symbol].quote == "USDT" and market.pairs[symbol].is_api_tradable
        and market.pairs[symbol].status == "1"
    ]  # fmt: skip
    symbol = min(traded)[1]
    client = make_client(market, start_ms=market.default_start_ms, speed=1.0)
    mid = client.exchange.source.mid(symbol, client.exchange.clock.now_ms())
    sent = {"symbol": symbol, "side": "BUY", "type": "MARKET", "quoteOrderQty": "100"}
    first = client.signed("POST", "order", who=1, **sent)
    assert first.status == 200
    for who in range(2, 1_001):
        answer = client.signed("POST", "order", who=who, **sent)
        assert answer.status == 200 or answer.body["code"] in (30010, 30002)
    store, now_ms = client.exchange.matcher.store, client.exchange.clock.now_ms()
    trades = [t for who in range(1, 1_001) for t in store.trades(f"demo-key-{who:04d}", symbol)]
    mean = sum(t.price * t.quantity for t in trades) / sum(t.quantity for t in trades)
    alone = [t for t in trades if t.order_id == first.body["orderId"]]
    mean_alone = sum(t.price * t.quantity for t in alone) / sum(t.quantity for t in alone)
    assert mean / mid - 1 > 3 * (mean_alone / mid - 1) > 0
    path = client.exchange.source.base
    away = []
    for minutes in (0, 10, 60):
        at_ms = now_ms + minutes * MINUTE
        away.append(client.exchange.source.price(symbol, at_ms) / path.price(symbol, at_ms) - 1)
    assert away[0] > mean / mid - 1
    assert away[0] / 2 > away[1] > away[2] == 0
