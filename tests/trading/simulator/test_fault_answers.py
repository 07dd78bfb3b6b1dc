"""Spoiled data over HTTP: each kind shows in the answer, and only where it should."""

from decimal import Decimal
from typing import Any

import pytest

from tests.trading.simulator.fault_stand import order, stage, two_pairs
from tests.trading.simulator.handmade import START_MS

MINUTE = 60_000
KLINES: dict[str, Any] = {"symbol": "AAAUSDT", "interval": "5m", "limit": 60}


@pytest.fixture
def client(make_client: Any) -> Any:
    made = make_client(two_pairs(), admin_token="t")
    made.exchange.source.base.paths["AAAUSDT"] = [
        (-6 * 60 * MINUTE, 9_000),
        (0, 10_000),
        (60 * MINUTE, 11_000),
    ]
    return made


def klines(client: Any) -> list[list[Any]]:
    return client.get("/api/v3/klines", **KLINES).body


def test_shuffled_rows_are_the_same_rows_in_another_order(client: Any) -> None:
    """Nothing lost, nothing added, order gone."""
    true = klines(client)
    stage(client, {"kind": "shuffled"})
    seen = klines(client)
    assert seen != true
    assert sorted(seen) == true


def test_duplicated_rows_stand_twice(client: Any) -> None:
    """A tenth of 60 candles: six more rows, no new candle."""
    true = klines(client)
    stage(client, {"kind": "duplicated"})
    seen = klines(client)
    assert len(seen) == len(true) + 6
    assert [row for at, row in enumerate(seen) if row not in seen[:at]] == true


def test_holes_are_missing_rows(client: Any) -> None:
    """Share 0.5 of 60 candles: some are there, in order, none is new."""
    true = klines(client)
    stage(client, {"kind": "holes", "share": 0.5})
    seen = klines(client)
    assert 15 <= len(seen) <= 45
    assert seen == [row for row in true if row in seen]


def test_a_bad_print_in_candles_is_one_absurd_close(client: Any) -> None:
    """One candle closes at ten times its price and reaches there; high and low still enclose it."""
    true = klines(client)
    stage(client, {"kind": "bad_print", "route": "GET klines", "factor": 10})
    ((before, after),) = [(a, b) for a, b in zip(true, klines(client), strict=True) if a != b]
    assert Decimal(after[4]) == 10 * Decimal(before[4])
    assert after[2] == after[4]
    assert (after[0], after[3], after[5]) == (before[0], before[3], before[5])


def test_a_bad_print_in_tickers_is_about_its_symbol_only(client: Any) -> None:
    """A thousandth of the price for AAAUSDT, in the list, in the single ticker and in the price."""
    true = {row["symbol"]: row for row in client.get("/api/v3/ticker/24hr").body}
    stage(client, {"kind": "bad_print", "symbol": "AAAUSDT", "factor": 0.001})
    seen = {row["symbol"]: row for row in client.get("/api/v3/ticker/24hr").body}
    assert seen["BBBUSDT"] == true["BBBUSDT"]
    assert seen["AAAUSDT"]["lastPrice"] == seen["AAAUSDT"]["lowPrice"] == "0.10"
    assert seen["AAAUSDT"]["bidPrice"] == true["AAAUSDT"]["bidPrice"]
    assert client.get("/api/v3/ticker/price", symbol="AAAUSDT").body["price"] == "0.10"
    assert client.get("/api/v3/ticker/price", symbol="BBBUSDT").body["price"] == "100.00"


def test_a_bad_print_among_trades_is_one_absurd_trade(client: Any) -> None:
    """All prices but one are what they were."""
    true = [row["price"] for row in client.get("/api/v3/trades", symbol="AAAUSDT", limit=20).body]
    stage(client, {"kind": "bad_print", "route": "GET trades"})
    seen = [row["price"] for row in client.get("/api/v3/trades", symbol="AAAUSDT", limit=20).body]
    assert sum(a != b for a, b in zip(true, seen, strict=True)) == 1


@pytest.mark.parametrize("name", ["klines", "ticker/24hr", "depth"])
def test_garbage_is_one_value_of_the_wrong_kind(client: Any, name: str) -> None:
    """The answer is JSON of the old shape; over twenty answers several sorts of nonsense come."""
    params = KLINES if name == "klines" else {"symbol": "AAAUSDT"}
    true = client.get(f"/api/v3/{name}", **params).raw
    stage(client, {"kind": "garbage"})
    seen = [client.get(f"/api/v3/{name}", **params) for _ in range(20)]
    assert all(answer.body is not None for answer in seen)
    assert len({answer.raw for answer in seen} - {true}) > 5


def test_stale_data_freezes_at_the_first_hit(client: Any) -> None:
    """An hour later ticker, book and candles are what they were; without the rule they have moved."""
    stage(client, {"kind": "stale"})
    paths = ("ticker/24hr", "ticker/price", "ticker/bookTicker", "depth", "klines")
    before = [client.get(f"/api/v3/{path}", **KLINES).raw for path in paths]
    client.forward(60 * MINUTE)
    assert [client.get(f"/api/v3/{path}", **KLINES).raw for path in paths] == before
    assert client.get("/api/v3/time").body["serverTime"] == START_MS + 60 * MINUTE
    stage(client)
    after = [client.get(f"/api/v3/{path}", **KLINES).raw for path in paths]
    assert all(a != b for a, b in zip(before, after, strict=True))


def test_stale_data_may_lag_and_may_be_about_one_symbol(client: Any) -> None:
    """AAAUSDT half an hour behind in the list of all; BBBUSDT of this moment, and nobody else is misled."""
    client.exchange.source.base.paths["BBBUSDT"] = [(0, 10_000), (60 * MINUTE, 11_000)]
    client.forward(60 * MINUTE)
    stage(client, {"kind": "stale", "symbol": "AAAUSDT", "lag_s": 1800})
    seen = {row["symbol"]: row["lastPrice"] for row in client.get("/api/v3/ticker/24hr").body}
    assert seen == {"AAAUSDT": "105.00", "BBBUSDT": "110.00"}
    stage(client)
    assert client.get("/api/v3/ticker/24hr", symbol="AAAUSDT").body["lastPrice"] == "110.00"


def test_late_fills_show_after_their_lag(client: Any) -> None:
    """Filled at once; myTrades knows nothing for 30 market seconds."""
    stage(client, {"kind": "late_fills", "lag_s": 30})
    done = order(client, type="MARKET")
    assert done["status"] == "FILLED"
    assert client.signed("GET", "myTrades", symbol="AAAUSDT").body == []
    client.forward(30_000)
    assert len(client.signed("GET", "myTrades", symbol="AAAUSDT").body) == 1


def test_duplicated_fills_have_the_same_id(client: Any) -> None:
    """One fill, shown twice; the balance knows it once."""
    stage(client, {"kind": "duplicated_fills"})
    order(client, type="MARKET")
    first, second = client.signed("GET", "myTrades", symbol="AAAUSDT").body
    assert first == second
    held = {row["asset"]: row["free"] for row in client.signed("GET", "account").body["balances"]}
    assert held["AAA"] == "1"


def test_a_status_goes_backwards_and_comes_right_again(client: Any) -> None:
    """FILLED, then NEW with nothing executed (the second query), then FILLED."""
    placed = order(client, type="MARKET")
    stage(client, {"kind": "status_backwards", "route": "GET order", "nth": [2]})
    asked = {"symbol": "AAAUSDT", "orderId": placed["orderId"]}
    seen = [client.signed("GET", "order", **asked).body for _ in range(3)]
    assert [(row["status"], row["executedQty"]) for row in seen] == [
        ("FILLED", "1"),
        ("NEW", "0"),
        ("FILLED", "1"),
    ]


def test_a_bad_print_asked_for_in_quotes_moves_bid_and_ask_of_its_pair(client: Any) -> None:
    """Half the price on both sides, once; the other pair and the next answer are true."""
    true = {row["symbol"]: row for row in client.get("/api/v3/ticker/bookTicker").body}
    rule = {"kind": "bad_print", "route": "GET ticker/bookTicker", "symbol": "AAAUSDT", "factor": 0.5}
    stage(client, rule | {"max_hits": 1})
    seen = {row["symbol"]: row for row in client.get("/api/v3/ticker/bookTicker").body}
    for side in ("bidPrice", "askPrice"):
        assert Decimal(seen["AAAUSDT"][side]) == Decimal(true["AAAUSDT"][side]) / 2
    assert seen["BBBUSDT"] == true["BBBUSDT"]
    assert {row["symbol"]: row for row in client.get("/api/v3/ticker/bookTicker").body} == true


def test_a_staged_ban_is_a_418_with_its_own_retry_after(client: Any) -> None:
    """As to one who is banned, for as long as the rule says."""
    stage(client, {"kind": "rate_limit", "route": "*", "banned": 1, "retry_after_s": 5})
    answer = client.get("/api/v3/ticker/price", symbol="AAAUSDT")
    assert answer.status == 418
    assert answer.headers["retry-after"] == "5"
