"""A client of an exchange on which faults are staged, for the fault tests."""

import json
from typing import Any

from tests.trading.simulator.handmade import FakeMarket, pair
from tests.trading.simulator.ordering import order, state

TOKEN = {"x-sluice-admin": "t"}
LIMIT = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "90"}


def two_pairs() -> FakeMarket:
    """Return a market of AAAUSDT and BBBUSDT, both at 100.00."""
    return FakeMarket(pair(), pair("BBBUSDT"))


def stage(client: Any, *rules: dict[str, Any], seed: int = 1) -> None:
    """Post a fault plan, as a person would."""
    body = json.dumps({"seed": seed, "rules": list(rules)}).encode()
    answer = client.ask("POST", "/sluice/faults", headers=TOKEN, body=body)
    assert answer.status == 200, answer.body


def pull(client: Any, action: str, **options: Any) -> Any:
    """Pull a lever."""
    body = json.dumps({"action": action} | options).encode()
    return client.ask("POST", "/sluice/events", headers=TOKEN, body=body)


__all__ = ["LIMIT", "TOKEN", "order", "pull", "stage", "state", "two_pairs"]
