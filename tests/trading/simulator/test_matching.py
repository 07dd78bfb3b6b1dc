"""Orders against the path and the book: fills and cancels, by hand-worked numbers."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.trading.simulator.handmade import START_MS, FakeMarket, pair
from tests.trading.simulator.ordering import balances, fills, order, state
from trading.simulator.accounts import AccountBook

MINUTE = 60_000
type Make = Callable[..., Any]


type Make = Callable[..., Any]


def test_a_resting_buy_fills_when_the_path_touches_its_price(client: Any) -> None:
    """Price falls from 100 to 98 in ten minutes; a buy at 99 rests until minute five."""
    client.exchange.source.base.paths["AAAUSDT"] = [(0, 10_000), (10 * MINUTE, 9_800)]
    placed = order(client, price="99")
    assert placed["status"] == "NEW"
    client.forward(4 * MINUTE)
    assert state(client, placed["orderId"])["status"] == "NEW"
    client.forward(2 * MINUTE)
    filled = state(client, placed["orderId"])
    assert (filled["status"], filled["executedQty"], filled["cummulativeQuoteQty"]) == ("FILLED", "1", "99")
    assert fills(client)[0]["isMaker"] is True


def test_a_spike_between_two_looks_fills_a_sell(client: Any) -> None:
    """The price leaps to 103 and back within a minute nobody watched: a sell at 102 has filled."""
    client.exchange.source.base.paths["AAAUSDT"] = [
        (0, 10_000), (MINUTE, 10_000), (MINUTE + 30_000, 10_300), (2 * MINUTE, 10_000), (9 * MINUTE, 10_000),
    ]  # fmt: skip
    order(client, type="MARKET")
    placed = order(client, side="SELL", price="102")
    client.forward(8 * MINUTE)
    assert state(client, placed["orderId"])["status"] == "FILLED"
    at = fills(client, orderId=placed["orderId"])[0]["time"] - client.exchange.source.default_start_ms
    assert MINUTE < at <= 2 * MINUTE + 15_000


def test_a_resting_order_gets_its_share_of_the_volume_only(make_client: Make) -> None:
    """60 units a minute trade, 15 per slice of 15 s, and a quarter of what trades at or below the bid
    reaches it. First slice: 51 of 101 ticks are, floor(3750 * 51 / 101) = 1893 steps; then 3 x 3750."""
    client = make_client(FakeMarket())
    client.exchange.source.base.paths["AAAUSDT"] = [(0, 10_000), (1, 9_900), (60 * MINUTE, 9_900)]
    placed = order(client, price="99.50", quantity="100", side="BUY")
    client.forward(MINUTE)
    partly = state(client, placed["orderId"])
    assert partly["status"] == "PARTIALLY_FILLED"
    assert partly["executedQty"] == "13.143"
    client.forward(7 * MINUTE)
    assert state(client, placed["orderId"])["status"] == "FILLED"
    assert sum(Decimal(fill["qty"]) for fill in fills(client)) == 100


def test_the_better_price_is_served_first_then_the_earlier_order(make_client: Make) -> None:
    """The best bid gets 2.817 (151 of 201 ticks), 3.75 and its last 3.433; what the third slice has
    left (0.317) and the fourth (3.75) go to the earlier of two equal bids, nothing to the later."""
    client = make_client(FakeMarket())
    client.exchange.source.base.paths["AAAUSDT"] = [(0, 10_000), (1, 9_800), (60 * MINUTE, 9_800)]
    sent = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT", "quantity": "10"}
    late = [client.signed("POST", "order", who=who, price="99", **sent).body["orderId"] for who in (1, 2)]
    best = client.signed("POST", "order", who=3, price="99.50", **sent).body["orderId"]
    client.forward(MINUTE)
    client.exchange.matcher.advance_all(client.exchange.clock.now_ms())
    done = [
        Decimal(client.signed("GET", "order", who=who, symbol="AAAUSDT", orderId=one).body["executedQty"])
        for who, one in ((3, best), (1, late[0]), (2, late[1]))
    ]
    assert done == [10, Decimal("4.067"), 0]


def test_without_volume_nothing_fills(make_client: Make) -> None:
    """A dead pair whose quote drops below a bid still trades nothing."""
    client = make_client(FakeMarket(steps_per_minute=0))
    client.exchange.source.base.paths["AAAUSDT"] = [(0, 10_000), (MINUTE, 9_000)]
    placed = order(client, price="95")
    client.forward(2 * MINUTE)
    assert state(client, placed["orderId"])["status"] == "NEW"


def test_a_market_buy_walks_the_book(client: Any) -> None:
    """Fills are exactly the displayed asks, level by level, and the next depth shows them gone."""
    shown = client.get("/api/v3/depth", symbol="AAAUSDT", limit=200).body["asks"]
    want = sum(Decimal(quantity) for _, quantity in shown[:3])
    done = order(client, type="MARKET", quantity=str(want))
    assert done["status"] == "FILLED"
    bought = [(Decimal(f["price"]), Decimal(f["qty"])) for f in reversed(fills(client))]
    assert bought == [(Decimal(price), Decimal(quantity)) for price, quantity in shown[:3]]
    assert client.get("/api/v3/depth", symbol="AAAUSDT", limit=200).body["asks"] == shown[3:]
    client.forward(60 * MINUTE)
    assert client.get("/api/v3/depth", symbol="AAAUSDT", limit=200).body["asks"] == shown


def test_a_market_order_stops_at_its_protection_price(make_client: Make) -> None:
    """More than the book holds within 5 % fills in part; the rest is cancelled."""
    rich = AccountBook(7, funds={"USDT": Decimal(10**9)})
    client = make_client(FakeMarket(pair(max_cost=Decimal(10**9))), accounts=rich)
    done = order(client, type="MARKET", quantity="900000")
    assert done["status"] == "PARTIALLY_CANCELED"
    assert done["price"] == "105"
    assert max(Decimal(f["price"]) for f in fills(client)) <= 105
    assert balances(client)["USDT"][1] == 0


def test_a_crossing_limit_takes_first_and_rests_with_the_remainder(make_client: Make) -> None:
    """A buy for more than the asks up to its limit: part taken at the asks' prices, part resting."""
    client = make_client(FakeMarket(), accounts=AccountBook(7, funds={"USDT": Decimal(10**7)}))
    asks = client.get("/api/v3/depth", symbol="AAAUSDT", limit=2).body["asks"]
    placed = order(client, price=asks[1][0], quantity="5000")
    taken = sum(Decimal(quantity) for _, quantity in asks)
    assert (placed["status"], Decimal(placed["executedQty"])) == ("PARTIALLY_FILLED", taken)
    assert [f["isMaker"] for f in fills(client)] == [False, False]
    cancelled = client.signed("DELETE", "order", symbol="AAAUSDT", orderId=placed["orderId"]).body
    assert cancelled["status"] == "PARTIALLY_CANCELED"


def test_limit_maker_is_rejected_when_it_would_take(client: Any) -> None:
    """At the best ask: refused; one tick below: rests."""
    ask = Decimal(client.get("/api/v3/ticker/bookTicker", symbol="AAAUSDT").body["askPrice"])
    sent = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT_MAKER", "quantity": "1"}
    crossing = client.signed("POST", "order", price=str(ask), **sent)
    assert (crossing.status, crossing.body["code"]) == (400, 30041)
    assert order(client, type="LIMIT_MAKER", price=str(ask - Decimal("0.01")))["status"] == "NEW"


@pytest.mark.parametrize(
    ("kind", "status"), [("IMMEDIATE_OR_CANCEL", "PARTIALLY_CANCELED"), ("FILL_OR_KILL", "CANCELED")]
)
def test_ioc_takes_what_there_is_and_fok_all_or_nothing(make_client: Make, kind: str, status: str) -> None:
    """Two levels are within the price, five thousand are asked for; nothing stays open or locked."""
    client = make_client(FakeMarket(), accounts=AccountBook(7, funds={"USDT": Decimal(10**7)}))
    asks = client.get("/api/v3/depth", symbol="AAAUSDT", limit=2).body["asks"]
    done = order(client, type=kind, price=asks[1][0], quantity="5000")
    assert done["status"] == status
    assert bool(fills(client)) is (kind == "IMMEDIATE_OR_CANCEL")
    assert balances(client)["USDT"][1] == 0
    assert client.signed("GET", "openOrders", symbol="AAAUSDT").body == []


def test_the_same_client_order_id_makes_a_second_order(client: Any) -> None:
    """MEXC is not known to de-duplicate: neither does this exchange."""
    first = order(client, price="90", newClientOrderId="same-one")
    second = order(client, price="90", newClientOrderId="same-one")
    assert first["orderId"] != second["orderId"]
    assert len(client.signed("GET", "openOrders", symbol="AAAUSDT").body) == 2
    by_client = client.signed("GET", "order", symbol="AAAUSDT", origClientOrderId="same-one").body
    assert by_client["orderId"] == second["orderId"]


def test_delisting_cancels_what_rests(make_client: Make) -> None:
    """When a pair ends, its open orders are cancelled and the money comes back."""
    client = make_client(FakeMarket(pair(status="3", delisted_ms=START_MS + 5 * MINUTE)))
    placed = order(client, price="90")
    client.forward(6 * MINUTE)
    assert state(client, placed["orderId"])["status"] == "CANCELED"
    assert balances(client)["USDT"] == (Decimal(10_000), Decimal(0))


def test_cancelling_twice_or_too_late_is_refused(client: Any) -> None:
    """-2011 for a filled and for a cancelled order; -2013 / -2011 for one that never was."""
    filled = order(client, type="MARKET")
    rested = order(client, price="90")
    client.signed("DELETE", "order", symbol="AAAUSDT", orderId=rested["orderId"])
    for order_id in (filled["orderId"], rested["orderId"], "C02__1"):
        again = client.signed("DELETE", "order", symbol="AAAUSDT", orderId=order_id)
        assert (again.status, again.body["code"]) == (400, -2011)
    unknown = client.signed("GET", "order", symbol="AAAUSDT", orderId="C02__1")
    assert (unknown.status, unknown.body["code"]) == (400, -2013)


def test_a_thousand_accounts_buying_at_once_climb_the_book(client: Any) -> None:
    """Each buys 1 AAA in the same moment: prices never fall, the last pays more than the first, and
    what they took is exactly what the book showed."""
    shown = client.get("/api/v3/depth", symbol="AAAUSDT", limit=200).body["asks"]
    sent = {"symbol": "AAAUSDT", "side": "BUY", "type": "MARKET", "quantity": "1"}
    client.exchange.clock.set_speed(0)
    for who in range(1, 1_001):
        assert client.signed("POST", "order", who=who, **sent).status == 200
    store = client.exchange.matcher.store
    trades = [trade for who in range(1, 1_001) for trade in store.trades(f"demo-key-{who:04d}", "AAAUSDT")]
    prices = [trade.price for trade in trades]
    assert prices == sorted(prices)
    assert prices[-1] > prices[0]
    taken: dict[str, int] = {}
    for trade in trades:
        taken[f"{trade.price / 100:.2f}"] = taken.get(f"{trade.price / 100:.2f}", 0) + trade.quantity
    levels = {price: int(Decimal(quantity) * 1000) for price, quantity in shown}
    *whole, last = taken.items()
    assert all(levels[price] == steps for price, steps in whole)
    assert last[1] <= levels[last[0]]
    assert sum(taken.values()) == 1_000_000
