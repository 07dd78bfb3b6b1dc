"""What an account's streams say, order by order, against what REST says of the same orders."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trading.simulator.conftest import Client, MakeClient, Wall
from tests.trading.simulator.handmade import SEED, START_MS, FakeMarket
from tests.trading.simulator.ws_stand import payload, read
from trading.simulator.accounts import AccountBook, demo_credentials
from trading.simulator.clock import MarketClock
from trading.simulator.exchange import make_exchange
from trading.simulator.limits import LimitSettings
from trading.simulator.ws_channels import Kind
from trading.simulator.ws_private import PrivateStreams
from trading.simulator.ws_public import Print

BODIES = {Kind.ORDERS: "privateOrders", Kind.FILLS: "privateDeals", Kind.ACCOUNT: "privateAccount"}


class Ears:
    """Listens to an account of a client's exchange from now on."""

    def __init__(self, client: Client, who: int = 1) -> None:
        self.key, _ = demo_credentials(SEED, who)
        self.heard: list[tuple[Kind, dict[str, Any]]] = []
        self.shown: list[tuple[str, Print]] = []
        streams = PrivateStreams(
            client.exchange,
            lambda key, _kind: key == self.key,
            self._hear,
            lambda symbol, fill: self.shown.append((symbol, fill)),
        )
        streams.begin_balances(client.exchange.accounts.find(self.key))
        client.exchange.matcher.events = streams

    def _hear(self, key: str, kind: Kind, frame: bytes) -> None:
        assert key == self.key
        self.heard.append((kind, read(payload(frame))))

    def bodies(self, kind: Kind) -> list[dict[str, Any]]:
        return [message[BODIES[kind]] for heard, message in self.heard if heard is kind]

    def story(self) -> list[tuple[str, Any]]:
        """Return (kind, what it says in one word) in the order heard."""
        words = {Kind.ORDERS: "status", Kind.FILLS: "quantity", Kind.ACCOUNT: "type"}
        return [(kind.name, message[BODIES[kind]][words[kind]]) for kind, message in self.heard]


def falling() -> FakeMarket:
    """Return a market that stands at 100 for a minute and then falls by 10 in ten minutes."""
    market = FakeMarket()
    market.paths["AAAUSDT"] = [(0, 10_000), (60_000, 10_000), (660_000, 9_000)]
    return market


def test_market_order_tells_acceptance_fill_and_balances_in_order(client: Client) -> None:
    """New, money locked, fill, filled, money spent and goods received: before the answer is sent."""
    ears = Ears(client)
    answer = client.signed(
        "POST",
        "order",
        symbol="AAAUSDT",
        side="BUY",
        type="MARKET",
        quoteOrderQty="50",
        newClientOrderId="mine",
    )
    story = ears.story()
    assert story[:2] == [("ORDERS", 1), ("ACCOUNT", "ENTRUST_PLACE")]
    assert [word for word in story if word[0] == "ORDERS"] == [("ORDERS", 1), ("ORDERS", 2)]
    assert story.index(("ORDERS", 2)) == story.index(next(w for w in story if w[0] == "FILLS")) + 1
    last, fill = ears.bodies(Kind.ORDERS)[-1], ears.bodies(Kind.FILLS)[0]
    rest = client.signed("GET", "order", symbol="AAAUSDT", orderId=answer.body["orderId"]).body
    assert last["id"] == fill["orderId"] == answer.body["orderId"]
    assert last["clientId"] == fill["clientOrderId"] == "mine"
    assert (last["cumulativeQuantity"], last["cumulativeAmount"]) == (
        rest["executedQty"], rest["cummulativeQuoteQty"])  # fmt: skip
    assert (last["amount"], last["orderType"], last["tradeType"]) == ("50", 5, 1)
    trade = client.signed("GET", "myTrades", symbol="AAAUSDT").body[0]
    assert (fill["price"], fill["quantity"], fill["amount"], fill["tradeId"], fill["feeAmount"]) == (
        trade["price"], trade["qty"], trade["quoteQty"], trade["id"], trade["commission"])  # fmt: skip
    assert fill["feeCurrency"] == trade["commissionAsset"]
    assert Decimal(last["avgPrice"]) == Decimal(rest["cummulativeQuoteQty"]) / Decimal(rest["executedQty"])


def test_resting_order_fills_in_parts_and_says_so(make_client: MakeClient) -> None:
    """NEW, then PARTIALLY_FILLED as the price falls through it, then cancelled with the rest unfrozen."""
    client = make_client(falling())
    ears = Ears(client)
    order_id = client.signed(
        "POST", "order", symbol="AAAUSDT", side="BUY", type="LIMIT", price="99", quantity="95"
    ).body["orderId"]
    client.forward(150_000)
    client.exchange.matcher.advance_all(client.exchange.clock.now_ms())
    client.signed("DELETE", "order", symbol="AAAUSDT", orderId=order_id)
    orders = ears.bodies(Kind.ORDERS)
    assert [order["status"] for order in orders[:2]] == [1, 3]
    assert orders[-1]["status"] == 5
    assert all(order.get("isMaker", False) for order in orders[1:-1])
    assert Decimal(orders[-1]["cumulativeQuantity"]) == sum(Decimal(o["lastDealQuantity"]) for o in orders)
    assert Decimal(orders[-1]["remainQuantity"]) + Decimal(orders[-1]["cumulativeQuantity"]) == 95
    assert ears.story()[-1] == ("ACCOUNT", "ENTRUST_CANCEL")
    assert ears.bodies(Kind.ACCOUNT)[-1]["frozenAmount"] == "0"


def test_plain_cancel_is_status_four(client: Client) -> None:
    """Nothing filled."""
    ears = Ears(client)
    order_id = client.signed(
        "POST", "order", symbol="AAAUSDT", side="BUY", type="LIMIT", price="50", quantity="1"
    ).body["orderId"]
    client.signed("DELETE", "order", symbol="AAAUSDT", orderId=order_id)
    assert ears.story() == [
        ("ORDERS", 1),
        ("ACCOUNT", "ENTRUST_PLACE"),
        ("ORDERS", 4),
        ("ACCOUNT", "ENTRUST_CANCEL"),
    ]
    place, cancel = ears.bodies(Kind.ACCOUNT)
    assert (place["balanceAmountChange"], place["frozenAmountChange"]) == (
        f"-{place['frozenAmount']}", place["frozenAmount"])  # fmt: skip
    assert (cancel["balanceAmount"], cancel["frozenAmount"]) == ("10000", "0")


@pytest.mark.parametrize(
    ("kind", "number"), [("LIMIT", 1), ("LIMIT_MAKER", 2), ("IMMEDIATE_OR_CANCEL", 3), ("FILL_OR_KILL", 4)]
)
def test_order_types_have_mexcs_numbers(client: Client, kind: str, number: int) -> None:
    """As ccxt reads them."""
    ears = Ears(client)
    price = "50" if kind == "LIMIT_MAKER" else "101"
    answer = client.signed(
        "POST", "order", symbol="AAAUSDT", side="BUY", type=kind, price=price, quantity="0.1"
    )
    assert answer.status == 200
    assert ears.bodies(Kind.ORDERS)[0]["orderType"] == number


def test_refused_order_says_nothing(client: Client) -> None:
    """What the engine never accepted did not happen."""
    ears = Ears(client)
    answer = client.signed(
        "POST", "order", symbol="AAAUSDT", side="BUY", type="LIMIT", price="100", quantity="1000"
    )
    assert answer.status == 400
    assert ears.heard == []


def test_others_are_not_heard(client: Client) -> None:
    """An account's streams carry its own events only."""
    ears = Ears(client, who=1)
    client.signed("POST", "order", who=2, symbol="AAAUSDT", side="BUY", type="MARKET", quoteOrderQty="50")
    assert ears.heard == []
    assert [symbol for symbol, _ in ears.shown] == ["AAAUSDT"]  # what was traded is public, by whom is not


def _client() -> Client:
    wall = Wall()
    exchange = make_exchange(
        falling(),
        MarketClock(START_MS, 1.0, wall_ns=wall.read),
        seed=SEED,
        accounts=AccountBook(SEED),
        limits=LimitSettings(rate_per_s=0),
        wall_s=lambda: wall.ns / 1e9,
    )
    return Client(exchange, wall)


orders = st.tuples(
    st.sampled_from(["BUY", "SELL"]),
    st.sampled_from(["LIMIT", "IMMEDIATE_OR_CANCEL", "FILL_OR_KILL", "LIMIT_MAKER"]),
    st.integers(85, 115),
    st.integers(1, 40),
    st.integers(0, 200_000),
    st.booleans(),
)


@given(plan=st.lists(orders, min_size=1, max_size=6))
def test_changes_add_up_to_the_balances(plan: list[Any]) -> None:
    """Start plus all changes is the balance that each message states, and in the end the account's own."""
    client = _client()
    ears = Ears(client)
    for side, kind, price, quantity, wait, is_cancelled in plan:
        answer = client.signed(
            "POST", "order", symbol="AAAUSDT", side=side, type=kind, price=price, quantity=quantity
        )
        client.forward(wait)
        if answer.status == 200 and is_cancelled:
            client.signed("DELETE", "order", symbol="AAAUSDT", orderId=answer.body["orderId"])
    client.exchange.matcher.advance_all(client.exchange.clock.now_ms())
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    sums["USDT"][0] = Decimal(10_000)
    for change in ears.bodies(Kind.ACCOUNT):
        free, frozen = sums[change["vcoinName"]]
        free += Decimal(change["balanceAmountChange"])
        frozen += Decimal(change["frozenAmountChange"])
        sums[change["vcoinName"]] = [free, frozen]
        assert (free, frozen) == (Decimal(change["balanceAmount"]), Decimal(change["frozenAmount"]))
    account = client.exchange.accounts.find(ears.key)
    for asset, wallet in account.wallets.items():
        assert sums[asset] == [Decimal(wallet.free) / 10**18, Decimal(wallet.locked) / 10**18]
    by_order: dict[str, int] = {}
    for order in ears.bodies(Kind.ORDERS):
        # 2, 4 and 5 are ends: nothing comes after one.
        assert by_order.get(order["id"], 1) in (1, 3)
        by_order[order["id"]] = order["status"]
