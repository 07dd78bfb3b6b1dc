"""Orders of demo accounts over HTTP, in the words of the matching tests."""

from decimal import Decimal
from typing import Any


def order(client: Any, **params: Any) -> Any:
    """Place an order of 1 AAA by default and return what a query says of it."""
    sent = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1"} | params
    made = client.signed("POST", "order", **sent)
    assert made.status == 200, made.body
    return state(client, made.body["orderId"])


def state(client: Any, order_id: str, symbol: str = "AAAUSDT") -> Any:
    return client.signed("GET", "order", symbol=symbol, orderId=order_id).body


def balances(client: Any, who: int = 1) -> dict[str, tuple[Decimal, Decimal]]:
    rows = client.signed("GET", "account", who=who).body["balances"]
    return {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in rows}


def fills(client: Any, **params: Any) -> list[Any]:
    return client.signed("GET", "myTrades", symbol="AAAUSDT", **params).body
