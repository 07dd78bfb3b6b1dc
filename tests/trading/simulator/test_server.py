"""The HTTP face: refusals, and the gates that every request walks through."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.trading.simulator.handmade import START_MS, FakeMarket, pair
from trading.simulator.accounts import READ, demo_credentials
from trading.simulator.faults import FaultPlan, FaultRule
from trading.simulator.limits import LimitSettings
from trading.simulator.requestlog import RequestLog
from trading.simulator.signing import sign

FIXTURES = Path(__file__).parents[2] / "fixtures" / "mexc"
ERRORS = json.loads((FIXTURES / "errors.json").read_text())["cases"]

MINUTE = 60_000
NEW = {"symbol": "AAAUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "90"}


def traded(client: Any) -> str:
    """Give account 1 one resting order and one fill; return the resting order's id."""
    client.signed("POST", "order", symbol="AAAUSDT", side="BUY", type="MARKET", quantity="1")
    resting = client.signed(
        "POST", "order", symbol="AAAUSDT", side="BUY", type="LIMIT", quantity="1", price="90"
    )
    return resting.body["orderId"]


@pytest.mark.parametrize("case", ERRORS, ids=lambda case: case["why"])
def test_orders_are_refused_with_mexcs_codes(make_client: Any, case: Any) -> None:
    """HTTP 400 and {"code", "msg"}; the same on order/test; nothing is left behind."""
    special = (
        pair("HALTUSDT", status="2"), pair("GONEUSDT", status="3", delisted_ms=START_MS - 1),
        pair("HANDUSDT", is_api_tradable=False), pair("SOONUSDT", listed_ms=START_MS + 1),
        pair("BIGUSDT", min_amount=Decimal(5)),
    )  # fmt: skip
    client = make_client(FakeMarket(pair(), *special))
    sent = NEW | {"price": "" if case["params"].get("type") == "MARKET" else "90"} | case["params"]
    for name in ("order", "order/test"):
        answer = client.signed("POST", name, **sent)
        assert (answer.status, answer.body["code"]) == (400, case["code"]), answer.body
        assert set(answer.body) == {"code", "msg"}
    assert client.signed("GET", "account").body["balances"] == [
        {"asset": "USDT", "free": "10000", "locked": "0"}
    ]


def test_a_test_order_changes_nothing(client: Any) -> None:
    """order/test answers {} and leaves no order, no lock, no id."""
    assert client.signed("POST", "order/test", **NEW).body == {}
    assert client.signed("GET", "openOrders").body == []
    assert client.exchange.matcher.store.sequence == 0


def test_a_batch_answers_each_order_on_its_own(client: Any) -> None:
    """One good, one too small: the first is placed, the second is refused with its client id."""
    orders = [NEW, NEW | {"quantity": "0.001", "newClientOrderId": "tiny"}]
    first, second = client.signed("POST", "batchOrders", batchOrders=json.dumps(orders)).body
    assert first["symbol"] == "AAAUSDT"
    assert (second["code"], second["newClientOrderId"]) == (30002, "tiny")
    assert len(client.signed("GET", "openOrders").body) == 1


@pytest.mark.parametrize("batch", ["", "not json", "{}", "[]", json.dumps([NEW] * 21)])
def test_a_senseless_batch_is_refused(client: Any, batch: str) -> None:
    """No JSON list of 1 to 20 orders: refused as a whole."""
    answer = client.signed("POST", "batchOrders", batchOrders=batch)
    assert (answer.status, answer.body["code"] in (700004, 33333)) == (400, True)
    assert client.signed("GET", "openOrders").body == []


def test_parameters_in_the_body_count_too(client: Any) -> None:
    """A form body works like a query; in both places the query wins; the signature covers both."""
    key, secret = demo_credentials(7, 1)
    query = f"symbol=AAAUSDT&side=BUY&timestamp={client.exchange.clock.now_ms()}"
    body = "type=LIMIT&quantity=1&price=90&side=SELL"
    query += f"&signature={sign(secret, query + body)}"
    answer = client.ask("POST", "/api/v3/order", query, {"x-mexc-apikey": key}, body.encode())
    assert (answer.status, answer.body["side"]) == (200, "BUY")


def test_a_key_without_permission_is_refused(client: Any) -> None:
    """A read-only key sees its balance and cannot trade: 700007."""
    client.exchange.accounts.find("demo-key-0001").permissions = frozenset({READ})
    assert client.signed("GET", "account").status == 200
    assert client.signed("POST", "order", **NEW).body["code"] == 700007


def test_wrong_secret_and_missing_key_are_refused(client: Any) -> None:
    """700002 and 400; neither reaches an account."""
    query = f"timestamp={client.exchange.clock.now_ms()}"
    query += f"&signature={sign('wrong', query)}"
    assert (
        client.ask("GET", "/api/v3/account", query, {"x-mexc-apikey": "demo-key-0001"}).body["code"] == 700002
    )
    assert client.ask("GET", "/api/v3/account", query).body == {"code": 400, "msg": "api key required"}


def test_accounts_do_not_see_each_other(client: Any) -> None:
    """Account 2 can neither query nor cancel account 1's order."""
    resting = traded(client)
    assert client.signed("GET", "order", who=2, symbol="AAAUSDT", orderId=resting).body["code"] == -2013
    assert client.signed("DELETE", "order", who=2, symbol="AAAUSDT", orderId=resting).body["code"] == -2011
    assert client.signed("GET", "myTrades", who=2, symbol="AAAUSDT").body == []


def test_limits_answer_429_with_retry_after(make_client: Any) -> None:
    """At 1/s ten pings pass, the eleventh gets 429 and a header; ten wall seconds later all is well."""
    client = make_client(limits=LimitSettings(rate_per_s=1))
    assert [client.get("/api/v3/ping").status for _ in range(10)] == [200] * 10
    refused = client.get("/api/v3/ping")
    assert (refused.status, refused.body["code"], refused.headers["retry-after"]) == (429, 429, "1")
    client.forward(10_000)
    assert client.get("/api/v3/ping").status == 200


def test_signed_calls_draw_on_their_key(make_client: Any) -> None:
    """One account (weight 10) empties its own bucket, not another's and not the address's."""
    client = make_client(limits=LimitSettings(rate_per_s=1))
    assert client.signed("GET", "account").status == 200
    assert client.signed("GET", "account").status == 429
    assert client.signed("GET", "account", who=2).status == 200
    assert client.get("/api/v3/ping").status == 200


def test_unknown_paths_and_verbs(client: Any) -> None:
    """404 and 405, both JSON."""
    assert client.get("/api/v3/nothing").status == 404
    assert client.ask("PATCH", "/api/v3/order").status == 405


def test_contract_detail_is_an_empty_list(client: Any) -> None:
    """ccxt's load_markets asks for futures: there are none."""
    assert client.get("/api/v1/contract/detail").body == {"success": True, "code": 0, "data": []}


def test_about_tells_what_this_world_is(client: Any) -> None:
    """World, seed, declared edge, market time and speed; the admin token never."""
    about = client.get("/sluice/about").body
    assert (about["world"], about["seed"], about["edge_declared"], about["speed"]) == (
        "synthetic",
        7,
        False,
        1.0,
    )
    assert about["market_time_ms"] == START_MS


def test_levers_need_the_token(make_client: Any) -> None:
    """Without a token at start they are shut; with one, only who sends it moves them."""
    body = b'{"speed": 5}'
    assert make_client().ask("POST", "/sluice/clock", body=body).status == 403
    client = make_client(admin_token="let-me-in")
    assert client.ask("POST", "/sluice/clock", headers={"x-sluice-admin": "wrong"}, body=body).status == 403
    moved = client.ask("POST", "/sluice/clock", headers={"x-sluice-admin": "let-me-in"}, body=body)
    assert (moved.status, client.exchange.clock.speed) == (200, 5.0)
    bad = client.ask("POST", "/sluice/clock", headers={"x-sluice-admin": "let-me-in"}, body=b'{"speed": -1}')
    assert (bad.status, client.exchange.clock.speed) == (400, 5.0)


def test_prices_after_a_move_of_the_clock_are_of_that_moment(make_client: Any) -> None:
    """A snapshot may be a tenth of a wall second old, but not older than the last move of market time."""
    client = make_client(admin_token="t")
    exchange = client.exchange
    before, _ = exchange.snapshot(exchange.clock.now_ms())
    body = json.dumps({"speed": 1_000_000.0, "until_ms": before + 1}).encode()
    client.ask("POST", "/sluice/clock", headers={"x-sluice-admin": "t"}, body=body)
    assert exchange.snapshot(before + 3_600_000)[0] == before + 3_600_000


def test_faults_can_be_set_while_running(make_client: Any) -> None:
    """After POST /sluice/faults every order is answered 503 and none is placed."""
    client = make_client(admin_token="t")
    rules = {"rules": [{"route": "POST order", "kind": "error", "status": 503}]}
    client.ask("POST", "/sluice/faults", headers={"x-sluice-admin": "t"}, body=json.dumps(rules).encode())
    assert client.signed("POST", "order", **NEW).status == 503
    assert client.signed("GET", "openOrders").body == []


@pytest.mark.parametrize(("kind", "orders"), [("drop_before", 0), ("drop_after", 1)])
def test_a_dropped_order_is_placed_or_not_by_kind(make_client: Any, kind: str, orders: int) -> None:
    """drop_before hangs up before handling, drop_after with the order accepted: no answer either way."""
    client = make_client(faults=FaultPlan((FaultRule("POST order", kind),)))
    with pytest.raises(ConnectionError):
        client.signed("POST", "order", **NEW)
    assert len(client.signed("GET", "openOrders").body) == orders


def test_the_request_log_has_no_secret(client: Any, tmp_path: Path) -> None:
    """One line per request: path, parameters, code; neither signature nor key nor secret."""
    client.log = RequestLog(tmp_path / "log" / "requests.jsonl")
    client.signed("POST", "order", **NEW)
    client.signed("POST", "order", **(NEW | {"symbol": "NOPE"}))
    text = (tmp_path / "log" / "requests.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["status"], line["code"]) for line in lines] == [(200, None), (400, -1121)]
    assert lines[0]["params"]["price"] == "90"
    key, secret = demo_credentials(7, 1)
    assert "signature" not in text
    assert key not in text
    assert secret not in text


def test_listen_keys_live_an_hour_of_wall_time(client: Any) -> None:
    """Made, listed, kept alive, closed; another account's key is unknown."""
    key = client.signed("POST", "userDataStream").body["listenKey"]
    client.forward(50 * MINUTE)
    assert client.signed("PUT", "userDataStream", listenKey=key).body == {"listenKey": key}
    client.forward(50 * MINUTE)
    assert client.signed("GET", "userDataStream").body == {"listenKey": [key]}
    assert client.signed("DELETE", "userDataStream", who=2, listenKey=key).status == 400
    assert client.signed("DELETE", "userDataStream", listenKey=key).status == 200
    assert client.signed("PUT", "userDataStream", listenKey=key).status == 400


def test_history_reaches_back_seven_days(client: Any) -> None:
    """An order of eight days ago is gone from allOrders and still answered by its id."""
    resting = traded(client)
    client.forward(8 * 86_400_000)
    assert client.signed("GET", "allOrders", symbol="AAAUSDT").body == []
    assert client.signed("GET", "order", symbol="AAAUSDT", orderId=resting).body["status"] == "NEW"
    assert len(client.signed("GET", "myTrades", symbol="AAAUSDT").body) == 1


def test_cancelling_all_takes_one_symbol_or_everything(make_client: Any) -> None:
    """DELETE openOrders cancels the named symbol's, DELETE order/all the rest."""
    client = make_client(FakeMarket(pair(), pair("BBBUSDT")))
    for symbol in ("AAAUSDT", "AAAUSDT", "BBBUSDT"):
        client.signed("POST", "order", **(NEW | {"symbol": symbol}))
    assert len(client.signed("DELETE", "openOrders", symbol="AAAUSDT").body) == 2
    assert [o["symbol"] for o in client.signed("GET", "openOrders").body] == ["BBBUSDT"]
    assert client.signed("DELETE", "order/all").body["code"] == 200
    assert client.signed("GET", "account").body["balances"] == [
        {"asset": "USDT", "free": "10000", "locked": "0"}
    ]


@pytest.mark.parametrize("name", ["symbol", "limit", "startTime", "interval"])
@pytest.mark.parametrize("value", ["'; DROP TABLE", "../../etc/passwd", "1e99", "NaN", "💥", "9" * 400, "-1"])
def test_hostile_parameters_are_refused_never_a_crash(client: Any, name: str, value: str) -> None:
    """Whatever stands in a parameter, the answer is JSON with a status below 500."""
    params = {"symbol": "AAAUSDT", "interval": "5m"} | {name: value}
    for path in ("klines", "depth", "trades", "ticker/24hr", "exchangeInfo"):
        answer = client.get(f"/api/v3/{path}", **params)
        assert answer.status in (200, 400)
        assert answer.body is not None
