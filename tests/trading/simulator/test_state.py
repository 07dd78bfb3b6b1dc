"""Saved state: a second run goes on where the first one ended."""

import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.trading.simulator.fault_stand import pull
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
    assert not state.is_due(client.exchange)


def test_levers_and_footprints_survive(make_client: Any, tmp_path: Path) -> None:
    """Halted at minute 1, another event pending, a push on the tape: the second run has all three."""
    client = make_client(FakeMarket(pair(), pair("BBBUSDT")), admin_token="t")
    client.signed("POST", "order", **(LIMIT | {"type": "MARKET", "symbol": "BBBUSDT"}))
    pull(client, "halt", symbol="AAAUSDT", after_s=60)
    pull(client, "resume", symbol="AAAUSDT", after_s=600)
    client.forward(2 * MINUTE)
    client.get("/api/v3/ping")
    StateFile(tmp_path).save(client.exchange)
    again = restarted(make_client, tmp_path, FakeMarket(pair(), pair("BBBUSDT")))
    for path in ("exchangeInfo", "ticker/24hr"):
        assert again.get(f"/api/v3/{path}").raw == client.get(f"/api/v3/{path}").raw
    asked = {"symbol": "BBBUSDT", "interval": "5m", "limit": 3}
    assert again.get("/api/v3/klines", **asked).raw == client.get("/api/v3/klines", **asked).raw
    assert again.get("/sluice/events").body == client.get("/sluice/events").body


def test_orders_of_before_a_relisting_keep_their_units(make_client: Any, tmp_path: Path) -> None:
    """Listed anew with four decimals; the old order still reads 90, before and after the restart."""
    client = make_client(admin_token="t")
    placed = client.signed("POST", "order", price="90", **LIMIT).body["orderId"]
    pull(client, "relist", symbol="AAAUSDT", ratio=0.01, price_decimals=4)
    StateFile(tmp_path).save(client.exchange)
    again = restarted(make_client, tmp_path, FakeMarket())
    shown = again.signed("GET", "order", symbol="AAAUSDT", orderId=placed).body
    assert (shown["price"], shown["status"]) == ("90", "CANCELED")


def test_a_save_appends_what_is_new_and_nothing_twice(make_client: Any, tmp_path: Path) -> None:
    """Ten saves with one filled order between: ten orders and ten fills in the history, each once."""
    client, state = make_client(), StateFile(tmp_path)
    for _ in range(10):
        client.signed("POST", "order", **(LIMIT | {"type": "MARKET"}))
        state.save(client.exchange)
    lines = [orjson.loads(line) for line in (tmp_path / "history.jsonl").read_bytes().splitlines()]
    assert sum("order" in line for line in lines) == sum("trade" in line for line in lines) == 10
    assert len({line["trade"]["trade_id"] for line in lines if "trade" in line}) == 10
    assert seen(restarted(make_client, tmp_path, FakeMarket())) == seen(client)


def test_a_save_that_was_not_finished_leaves_no_trace(make_client: Any, tmp_path: Path) -> None:
    """Killed after the history was appended and before the swap: the next run is the save before, and its
    own saves overwrite the orphaned lines."""
    client, state = make_client(), StateFile(tmp_path)
    client.signed("POST", "order", **(LIMIT | {"type": "MARKET"}))
    state.save(client.exchange)
    before = seen(client)
    with (tmp_path / "history.jsonl").open("ab") as history:
        history.write(b'{"key": "demo-key-0001", "order": {"half": ')
    again = restarted(make_client, tmp_path, FakeMarket())
    assert seen(again) == before
    third = make_client()
    fresh = StateFile(tmp_path)
    fresh.restore(third.exchange)
    third.signed("POST", "order", who=2, **(LIMIT | {"type": "MARKET"}))
    fresh.save(third.exchange)
    lines = (tmp_path / "history.jsonl").read_bytes().splitlines()
    assert all(orjson.loads(line) for line in lines)
    assert len(lines) == 4


def test_requests_of_a_running_save_are_in_the_next_one(make_client: Any, tmp_path: Path) -> None:
    """What happens between taking the picture and writing it is neither lost nor saved by halves."""
    client, state = make_client(), StateFile(tmp_path)
    state.save(client.exchange)
    client.signed("POST", "order", **(LIMIT | {"type": "MARKET"}))
    picture = state.prepare(client.exchange)
    client.signed("POST", "order", **(LIMIT | {"type": "MARKET"}))
    state.write(client.exchange, picture)
    assert len(seen(restarted(make_client, tmp_path, FakeMarket()))["myTrades"]) == 1
    state.save(client.exchange)
    assert seen(restarted(make_client, tmp_path, FakeMarket())) == seen(client)


def test_a_state_of_the_old_format_is_read(make_client: Any, tmp_path: Path) -> None:
    """Format 2 held everything in one file; the next save moves it over."""
    client = make_client()
    client.signed("POST", "order", **(LIMIT | {"type": "MARKET"}))
    client.signed("POST", "order", price="90", **LIMIT)
    StateFile(tmp_path).save(client.exchange)
    raw = orjson.loads((tmp_path / "exchange.json").read_bytes())
    lines = [orjson.loads(line) for line in (tmp_path / "history.jsonl").read_bytes().splitlines()]
    old = {name: raw[name] for name in ("world", "market_ms", "sequence", "cursors", "accounts")}
    rows = [line["order"] for line in lines if "order" in line] + [o for part in raw["open"] for o in part]
    old |= {
        "format": 2,
        "orders": [{n: v for n, v in row.items() if n not in ("era", "most")} for row in rows],
    }
    old["trades"] = {"demo-key-0001": [line["trade"] for line in lines if "trade" in line]}
    (tmp_path / "exchange.json").write_bytes(orjson.dumps(old))
    (tmp_path / "history.jsonl").unlink()
    again = restarted(make_client, tmp_path, FakeMarket())
    assert seen(again) == seen(client)
    StateFile(tmp_path).save(again.exchange)
    assert seen(restarted(make_client, tmp_path, FakeMarket())) == seen(client)


def test_a_second_exchange_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    """One sentence that names the folder and who has it; free again once that one is gone."""
    first = StateFile(tmp_path)
    first.lock()
    with pytest.raises(BadInput, match=rf"in use by another exchange \(process {os.getpid()}\)"):
        StateFile(tmp_path).lock()
    first.unlock()
    second = StateFile(tmp_path)
    second.lock()
    second.unlock()
