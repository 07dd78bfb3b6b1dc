"""Orders as MEXC wants and tells them: exact strings out, exact decimals in, nothing rounded in silence."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from trading.exchange.listing import to_markets
from trading.exchange.order_wire import order_id, order_params, to_balances, to_fill, to_order
from trading.market.errors import BadInput, BadPayload, BadPrecision
from trading.market.orders import OrderRequest, OrderStatus, OrderType, Side
from trading.market.timeframes import from_ms

RECORDED = Path("../shared/data/mexc")
MARKET = to_markets(
    [
        {
            "symbol": "ATLASUSDT", "status": "1", "baseAsset": "ATLAS", "baseAssetPrecision": 2,
            "quoteAsset": "USDT", "quoteAssetPrecision": 6, "isSpotTradingAllowed": True,
        }
    ],
    str.upper,
)[0]  # fmt: skip


def request(type_: OrderType = OrderType.LIMIT, **changes: Any) -> OrderRequest:
    values: dict[str, Any] = {"amount": Decimal(1000), "price": Decimal("0.005")} | changes
    return OrderRequest(
        "ATLAS/USDT", values.pop("side", Side.BUY), type_, values.pop("coid", "abc"), **values
    )


def test_limit_order_parameters_by_hand() -> None:
    """Plain decimal text, no exponents, no trailing zeros; our id goes along."""
    params = order_params(request(price=Decimal("0.005000"), amount=Decimal("1E+3")), MARKET)
    assert params == {
        "symbol": "ATLASUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "quantity": "1000",
        "price": "0.005",
        "newClientOrderId": "abc",
    }


@pytest.mark.parametrize(
    ("type_", "wire"),
    [
        (OrderType.LIMIT_MAKER, "LIMIT_MAKER"),
        (OrderType.IOC, "IMMEDIATE_OR_CANCEL"),
        (OrderType.FOK, "FILL_OR_KILL"),
    ],
)
def test_order_types_have_mexcs_names(type_: OrderType, wire: str) -> None:
    """There is no timeInForce parameter; the type says it."""
    assert order_params(request(type_), MARKET)["type"] == wire


def test_market_orders_name_amount_or_cost() -> None:
    """A market buy may name what it costs; none names a price."""
    by_cost = order_params(request(OrderType.MARKET, amount=None, price=None, cost=Decimal(8)), MARKET)
    assert by_cost["quoteOrderQty"] == "8"
    assert not {"quantity", "price"} & set(by_cost)
    by_amount = order_params(request(OrderType.MARKET, price=None, side=Side.SELL), MARKET)
    assert (by_amount["quantity"], by_amount["side"]) == ("1000", "SELL")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": None},
        {"price": None},
        {"cost": Decimal(5)},
        {"amount": Decimal(0)},
        {"amount": Decimal(-1)},
        {"price": Decimal("NaN")},
        {"amount": Decimal("Infinity")},
        {"coid": ""},
        {"coid": "x" * 33},
        {"type_": OrderType.MARKET},
        {"type_": OrderType.MARKET, "price": None, "amount": None},
        {"type_": OrderType.MARKET, "price": None, "cost": Decimal(1)},
    ],
)
def test_orders_that_cannot_be_meant_are_refused_before_sending(changes: dict[str, Any]) -> None:
    """Zero is not "no amount"; 33 characters are too long for MEXC."""
    with pytest.raises(BadInput):
        order_params(request(**changes), MARKET)


@pytest.mark.parametrize("changes", [{"amount": Decimal("1.001")}, {"price": Decimal("0.0000005")}])
def test_amount_or_price_between_steps_is_refused_not_rounded(changes: dict[str, Any]) -> None:
    """ccxt would truncate it; the caller must know what it orders."""
    with pytest.raises(BadPrecision, match="must be a multiple of"):
        order_params(request(**changes), MARKET)


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC payloads are not on this machine")
@pytest.mark.parametrize(
    ("ours", "path_query"),
    [
        (request(), "/api/v3/order?symbol=ATLASUSDT&side=BUY&type=LIMIT&quantity=1000&price=0.005"),
        (
            request(side=Side.SELL, amount=Decimal(1500), price=Decimal("0.007")),
            "/api/v3/order?symbol=ATLASUSDT&side=SELL&type=LIMIT&quantity=1500&price=0.007",
        ),
        (
            request(OrderType.MARKET, amount=Decimal(1), price=None),
            "/api/v3/order?symbol=ATLASUSDT&side=BUY&type=MARKET&quantity=1",
        ),
        (
            request(OrderType.MARKET, amount=None, price=None, cost=Decimal(8)),
            "/api/v3/order?symbol=ATLASUSDT&side=BUY&type=MARKET&quoteOrderQty=8",
        ),
    ],
)
def test_parameters_equal_the_recorded_requests(ours: OrderRequest, path_query: str) -> None:
    """Order of parameters and spelling as ccxt's recorded requests have them, our id added at the end."""
    cases = json.loads((RECORDED / "request_spot.json").read_text())["cases"]
    assert path_query in {case["path_query"] for case in cases}
    params = order_params(ours, MARKET)
    assert params.pop("newClientOrderId") == "abc"
    assert "/api/v3/order?" + "&".join(f"{name}={value}" for name, value in params.items()) == path_query


def wire_order(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "ATLASUSDT", "orderId": "C02__385413065019117569043", "clientOrderId": "abc",
        "price": "0.004327", "origQty": "1220", "executedQty": "1220", "cummulativeQuoteQty": "5.54124",
        "status": "FILLED", "type": "LIMIT", "side": "SELL", "time": 1_707_671_871_000,
        "origQuoteOrderQty": "5.27894",
    } | changes  # fmt: skip


@pytest.mark.parametrize(
    ("wire", "status", "is_terminal"),
    [
        ("NEW", OrderStatus.OPEN, False),
        ("PARTIALLY_FILLED", OrderStatus.PARTIAL, False),
        ("FILLED", OrderStatus.FILLED, True),
        ("CANCELED", OrderStatus.CANCELED, True),
        ("PARTIALLY_CANCELED", OrderStatus.PARTIALLY_CANCELED, True),
    ],
)
def test_every_status_is_mapped(wire: str, status: OrderStatus, is_terminal: bool) -> None:
    """A partially cancelled order did fill in part: it must not look like one that did not."""
    order = to_order(wire_order(status=wire, executedQty="20"), MARKET)
    assert (order.status, order.status.is_terminal, order.filled) == (status, is_terminal, Decimal(20))


def test_order_state_is_exact() -> None:
    """Ids keep their letters; MEXC's spelling of the filled cost is read; averages follow from it."""
    order = to_order(wire_order(), MARKET)
    assert order.order_id == "C02__385413065019117569043"
    assert (order.amount, order.filled_cost) == (Decimal(1220), Decimal("5.54124"))
    assert order.average == Decimal("0.004542")
    assert (order.price, order.at) == (Decimal("0.004327"), from_ms(1_707_671_871_000))
    assert to_order(wire_order(type="MARKET"), MARKET).price is None
    assert to_order(wire_order(clientOrderId=None), MARKET).client_order_id is None
    assert to_order(wire_order(time="1707671871000"), MARKET).at == order.at


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        "x",
        {},
        wire_order(status="MAGIC"),
        wire_order(type="STOP"),
        wire_order(side="LONG"),
        wire_order(orderId=None),
        wire_order(orderId=""),
        wire_order(orderId=True),
        wire_order(origQty="many"),
        wire_order(executedQty="NaN"),
        wire_order(time=None),
    ],
)
def test_order_with_a_hole_that_matters_is_a_bad_payload(bad: Any) -> None:
    """Better no answer than a wrong one."""
    with pytest.raises(BadPayload):
        to_order(bad, MARKET)


@pytest.mark.parametrize("bad", [None, [], {}, {"orderId": None}, {"symbol": "X"}])
def test_submit_reply_without_an_id_is_no_id(bad: Any) -> None:
    """The caller turns this into OutcomeUnknown."""
    with pytest.raises(BadPayload):
        order_id(bad)


def test_fill_is_exact_and_its_fee_asset_unified() -> None:
    """Quote quantity, fee and maker flag as the venue says them."""
    wire = {
        "symbol": "ATLASUSDT", "id": "dd44f79d", "orderId": "C02__1", "price": "0.004542", "qty": "1220",
        "quoteQty": "5.54124", "commission": "0.0011", "commissionAsset": "gas", "time": 1_707_671_871_000,
        "isBuyer": False, "isMaker": True,
    }  # fmt: skip
    fill = to_fill(wire, MARKET, lambda coin: {"gas": "GASDAO"}[coin])
    assert (fill.side, fill.price, fill.amount) == (Side.SELL, Decimal("0.004542"), Decimal(1220))
    assert (fill.fee, fill.fee_asset, fill.is_maker) == (Decimal("0.0011"), "GASDAO", True)
    for hole in ("id", "orderId", "price", "qty", "quoteQty", "time"):
        with pytest.raises(BadPayload):
            to_fill(wire | {hole: None}, MARKET, str)


def test_balances_are_exact() -> None:
    """Zero is a balance; a row without an asset is damage."""
    body = {
        "balances": [
            {"asset": "USDT", "free": "0", "locked": "1.10"},
            {"asset": "X", "free": "7", "locked": None},
        ]
    }
    found = to_balances(body, str.upper)
    assert (found["USDT"].free, found["USDT"].locked) == (Decimal(0), Decimal("1.10"))
    assert found["X"].locked == 0
    for bad in (None, [], {}, {"balances": None}, {"balances": [{}]}, {"balances": [None]}):
        with pytest.raises(BadPayload):
            to_balances(bad, str.upper)


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC payloads are not on this machine")
def test_recorded_order_and_trade_equal_what_ccxt_makes_of_them() -> None:
    """Amounts, cost, average, ids and times of the recorded answers equal ccxt's parsed ones."""
    methods = json.loads((RECORDED / "response_spot.json").read_text())["methods"]
    (orders,), (trades,) = methods["fetchOrders"], methods["fetchMyTrades"]
    order, theirs = to_order(orders["http"][0], MARKET), orders["parsed"][0]
    assert order.order_id == theirs["id"]
    assert float(order.filled) == theirs["filled"]
    assert float(order.filled_cost) == theirs["cost"]
    assert float(order.average or 0) == theirs["average"]
    assert order.at == from_ms(theirs["timestamp"])
    assert order.status is OrderStatus.FILLED
    fill, trade = to_fill(trades["http"][0], MARKET, str.upper), trades["parsed"][0]
    assert (fill.trade_id, fill.order_id) == (trade["id"], trade["order"])
    assert (float(fill.price), float(fill.amount), float(fill.cost)) == (
        trade["price"],
        trade["amount"],
        trade["cost"],
    )
    assert (fill.side, fill.is_maker) == (Side(trade["side"]), trade["takerOrMaker"] == "maker")
