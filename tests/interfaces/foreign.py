"""Orders that another bot would place: signed by hand, with a client id that is not ours."""

import time
import urllib.request
from urllib.parse import urlencode

from tests.trading.simulator.handmade import START_MS
from trading.simulator.signing import sign


def place_foreign(
    url: str, key: str, secret: str, symbol: str, side: str, *, price: str, quantity: str
) -> None:
    """Place a resting limit order."""
    import json

    with urllib.request.urlopen(f"{url}/api/v3/time") as answer:
        now = json.load(answer)["serverTime"]
    assert now >= START_MS
    params = {
        "symbol": symbol,
        "side": side,
        "type": "LIMIT",
        "price": price,
        "quantity": quantity,
        "newClientOrderId": f"other-bot-{time.monotonic_ns()}",
        "timestamp": str(now),
    }
    query = urlencode(params)
    signed = f"{url}/api/v3/order?{query}&signature={sign(secret, query)}"
    request = urllib.request.Request(signed, method="POST", headers={"X-MEXC-APIKEY": key})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
