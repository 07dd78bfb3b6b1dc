"""Saved state: a second run goes on where the first one ended."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.trading.simulator.handmade import START_MS, FakeMarket, pair
from trading.market.errors import BadInput, StoreError
from trading.simulator.accounts import FeeAsset
from trading.simulator.state import StateFile

MINUTE = 60_000
LIMIT = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1"}


def falling() -> FakeMarket:
    market = FakeMarket()
    market.paths["AAAUSDT"] = [(0, 10_000), (10 * MINUTE, 9_800)]
    return market


def restarted(make_client: Any, folder: Path, market: FakeMarket) -> Any:
    """Return a client of a fresh exchange, restored, whose clock stands where the old one stood."""
    state = StateFile(folder)
    times = state.saved_times()
    assert times is not None
    client = make_client(market)
    client.forward(times[0] - START_MS)
    assert state.restore(client.exchange)
    return client


def seen(client: Any) -> dict[str, Any]:
    return {
        name: client.signed("GET", name, **params).body
        for name, params in (
            ("account", {}), ("openOrders", {}),
            ("allOrders", {"symbol": "AAAUSDT"}), ("myTrades", {"symbol": "AAAUSDT"}),
        )
    }  # fmt: skip


def test_a_restart_changes_nothing_that_an_account_sees(make_client: Any, tmp_path: Path) -> None:
    """Balances, open orders, history and fills are equal before and after, to the byte."""
    client = make_client(falling())
    client.signed("POST", "order", **(LIMIT | {"type": "MARKET"}))
    client.signed("POST", "order", price="99", newClientOrderId="rest-1", **LIMIT)
    client.forward(2 * MINUTE)
    before = seen(client)
    StateFile(tmp_path).save(client.exchange)
    assert seen(restarted(make_client, tmp_path, falling())) == before


def test_a_resting_order_fills_after_the_restart(make_client: Any, tmp_path: Path) -> None:
    """It was at 99 when the process ended at 99.60; minute six of the next run fills it, exactly once."""
    client = make_client(falling())
    order_id = client.signed("POST", "order", price="99", **LIMIT).body["orderId"]
    client.forward(2 * MINUTE)
    StateFile(tmp_path).save(client.exchange)
    again = restarted(make_client, tmp_path, falling())
    again.forward(4 * MINUTE)
    state = again.signed("GET", "order", symbol="AAAUSDT", orderId=order_id).body
    assert (state["status"], state["executedQty"]) == ("FILLED", "1")
    held = {row["asset"]: Decimal(row["free"]) for row in again.signed("GET", "account").body["balances"]}
    assert held == {"USDT": Decimal(10_000 - 99), "AAA": Decimal(1)}


def test_order_ids_never_repeat_after_a_restart(make_client: Any, tmp_path: Path) -> None:
    """The next order of the second run has an id of its own even at the same market time."""
    client = make_client()
    first = client.signed("POST", "order", price="90", **LIMIT).body["orderId"]
    StateFile(tmp_path).save(client.exchange)
    again = restarted(make_client, tmp_path, FakeMarket())
    assert again.signed("POST", "order", price="90", **LIMIT).body["orderId"] != first


def test_fee_choice_survives(make_client: Any, tmp_path: Path) -> None:
    """An account that switched to MX still pays in MX."""
    client = make_client()
    client.signed("POST", "mxDeduct/enable", mxDeductEnable="true")
    StateFile(tmp_path).save(client.exchange)
    again = restarted(make_client, tmp_path, FakeMarket())
    assert again.exchange.accounts.find("demo-key-0001").fee_asset is FeeAsset.MX


def test_another_worlds_state_is_refused(make_client: Any, tmp_path: Path) -> None:
    """State of a one-pair world does not open a two-pair world; the sentence names both."""
    StateFile(tmp_path).save(make_client().exchange)
    other = make_client(FakeMarket(pair(), pair("BBBUSDT"))).exchange
    with pytest.raises(BadInput, match=r"1 symbols.*2 symbols"):
        StateFile(tmp_path).restore(other)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 99}'])
def test_a_damaged_file_is_named_not_guessed_at(make_client: Any, tmp_path: Path, content: bytes) -> None:
    """Half a file is an error with its path, never an empty exchange."""
    (tmp_path / "exchange.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"exchange\.json"):
        StateFile(tmp_path).restore(make_client().exchange)


def test_the_file_has_no_secret(make_client: Any, tmp_path: Path) -> None:
    """Demo secrets follow from the seed; the file names keys only."""
    client = make_client()
    client.signed("GET", "account")
    StateFile(tmp_path).save(client.exchange)
    raw = (tmp_path / "exchange.json").read_bytes()
    assert client.exchange.accounts.find("demo-key-0001").secret.encode() not in raw
    assert orjson.loads(raw)["accounts"][0]["key"] == "demo-key-0001"


def test_nothing_changed_nothing_saved(make_client: Any, tmp_path: Path) -> None:
    """An idle exchange does not rewrite its file."""
    client = make_client()
    state = StateFile(tmp_path)
    state.save(client.exchange)
    stamp = (tmp_path / "exchange.json").stat().st_mtime_ns
    state.save_if_due(client.exchange)
    assert (tmp_path / "exchange.json").stat().st_mtime_ns == stamp
