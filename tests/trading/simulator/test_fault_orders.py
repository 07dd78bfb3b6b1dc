"""Orders that misbehave, over HTTP: seen late, filled in part, filled before the cancel, refused."""

from decimal import Decimal
from typing import Any

import pytest

from tests.trading.simulator.fault_stand import LIMIT, order, stage, state, two_pairs
from tests.trading.simulator.handmade import FakeMarket
from tests.trading.simulator.ordering import balances, fills

MINUTE = 60_000


@pytest.fixture
def client(make_client: Any) -> Any:
    return make_client(two_pairs(), admin_token="t")


def test_an_order_is_not_found_and_then_found(client: Any) -> None:
    """-2013 by both ids, absent from every list, -2011 to a cancel; five wall seconds later it is there."""
    stage(client, {"kind": "not_found", "for_s": 5})
    made = client.signed("POST", "order", newClientOrderId="mine", **LIMIT)
    assert made.status == 200
    by_id, by_name = {"orderId": made.body["orderId"]}, {"origClientOrderId": "mine"}
    for which in (by_id, by_name):
        assert client.signed("GET", "order", symbol="AAAUSDT", **which).body["code"] == -2013
    assert client.signed("DELETE", "order", symbol="AAAUSDT", **by_id).body["code"] == -2011
    assert client.signed("GET", "openOrders").body == []
    assert client.signed("GET", "allOrders", symbol="AAAUSDT").body == []
    client.forward(5_000)
    assert state(client, made.body["orderId"])["status"] == "NEW"
    assert len(client.signed("GET", "openOrders").body) == 1


def test_an_order_may_be_hidden_for_a_number_of_questions(client: Any) -> None:
    """Unknown twice, however long that takes; known the third time."""
    stage(client, {"kind": "not_found", "for_calls": 2})
    made = client.signed("POST", "order", **LIMIT).body["orderId"]
    client.forward(60 * MINUTE)
    assert [state(client, made).get("code") for _ in range(3)] == [-2013, -2013, None]


def test_a_market_order_fills_its_share_only(client: Any) -> None:
    """Half of two units, the rest cancelled; money matches."""
    stage(client, {"kind": "partial_fill", "share": 0.5})
    done = order(client, type="MARKET", quantity="2")
    assert (done["status"], done["executedQty"]) == ("PARTIALLY_CANCELED", "1")
    assert balances(client)["USDT"][1] == 0
    assert balances(client)["AAA"] == (Decimal(1), Decimal(0))


def test_a_resting_order_stops_at_its_share_and_stays_open(make_client: Any) -> None:
    """The price falls far below a bid for four: one fills, the rest waits for ever and can be cancelled."""
    client = make_client(FakeMarket(), admin_token="t")
    client.exchange.source.base.paths["AAAUSDT"] = [(0, 10_000), (MINUTE, 9_000)]
    stage(client, {"kind": "partial_fill", "share": 0.25})
    placed = order(client, price="95", quantity="4")
    client.forward(60 * MINUTE)
    seen = state(client, placed["orderId"])
    assert (seen["status"], seen["executedQty"]) == ("PARTIALLY_FILLED", "1")
    gone = client.signed("DELETE", "order", symbol="AAAUSDT", orderId=placed["orderId"]).body
    assert gone["status"] == "PARTIALLY_CANCELED"
    assert balances(client)["USDT"] == (Decimal(10_000) - 95, Decimal(0))


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [("race_answers_ok", 200, {"status": "CANCELED"}), ("race_answers_unknown", 400, {"code": -2011})],
)
def test_a_cancel_loses_the_race_against_a_fill(
    client: Any, kind: str, status: int, body: dict[str, Any]
) -> None:
    """Whatever the cancel is told, the order has filled at its price and the fill is on the account."""
    placed = client.signed("POST", "order", **LIMIT).body["orderId"]
    stage(client, {"kind": kind})
    answer = client.signed("DELETE", "order", symbol="AAAUSDT", orderId=placed)
    assert answer.status == status
    assert body.items() <= answer.body.items()
    assert state(client, placed)["status"] == "FILLED"
    assert [fill["price"] for fill in fills(client, orderId=placed)] == ["90"]
    assert balances(client) == {"USDT": (Decimal(9_910), Decimal(0)), "AAA": (Decimal(1), Decimal(0))}


def test_market_orders_are_disabled_for_one_symbol(client: Any) -> None:
    """30019 for AAAUSDT, whose exchangeInfo drops MARKET; limit orders and BBBUSDT go on."""
    stage(client, {"kind": "market_disabled", "symbol": "AAAUSDT"})
    market = {"side": "BUY", "type": "MARKET", "quantity": "1"}
    refused = client.signed("POST", "order", symbol="AAAUSDT", **market)
    assert (refused.status, refused.body["code"]) == (400, 30019)
    assert client.signed("POST", "order", **LIMIT).status == 200
    assert client.signed("POST", "order", symbol="BBBUSDT", **market).status == 200
    listed = {row["symbol"]: row["orderTypes"] for row in client.get("/api/v3/exchangeInfo").body["symbols"]}
    assert "MARKET" not in listed["AAAUSDT"]
    assert "MARKET" in listed["BBBUSDT"]


@pytest.mark.parametrize(
    ("price", "code"), [("94.99", 30087), ("95", None), ("105", None), ("105.01", 30087)]
)
def test_prices_outside_the_band_are_refused(client: Any, price: str, code: int | None) -> None:
    """5 % around 100.00, ends included."""
    stage(client, {"kind": "price_band", "share": 0.05})
    assert client.signed("POST", "order", **(LIMIT | {"price": price})).body.get("code") == code


def test_a_fault_of_one_account_leaves_the_others_alone(client: Any) -> None:
    """Account 2's key is revoked: 10072 there, business as usual for account 1."""
    stage(client, {"kind": "key_revoked", "key": "demo-key-0002"})
    assert client.signed("GET", "account", who=2).body["code"] == 10072
    assert client.signed("GET", "account", who=1).status == 200
    assert client.get("/api/v3/ping").status == 200
