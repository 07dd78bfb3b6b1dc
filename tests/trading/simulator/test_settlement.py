"""Money: whatever orders do, what accounts hold is what they had, bought, sold and paid, to the atom."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trading.simulator.fault_stand import pull, stage
from tests.trading.simulator.handmade import FakeMarket, pair
from tests.trading.simulator.ordering import balances, fills, order
from trading.simulator.accounts import AccountBook, FeeAsset
from trading.simulator.units import ONE, atoms

MINUTE = 60_000
type Make = Callable[..., Any]


@pytest.mark.parametrize(
    ("fee_asset", "start", "asset", "fee"),
    [
        (FeeAsset.QUOTE, {}, "USDT", Decimal("0.0005") * 99),
        (FeeAsset.BASE, {}, "AAA", Decimal("0.0005")),
        (FeeAsset.MX, {"MX": Decimal(1)}, "MX", Decimal("0.0005") * 99 / 2),
        (FeeAsset.MX, {}, "USDT", Decimal("0.0005") * 99),
    ],
    ids=["quote", "base", "mx at 2 USDT", "mx but none left"],
)
def test_fees_are_taken_in_the_chosen_asset(
    make_client: Make, fee_asset: FeeAsset, start: dict[str, Decimal], asset: str, fee: Decimal
) -> None:
    """A maker fee of 5 bps on one unit bought at 99."""
    pairs = pair(maker_fee=Decimal("0.0005")), pair("MXUSDT")
    funds = {"USDT": Decimal(1000)} | start
    busy = FakeMarket(*pairs, steps_per_minute=6_000_000)
    client = make_client(busy, accounts=AccountBook(7, funds=funds, fee_asset=fee_asset))
    client.exchange.source.base.paths |= {"AAAUSDT": [(0, 10_000), (MINUTE, 9_800)], "MXUSDT": [(0, 200)]}
    order(client, price="99")
    client.forward(2 * MINUTE)
    (fill,) = fills(client)
    assert (fill["commissionAsset"], Decimal(fill["commission"])) == (asset, fee)
    held = {name: free for name, (free, _) in balances(client).items()}
    expected = {"USDT": Decimal(1000) - 99, "AAA": Decimal(1)} | start
    expected[asset] -= fee
    assert held == expected


def test_a_limit_buy_locks_cost_and_worst_fee_and_gives_back(client: Any) -> None:
    """Buy 2 at 90: 180 + 0.05 % = 180.09 locked; a cancel gives all of it back."""
    placed = order(client, price="90", quantity="2")
    assert balances(client)["USDT"] == (Decimal("9819.91"), Decimal("180.09"))
    gone = client.signed("DELETE", "order", symbol="AAAUSDT", orderId=placed["orderId"])
    assert (gone.status, gone.body["status"]) == (200, "CANCELED")
    assert balances(client)["USDT"] == (Decimal(10_000), Decimal(0))


def test_all_the_cash_may_be_spent_by_cost(client: Any) -> None:
    """quoteOrderQty of the whole balance leaves room for the fee instead of going below zero."""
    order(client, type="MARKET", quantity="", quoteOrderQty="10000")
    free, locked = balances(client)["USDT"]
    assert 0 <= free < 1
    assert locked == 0


def test_a_market_buy_by_cost_spends_at_most_the_cost(client: Any) -> None:
    """quoteOrderQty=100: cost within one step's value below 100, fee on top."""
    done = order(client, type="MARKET", quantity="", quoteOrderQty="100")
    cost = Decimal(done["cummulativeQuoteQty"])
    assert Decimal("99.8") < cost <= 100
    assert done["origQuoteOrderQty"] == "100"
    assert balances(client)["USDT"][0] == 10_000 - cost - cost * Decimal("0.0005")


# One step of a random history: (who, what, price in ticks or quantity in steps, minutes that pass).
STEPS = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.sampled_from(["buy", "sell", "market buy", "market sell", "by cost", "ioc", "fok", "cancel"]),
        st.integers(9_500, 10_500),
        st.integers(10, 60_000),
        st.integers(0, 3),
    ),
    max_size=25,
)


WAVES = st.lists(st.integers(9_300, 10_700), min_size=2, max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=STEPS,
    waves=WAVES,
    fee_asset=st.sampled_from(list(FeeAsset)),
    maker=st.sampled_from(["0", "0.00037"]),
)
def test_money_is_conserved(
    make_client: Make, steps: list[Any], waves: list[int], fee_asset: FeeAsset, maker: str
) -> None:
    """Whatever happens: balances = funds + bought - sold - fees, exactly; none negative; locks match
    the open orders; trades sum to their orders."""
    funds = {"USDT": Decimal(3_000), "AAA": Decimal(20), "MX": Decimal("0.3")}
    pairs = pair(maker_fee=Decimal(maker)), pair("MXUSDT")
    client = make_client(FakeMarket(*pairs), accounts=AccountBook(7, funds=funds, fee_asset=fee_asset))
    source = client.exchange.source.base
    source.paths |= {"AAAUSDT": [(n * MINUTE, t) for n, t in enumerate(waves)], "MXUSDT": [(0, 217)]}
    for who, what, price, steps_wanted, minutes in steps:
        act(client, who, what, f"{price / 100:.2f}", f"{steps_wanted / 1000:.3f}")
        client.forward(minutes * MINUTE)
    client.exchange.matcher.advance_all(client.exchange.clock.now_ms())
    for who in (1, 2, 3):
        check_books(client, f"demo-key-{who:04d}", {asset: atoms(amount) for asset, amount in funds.items()})


MISCHIEF = [
    {"kind": "partial_fill", "probability": 0.4, "share": 0.37},
    {"kind": "race_answers_ok", "probability": 0.4},
    {"kind": "race_answers_unknown", "probability": 0.4},
    {"kind": "error", "route": "POST order", "probability": 0.1},
    {"kind": "not_found", "probability": 0.2, "for_calls": 1},
]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, waves=WAVES, seed=st.integers(0, 99), halts=st.booleans())
def test_money_is_conserved_whatever_is_staged(
    make_client: Make, steps: list[Any], waves: list[int], seed: int, halts: bool
) -> None:
    """Orders that fill in part, lose races and go unseen, and a halt in the middle: the same equations."""
    funds = {"USDT": Decimal(3_000), "AAA": Decimal(20)}
    client = make_client(FakeMarket(pair()), accounts=AccountBook(7, funds=funds), admin_token="t")
    client.exchange.source.base.paths["AAAUSDT"] = [(n * MINUTE, t) for n, t in enumerate(waves)]
    stage(client, *MISCHIEF, seed=seed)
    for number, (who, what, price, steps_wanted, minutes) in enumerate(steps):
        if halts and number == len(steps) // 2:
            pull(client, "halt", symbol="AAAUSDT")
            pull(client, "resume", symbol="AAAUSDT")
        act(client, who, what, f"{price / 100:.2f}", f"{steps_wanted / 1000:.3f}", staged=(503, -2011))
        client.forward(minutes * MINUTE)
    client.exchange.matcher.advance_all(client.exchange.clock.now_ms())
    for who in (1, 2, 3):
        check_books(client, f"demo-key-{who:04d}", {asset: atoms(amount) for asset, amount in funds.items()})


def act(client: Any, who: int, what: str, price: str, quantity: str, staged: tuple[int, ...] = ()) -> None:
    sent = {"symbol": "AAAUSDT", "side": "SELL" if "sell" in what else "BUY", "quantity": quantity}
    if what == "cancel":
        for one in client.signed("GET", "openOrders", who=who, symbol="AAAUSDT").body[:1]:
            client.signed("DELETE", "order", who=who, symbol="AAAUSDT", orderId=one["orderId"])
        return
    if what == "by cost":
        sent |= {"type": "MARKET", "quoteOrderQty": quantity, "quantity": ""}
    elif what.startswith("market"):
        sent |= {"type": "MARKET"}
    else:
        kinds = {"ioc": "IMMEDIATE_OR_CANCEL", "fok": "FILL_OR_KILL"}
        sent |= {"type": kinds.get(what, "LIMIT"), "price": price}
    answer = client.signed("POST", "order", who=who, **sent)
    # Refusals for want of money, by minimum value, or for an empty book are part of the game.
    assert answer.status == 200 or answer.body["code"] in (10101, 30004, 30002, 30010, *staged), answer.body


def check_books(client: Any, key: str, funds: dict[str, int]) -> None:
    store = client.exchange.matcher.store
    account = client.exchange.accounts.find(key)
    expected = dict(funds)
    done: dict[str, list[int]] = {}
    for trade in store.trades(key, "AAAUSDT"):
        assert trade.cost == trade.price * trade.quantity * ONE // 10**5
        sign = 1 if trade.side == "BUY" else -1
        expected["AAA"] += sign * trade.quantity * ONE // 1000
        expected["USDT"] -= sign * trade.cost
        expected[trade.fee_asset] -= trade.fee
        assert trade.fee >= 0
        sums = done.setdefault(trade.order_id, [0, 0])
        sums[0] += trade.quantity
        sums[1] += trade.cost
    for asset, amount in expected.items():
        wallet = account.wallet(asset)
        assert wallet.free >= 0
        assert wallet.locked >= 0
        assert wallet.free + wallet.locked == amount
    orders = store.orders(key, "AAAUSDT")
    assert {o.order_id: [o.executed, o.spent] for o in orders if o.executed} == done
    assert all(o.locked == 0 for o in orders if not o.is_open)
    for side, asset in (("BUY", "USDT"), ("SELL", "AAA")):
        assert account.wallet(asset).locked == sum(o.locked for o in orders if o.side == side)
    assert all(0 <= o.executed <= o.quantity for o in orders)
