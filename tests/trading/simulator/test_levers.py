"""Levers over HTTP: halts, delistings, relistings and revoked keys, at their market time."""

from decimal import Decimal
from typing import Any

import pytest

from tests.trading.simulator.fault_stand import LIMIT, order, pull, state
from tests.trading.simulator.handmade import START_MS, FakeMarket, pair
from tests.trading.simulator.ordering import balances
from trading.market.timeframes import from_ms

MINUTE = 60_000


@pytest.fixture
def client(make_client: Any) -> Any:
    """AAAUSDT rises by 1.00 every ten minutes from 100.00."""
    made = make_client(FakeMarket(pair(), pair("BBBUSDT")), admin_token="t")
    made.exchange.source.base.paths["AAAUSDT"] = [(0, 10_000), (600 * MINUTE, 16_000)]
    return made


def listed(client: Any, symbol: str = "AAAUSDT") -> dict[str, Any]:
    return client.get("/api/v3/exchangeInfo", symbol=symbol).body["symbols"][0]


def opens(client: Any, **params: Any) -> list[float]:
    rows = client.get("/api/v3/klines", symbol="AAAUSDT", interval="5m", startTime=START_MS, **params).body
    return [(row[0] - START_MS) / MINUTE for row in rows]


def price(client: Any) -> str:
    return client.get("/api/v3/ticker/price", symbol="AAAUSDT").body["price"]


def test_a_halt_in_mid_trade_cancels_stops_and_refuses(client: Any) -> None:
    """At minute 12: the open order is cancelled, candles end in that minute, orders get 30016."""
    placed = client.signed("POST", "order", **LIMIT).body["orderId"]
    assert pull(client, "halt", symbol="AAAUSDT", after_s=12 * 60).status == 200
    client.forward(12 * MINUTE - 1)
    assert (state(client, placed)["status"], listed(client)["status"]) == ("NEW", "1")
    client.forward(30 * MINUTE + 1)
    assert (state(client, placed)["status"], listed(client)["status"]) == ("CANCELED", "2")
    assert balances(client)["USDT"] == (Decimal(10_000), Decimal(0))
    assert client.signed("POST", "order", **LIMIT).body["code"] == 30016
    assert price(client) == "101.20"
    assert opens(client) == [0, 5, 10]
    last = client.get("/api/v3/klines", symbol="AAAUSDT", interval="5m", startTime=START_MS).body[-1]
    assert (last[1], last[4], last[5]) == ("101.00", "101.20", "120.000")
    assert client.signed("POST", "order", **(LIMIT | {"symbol": "BBBUSDT"})).status == 200


def test_a_resumed_symbol_has_a_hole_and_its_new_price(client: Any) -> None:
    """Halted at minute 12, resumed at 42: the bars between are missing, the path went on meanwhile."""
    pull(client, "halt", symbol="AAAUSDT", after_s=12 * 60)
    pull(client, "resume", symbol="AAAUSDT", after_s=42 * 60)
    client.forward(50 * MINUTE)
    assert opens(client) == [0, 5, 10, 40, 45, 50]
    assert (listed(client)["status"], price(client)) == ("1", "105.00")
    assert client.signed("POST", "order", **LIMIT).status == 200


def test_an_order_does_not_survive_a_halt_that_nobody_watched(client: Any) -> None:
    """Halted and resumed between two looks: the order of before is cancelled, one of after is not."""
    placed = client.signed("POST", "order", **LIMIT).body["orderId"]
    pull(client, "halt", symbol="AAAUSDT", after_s=60)
    pull(client, "resume", symbol="AAAUSDT", after_s=120)
    client.forward(3 * MINUTE)
    after = client.signed("POST", "order", **LIMIT).body["orderId"]
    client.forward(MINUTE)
    assert [state(client, one)["status"] for one in (placed, after)] == ["CANCELED", "NEW"]


def test_a_delisted_symbol_is_offline_for_good(client: Any) -> None:
    """Status 3, 30014, listed as offline; its ticker still shows the last price."""
    client.forward(10 * MINUTE)
    pull(client, "delist", symbol="AAAUSDT")
    client.forward(10 * MINUTE)
    assert listed(client)["status"] == "3"
    assert client.signed("POST", "order", **LIMIT).body["code"] == 30014
    assert client.get("/api/v3/symbol/offline").body["data"] == ["AAAUSDT"]
    assert client.get("/api/v3/ticker/24hr", symbol="AAAUSDT").body["lastPrice"] == "101.00"
    assert pull(client, "resume", symbol="AAAUSDT").status == 400


def test_a_relisting_is_another_price_and_precision_under_the_same_name(client: Any) -> None:
    """At minute 10 (101.00) at a thousandth with two more decimals: 0.1010; old candles keep theirs."""
    client.forward(10 * MINUTE)
    placed = order(client, price="90")
    pull(client, "relist", symbol="AAAUSDT", ratio=0.001, price_decimals=4, amount_decimals=1)
    assert price(client) == "0.1010"
    assert state(client, placed["orderId"])["status"] == "CANCELED"
    client.forward(10 * MINUTE)
    rows = client.get("/api/v3/klines", symbol="AAAUSDT", interval="5m", startTime=START_MS).body
    assert [row[1] for row in rows] == ["100.0000", "100.5000", "0.1010", "0.1015", "0.1020"]
    # 60 units a minute at a thousandth of the price are 60,000 units a minute.
    assert [row[5] for row in rows[1:3]] == ["300.0", "300000.0"]
    facts = listed(client)
    assert (facts["quotePrecision"], facts["baseAssetPrecision"]) == (4, 1)
    assert state(client, placed["orderId"])["price"] == "90"
    fresh = client.signed("POST", "order", **(LIMIT | {"price": "0.0901", "quantity": "100"}))
    assert fresh.status == 200
    assert state(client, fresh.body["orderId"])["price"] == "0.0901"


def test_a_relisting_may_come_after_a_gap_and_without_history(client: Any) -> None:
    """Delisted at once, back after 20 minutes at half the price; nothing is older than that."""
    client.forward(10 * MINUTE)
    pull(client, "relist", symbol="AAAUSDT", ratio=0.5, gap_s=20 * 60, keep_history=False)
    client.forward(10 * MINUTE)
    assert (listed(client)["status"], price(client)) == ("3", "101.00")
    client.forward(20 * MINUTE)
    assert (listed(client)["status"], price(client)) == ("1", "52.00")
    assert opens(client) == [30, 35, 40]


def test_a_redenomination_converts_what_accounts_hold(client: Any) -> None:
    """A thousand old coins become one new one: two coins are 0.002, worth the same; the locked come free."""
    order(client, type="MARKET", quantity="2")
    client.signed("POST", "order", **(LIMIT | {"side": "SELL", "price": "150"}))
    pull(client, "relist", symbol="AAAUSDT", ratio=1000, convert_balances=True)
    assert balances(client)["AAA"] == (Decimal("0.002"), Decimal(0))
    assert price(client).startswith("100")


def test_an_absurd_print_stands_in_ticker_and_candle_alike(client: Any) -> None:
    """One step at five times 100.00: last price and high for everyone, gone from the last price in a minute,
    in the candle and the 24 h high for good; no order of ours is touched by it."""
    placed = client.signed("POST", "order", **LIMIT).body["orderId"]
    assert pull(client, "print", symbol="AAAUSDT", factor=5).status == 200
    asked = {"symbol": "AAAUSDT", "interval": "5m", "startTime": START_MS}
    ticker = client.get("/api/v3/ticker/24hr", symbol="AAAUSDT").body
    assert (price(client), ticker["lastPrice"], ticker["highPrice"]) == ("500.00",) * 3
    client.forward(10 * MINUTE)
    assert price(client) == "101.00"
    rows = client.get("/api/v3/klines", **asked).body
    assert [row[2] for row in rows] == ["500.00", "101.00", "101.00"]
    assert rows[0][5] == "300.001"
    assert client.get("/api/v3/ticker/24hr", symbol="AAAUSDT").body["highPrice"] == "500.00"
    assert state(client, placed)["status"] == "NEW"


def test_a_revoked_key_is_unknown_until_it_is_restored(client: Any) -> None:
    """10072 from the event's market time on; the account itself is untouched."""
    pull(client, "revoke_key", key="demo-key-0001", after_s=60)
    assert client.signed("GET", "account").status == 200
    client.forward(MINUTE)
    assert client.signed("GET", "account").body["code"] == 10072
    pull(client, "restore_key", key="demo-key-0001")
    assert balances(client)["USDT"] == (Decimal(10_000), Decimal(0))


def test_events_may_be_dated_and_are_listed(client: Any) -> None:
    """An ISO time or ms; pending before, done after."""
    pull(client, "halt", symbol="AAAUSDT", at=from_ms(START_MS + MINUTE).isoformat())
    assert client.get("/sluice/events").body["pending"] == [
        {"at": START_MS + MINUTE, "action": "halt", "symbol": "AAAUSDT"}
    ]
    client.forward(2 * MINUTE)
    assert client.get("/api/v3/ping").status == 200
    assert [one["action"] for one in client.get("/sluice/events").body["done"]] == ["halt"]


@pytest.mark.parametrize(
    "raw",
    [
        {"action": "explode", "symbol": "AAAUSDT"}, {"action": "halt"}, {"action": "halt", "symbol": "NOPE"},
        {"action": "resume", "symbol": "AAAUSDT"}, {"action": "relist", "symbol": "AAAUSDT", "ratio": 0},
        {"action": "relist", "symbol": "AAAUSDT", "price_decimals": 40},
        {"action": "halt", "symbol": "AAAUSDT", "x": 1},
        {"action": "halt", "symbol": "AAAUSDT", "at": "noon"}, {"action": "revoke_key", "key": "nobody"},
        {"action": "relist", "symbol": "AAAUSDT", "price_decimals": 1.5},
        {"action": "print", "symbol": "AAAUSDT", "factor": 0}, {"action": "print", "symbol": "NOPE"},
    ],
)  # fmt: skip
def test_senseless_events_are_refused(client: Any, raw: dict[str, Any]) -> None:
    """400 and a sentence; nothing has happened."""
    answer = pull(client, raw.pop("action"), **raw)
    assert (answer.status, answer.body["code"]) == (400, 400)
    assert client.get("/sluice/events").body == {"pending": [], "done": []}
    assert (listed(client)["status"], price(client)) == ("1", "100.00")


def test_levers_of_the_market_need_the_token(make_client: Any) -> None:
    """Without one at start they are shut."""
    assert pull(make_client(), "halt", symbol="AAAUSDT").status == 403
