"""Orders, fills and balances: from our messages to MEXC's parameters and from its answers back.

Numbers travel as plain decimal strings and are never floats; order ids are strings with letters.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading.exchange.listing import decimal
from trading.market.errors import BadInput, BadPayload, BadPrecision
from trading.market.orders import Balance, Fill, OrderRequest, OrderState, OrderStatus, OrderType, Side
from trading.market.symbols import Market
from trading.market.timeframes import from_ms

_TYPES = {
    OrderType.LIMIT: "LIMIT",
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT_MAKER: "LIMIT_MAKER",
    OrderType.IOC: "IMMEDIATE_OR_CANCEL",
    OrderType.FOK: "FILL_OR_KILL",
}
_TYPES_BACK = {wire: type_ for type_, wire in _TYPES.items()} | {"POST_ONLY": OrderType.LIMIT_MAKER}
_STATUSES = {
    "NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.PARTIAL,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "PARTIALLY_CANCELED": OrderStatus.PARTIALLY_CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.CANCELED,
}
# hummingbot's mexc constants: longer client order ids are refused.
_LONGEST_ID = 32


def order_params(request: OrderRequest, market: Market) -> dict[str, str]:
    """Return the parameters of POST order, in the order ccxt sends them.

    Raises
    ------
    BadInput
        If amount, cost or price are missing or superfluous for the type, or the id is too long.
    BadPrecision
        If amount or price lie between the venue's steps: nothing is rounded in silence here.
    """
    if not 0 < len(request.client_order_id) <= _LONGEST_ID:
        raise BadInput(
            f"client order id must have 1 to {_LONGEST_ID} characters, had {len(request.client_order_id)}"
        )
    params = {
        "symbol": market.exchange_id,
        "side": request.side.value.upper(),
        "type": _TYPES[request.type],
    }
    is_market = request.type is OrderType.MARKET
    if is_market and request.cost is not None and request.amount is None:
        params["quoteOrderQty"] = _plain(_positive("cost", request.cost))
    elif request.amount is not None and request.cost is None:
        amount = _positive("amount", request.amount)
        params["quantity"] = _plain(_on_step("amount", amount, market.step, request.symbol))
    else:
        raise BadInput(
            f"a {request.type} order needs an amount (or, for market orders, a cost instead of it); "
            f"amount was {request.amount}, cost was {request.cost}"
        )
    if is_market != (request.price is None):
        raise BadInput(f"price must be given for every type but market; {request.type} had {request.price}")
    if request.price is not None:
        price = _positive("price", request.price)
        params["price"] = _plain(_on_step("price", price, market.tick, request.symbol))
    params["newClientOrderId"] = request.client_order_id
    return params


def _positive(name: str, value: Decimal) -> Decimal:
    if not (value.is_finite() and value > 0):
        raise BadInput(f"{name} must be above 0, was {value}")
    return value


def _on_step(name: str, value: Decimal, step: Decimal, symbol: str) -> Decimal:
    if value % step != 0:
        raise BadPrecision(f"{name} of {symbol} must be a multiple of {step}, was {value}")
    return value


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def order_id(data: Any) -> str:
    """Return the id in the reply to POST order.

    Raises
    ------
    BadPayload
        If there is none: then nobody knows what became of the order.
    """
    found = data.get("orderId") if isinstance(data, dict) else None
    if not isinstance(found, str | int) or isinstance(found, bool) or not str(found):
        raise BadPayload("POST order: the reply names no orderId")
    return str(found)


def to_order(data: Any, market: Market) -> OrderState:
    """Return the state of one order; `at` is when the venue created it (market time).

    Raises
    ------
    BadPayload
        If a field that decides (id, side, type, status, amounts) is missing or unknown.
    """
    if not isinstance(data, dict):
        raise BadPayload(f"order of {market.symbol}: expected an object, got {type(data).__name__}")
    status = _STATUSES.get(str(data.get("status")))
    type_ = _TYPES_BACK.get(str(data.get("type")))
    if status is None or type_ is None:
        raise BadPayload(
            f"order of {market.symbol}: unknown status or type "
            f"{str(data.get('status'))[:20]!r}, {str(data.get('type'))[:30]!r}"
        )
    price = decimal(data.get("price") or 0)
    return OrderState(
        symbol=market.symbol,
        order_id=order_id(data),
        client_order_id=str(data["clientOrderId"]) if data.get("clientOrderId") else None,
        side=_side(data.get("side")),
        type=type_,
        status=status,
        amount=decimal(data.get("origQty") or 0),
        filled=decimal(data.get("executedQty") or 0),
        # MEXC spells it with three m.
        filled_cost=decimal(data.get("cummulativeQuoteQty") or 0),
        # The price of a market order is the venue's protection price, not ours.
        price=None if type_ is OrderType.MARKET or price == 0 else price,
        at=_moment(data.get("time") or data.get("transactTime"), market),
    )


def to_fill(data: Any, market: Market, unify: Callable[[str], str]) -> Fill:
    """Return one execution of myTrades; `BadPayload` as in `to_order`."""
    if not isinstance(data, dict):
        raise BadPayload(f"trade of {market.symbol}: expected an object, got {type(data).__name__}")
    if not data.get("id"):
        raise BadPayload(f"trade of {market.symbol}: no id")
    return Fill(
        symbol=market.symbol,
        order_id=order_id(data),
        trade_id=str(data["id"]),
        side=Side.BUY if data.get("isBuyer") is True else Side.SELL,
        price=decimal(data.get("price")),
        amount=decimal(data.get("qty")),
        cost=decimal(data.get("quoteQty")),
        fee=decimal(data.get("commission") or 0),
        fee_asset=unify(str(data.get("commissionAsset") or market.quote)),
        is_maker=data.get("isMaker") is True,
        at=_moment(data.get("time"), market),
    )


def to_balances(data: Any, unify: Callable[[str], str]) -> dict[str, Balance]:
    """Return asset -> balance from GET account; `BadPayload` if it is none."""
    rows = data.get("balances") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise BadPayload("account: the reply holds no list of balances")
    found: dict[str, Balance] = {}
    for row in rows:
        if not isinstance(row, dict) or not row.get("asset"):
            raise BadPayload("account: a balance without an asset")
        asset = unify(str(row["asset"]))
        found[asset] = Balance(asset, decimal(row.get("free") or 0), decimal(row.get("locked") or 0))
    return found


def _side(value: Any) -> Side:
    try:
        return Side(str(value).lower())
    except ValueError:
        raise BadPayload(f"side must be BUY or SELL, was {str(value)[:20]!r}") from None


def _moment(value: Any, market: Market) -> datetime:
    try:
        return from_ms(int(value))
    except (TypeError, ValueError, OverflowError):
        raise BadPayload(f"{market.symbol}: expected a time in ms, got {str(value)[:20]!r}") from None
