"""Answers have MEXC's keys and JSON types, as documented and as recorded."""

import json
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures" / "mexc"

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "mexc" / "response_spot.json"

SAMPLES = json.loads((FIXTURES / "responses.json").read_text())


def outline(value: Any) -> Any:
    """Return the key sets and JSON types of an answer; null stands for any type."""
    if isinstance(value, dict):
        return {key: outline(part) for key, part in value.items()}
    if isinstance(value, list):
        # Rows of a fixed layout (klines, depth) are compared cell by cell, lists of things by the first.
        if value and not isinstance(value[0], dict | list):
            return [outline(part) for part in value]
        return [outline(value[0])] if value else []
    return type(value).__name__


def agree(ours: Any, sample: Any) -> bool:
    if isinstance(sample, dict) and isinstance(ours, dict):
        return ours.keys() == sample.keys() and all(agree(ours[key], sample[key]) for key in sample)
    if isinstance(sample, list) and isinstance(ours, list):
        return len(ours) == len(sample) and all(map(agree, ours, sample))
    return ours == sample or "NoneType" in (ours, sample)


def traded(client: Any) -> str:
    """Give account 1 one resting order and one fill; return the resting order's id."""
    client.signed("POST", "order", symbol="AAAUSDT", side="BUY", type="MARKET", quantity="1")
    resting = client.signed(
        "POST", "order", symbol="AAAUSDT", side="BUY", type="LIMIT", quantity="1", price="90"
    )
    return resting.body["orderId"]


PARAMS: dict[str, dict[str, str]] = {
    "depth": {"symbol": "AAAUSDT", "limit": "1"},
    "trades": {"symbol": "AAAUSDT"}, "aggTrades": {"symbol": "AAAUSDT"},
    "klines": {"symbol": "AAAUSDT", "interval": "60m"}, "avgPrice": {"symbol": "AAAUSDT"},
    "order": {"symbol": "AAAUSDT"}, "allOrders": {"symbol": "AAAUSDT"}, "myTrades": {"symbol": "AAAUSDT"},
    "tradeFee": {"symbol": "AAAUSDT"},
}  # fmt: skip

NEW = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "90"}

PUBLIC = {"ping", "time", "exchangeInfo", "defaultSymbols", "ticker/24hr", "ticker/bookTicker",
          "ticker/price", "avgPrice", "depth", "trades", "aggTrades", "klines"}  # fmt: skip


@pytest.mark.parametrize("endpoint", SAMPLES)
def test_answers_have_mexcs_keys_and_json_types(client: Any, endpoint: str) -> None:
    """Every endpoint's answer has exactly the sample's keys, and each value its JSON type."""
    resting = traded(client)
    method, name = endpoint.split(" ")
    params = dict(PARAMS.get(name, {}))
    if name in ("order", "order/test"):
        params = NEW if method == "POST" else params | {"orderId": resting}
    ask = client.get if name in PUBLIC else None
    answer = ask(f"/api/v3/{name}", **params) if ask else client.signed(method, name, **params)
    assert answer.status == 200, answer.body
    ours, sample = outline(answer.body), outline(SAMPLES[endpoint])
    assert agree(ours, sample), f"{ours}\n{sample}"


@pytest.mark.skipif(not RECORDED.exists(), reason="recorded MEXC answers are not beside this checkout")
@pytest.mark.parametrize(
    ("case", "method", "name"),
    [("fetchOrderBook", "GET", "depth"), ("fetchMyTrades", "GET", "myTrades"),
     ("fetchOrders", "GET", "allOrders"), ("fetchTrades", "GET", "aggTrades"),
     ("fetchTicker", "GET", "ticker/24hr"), ("fetchOHLCV", "GET", "klines")],
)  # fmt: skip
def test_answers_have_the_keys_that_mexc_was_recorded_with(
    client: Any, case: str, method: str, name: str
) -> None:
    """Recorded numbers went through a reader that makes them text, so text and number count as one."""
    traded(client)
    params = PARAMS.get(name, {"symbol": "AAAUSDT"})
    answer = (
        client.get(f"/api/v3/{name}", **params) if name in PUBLIC else client.signed(method, name, **params)
    )
    recorded = json.loads(RECORDED.read_text())["methods"][case][0]["http"]
    ours, sample = (json.dumps(outline(v)).replace('"int"', '"str"') for v in (answer.body, recorded))
    assert agree(json.loads(ours), json.loads(sample)), f"{ours}\n{sample}"
